"""Whether a mesh's proxies are where the next step of a rotation needs them, as its control plane sees them.

Source: kumahq/kuma:api/mesh/v1alpha1/mesh_insight.proto: proxies by the backends that they trust (supportedBackends)
and by the one that issued their certificate (issuedBackends). Protobuf leaves a count of 0 out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.mesh.rotate.rotation import Rotation


def find_missing(rotation: Rotation, number: int, insight: Mapping[str, object]) -> str:
    """Why a step must not be applied yet; empty when it may.

    Only proxies that are online count: one that comes back gets the mesh as it is then.

    Args:
        rotation: add, switch, remove.
        number: of the step.
        insight: the answer of ``GET /mesh-insights/{mesh}``.
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
