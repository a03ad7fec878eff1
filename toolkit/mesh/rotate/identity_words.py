"""Tell an operator what to do before and after each stage of a move to MeshIdentity.

Sources: kumahq/kuma MADR-085; pkg/core/resources/apis/meshidentity/status on release-2.14; the move was played with
Kuma 2.14.3 and its provider Bundled. Kong Mesh's extension acmpca was not available.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.mesh.rotate.instructions import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.mesh.schema.mesh import Form


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
