"""Check in a control plane's data whether all proxies of a mesh are ready for the next step of a rotation.

Source: kumahq/kuma:api/mesh/v1alpha1/mesh_insight.proto: the number of proxies that trust each backend
(supportedBackends) and that have a certificate of it (issuedBackends). Protobuf omits a count of 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.mesh.rotate.rotation import Rotation


def find_missing(rotation: Rotation, number: int, insight: Mapping[str, object]) -> str:
    """Return why a step must not be applied yet; empty if it may be applied.

    Only proxies that are online count. A proxy that comes back gets the mesh's current state.

    Args:
        rotation: with the steps add, switch and remove.
        number: of the step.
        insight: the response to ``GET /mesh-insights/{mesh}``.
    """
    name = rotation.steps[number - 1].name
    online = _online(insight.get("dataplanes"))
    mtls = mapping(insight.get("mTLS"))
    if name == "switch":
        trusting = _online(mapping(mtls.get("supportedBackends")).get(rotation.new))
        if trusting < online:
            return f"{trusting} of {online} proxies that are online trust {rotation.new}"
    if name == "remove":
        issued = mapping(mtls.get("issuedBackends"))
        moved, left = _online(issued.get(rotation.new)), _online(issued.get(rotation.old))
        if left or moved < online:
            return f"{moved} of {online} proxies that are online have a certificate of {rotation.new}"
    return ""


def _online(counts: object) -> int:
    online = mapping(counts).get("online", 0)
    return online if isinstance(online, int) else 0
