"""Check whether Kong Mesh finds the Secrets that data sources name, and can read the values of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import (
    Reason,
    Unresolved,
    find_data_sources,
    read_secret_value,
    read_secret_values,
    resolve,
)
from toolkit.mesh.documents.wording import is_credential, name_kind, show, show_key, show_path
from toolkit.mesh.lint.findings import Context, Finding, report
from toolkit.mesh.lint.metadata_rules import check_mesh, check_namespace
from toolkit.mesh.lint.structure import MISSING_FIELD, UNKNOWN_FIELD, WRONG_TYPE
from toolkit.mesh.schema.secret import GLOBAL_TYPE, KUBERNETES_TYPE, find_name_problem
from toolkit.yamltext.plain import at, mapping, text

if TYPE_CHECKING:
    from toolkit.mesh.documents.typed import Document, MeshDocument, SecretDocument
    from toolkit.yamltext.nodes import Path

# Each reason why a data source has no value is a rule. Problems of a Secret are reported at the Secret.
_SOURCE_RULES = {
    Reason.NOT_ONE_KIND: "MESH030",
    Reason.EMPTY: "MESH035",
    Reason.FILE: "MESH034",
    Reason.NOT_BASE64: "MESH031",
    Reason.PEM_UNDER_INLINE: "MESH032",
    Reason.BASE64_UNDER_INLINE_STRING: "MESH033",
    Reason.SECRET_NOT_GIVEN: "MESH036",
    Reason.SECRET_UNUSABLE: "MESH037",
}
_VALUE_RULES = {Reason.NOT_TEXT: WRONG_TYPE, Reason.NOT_BASE64: "MESH040"}
_KUBERNETES_FIELDS = ("apiVersion", "kind", "metadata", "type", "immutable", "data", "stringData")


def find_named(meshes: Iterable[MeshDocument]) -> frozenset[str]:
    """Return the names of the Secrets that Meshes name."""
    return frozenset(text(source.get("secret")) for mesh in meshes for _, source in find_data_sources(mesh)) - {""}


def select_ours(secrets: Sequence[SecretDocument], named: frozenset[str]) -> list[SecretDocument]:
    """Return the Secrets of Kong Mesh or meant for it: by type, by label, or because a Mesh names them."""
    return [
        secret
        for secret in secrets
        if secret.type in (KUBERNETES_TYPE, GLOBAL_TYPE)
        or text(at(secret.value, secret.mesh_path))
        or secret.name in named
    ]


def check_sources(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about the data sources of a Mesh: they must have a value, in the right field."""
    for path, source in find_data_sources(mesh):
        name = text(source.get("secret"))
        yield from _name(mesh, (*path, "secret"), name, f"{path[-1]} names a Secret whose name")
        unresolved = resolve(mesh, path, source, context.documents)
        if not isinstance(unresolved, Unresolved) or unresolved.document is not mesh:
            continue
        # An invalid name of a Secret has another finding, because it may be a credential.
        is_name = unresolved.path[-1] == "secret" and find_name_problem(name, mesh.form)
        if (code := _SOURCE_RULES.get(unresolved.reason)) and (unresolved.reason is Reason.EMPTY or not is_name):
            yield report(mesh, code, unresolved.path, f"{path[-1]} {unresolved.message}", unresolved.fix)


def _name(document: Document, path: Path, name: str, subject: str) -> Iterator[Finding]:
    """Yield the finding about a name that no Secret can have. An empty name has other findings."""
    problem = find_name_problem(name, document.form) if name.strip() else ""
    if problem and is_credential(name):
        problem = "has the form of a credential; secret takes the name of a Secret"
    if problem:
        yield report(document, "MESH047", path, f"{subject} {problem}")


def check(secret: SecretDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about a Secret."""
    name = at(secret.value, secret.name_path)
    if name in (None, ""):
        yield report(secret, MISSING_FIELD, secret.name_path, "the Secret has no name", "Add the name.")
    elif not isinstance(name, str):
        yield report(secret, WRONG_TYPE, secret.name_path, f"name must be a text; it is {name_kind(name)}")
    yield from _name(secret, secret.name_path, secret.name, "the name of the Secret")
    if secret.type not in (KUBERNETES_TYPE, GLOBAL_TYPE):
        message = f"the type is {show(secret.type)}, not {KUBERNETES_TYPE}" if secret.type else "the type is missing"
        yield report(secret, "MESH042", ("type",), message)
    elif secret.type == KUBERNETES_TYPE:
        yield from check_mesh(secret)
    yield from _value(secret, context)
    if not secret.is_universal:
        yield from check_namespace(secret, context)
        yield from _unknown(secret)
        yield from _other_values(secret)


def _value(secret: SecretDocument, context: Context) -> Iterator[Finding]:
    held = read_secret_value(secret)
    if isinstance(held, Unresolved):
        message = f"the value {held.message}"
        is_harmless = secret.is_universal and secret.name not in context.named
        if held.reason is Reason.SECRET_WITHOUT_VALUE:
            others = ", ".join(sorted(show(key) for key in mapping(secret.value.get("data")))[:5])
            message = f"the Secret has no value{f'; its data has {others}' if others else ''}"
        missing = "MESH048" if is_harmless else "MESH041"
        yield report(secret, _VALUE_RULES.get(held.reason, missing), held.path, message, held.fix)


def _unknown(secret: SecretDocument) -> Iterator[Finding]:
    """Yield the findings about fields that kubectl rejects, because it validates Secrets strictly."""
    lower = {each.lower(): each for each in _KUBERNETES_FIELDS}
    for name in [str(key) for key in secret.value if key not in _KUBERNETES_FIELDS]:
        fix = f"Did you mean {lower[name.lower()]}?" if name.lower() in lower else ""
        yield report(secret, UNKNOWN_FIELD, (name,), f"{show_key(name)} is not a field of a Secret", fix)


def _other_values(secret: SecretDocument) -> Iterator[Finding]:
    """Yield the findings about other values that Kubernetes can't read, because it then rejects the whole Secret."""
    for part in ("data", "stringData"):
        if not isinstance(secret.value.get(part), dict | None):
            message = f"{part} must be a mapping; it is {name_kind(secret.value[part])}"
            yield report(secret, WRONG_TYPE, (part,), message)
    for held in read_secret_values(secret):
        if isinstance(held, Unresolved) and held.path != secret.data_path and held.reason in _VALUE_RULES:
            message = f"{show_path(held.path)} {held.message}"
            yield report(secret, _VALUE_RULES[held.reason], held.path, message, held.fix)
