"""Check credentials of control planes: where they are stored, and whether they are valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.confidential import INLINE
from toolkit.mesh.documents.data_sources import list_kinds, read_value
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.yamltext.nodes import Path

IN_THE_MESH = RULES["MESH100"]
TEMPORARY = RULES["MESH101"]

_TEMPORARY_PREFIX = "ASIA"


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    for spot in mesh.spots:
        if not spot.is_credential:
            continue
        path, field = (*mesh.spec_path, *spot.path), spot.path[-1]
        for kind in list_kinds(mapping(spot.value)):
            if kind in INLINE:
                yield report(mesh, IN_THE_MESH, (*path, kind), f"{field} is in the Mesh itself")
        if field == "accessKey":
            yield from _temporary(mesh, path, spot.value, context)


def _temporary(mesh: MeshDocument, path: Path, source: object, context: Context) -> Iterator[Finding]:
    access_key = read_value(mesh, path, source, context.documents)
    if access_key and access_key.value.strip().startswith(_TEMPORARY_PREFIX):
        message = f"the access key begins with {_TEMPORARY_PREFIX}, so it is a temporary one"
        yield report(access_key.document, TEMPORARY, access_key.path, message)
