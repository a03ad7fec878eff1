"""Check names, labels, annotations and the other metadata of documents.

Kubernetes rejects an unknown field if it validates strictly, as kubectl requests. Otherwise it drops the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from toolkit.mesh.documents.confidential import LAST_APPLIED, find_chain_problem, find_credentials, read_last_applied
from toolkit.mesh.documents.data_sources import Resolved, read_secret_value, read_secret_values
from toolkit.mesh.documents.typed import MeshDocument, ScopedDocument, SecretDocument
from toolkit.mesh.documents.wording import join_words, name_kind, show, show_key
from toolkit.mesh.lint.credential_rules import IN_THE_MESH
from toolkit.mesh.lint.findings import RULES, Context, Finding, report
from toolkit.mesh.lint.structure import MISSING_FIELD, UNIVERSAL_META, WRONG_TYPE
from toolkit.mesh.schema.field_types import list_fields
from toolkit.mesh.schema.mesh import ORIGIN_LABEL
from toolkit.mesh.schema.secret import check_object_name
from toolkit.text import suggest
from toolkit.values import Object, Value
from toolkit.yamltext.changes import are_same
from toolkit.yamltext.plain import at, mapping

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Path

Checked: TypeAlias = MeshDocument | ScopedDocument | SecretDocument

_NAME = "MESH020"
_NAME_AS_A_LABEL = "MESH027"
_LABEL = "MESH006"
_LOST_SPEC = "MESH017"
_IN_AN_ANNOTATION = "MESH046"

_MAX_NAME = 63
_RFC_1035 = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
# Kubernetes 1.25 removed clusterName; older exports contain it.
_KNOWN = frozenset(
    {"name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers"}
    | {"managedFields", "clusterName"}
)
_TOP_OF_SECRET = ("data", "stringData", "type", "immutable")
# kubernetes/apimachinery:pkg/util/validation/validation.go: IsQualifiedName, IsValidLabelValue
_LABEL_FORM = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_MAX_PREFIX = 253
_ORIGINS = ("global", "zone")
# The annotation in which ``kubectl apply`` stores a plaintext copy of the applied document.
_APPLIED_PATH = ("metadata", "annotations", LAST_APPLIED)


def check(document: Checked, _: Context) -> Iterator[Finding]:
    """Yield the findings about the metadata of a document of any kind."""
    if document.is_universal:
        yield from _texts(document, ("labels",))
        # A Mesh has no mesh, but the control plane reads the field for every resource.
        mesh = document.value.get("mesh")
        if isinstance(document, MeshDocument) and not isinstance(mesh, str | None):
            yield report(document, WRONG_TYPE, ("mesh",), f"the mesh must be a text; it is {name_kind(mesh)}")
    else:
        yield from _unknown(document, mapping(document.value.get("metadata")))
        yield from _texts(document, ("metadata", "labels"))
        yield from _texts(document, ("metadata", "annotations"))
    yield from _last_applied(document)


def check_name(document: Checked) -> Iterator[Finding]:
    """Yield the findings about the name of a document."""
    name, path = document.name, document.name_path
    if not name:
        if at(document.value, path) == "":
            yield report(document, _NAME, path, "the name is empty")
        return
    try:
        check_object_name(name)
    except ValueError as error:
        yield report(document, _NAME, path, f"the name {show(name)} {error}")
        return
    if len(name) > _MAX_NAME:
        message = f"the name has {len(name)} characters, more than the {_MAX_NAME} of a DNS label"
        yield report(document, _NAME_AS_A_LABEL, path, message)
    elif not _RFC_1035.fullmatch(name):
        what = "contains a dot" if "." in name else "begins with a digit"
        yield report(document, _NAME_AS_A_LABEL, path, f"the name {show(name)} {what}")


def check_mesh(document: ScopedDocument | SecretDocument) -> Iterator[Finding]:
    """Yield the finding about the name of the mesh that a document belongs to."""
    path, mesh = document.mesh_path, at(document.value, document.mesh_path)
    if mesh in (None, "") and document.is_universal:
        # kumahq/kuma:app/kumactl/cmd/apply/apply.go: Mesh field cannot be empty.
        yield report(document, MISSING_FIELD, path, f"the {document.kind} has no mesh", "Add mesh: NAME.")
    elif mesh in (None, ""):
        code = "MESH043" if isinstance(document, SecretDocument) else "MESH180"
        yield report(document, code, path, f"the {document.kind} does not name its mesh")
    elif not isinstance(mesh, str):
        yield report(document, WRONG_TYPE, path, f"the mesh must be a text; it is {name_kind(mesh)}")


def check_namespace(document: ScopedDocument | SecretDocument, context: Context) -> Iterator[Finding]:
    """Yield the finding about a namespace that is not the control plane's."""
    path, expected = ("metadata", "namespace"), context.target.system_namespace
    namespace, is_secret = at(document.value, path), isinstance(document, SecretDocument)
    if namespace is None:
        code = "MESH045" if is_secret else "MESH182"
        yield report(document, code, path, f"the {document.kind} has no namespace")
    elif namespace != expected:
        code = "MESH044" if is_secret else "MESH181"
        yield report(document, code, path, f"the namespace is {show(namespace)}, not {expected}")


def check_twice(documents: Iterable[Checked]) -> Iterator[Finding]:
    """Yield the findings about documents with the same name and different content."""
    seen: dict[tuple[str, ...], Checked] = {}
    for document in documents:
        first = seen.setdefault(_identity(document), document)
        if document.name and not are_same(_content(first), _content(document)):
            kind = "Secret" if isinstance(document, SecretDocument) else document.kind
            there = f"{first.source}:{first.find_place(()).line}"
            message = f"{kind} {show(document.name)} is also in {there}, with different content"
            yield report(document, "MESH003", document.name_path, message)


def _identity(document: Checked) -> tuple[str, ...]:
    """Return the identity of a document: a second document with the same one replaces the first."""
    if isinstance(document, MeshDocument):
        return "Mesh", document.name
    # On Kubernetes, all meshes use one namespace, so their names must differ.
    scope = document.mesh if document.is_universal else at(document.value, ("metadata", "namespace"))
    kind = "Secret" if isinstance(document, SecretDocument) else document.kind
    return kind, document.form, str(scope), document.name


def _content(document: Checked) -> object:
    """Return the content of a document, independent of its notation and form."""
    if isinstance(document, SecretDocument):
        held = read_secret_value(document)
        return document.type, document.mesh, held.value if isinstance(held, Resolved) else held.reason
    if isinstance(document, ScopedDocument):
        return document.mesh, document.spec
    without = UNIVERSAL_META if document.is_universal else ()
    return {name: value for name, value in document.spec.items() if name not in without}


def _unknown(document: Checked, metadata: Object) -> Iterator[Finding]:
    unknown = [key for key in metadata if isinstance(key, str) and key not in _KNOWN]
    model = None if isinstance(document, SecretDocument) else document.spots[0].field_type.model
    fields = list_fields(model) if model else {}
    lost = [key for key in unknown if key in fields]
    if lost and "spec" not in document.value:
        verb = "is a field" if len(lost) == 1 else "are fields"
        message = f"{join_words(lost)} {verb} of spec, and below metadata"
        yield report(document, _LOST_SPEC, ("metadata", lost[0]), message)
    for key in unknown:
        if key not in lost:
            message = f"{show_key(key)} is not a field of metadata"
            yield report(document, "MESH018", ("metadata", key), message, _fix(key, document))
        elif "spec" in document.value:
            message = f"{key} is a field of spec, and below metadata"
            yield report(document, _LOST_SPEC, ("metadata", key), message, f"Move it to spec.{key}.")


def _fix(key: str, document: Checked) -> str:
    if key == "spec" or (key in _TOP_OF_SECRET and isinstance(document, SecretDocument)):
        return f"Indent {key} less: it belongs beside metadata."
    if "/" in key:
        return "It looks like a label or an annotation: move it below metadata.labels or metadata.annotations."
    return suggest(key, _KNOWN, 0.75)


def _texts(document: Checked, path: Path) -> Iterator[Finding]:
    """Yield the findings about labels or annotations. Kubernetes rejects other keys than texts; kumactl converts them.

    The label with the mesh has another finding.
    """
    part, given = path[-1], at(document.value, path)
    of_mesh = None if isinstance(document, MeshDocument) else document.mesh_path
    if not isinstance(given, dict | None):
        yield report(document, WRONG_TYPE, path, f"{part} must be a mapping; it is {name_kind(given)}")
    for key, value in mapping(given).items():
        place = (*path, str(key))
        if not isinstance(key, str) and not document.is_universal:
            message = f"a key of {part} must be a text; it is {name_kind(key)}"
            yield report(document, WRONG_TYPE, path, message, "Put the key in quotes.")
        elif not isinstance(value, str | None) and place != of_mesh:
            message = f"{show_key(str(key))} must be a text; it is {name_kind(value)}"
            yield report(document, WRONG_TYPE, place, message, "Put the value in quotes.")
        if part == "labels":
            yield from _label(document, place, key, value)


def _label(document: Checked, path: Path, key: Value, value: Value) -> Iterator[Finding]:
    """Yield the findings about a label by the rules of Kubernetes and Kuma's API for keys and values."""
    if isinstance(key, str) and not _is_key(key):
        yield report(document, _LABEL, path, f"{show_key(key)} can't be the key of a label")
    if isinstance(value, str) and value and not _LABEL_FORM.fullmatch(value):
        yield report(document, _LABEL, path, f"{show(value)} can't be the value of a label")
    elif key == ORIGIN_LABEL and document.is_universal and isinstance(value, str) and value not in _ORIGINS:
        yield report(document, _LABEL, path, f"{ORIGIN_LABEL} must be global or zone; it is {show(value)}")


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    has_prefix = len(prefix) <= _MAX_PREFIX and _PREFIX.fullmatch(prefix) is not None
    return _LABEL_FORM.fullmatch(name) is not None and (has_prefix or not slash)


def _last_applied(document: Checked) -> Iterator[Finding]:
    """Yield the finding about a credential in the annotation of ``kubectl apply``."""
    applied = read_last_applied(mapping(at(document.value, _APPLIED_PATH[:-1])))
    said = "kubectl's annotation last-applied-configuration"
    if isinstance(document, SecretDocument):
        secret = SecretDocument("", "kubernetes", mapping(applied), document.root)
        forms = [value.path[0] for value in read_secret_values(secret) if isinstance(value, Resolved)]
        if forms and find_chain_problem(secret):
            form = "in plain text" if "stringData" in forms else "in base64"
            message = f"{said} contains the value of the Secret {form}"
            yield report(document, _IN_AN_ANNOTATION, _APPLIED_PATH, message)
    elif names := sorted(set(find_credentials(applied))):
        message = f"{said} still contains {join_words(names)}"
        yield report(document, IN_THE_MESH, _APPLIED_PATH, message, RULES[_IN_AN_ANNOTATION].fix)
