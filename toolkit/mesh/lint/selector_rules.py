"""Check which data plane proxies a MeshIdentity selects, and which of several MeshIdentities wins.

Sources: kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/helpers.go (Matched): most labels, then the name
that sorts first; kumahq/kuma:pkg/core/resources/apis/meshidentity/status/updater.go (MeshServicesDisabled).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import show
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.schema import versions
from toolkit.yamltext.plain import at, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import MeshDocument, ScopedDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding
    from toolkit.values import Value

MESH_SERVICES = RULES["MESH183"]
SELECTS_NONE = RULES["MESH184"]
WITHOUT_PROVIDER_WINS = RULES["MESH185"]
ONE_WINS = RULES["MESH186"]

_EXCLUSIVE = "Exclusive"
_ZONE_LABEL = "kuma.io/zone"


def check(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield the findings of this module."""
    if document.kind != "MeshIdentity":
        return
    selector = document.spec.get("selector")
    if selector is None or (isinstance(selector, dict) and selector.get("dataplane") is None):
        path = ("spec", "selector")
        yield report(document, SELECTS_NONE, path, "selector without dataplane selects no data plane proxies")
    yield from _winner(document, context)


def check_mesh(mesh: MeshDocument, context: Context) -> Iterator[Finding]:
    """Yield the finding about a Mesh whose MeshServices keep its MeshIdentities from working."""
    version = context.target.mesh_version
    if version is not None and version >= versions.FIRST_WITHOUT_MTLS:
        # Every mesh of 3.0 has that mode.
        return
    mode = at(mesh.spec, ("meshServices", "mode"))
    identities = context.documents.list_scoped("MeshIdentity", mesh.name)
    if mode != _EXCLUSIVE and identities and mesh.name:
        now = f"is {show(mode)}" if isinstance(mode, str) else "is missing"
        message = f"meshServices.mode {now}, and the MeshIdentity {show(identities[0].name)} needs {_EXCLUSIVE}"
        yield report(mesh, MESH_SERVICES, (*mesh.spec_path, "meshServices", "mode"), message)


def read_match_labels(document: ScopedDocument) -> dict[Value, str] | None:
    """Return the labels that proxies must have, empty for all proxies; None if it selects none."""
    dataplane = at(document.spec, ("selector", "dataplane"))
    if not isinstance(dataplane, dict):
        return None
    # A value that is not a string has another finding. It can't be compared, because it may contain itself.
    return {key: value for key, value in mapping(dataplane.get("matchLabels")).items() if isinstance(value, str)}


def _winner(document: ScopedDocument, context: Context) -> Iterator[Finding]:
    """Yield a finding if another MeshIdentity with the same labels wins over this one."""
    labels = read_match_labels(document)
    if labels is None or not document.name:
        return
    rivals = [
        each
        for each in context.documents.list_scoped("MeshIdentity", document.mesh)
        if "" < each.name < document.name and read_match_labels(each) == labels and _zone(each) == _zone(document)
    ]
    if not rivals:
        return
    winner = min(rivals, key=lambda each: each.name)
    message = f"{show(winner.name)} selects the same data plane proxies, and wins: its name sorts before"
    if document.spec.get("provider") is None:
        return
    if winner.spec.get("provider") is None:
        yield report(document, WITHOUT_PROVIDER_WINS, document.name_path, f"{message}. It has no provider")
    else:
        yield report(document, ONE_WINS, document.name_path, message)


def _zone(document: ScopedDocument) -> object:
    labels: tuple[str, ...] = ("labels",) if document.is_universal else ("metadata", "labels")
    return at(document.value, (*labels, _ZONE_LABEL))
