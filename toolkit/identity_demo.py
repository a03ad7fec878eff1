"""Play the move of a mesh from ``Mesh.mtls`` to MeshIdentity with the sandbox and stand-ins for control planes.

Kong Mesh's extension acmpca is not included: the stand-ins follow its unreleased documentation. The sandbox issues the
certificates, and OpenSSL makes the handshakes by the rules of Envoy.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from toolkit.control_plane import applying, waiting
from toolkit.control_plane.client import ControlPlane
from toolkit.control_plane.connection import Access
from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.web_server import Rehearsal
from toolkit.control_plane.resources import read_resources
from toolkit.control_plane.waiting import Zone as WaitingZone
from toolkit.demo import Story, provision
from toolkit.files import PUBLIC, write_all
from toolkit.mesh.documents.applied import choose_applied
from toolkit.mesh.documents.reader import read
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import MeshOptions
from toolkit.mesh.render.identity_documents import IdentityOptions
from toolkit.mesh.rotate.identity_move import Given, IdentityMove, plan_move_to_identity
from toolkit.pki import chain
from toolkit.verify.handshakes.openssl import PeerTrust, Trust, make_handshakes
from toolkit.verify.handshakes.trust_domains import SpiffeTrust
from toolkit.verify.identity import AssumeRole
from toolkit.verify.plan import SERVICE, PlanOptions, make_plan
from toolkit.verify.runner import Run, verify

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.contract import StackOutputs
    from toolkit.mesh.rotate.rotation import Step
    from toolkit.sandbox.server import Sandbox
    from toolkit.verify.zone import Proxy

# The timeout for a zone's control plane; the stand-ins answer at once.
_TIMEOUT_SECONDS = 30.0
_WORLDS = {"switch": ("old", "new"), "finish": ("new",)}
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


def run(project_dir: Path, stack: str, directory: Path, story: Story) -> bool:
    """Play all stages with the stack's own settings.

    Args:
        project_dir: the directory of ``Pulumi.yaml`` and ``__main__.py``.
        stack: the name of a stack with a file in ``stacks/``.
        directory: the directory for the documents.
        story: tells the progress.

    Returns:
        Whether each zone got both certificates and no handshake was lost.

    Raises:
        ToolkitError: a step failed; then nothing is written.
    """
    with provision(project_dir, stack, story) as (aws, outputs):
        mesh = outputs.meshes[0]
        before = templating.render(outputs, mesh, MeshOptions(form="universal")).mesh
        permission = _PERMISSION.format(mesh=mesh)
        given = Given(before, "mesh.yaml", mesh, read([("permission.yaml", permission)]))
        move = plan_move_to_identity(given, outputs, IdentityOptions())
        story.tell_step("The Mesh is rendered", f"mesh {mesh}, for Kubernetes and for Universal")
        worlds: dict[str, Run] = {}
        for world, title, text in (
            ("old", "Mesh.mtls issues", before),
            ("new", "The MeshIdentity issues", move.steps[2].text),
        ):
            worlds[world] = issued = _issue(aws, outputs, text, world)
            zones = issued.report.zones
            got = sum(zone.certificate is not None for zone in zones)
            story.tell_step(title, f"{got} of {len(zones)} zones got a certificate of the {world} kind")
    story.tell_step("The stages are applied", "stand-in control planes: a global one, and one per zone")
    proxies = {world: issued.proxies for world, issued in worlds.items()}
    keeps_connections = _play(outputs, move, permission, proxies, story)
    files = {f"{step.number}-{step.name}.yaml": (step.text, PUBLIC) for step in move.steps}
    files |= {"0-mesh.yaml": (before, PUBLIC), "0-permission.yaml": (permission, PUBLIC)}
    write_all({directory / name: content for name, content in files.items()})
    story.tell("")
    story.tell_files(directory, sorted(files))
    return keeps_connections and all(issued.report.passed for issued in worlds.values())


def _issue(aws: Sandbox, outputs: StackOutputs, text: str, world: str) -> Run:
    """Request in each zone the certificates that its proxies get by a document."""
    applied = choose_applied(read([(f"{world}.yaml", text)]))
    plan = make_plan(outputs, outputs.zones, PlanOptions(), applied)
    verified = verify(outputs, plan, AssumeRole(endpoint_url=aws.endpoint_url, credentials=aws.credentials))
    if verified.trouble:
        raise verified.trouble
    # In the middle of the move, a zone has two proxies, which need different names.
    return verified._replace(
        proxies=tuple(replace(proxy, zone=f"{proxy.zone} ({world})") for proxy in verified.proxies)
    )


def _play(
    outputs: StackOutputs, move: IdentityMove, permission: str, proxies: Mapping[str, Sequence[Proxy]], story: Story
) -> bool:
    """Apply the stages to a global control plane, and wait for the zone control planes.

    Returns:
        Whether all zones were ready and no handshake was lost.
    """
    everywhere = StandIn(mode="global", chains=lambda _: outputs.certificate_chain)
    passed = True
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
            _apply(client, step.text)
            ready = _wait(zones, step)
            trust = _read_trust(zones[0].control_plane, move.names.mesh, outputs.certificate_chain, proxies)
            # While the issuer takes over, some proxies still have the old certificate.
            worlds = _WORLDS.get(step.name, ("old",))
            met = list(make_handshakes([proxy for world in worlds for proxy in proxies[world]], trust))
            lost = [f"{each.client} to {each.server}: {each.problem}" for each in met if each.problem]
            story.tell_detail(
                f"{step.number} {step.name:<8} certificates: {' and '.join(worlds):<12} "
                f"{len(met) - len(lost)} of {len(met)} handshakes"
                f"{'' if ready is None else f', ready in {ready} of {len(zones)} zones'}"
            )
            for each in lost:
                # Also with -q, which shows failures.
                click.echo(f"   {step.number} {step.name} lost: {each}")
            passed = passed and not lost and ready in (None, len(zones))
            if step.name == "switch":
                _delete(everywhere, "MeshIdentity", move.names.mesh, move.names.publisher)
    return passed


def _delete(stand_in: StandIn, kind: str, mesh: str, name: str) -> None:
    """Delete a resource, which ``toolkit apply`` never does."""
    if (document := stand_in.inventory.find(kind, mesh, name)) is not None:
        stand_in.inventory.delete(document)


def _connect(stack: contextlib.ExitStack, stand_in: StandIn) -> ControlPlane:
    rehearsal = stack.enter_context(Rehearsal(stand_in))
    return stack.enter_context(ControlPlane(Access(rehearsal.url)))


def _apply(client: ControlPlane, text: str) -> None:
    applying.execute(applying.plan(client, read_resources(read([("documents.yaml", text)]))), client)


def _wait(zones: Sequence[WaitingZone], step: Step) -> int | None:
    """Return the number of zones with a ready MeshIdentity; None if the stage has none."""
    resources = read_resources(read([("documents.yaml", step.text)]))
    identities = [resource for resource in resources if resource.key.kind == "MeshIdentity"]
    if not identities:
        return None
    missing = waiting.wait(zones, identities, _TIMEOUT_SECONDS)
    return len(zones) - len({state.zone for state in missing})


def _read_trust(zone: ControlPlane, mesh: str, chain_of_mtls: str, proxies: Mapping[str, Sequence[Proxy]]) -> PeerTrust:
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
