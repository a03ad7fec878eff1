"""Check whether MeshTrafficPermissions allow the intended clients.

The effect of ``rules`` on ``from`` and on certificates of ``Mesh.mtls`` was measured with Kuma 2.14.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import show
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.schema import versions
from toolkit.yamltext.plain import at, is_tame, items, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.yamltext.nodes import Path
    from toolkit.yamltext.plain import AnyMapping

SLASH = RULES["MESH220"]
FROM_IS_NOT_READ = RULES["MESH221"]
OLD_CERTIFICATES = RULES["MESH222"]

_ALLOWING = ("allow", "allowWithShadowDeny")


def check(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    if document.kind != "MeshTrafficPermission":
        return
    for path, match in _matches(document, (*_ALLOWING, "deny")):
        value = at(match, ("spiffeID", "value"))
        if isinstance(value, str) and value.endswith("/"):
            fix = f"Write {show(value.rstrip('/'))}." if not value.endswith("//") else ""
            yield report(document, SLASH, (*path, "spiffeID", "value"), f"{show(value)} ends with a slash", fix)
    if items(document.spec.get("rules")) and items(document.spec.get("from")):
        yield report(document, FROM_IS_NOT_READ, ("spec", "from"), "from is not read, because there are rules")
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
    message = f"rules allow no spiffe://{mesh}, which certificates of Mesh.mtls have, and mTLS is on in the Mesh"
    fix = f"Also allow type Prefix, value spiffe://{mesh}, until mtls is removed from the Mesh."
    yield report(document, OLD_CERTIFICATES, allowing[0][0], message, fix)


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
