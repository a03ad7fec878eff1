"""What is wrong with a Mesh, found before a control plane does.

A control plane tells little: fields that it does not know are dropped without a word, and a chain, a lifetime or a
Secret that can't work shows itself only when proxies stay without certificates.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.reader import Documents, read_stream
from toolkit.mesh.lint.catalogue import CHECKS, RULES, SECRET_CHECKS
from toolkit.mesh.lint.context import SYSTEM_NAMESPACES, Context
from toolkit.mesh.lint.excerpts import Excerpts
from toolkit.mesh.lint.findings import Finding, Rule, Severity
from toolkit.mesh.lint.secret_documents import named_by, ours, twice
from toolkit.mesh.lint.unreadable import UNREADABLE, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.reader import Stream
    from toolkit.mesh.schema.versions import MeshVersion, Product

__all__ = ["RULES", "UNREADABLE", "Finding", "Rule", "Severity", "lint", "unreadable"]


def lint(  # noqa: PLR0913 - each is one thing that the caller knows
    texts: Sequence[tuple[str, str]],
    *,
    product: Product = "kong-mesh",
    mesh_version: MeshVersion | None = None,
    outputs: StackOutputs | None = None,
    now: datetime,
    tags: Mapping[str, str] | None = None,
    namespace: str | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Finding]:
    """Everything that is wrong with Meshes and their Secrets, by file, line, column and code.

    Args:
        texts: pairs of a source's name and its text; each text may hold several documents, in the form of Kubernetes
            or of Universal. Others than Meshes and Secrets are passed over.
        product: that the Meshes are for.
        mesh_version: of the product; None for what holds in all versions that are known.
        outputs: the contract, to compare with; None to compare with nothing.
        now: the moment for which lifetimes are judged; aware of its time zone.
        tags: values of proxies' tags, with which the templates of common names are expanded.
        namespace: of the control plane on Kubernetes; None for the product's own.
        advance: is called on the way with the number of characters read since the last call.

    Raises:
        InvalidInputError: no text is YAML, or there is no Mesh and no Secret in what is.
    """
    streams: list[Stream] = []
    failures: list[tuple[str, InvalidInputError]] = []
    for source, text in texts:
        try:
            streams.append(read_stream(text, source, advance))
        except InvalidInputError as error:
            failures.append((source, error))
    documents = Documents(streams)
    named = named_by(documents.meshes)
    secrets = ours(documents.secrets, named)
    if not documents.meshes and not secrets:
        raise _nothing(len(documents.all), [error for _, error in failures])
    where = namespace or SYSTEM_NAMESPACES[product]
    context = Context(product, mesh_version, outputs, now, tags or {}, where, documents, secrets, named)
    found = [unreadable(source, error) for source, error in failures]
    found += _findings(context)
    # A Secret that two backends name is looked at twice.
    unique = {finding.order: finding for finding in found}
    excerpts = {stream.source: Excerpts(stream) for stream in streams}
    return [_with_excerpt(unique[order], excerpts) for order in sorted(unique)]


def _findings(context: Context) -> Iterator[Finding]:
    for mesh in context.documents.meshes:
        for check in CHECKS:
            yield from check(mesh, context)
    for secret in context.secrets:
        for check_secret in SECRET_CHECKS:
            yield from check_secret(secret, context)
    yield from twice([*context.documents.meshes, *context.secrets])


def _with_excerpt(finding: Finding, excerpts: Mapping[str, Excerpts]) -> Finding:
    lines = excerpts.get(finding.source)
    return replace(finding, excerpt=lines.at(finding.line, finding.column)) if lines else finding


def _nothing(others: int, failures: list[InvalidInputError]) -> InvalidInputError:
    """There is nothing to look at."""
    if len(failures) == 1 and not others:
        return failures[0]
    what = f"in {others} document{'s'[: others != 1]}" if others else "in the input"
    problems = [problem for error in failures for problem in error.problems]
    hint = (
        "A Mesh has apiVersion kuma.io/v1alpha1 and kind Mesh, or type Mesh; a Secret is of type system.kuma.io/secret."
    )
    return InvalidInputError(f"there is no Mesh and no Secret of Kong Mesh {what}", problems, hint)
