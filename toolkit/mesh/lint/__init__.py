"""Find what is wrong with a Mesh and its resources before a control plane does.

A control plane reports little: it drops unknown fields without an error. An invalid chain, lifetime or Secret shows
only when proxies get no certificates.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.reader import Documents, read_stream
from toolkit.mesh.documents.wording import join_words
from toolkit.mesh.lint import (
    access_keys,
    authority_arn_rules,
    chain_rules,
    common_names,
    contract_rules,
    credential_rules,
    data_source_rules,
    durations,
    identity_contract_rules,
    identity_rules,
    key_pairs,
    labels,
    last_applied,
    metadata,
    name_rules,
    permission_rules,
    products,
    scoped_rules,
    secret_documents,
    secret_names,
    selector_rules,
    spiffe_id_rules,
    structure,
    telemetry_rules,
    trust_rules,
)
from toolkit.mesh.lint.catalogue import RULES, Rule, Severity
from toolkit.mesh.lint.context import Context, Target
from toolkit.mesh.lint.excerpts import Excerpts
from toolkit.mesh.lint.findings import UNREADABLE, Finding, report_unreadable
from toolkit.mesh.schema.scoped import SCOPED_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from toolkit.mesh.documents.reader import Stream
    from toolkit.mesh.documents.typed import Document, MeshDocument, ScopedDocument, SecretDocument

__all__ = ["RULES", "UNREADABLE", "Finding", "Rule", "Severity", "Target", "lint", "report_unreadable"]

_MESH_CHECKS: tuple[Callable[[MeshDocument], Iterator[Finding]], ...] = (
    structure.check,
    name_rules.check,
    authority_arn_rules.check,
    telemetry_rules.check,
)
_MESH_CHECKS_IN_CONTEXT: tuple[Callable[[MeshDocument, Context], Iterator[Finding]], ...] = (
    data_source_rules.check,
    durations.check,
    chain_rules.check,
    common_names.check,
    credential_rules.check,
    access_keys.check,
    key_pairs.check,
    products.check,
    contract_rules.check,
    selector_rules.check_mesh,
)
_SCOPED_CHECKS: tuple[Callable[[ScopedDocument, Context], Iterator[Finding]], ...] = (
    scoped_rules.check,
    identity_rules.check,
    identity_contract_rules.check,
    selector_rules.check,
    spiffe_id_rules.check,
    trust_rules.check,
    permission_rules.check,
)
# The checks for documents of every kind.
_CHECKS: tuple[Callable[[Document], Iterator[Finding]], ...] = (
    metadata.check,
    labels.check,
    last_applied.check,
)


def lint(
    texts: Sequence[tuple[str, str]], target: Target, advance: Callable[[int], None] = lambda _: None
) -> list[Finding]:
    """Return the findings about Meshes, their Secrets and their resources.

    Args:
        texts: pairs of a source's name and its text; each text may hold several documents, in the form of Kubernetes
            or of Universal. Read are Meshes, Secrets, MeshIdentities, MeshTrusts, MeshTLSes and MeshTrafficPermissions;
            others are passed over.
        target: what the Meshes are for.
        advance: called while reading, with the number of characters read since the last call.

    Returns:
        The findings by file, line, column and code.

    Raises:
        InvalidInputError: no text is YAML, or the YAML contains none of these documents.
    """
    streams: list[Stream] = []
    failures: list[tuple[str, InvalidInputError]] = []
    for source, text in texts:
        try:
            streams.append(read_stream(text, source, advance))
        except InvalidInputError as error:
            failures.append((source, error))
    documents = Documents(streams)
    named = secret_documents.find_named(documents.meshes)
    secrets = secret_documents.select_ours(documents.secrets, named)
    if not documents.meshes and not secrets and not documents.scoped:
        raise _nothing(len(documents.all), [error for _, error in failures])
    findings = [report_unreadable(source, error) for source, error in failures]
    findings += _findings(Context(target, documents, secrets, named))
    # A Secret that two backends name is checked twice.
    unique = {finding.order: finding for finding in findings}
    excerpts = {stream.source: Excerpts(stream) for stream in streams}
    return [_with_excerpt(unique[order], excerpts) for order in sorted(unique)]


def _findings(context: Context) -> Iterator[Finding]:
    meshes, secrets = context.documents.meshes, context.secrets
    for mesh in meshes:
        for check_mesh in _MESH_CHECKS:
            yield from check_mesh(mesh)
        for check_in_context in _MESH_CHECKS_IN_CONTEXT:
            yield from check_in_context(mesh, context)
    for secret in secrets:
        yield from secret_documents.check(secret, context)
        yield from access_keys.check_secret(secret, context)
    scoped = context.documents.scoped
    for resource in scoped:
        for check_scoped in _SCOPED_CHECKS:
            yield from check_scoped(resource, context)
    named: list[MeshDocument | SecretDocument] = [*meshes, *secrets]
    for either in named:
        yield from secret_names.check(either)
    for document in (*meshes, *secrets, *scoped):
        for check in _CHECKS:
            yield from check(document)
    yield from secret_documents.check_twice((*meshes, *secrets, *scoped))


def _with_excerpt(finding: Finding, excerpts: Mapping[str, Excerpts]) -> Finding:
    lines = excerpts.get(finding.source)
    return replace(finding, excerpt=lines.cut(finding.line, finding.column)) if lines else finding


def _nothing(others: int, failures: list[InvalidInputError]) -> InvalidInputError:
    """Return the error that there is nothing to check."""
    if len(failures) == 1 and not others:
        return failures[0]
    what = f"in {others} document{'s'[: others != 1]}" if others else "in the input"
    problems = [problem for error in failures for problem in error.problems]
    hint = (
        "A Mesh has apiVersion kuma.io/v1alpha1 and kind Mesh, or type Mesh; a Secret is of type system.kuma.io/secret."
        f" lint also reads {join_words([*SCOPED_KINDS])}."
    )
    return InvalidInputError(f"there is no Mesh and no Secret of Kong Mesh {what}", problems, hint)
