"""Play the move of a mesh from ``Mesh.mtls`` to MeshIdentity with the sandbox and stand-ins for control planes.

Kong Mesh's extension acmpca is not included: the stand-ins follow its unreleased documentation. The sandbox issues the
certificates, and OpenSSL makes the handshakes by the rules of Envoy.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from toolkit.control_plane import applying, waiting
from toolkit.control_plane.client import ControlPlane
from toolkit.control_plane.connection import Access
from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.web_server import Rehearsal
from toolkit.control_plane.resources import read_resources
from toolkit.control_plane.waiting import Zone as WaitingZone
from toolkit.demo import provision
from toolkit.files import PUBLIC, write_all
from toolkit.mesh.documents.applied import choose_applied
from toolkit.mesh.documents.reader import read
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import MeshOptions
from toolkit.mesh.render.identity_documents import IdentityOptions
from toolkit.mesh.rotate.identity_move import Given, plan_move_to_identity
from toolkit.pki import chain
from toolkit.verify.handshakes.openssl import Trust, make_handshakes
from toolkit.verify.handshakes.trust_domains import SpiffeTrust
from toolkit.verify.identity import AssumeRole
from toolkit.verify.plan import SERVICE, PlanOptions, make_plan
from toolkit.verify.runner import verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from toolkit.contract import StackOutputs
    from toolkit.demo import Audience
    from toolkit.mesh.rotate.identity_move import IdentityMove
    from toolkit.mesh.rotate.rotation import Step
    from toolkit.sandbox.server import Sandbox
    from toolkit.verify.handshakes.openssl import PeerTrust
    from toolkit.verify.results import ZoneResult
    from toolkit.verify.zone import Proxy

World = Literal["old", "new"]
# The timeout for a zone's control plane; the stand-ins answer at once.
_TIMEOUT_SECONDS = 30.0
_WORLDS: dict[str, tuple[World, ...]] = {"switch": ("old", "new"), "finish": ("new",)}
_PERMISSION = """\
type: MeshTrafficPermission
name: allow-all
mesh: {mesh}
spec:
  targetRef:
    kind: Mesh
  from:
    - targetRef:
        kind: Mesh
      default:
        action: Allow
"""


class Stage(NamedTuple):
    """The result of one stage.

    Attributes:
        number: from 1.
        name: of the stage.
        applied: kinds and names of the documents.
        worlds: the certificates that proxies have in this stage.
        ready: the number of zones that report the MeshIdentity as ready, and of all zones; None if the stage has none.
        lost: handshakes that failed.
        handshakes: the number of handshakes.
    """

    number: int
    name: str
    applied: tuple[str, ...]
    worlds: tuple[World, ...]
    ready: tuple[int, int] | None
    lost: tuple[str, ...]
    handshakes: int


class MoveAudience(Protocol):
    """Receives the progress of the move."""

    def zones_asked(self, world: World, zones: Sequence[ZoneResult]) -> None:
        """Report the zones that were asked for certificates of one world."""

    def stage_played(self, stage: Stage) -> None:
        """Report a stage."""


@dataclass(frozen=True)
class IdentityDemo:
    """The results of the demo.

    Attributes:
        outputs: the contract.
        passed: whether each zone got both certificates and no handshake was lost.
        files: the written files.
    """

    outputs: StackOutputs
    passed: bool
    files: tuple[Path, ...]


def run(project_dir: Path, stack: str, directory: Path, audience: Audience, moves: MoveAudience) -> IdentityDemo:
    """Play all stages with the stack's own settings.

    Args:
        project_dir: the directory of ``Pulumi.yaml`` and ``__main__.py``.
        stack: the name of a stack with a file in ``stacks/``.
        directory: the directory for the documents.
        audience: receives the progress of AWS and of the Pulumi program.
        moves: receives the progress of the move.

    Raises:
        ToolkitError: a step failed; then nothing is written.
    """
    with provision(project_dir, stack, audience) as (aws, outputs):
        mesh = outputs.meshes[0]
        before = templating.render(outputs, mesh, MeshOptions(form="universal")).mesh
        permission = _PERMISSION.format(mesh=mesh)
        given = Given(before, "mesh.yaml", mesh, read([("permission.yaml", permission)]))
        move = plan_move_to_identity(given, outputs, IdentityOptions())
        audience.mesh_rendered(mesh)
        old = _issue(aws, outputs, before, "old", moves)
        new = _issue(aws, outputs, move.steps[2].text, "new", moves)
    stages = [*_play(outputs, move, permission, {"old": old.proxies, "new": new.proxies}, moves)]
    files = {f"{step.number}-{step.name}.yaml": (step.text, PUBLIC) for step in move.steps}
    files |= {"0-mesh.yaml": (before, PUBLIC), "0-permission.yaml": (permission, PUBLIC)}
    write_all({directory / name: content for name, content in files.items()})
    is_ready = all(stage.ready is None or stage.ready[0] == stage.ready[1] for stage in stages)
    passed = old.passed and new.passed and is_ready and not any(stage.lost for stage in stages)
    return IdentityDemo(outputs, passed, tuple(directory / name for name in sorted(files)))


class _Issued(NamedTuple):
    proxies: Sequence[Proxy]
    passed: bool


def _issue(aws: Sandbox, outputs: StackOutputs, text: str, world: World, moves: MoveAudience) -> _Issued:
    """Request in each zone the certificates that its proxies get by a document."""
    applied = choose_applied(read([(f"{world}.yaml", text)]))
    plan = make_plan(outputs, outputs.zones, PlanOptions(), applied)
    verified = verify(outputs, plan, AssumeRole(endpoint_url=aws.endpoint_url, credentials=aws.credentials))
    if verified.trouble:
        raise verified.trouble
    moves.zones_asked(world, verified.report.zones)
    # In the middle of the move, a zone has two proxies, which need different names.
    proxies = [replace(proxy, zone=f"{proxy.zone} ({world})") for proxy in verified.proxies]
    return _Issued(proxies, verified.report.passed)


def _play(
    outputs: StackOutputs,
    move: IdentityMove,
    permission: str,
    proxies: Mapping[World, Sequence[Proxy]],
    moves: MoveAudience,
) -> Iterator[Stage]:
    """Apply the stages to a global control plane, and wait for the zone control planes."""
    everywhere = StandIn(mode="global", chains=lambda _: outputs.certificate_chain)
    with contextlib.ExitStack() as stack:
        client = _connect(stack, everywhere)
        zones = [
            WaitingZone(
                zone.name,
                _connect(stack, StandIn(mode="zone", zone=zone.name, upstream=everywhere, chains=everywhere.chains)),
            )
            for zone in outputs.zones
        ]
        for text in (move.before, permission):
            _apply(client, text)
        for step in move.steps:
            applied = _apply(client, step.text)
            ready = _wait(zones, step)
            trust = _read_trust(zones[0].control_plane, move.names.mesh, outputs.certificate_chain, proxies)
            stage = _meet(step, applied, ready, trust, proxies)
            moves.stage_played(stage)
            yield stage
            if step.name == "switch":
                _delete(everywhere, "MeshIdentity", move.names.mesh, move.names.publisher)


def _delete(stand_in: StandIn, kind: str, mesh: str, name: str) -> None:
    """Delete a resource, which ``toolkit apply`` never does."""
    if (document := stand_in.inventory.find(kind, mesh, name)) is not None:
        stand_in.inventory.delete(document)


def _connect(stack: contextlib.ExitStack, stand_in: StandIn) -> ControlPlane:
    rehearsal = stack.enter_context(Rehearsal(stand_in))
    return stack.enter_context(ControlPlane(Access(rehearsal.url)))


def _apply(client: ControlPlane, text: str) -> tuple[str, ...]:
    resources = read_resources(read([("documents.yaml", text)]))
    applying.execute(applying.plan(client, resources), client)
    return tuple(f"{resource.key.kind} {resource.key.name}" for resource in resources)


def _wait(zones: Sequence[WaitingZone], step: Step) -> tuple[int, int] | None:
    """Return the number of zones with a ready MeshIdentity, and of all zones; None if the stage has none."""
    resources = read_resources(read([("documents.yaml", step.text)]))
    identities = [resource for resource in resources if resource.key.kind == "MeshIdentity"]
    if not identities:
        return None
    missing = waiting.wait(zones, identities, _TIMEOUT_SECONDS)
    return len(zones) - len({state.zone for state in missing}), len(zones)


def _meet(
    step: Step,
    applied: tuple[str, ...],
    ready: tuple[int, int] | None,
    trust: PeerTrust,
    proxies: Mapping[World, Sequence[Proxy]],
) -> Stage:
    # While the issuer takes over, some proxies still have the old certificate.
    worlds = _WORLDS.get(step.name, ("old",))
    met = tuple(make_handshakes([proxy for world in worlds for proxy in proxies[world]], trust))
    lost = tuple(f"{each.client} to {each.server}: {each.problem}" for each in met if each.problem)
    return Stage(step.number, step.name, applied, worlds, ready, lost, len(met))


def _read_trust(
    zone: ControlPlane, mesh: str, chain_of_mtls: str, proxies: Mapping[World, Sequence[Proxy]]
) -> PeerTrust:
    """Return the CAs and SPIFFE IDs that a zone's proxies require, by the documents on its control plane.

    From the first MeshTrust on, the CAs of ``mtls`` are those of the trust domain with the mesh's name
    (kumahq/kuma:pkg/xds/context/mesh_context_builder.go).
    """
    trusts = zone.list_resources("MeshTrust", mesh)
    if not trusts:
        return Trust(chain_of_mtls, mesh, SERVICE)
    bundles: defaultdict[str, str] = defaultdict(str)
    for trust in trusts:
        for bundle in trust["spec"]["caBundles"]:
            bundles[trust["spec"]["trustDomain"]] += bundle["pem"]["value"]
    if (zone.get_mesh(mesh) or {}).get("mtls"):
        bundles[mesh] += chain_of_mtls
    ids = [chain.list_uris(proxy.issued.leaf)[0] for world in proxies for proxy in proxies[world]]
    return SpiffeTrust(dict(bundles), tuple(dict.fromkeys(ids)))
