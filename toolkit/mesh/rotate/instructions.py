"""Tell an operator what to do before and after each step of a rotation, and each stage of a move to MeshIdentity.

Sources of the move: kumahq/kuma MADR-085; pkg/core/resources/apis/meshidentity/status on release-2.14; the move was
played with Kuma 2.14.3 and its provider Bundled. Kong Mesh's extension acmpca was not available.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.yamltext.plain import at

if TYPE_CHECKING:
    from toolkit.mesh.schema.mesh import Form


@dataclass(frozen=True)
class Words:
    """Instructions for one step.

    Attributes:
        title: the step's effect.
        first: what to do before the step is applied.
        wait: what must be true before the next step.
        back: how to undo the step.
    """

    title: str
    first: tuple[str, ...]
    wait: tuple[str, ...]
    back: str


@dataclass(frozen=True)
class Names:
    """The names that the texts mention.

    Attributes:
        mesh: the mesh.
        form: the form of the documents.
        namespace: the control plane's namespace on Kubernetes.
        zones: all zones of the mesh.
        issuer: the MeshIdentity with the provider.
        publisher: the MeshIdentity without a provider.
        old_trust: the MeshTrust of the old CAs.
        trusts: the MeshTrusts of the zones.
    """

    mesh: str
    form: Form
    namespace: str
    zones: Sequence[str]
    issuer: str
    publisher: str
    old_trust: str
    trusts: Sequence[str]


def describe_steps(mesh: str, old: str, new: str) -> dict[str, Words]:
    """Return the instructions for add, switch and remove.

    The counts are those of ``GET /mesh-insights/{mesh}`` (kumahq/kuma:api/mesh/v1alpha1/mesh_insight.proto).
    """
    insight = f"GET /mesh-insights/{mesh}"
    return {
        "add": Words(
            title=f"trust {new} beside {old}; {old} still signs",
            first=(f"prove with toolkit verify that every zone gets certificates from {new}",),
            wait=(f"{insight}: mTLS.supportedBackends.{new}.online is as high as dataplanes.online",),
            back="apply the Mesh as it was before",
        ),
        "switch": Words(
            title=f"let {new} sign; both are trusted",
            first=(
                # kong-mesh#10356, CHANGELOG of 2.14.3
                "control planes run Kong Mesh 2.14.3 or later: before, this change can crash them",
            ),
            wait=(
                f"{insight}: mTLS.issuedBackends.{new}.online is as high as dataplanes.online",
                f"mTLS.issuedBackends.{old} is gone, and traffic flows between old and new proxies",
                "keep the old CA and the roles that use it until the last step is done and no rollback is needed",
            ),
            back=f"apply step 1 again: {old} signs again, and certificates of {new} stay trusted",
        ),
        "remove": Words(
            title=f"trust {new} alone",
            first=(f"no proxy has a certificate of {old} any more, including offline proxies that will return",),
            wait=(f"{insight}: mTLS.supportedBackends.{old} is gone",),
            back=f"apply step 2, wait until all proxies support {old} again, then apply step 1",
        ),
    }


def find_missing(step: str, old: str, new: str, insight: Mapping[str, object]) -> str:
    """Return why the proxies of a mesh are not ready for a step; empty if they are.

    Only proxies that are online count. A proxy that comes back gets the mesh's current state.

    Args:
        step: its name: add, switch or remove.
        old: the backend that the mesh leaves.
        new: the backend that the mesh moves to.
        insight: the response to ``GET /mesh-insights/{mesh}``: the number of proxies that trust each backend
            (supportedBackends) and that have a certificate of it (issuedBackends). Protobuf omits a count of 0.
    """
    online = _count_online(insight, "dataplanes")
    trusting = _count_online(insight, "mTLS", "supportedBackends", new)
    moved, left = (_count_online(insight, "mTLS", "issuedBackends", backend) for backend in (new, old))
    if step == "switch" and trusting < online:
        return f"{trusting} of {online} proxies that are online trust {new}"
    if step == "remove" and (left or moved < online):
        return f"{moved} of {online} proxies that are online have a certificate of {new}"
    return ""


def _count_online(insight: Mapping[str, object], *path: str) -> int:
    online = at(insight, (*path, "online"))
    return online if isinstance(online, int) else 0


COST_OF_PERMISSIVE = (
    "open-source Kuma allows one backend and rejects changes to it while mTLS is on, so mTLS is off in between",
    "while it is off, traffic is neither encrypted nor authenticated, and no MeshTrafficPermission is enforced",
    "while a change reaches the proxies, requests of clients that still use TLS fail at servers that no longer do",
)


def describe_steps_of_kuma(mesh: str, old: str, new: str) -> dict[str, Words]:
    """Return the instructions for open-source Kuma, whose rotation passes through plain traffic."""
    insight = f"GET /mesh-insights/{mesh}"
    return {
        "permissive": Words(
            title=f"{old} accepts plain traffic as well",
            first=(),
            wait=("every proxy has the change: its updates in kumactl inspect dataplanes are newer than it",),
            back="apply the Mesh as it was before",
        ),
        "off": Words(
            title="turn mTLS off: all traffic is plain",
            first=("the owners of the traffic know that it is not encrypted until step 3",),
            wait=(f"{insight}: mTLS.issuedBackends is empty",),
            back="apply step 1 again",
        ),
        "on": Words(
            title=f"turn mTLS on with {new}, which still accepts plain traffic",
            first=(),
            wait=(f"{insight}: mTLS.issuedBackends.{new}.online is as high as dataplanes.online",),
            back="apply step 2 again, then step 1",
        ),
        "strict": Words(
            title=f"{new} rejects plain traffic again",
            first=("no client sends plain traffic any more",),
            wait=("traffic flows",),
            back="apply step 3 again",
        ),
    }


def describe_stages(names: Names) -> dict[str, Words]:
    """Return the instructions for the five stages."""
    own_trusts = "the MeshTrusts that zone control planes created remain: delete them in their zones too"
    return {
        "prepare": Words(
            title="MeshServices for all consumers; permissions for old and new SPIFFE IDs",
            first=("every consumer reaches services by MeshService (backendRef), not by kuma.io/service",),
            wait=("the control planes have applied it, and traffic flows",),
            back="apply the Mesh and the MeshTrafficPermissions as they were before",
        ),
        "publish": Words(
            title=f"{names.publisher} publishes SPIFFE IDs; certificates stay the same",
            first=(),
            wait=(*_ask(names, names.publisher, "SpiffeIDProvider is True; Ready stays False, reason PartiallyReady"),),
            back=_delete(names, "meshidentity", names.publisher),
        ),
        "trust": Words(
            title=f"trust the old CAs with {names.old_trust}, then the new CA; {names.issuer} selects no proxy yet",
            first=("apply the documents in their order: the MeshTrust of the old CAs first",),
            wait=(*_ask(names, names.issuer, "Ready is True"),),
            back="; ".join(
                [
                    _delete(names, "meshidentity", names.issuer),
                    *(_delete(names, "meshtrust", trust) for trust in names.trusts),
                    own_trusts,
                    f"last {_delete(names, 'meshtrust', names.old_trust)}",
                ]
            ),
        ),
        "switch": Words(
            title=f"{names.issuer} issues for all proxies",
            first=(f"{names.issuer} is Ready in every zone: other zones would get no certificates",),
            wait=(
                f"every proxy has a new certificate: kumactl inspect dataplanes --mesh {names.mesh} shows its age",
                f"then {_delete(names, 'meshidentity', names.publisher)}",
            ),
            back="apply the MeshIdentity of stage 3 again: proxies get certificates of mtls again",
        ),
        "finish": Words(
            title="remove mtls from the Mesh",
            first=(
                "no proxy has an old certificate, including offline proxies that will return",
                "no Dataplane reaches a service by kuma.io/service: without mtls such requests fail",
            ),
            wait=(
                "traffic flows",
                f"then {_delete(names, 'meshtrust', names.old_trust)}, and remove the old SPIFFE IDs from permissions",
                "then upgrade to Kong Mesh 3.0",
            ),
            back="apply the Mesh of stage 1 again. After the upgrade to 3.0 there is no way back: 3.0 ignores "
            "Mesh.mtls, and traffic would be plaintext",
        ),
    }


def _ask(names: Names, identity: str, condition: str) -> list[str]:
    """Return the requests that show a condition, which only zone control planes compute.

    In a zone, the resource's name has a suffix, and a label contains its name on the global control plane.
    """
    label = f"kuma.io/display-name={identity}"
    lines = [f"condition of {identity} on each zone control plane ({', '.join(names.zones)}): {condition}"]
    if names.form == "kubernetes":
        lines.append(f"in each zone's cluster: kubectl get meshidentities -n {names.namespace} -l {label} -o yaml")
    lines.append(f"or ask each zone control plane: GET /meshes/{names.mesh}/meshidentities, label {label}")
    return lines


def _delete(names: Names, kind: str, name: str) -> str:
    if names.form == "kubernetes":
        return f"kubectl delete {kind} {name} -n {names.namespace}"
    return f"kumactl delete {kind} {name} --mesh {names.mesh}"
