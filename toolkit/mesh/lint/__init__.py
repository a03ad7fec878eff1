"""Find what is wrong with a Mesh and its resources before a control plane does.

A control plane reports little: it drops unknown fields without an error. An invalid chain, lifetime or Secret shows
only when proxies get no certificates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.reader import Documents, Stream, read_stream
from toolkit.mesh.documents.wording import join_words
from toolkit.mesh.lint import (
    chain_rules,
    credential_rules,
    issuance_rules,
    mesh_rules,
    metadata_rules,
    secret_rules,
    structure,
    telemetry_rules,
)
from toolkit.mesh.lint.excerpts import Excerpts
from toolkit.mesh.lint.findings import RULES, UNREADABLE, Context, Finding, Rule, Severity, Target, report_unreadable
from toolkit.mesh.schema.scoped import SCOPED_KINDS

if TYPE_CHECKING:
    from toolkit.mesh.documents.typed import MeshDocument, ScopedDocument, SecretDocument

__all__ = ["RULES", "UNREADABLE", "Finding", "Rule", "Severity", "Target", "lint", "report_unreadable"]

_MESH_CHECKS: tuple[Callable[[MeshDocument, Context], Iterator[Finding]], ...] = (
    structure.check,
    mesh_rules.check,
    telemetry_rules.check,
    secret_rules.check_sources,
    issuance_rules.check,
    chain_rules.check,
    credential_rules.check,
    metadata_rules.check,
)
_SECRET_CHECKS: tuple[Callable[[SecretDocument, Context], Iterator[Finding]], ...] = (
    secret_rules.check,
    credential_rules.check_secret,
    metadata_rules.check,
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
    named = secret_rules.find_named(documents.meshes)
    secrets = secret_rules.select_ours(documents.secrets, named)
    if not documents.meshes and not secrets and not documents.scoped:
        raise _nothing(len(documents.all), [error for _, error in failures])
    findings = [report_unreadable(source, error) for source, error in failures]
    findings += _findings(Context(target, documents, secrets, named))
    # A Secret that two backends name is checked twice.
    unique = {finding.order: finding for finding in findings}
    excerpts = {stream.source: Excerpts(stream) for stream in streams}
    return [_with_excerpt(unique[order], excerpts) for order in sorted(unique)]


def _findings(context: Context) -> Iterator[Finding]:
    meshes, secrets, scoped = context.documents.meshes, context.secrets, context.documents.scoped
    for mesh in meshes:
        for check_mesh in _MESH_CHECKS:
            yield from check_mesh(mesh, context)
        if context.target.outputs is not None:
            from toolkit.mesh.lint import contract_rules  # noqa: PLC0415 - loaded for a contract only

            yield from contract_rules.check(mesh, context)
    for secret in secrets:
        for check_secret in _SECRET_CHECKS:
            yield from check_secret(secret, context)
    for resource in scoped:
        yield from _check_scoped(resource, context)
    yield from metadata_rules.check_twice((*meshes, *secrets, *scoped))


def _check_scoped(resource: ScopedDocument, context: Context) -> Iterator[Finding]:
    from toolkit.mesh.lint import contract_rules, identity_rules, scoped_rules, trust_rules  # noqa: PLC0415 - as above

    own: dict[str, tuple[Callable[[ScopedDocument, Context], Iterator[Finding]], ...]] = {
        "MeshIdentity": (identity_rules.check, trust_rules.check_identity, contract_rules.check_identity),
        "MeshTrust": (trust_rules.check_trust,),
        "MeshTrafficPermission": (scoped_rules.check_permission,),
    }
    checks = (scoped_rules.check, metadata_rules.check, *own.get(resource.kind, ()))
    findings = [finding for check in checks for finding in check(resource, context)]
    yield from findings
    # The other findings explain more, so a second one about the same field is left out.
    explained = {finding.path for finding in findings if finding.rule.severity is Severity.ERROR}
    yield from (each for each in scoped_rules.list_rejections(resource) if each.path not in explained)


def _with_excerpt(finding: Finding, excerpts: Mapping[str, Excerpts]) -> Finding:
    lines = excerpts.get(finding.source)
    return finding._replace(excerpt=lines.cut(finding.line, finding.column)) if lines else finding


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
    return InvalidInputError(f"found no Mesh and no Secret of Kong Mesh {what}", problems, hint)
