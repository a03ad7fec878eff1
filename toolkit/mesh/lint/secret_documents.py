"""Check whether Kong Mesh finds Secrets, and can read their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.data_sources import (
    Reason,
    Resolved,
    Unresolved,
    find_data_sources,
    read_secret_value,
    read_secret_values,
)
from toolkit.mesh.documents.typed import MeshDocument, ScopedDocument, SecretDocument
from toolkit.mesh.documents.wording import name_kind, show, show_key, show_path
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.lint.structure import MISSING_FIELD, UNIVERSAL_META, UNKNOWN_FIELD
from toolkit.mesh.lint.value_types import WRONG_TYPE
from toolkit.mesh.schema.secret import GLOBAL_TYPE, KUBERNETES_TYPE
from toolkit.yamltext import nodes
from toolkit.yamltext.plain import at, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.yamltext.nodes import Node


DIFFERENT_TWICE = RULES["MESH003"]
VALUE_NO_BASE64 = RULES["MESH040"]
VALUE_MISSING = RULES["MESH041"]
UNUSED_WITHOUT_VALUE = RULES["MESH048"]
SECRET_TYPE = RULES["MESH042"]
MESH_MISSING = RULES["MESH043"]
SECRET_NAMESPACE = RULES["MESH044"]
NAMESPACE_MISSING = RULES["MESH045"]


_KUBERNETES_FIELDS = ("apiVersion", "kind", "metadata", "type", "immutable", "data", "stringData")
_VALUE_RULES = {Reason.NOT_TEXT: WRONG_TYPE, Reason.NOT_BASE64: VALUE_NO_BASE64}


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


def check(secret: SecretDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about a Secret."""
    name = at(secret.value, secret.name_path)
    if not isinstance(name, str) or not name:
        if name in (None, ""):
            yield report(secret, MISSING_FIELD, secret.name_path, "the Secret has no name", "Add the name.")
        else:
            yield report(secret, WRONG_TYPE, secret.name_path, f"name must be a text; it is {name_kind(name)}")
    if secret.type not in (KUBERNETES_TYPE, GLOBAL_TYPE):
        message = f"the type is {show(secret.type)}, not {KUBERNETES_TYPE}" if secret.type else "the type is missing"
        yield report(secret, SECRET_TYPE, ("type",), message)
    elif secret.type == KUBERNETES_TYPE:
        yield from _mesh(secret)
    if not secret.is_universal:
        yield from _namespace(secret, context)
    yield from _value(secret, context)
    if not secret.is_universal:
        yield from _unknown(secret)
        yield from _other_values(secret)


def _mesh(secret: SecretDocument) -> Iterator[Finding]:
    mesh = at(secret.value, secret.mesh_path)
    if mesh in (None, "") and secret.is_universal:
        # kumahq/kuma:app/kumactl/cmd/apply/apply.go: Mesh field cannot be empty.
        yield report(secret, MISSING_FIELD, secret.mesh_path, "the Secret has no mesh", "Add mesh: NAME.")
    elif mesh in (None, ""):
        yield report(secret, MESH_MISSING, secret.mesh_path, "the Secret does not name its mesh")
    elif not isinstance(mesh, str):
        yield report(secret, WRONG_TYPE, secret.mesh_path, f"the mesh must be a text; it is {name_kind(mesh)}")


def _namespace(secret: SecretDocument, context: Context) -> Iterator[Finding]:
    path, expected = ("metadata", "namespace"), context.target.system_namespace
    namespace = at(secret.value, path)
    if namespace is None:
        yield report(secret, NAMESPACE_MISSING, path, "the Secret does not say its namespace")
    elif namespace != expected:
        yield report(secret, SECRET_NAMESPACE, path, f"the namespace is {show(namespace)}, not {expected}")


def _value(secret: SecretDocument, context: Context) -> Iterator[Finding]:
    held = read_secret_value(secret)
    if isinstance(held, Unresolved):
        message = f"the value {held.message}"
        is_harmless = secret.is_universal and secret.name not in context.named
        if held.reason is Reason.SECRET_WITHOUT_VALUE:
            others = ", ".join(sorted(show(key) for key in mapping(secret.value.get("data")))[:5])
            message = f"the Secret has no value{f'; its data has {others}' if others else ''}"
        missing = UNUSED_WITHOUT_VALUE if is_harmless else VALUE_MISSING
        yield report(secret, _VALUE_RULES.get(held.reason, missing), held.path, message, held.fix)


def _unknown(secret: SecretDocument) -> Iterator[Finding]:
    """Yield the findings about fields that kubectl rejects, because it validates Secrets strictly."""
    lower = {each.lower(): each for each in _KUBERNETES_FIELDS}
    for name in [str(key) for key in secret.value if key not in _KUBERNETES_FIELDS]:
        fix = f"Did you mean {lower[name.lower()]}?" if name.lower() in lower else ""
        yield report(secret, UNKNOWN_FIELD, (name,), f"{show_key(name)} is no field of a Secret", fix)


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


def check_twice(documents: Iterable[MeshDocument | ScopedDocument | SecretDocument]) -> Iterator[Finding]:
    """Yield the findings about documents with the same name and different content."""
    seen: dict[tuple[object, ...], MeshDocument | ScopedDocument | SecretDocument] = {}
    for document in documents:
        if not document.name:
            continue
        known = _identity(document)
        first = seen.setdefault(known, document)
        if first is document or _content(first) == _content(document):
            continue
        place = first.find_place(())
        what = f"{known[0]} {show(document.name)}"
        message = f"{what} is in {first.source}:{place.line}, too, with different content"
        yield report(document, DIFFERENT_TWICE, document.name_path, message)


def _identity(document: MeshDocument | ScopedDocument | SecretDocument) -> tuple[object, ...]:
    """Return the identity of a document: a second document with the same one replaces the first."""
    if isinstance(document, MeshDocument):
        return "Mesh", document.name
    # On Kubernetes, all meshes use one namespace, so their names must differ.
    scope = document.mesh if document.is_universal else at(document.value, ("metadata", "namespace"))
    kind = "Secret" if isinstance(document, SecretDocument) else document.kind
    return kind, document.form, str(scope), document.name


def _content(document: MeshDocument | ScopedDocument | SecretDocument) -> object:
    """Return the content of a document, independent of its notation."""
    if isinstance(document, SecretDocument):
        held = read_secret_value(document)
        return document.type, document.mesh, held.value if isinstance(held, Resolved) else held.reason
    node = nodes.find(document.root, (*document.base, *document.spec_path))
    if isinstance(document, ScopedDocument):
        return document.mesh, _said(node) or []
    return _said(node, UNIVERSAL_META if document.is_universal else ()) or []


def _said(node: Node | None, without: tuple[str, ...] = ()) -> object:
    """Return the values below a node; aliases are kept, so that a few lines can't expand to millions of values."""
    if isinstance(node, nodes.Scalar):
        return node.value
    if isinstance(node, nodes.Sequence):
        return [_said(item) for item in node.items]
    if isinstance(node, nodes.Mapping):
        pairs = [(_said(pair.key), _said(pair.value)) for pair in node.pairs]
        return sorted((pair for pair in pairs if pair[0] not in without), key=lambda pair: repr(pair[0]))
    return None if node is None else ("alias", node.name)
