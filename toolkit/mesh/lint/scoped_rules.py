"""Check the resources of one mesh: what all kinds have in common, and the rules of MeshTrafficPermissions.

A control plane drops unknown fields without an error. The effect of ``rules`` on ``from`` and on certificates of
``Mesh.mtls`` was measured, too, with Kuma 2.14.3.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import show, show_path
from toolkit.mesh.lint import structure
from toolkit.mesh.lint.findings import Context, Finding, report
from toolkit.mesh.lint.metadata_rules import check_mesh, check_name, check_namespace
from toolkit.mesh.schema import versions
from toolkit.mesh.schema.field_types import list_fields
from toolkit.mesh.schema.scoped_specs import list_spec_problems
from toolkit.mesh.schema.versions import MeshVersion
from toolkit.yamltext.plain import AnyMapping, at, is_tame, items, mapping

if TYPE_CHECKING:
    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.yamltext.nodes import Path

# A control plane accepts these kinds in its own namespace only (kumahq/kuma:pkg/core/resources/apis/meshidentity/api/
# v1alpha1/meshidentity.go, allowed_on_system_namespace_only).
_SYSTEM_KINDS = ("MeshIdentity", "MeshTrust")
# Kong/developer.konghq.com:app/_mesh_policies/meshidentity/index.md
_FIRST_ON_KUBERNETES, _FIRST_ON_UNIVERSAL = MeshVersion(2, 12), MeshVersion(2, 13)
# The problems of a field that should be there begin so.
_MISSING = "is missing"
_ALLOWING = ("allow", "allowWithShadowDeny")


def check(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about the metadata, the mesh and the fields of a resource of any kind."""
    fields = list_fields(model) if (model := document.spots[0].field_type.model) else {}
    if document.is_universal:
        yield from _universal_head(document, fields)
    else:
        yield from structure.check_kubernetes_head(document, fields)
    yield from check_name(document)
    yield from check_mesh(document)
    for spot in document.spots:
        yield from structure.check_spot(document, spot)
    if document.kind in _SYSTEM_KINDS:
        if not document.is_universal:
            yield from check_namespace(document, context)
        yield from _version(document, context.target.mesh_version)


def _universal_head(document: ScopedDocument, fields: Container[str]) -> Iterator[Finding]:
    yield from structure.check_name_is_there(document)
    yield from structure.check_mixed_forms(document, ("apiVersion", "metadata"))
    if not isinstance(spec := document.value.get("spec"), dict | None):
        yield structure.report_type(document, ("spec",), "a mapping", spec)
    known = (*structure.UNIVERSAL_META, "spec", "status")
    for name in structure.list_keys(document.value):
        if name not in (*known, "apiVersion", "metadata"):
            fix = f"It is a field of spec: indent {name} below it." if name in fields else None
            yield structure.report_key(document, (name,), name, known, fix)


def _version(document: ScopedDocument, version: MeshVersion | None) -> Iterator[Finding]:
    first = _FIRST_ON_UNIVERSAL if document.is_universal else _FIRST_ON_KUBERNETES
    if version is not None and version < first:
        where = "Universal" if document.is_universal else "Kubernetes"
        message = f"{version} has no {document.kind}; on {where} it came with {first}"
        yield report(document, "MESH125", ("type" if document.is_universal else "kind",), message)


def list_rejections(document: ScopedDocument) -> Iterator[Finding]:
    """Yield a finding for every problem with which a control plane rejects the spec."""
    for path, reason in list_spec_problems(document.kind, document.value.get("spec")):
        parts = tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path))
        if reason.startswith(_MISSING):
            *above, name = parts
            where = f" in {structure.show_end((*above,))}" if above else ""
            message = f"{name} is missing{where}{reason.removeprefix(_MISSING)}"
            yield report(document, structure.MISSING_FIELD, parts, message, f"Add {name}.")
        else:
            yield report(document, "MESH221", parts, f"{show_path(parts)} {reason}")


def check_permission(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings about the clients that a MeshTrafficPermission allows."""
    for path, match in _matches(document, (*_ALLOWING, "deny")):
        value = at(match, ("spiffeID", "value"))
        if isinstance(value, str) and value.endswith("/"):
            fix = f"Write {show(value.rstrip('/'))}." if not value.endswith("//") else ""
            yield report(document, "MESH220", (*path, "spiffeID", "value"), f"{show(value)} ends with a slash", fix)
    yield from _old_certificates(document, context)


def _matches(document: ScopedDocument, parts: tuple[str, ...]) -> Iterator[tuple[Path, AnyMapping]]:
    """Yield the matches of all rules, each with its path."""
    for number, rule in enumerate(items(document.spec.get("rules"))):
        for part in parts:
            for index, match in enumerate(items(at(rule, ("default", part)))):
                yield ("spec", "rules", number, "default", part, index), mapping(match)


def _old_certificates(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the finding about rules that deny the certificates of ``Mesh.mtls``, while mTLS is on."""
    version, mesh = context.target.mesh_version, document.mesh
    has_mtls = any(each.name == mesh and each.enabled for each in context.documents.meshes)
    if not has_mtls or (version is not None and version >= versions.FIRST_WITHOUT_MTLS):
        return
    allowing = list(_matches(document, _ALLOWING))
    if not allowing or any(
        _admits(match, mesh)
        for other in context.documents.list_scoped("MeshTrafficPermission", mesh)
        if other is document or _selects_as_much(other, document)
        for _, match in _matches(other, _ALLOWING)
    ):
        return
    message = f"no rule allows spiffe://{mesh}, which certificates of Mesh.mtls have, and mTLS is on in the Mesh"
    fix = f"Also allow type Prefix, value spiffe://{mesh}, until mtls is removed from the Mesh."
    yield report(document, "MESH222", allowing[0][0], message, fix)


def _admits(match: AnyMapping, mesh: str) -> bool:
    """Return whether a match may admit a client with a certificate of ``Mesh.mtls``."""
    spiffe_id = match.get("spiffeID")
    if not isinstance(spiffe_id, dict):
        # It matches by SNI only, with any certificate.
        return True
    value, old = spiffe_id.get("value"), f"spiffe://{mesh}"
    if not isinstance(value, str):
        return True
    return value == old or value.startswith(f"{old}/") or (spiffe_id.get("type") == "Prefix" and old.startswith(value))


def _selects_as_much(other: ScopedDocument, document: ScopedDocument) -> bool:
    """Return whether another permission certainly selects at least the same proxies."""
    target, own = mapping(other.spec.get("targetRef")), mapping(document.spec.get("targetRef"))
    if not target or (list(target) == ["kind"] and target["kind"] == "Mesh"):
        return True
    return is_tame(target) and is_tame(own) and target == own
