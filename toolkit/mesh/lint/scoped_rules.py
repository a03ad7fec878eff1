"""Check the parts that MeshIdentity, MeshTrust, MeshTLS and MeshTrafficPermission have in common.

These are the metadata, the mesh and the fields. A control plane drops unknown fields without an error (measured with
Kuma 2.14.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import name_kind, show
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.lint.name_rules import check_name
from toolkit.mesh.lint.structure import (
    MISSING_FIELD,
    UNIVERSAL_META,
    check_key,
    check_kubernetes_head,
    check_mixed_forms,
    check_name_is_there,
    check_spot,
    list_keys,
)
from toolkit.mesh.lint.value_types import WRONG_TYPE, report_type
from toolkit.mesh.schema.field_types import list_fields
from toolkit.mesh.schema.versions import MeshVersion
from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

TOO_OLD = RULES["MESH125"]
MESH_MISSING = RULES["MESH180"]
NAMESPACE = RULES["MESH181"]
NAMESPACE_MISSING = RULES["MESH182"]

# A control plane accepts these kinds in its own namespace only (kumahq/kuma:pkg/core/resources/apis/meshidentity/api/
# v1alpha1/meshidentity.go, allowed_on_system_namespace_only).
_SYSTEM_KINDS = ("MeshIdentity", "MeshTrust")
# Kong/developer.konghq.com:app/_mesh_policies/meshidentity/index.md
_FIRST_ON_KUBERNETES, _FIRST_ON_UNIVERSAL = MeshVersion(2, 12), MeshVersion(2, 13)


def check(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    fields = list_fields(model) if (model := document.spots[0].field_type.model) else {}
    if document.is_universal:
        yield from _universal_head(document, fields)
    else:
        yield from check_kubernetes_head(document, fields)
    yield from check_name(document)
    yield from _mesh(document)
    for spot in document.spots:
        yield from check_spot(document, spot)
    if document.kind in _SYSTEM_KINDS:
        if not document.is_universal:
            yield from _namespace(document, context)
        yield from _version(document, context.target.mesh_version)


def _universal_head(document: ScopedDocument, fields: Container[str]) -> Iterator[Finding]:
    yield from check_name_is_there(document)
    yield from check_mixed_forms(document, ("apiVersion", "metadata"))
    if not isinstance(spec := document.value.get("spec"), dict | None):
        yield report_type(document, ("spec",), "a mapping", spec)
    known = (*UNIVERSAL_META, "spec", "status")
    for name in list_keys(document.value):
        if name not in (*known, "apiVersion", "metadata"):
            fix = f"It is a field of spec: indent {name} below it." if name in fields else None
            yield from check_key(document, (name,), name, known, fix)


def _mesh(document: ScopedDocument) -> Iterator[Finding]:
    path = document.mesh_path
    mesh = at(document.value, path)
    if mesh in (None, "") and document.is_universal:
        yield report(document, MISSING_FIELD, path, f"the {document.kind} has no mesh", "Add mesh: NAME.")
    elif mesh in (None, ""):
        yield report(document, MESH_MISSING, path, f"the {document.kind} does not name its mesh")
    elif not isinstance(mesh, str) and document.is_universal:
        # A label that is not a string has another finding.
        yield report(document, WRONG_TYPE, path, f"the mesh must be a text; it is {name_kind(mesh)}")


def _namespace(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    path, expected = ("metadata", "namespace"), context.target.system_namespace
    namespace = at(document.value, path)
    if namespace is None:
        yield report(document, NAMESPACE_MISSING, path, f"the {document.kind} does not say its namespace")
    elif namespace != expected:
        yield report(document, NAMESPACE, path, f"the namespace is {show(namespace)}, not {expected}")


def _version(document: ScopedDocument, version: MeshVersion | None) -> Iterator[Finding]:
    first = _FIRST_ON_UNIVERSAL if document.is_universal else _FIRST_ON_KUBERNETES
    if version is not None and version < first:
        where = "Universal" if document.is_universal else "Kubernetes"
        message = f"{version} has no {document.kind}; on {where} it came with {first}"
        yield report(document, TOO_OLD, ("type" if document.is_universal else "kind",), message)
