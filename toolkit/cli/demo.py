"""``toolkit demo``."""

from __future__ import annotations

import shlex
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli.common_options import is_quiet
from toolkit.cli.options import explain_missing_extra
from toolkit.cli.parameters import Command, option
from toolkit.errors import EXIT_CHECK_FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.contract import StackOutputs
    from toolkit.demo import Demo
    from toolkit.identity_demo import Stage, World
    from toolkit.verify.results import ZoneResult

_NEXT = """\
To go on playing with this stack, without AWS (toolkit is in .venv/bin, if make installed it):
  toolkit sandbox --stack-file stacks/Pulumi.{stack}.yaml -- bash

On real AWS it is the same path, with your account behind it (the CAs of this stack cost about ${cost} a month):
  1. edit stacks/Pulumi.{stack}.yaml: your zones and their OIDC providers
  2. pulumi stack init {stack} && pulumi up
  3. toolkit verify
  4. toolkit render-mesh --base mesh.yaml, after kubectl get mesh default -o yaml > mesh.yaml"""


_OF_THE_MOVE = """\
Kong Mesh's extension acmpca was not in it: Kong has not released its documentation. The order of the stages was
played on a real mesh of Kuma 2.14.3 with another provider.

For your own mesh:
  toolkit rotate --base mesh.yaml --to mesh-identity -f permissions.yaml"""


@click.command(name="demo", cls=Command)
@option(
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/demo"),
    show_default=True,
    metavar="DIR",
    writes=True,
    help="Directory for the results.",
)
@option("-s", "--stack", default="prod", show_default=True, metavar="NAME", help="The stack in stacks/ to use.")
@option("--mesh-identity", is_flag=True, help="Play the move from Mesh.mtls to a MeshIdentity instead (experimental).")
def command(output_dir: Path, stack: str, *, mesh_identity: bool) -> None:
    """Run the whole chain against an AWS on loopback.

    Starts an AWS on this machine, runs the Pulumi program in it, renders the Mesh, and verifies every zone. It needs no
    account, no Pulumi CLI and no network. Only the files that it writes remain.

    With --mesh-identity, it applies the five stages of toolkit rotate --to mesh-identity to stand-in control planes,
    and lets proxies with old and new certificates connect at each stage. Kong Mesh itself is not in it.
    """
    from toolkit.files import find_project_root

    if mesh_identity:
        _play_move(output_dir, stack)
        return
    try:
        from toolkit import demo
    except ModuleNotFoundError as error:
        raise explain_missing_extra("sandbox", error) from error

    narrator = _Narrator()
    result = demo.run(find_project_root(), stack, output_dir, narrator)
    narrator.conclude(result, output_dir)
    _say_what_is_next(result, stack, output_dir, narrator.authorities)
    if not result.report.passed:
        click.get_current_context().exit(EXIT_CHECK_FAILED)


def _play_move(output_dir: Path, stack: str) -> None:
    from toolkit.files import find_project_root

    try:
        from toolkit import identity_demo
    except ModuleNotFoundError as error:
        raise explain_missing_extra("sandbox", error) from error

    narrator = _MoveNarrator()
    result = identity_demo.run(find_project_root(), stack, output_dir, narrator, narrator)
    narrator.conclude_move([str(file.relative_to(output_dir)) for file in result.files], output_dir)
    if not result.passed:
        click.get_current_context().exit(EXIT_CHECK_FAILED)


class _Narrator:
    """Prints the steps of the demo; implements ``toolkit.demo.Audience``."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._resources = 0
        self.authorities = 0
        self._lock = threading.Lock()

    def sandbox_started(self, endpoint_url: str) -> None:
        _step(1, "An AWS is running", f"{endpoint_url}, on this machine's loopback only")

    def resource_created(self, kind: str, _name: str) -> None:
        with self._lock:
            self._resources += 1
            self.authorities += kind.endswith(":CertificateAuthority")

    def stack_created(self, outputs: StackOutputs) -> None:
        from toolkit.pki import chain, pem

        _step(2, "The Pulumi program ran", f"{self._resources} resources: CAs, roles and their policies")
        for certificate in pem.load_certificates(outputs.certificate_chain):
            ends = f"valid until {certificate.not_valid_after_utc:%Y-%m-%d}"
            _detail(f"{chain.get_display_name(certificate)}, {outputs.certificate_authority.key_algorithm}, {ends}")
        _detail(f"issues: {outputs.certificate_authority.arn}")

    def mesh_rendered(self, mesh: str) -> None:
        _step(3, "The Mesh is rendered", f"mesh {mesh}, for Kubernetes and for Universal")

    def zone_verified(self, result: ZoneResult) -> None: ...

    def conclude(self, result: Demo, directory: Path) -> None:
        from toolkit.cli.reports import render_report

        _step(4, "Every zone was asked for a certificate", "with its verifier role, checked against the Mesh's caCert")
        _tell("")
        click.echo(render_report(result.report, "table"))
        _tell(f"Written to {directory}/ in {time.monotonic() - self._begun:.1f} s:")
        for file in result.files:
            _detail(str(file.relative_to(directory)))


class _MoveNarrator(_Narrator):
    """Prints the stages of the move too; implements ``toolkit.identity_demo.MoveAudience``."""

    def zones_asked(self, world: World, zones: Sequence[ZoneResult]) -> None:
        got = sum(zone.certificate is not None for zone in zones)
        more = f"{got} of {len(zones)} zones got a certificate of the {world} kind"
        _step(*((4, "Mesh.mtls issues", more) if world == "old" else (5, "The MeshIdentity issues", more)))
        if world == "new":
            _step(6, "The stages are applied", "stand-in control planes: a global one, and one per zone")

    def stage_played(self, stage: Stage) -> None:
        ready = "" if stage.ready is None else f", ready in {stage.ready[0]} of {stage.ready[1]} zones"
        good = stage.handshakes - len(stage.lost)
        _detail(
            f"{stage.number} {stage.name:<8} certificates: {' and '.join(stage.worlds):<12} "
            f"{good} of {stage.handshakes} handshakes{ready}"
        )
        for lost in stage.lost:
            # Also with -q, which shows failures.
            click.echo(f"   {stage.number} {stage.name} lost: {lost}")

    def conclude_move(self, files: Sequence[str], directory: Path) -> None:
        """Say what was written, and what was not proven."""
        _tell(f"\nWritten to {directory}/ in {time.monotonic() - self._begun:.1f} s:")
        for file in files:
            _detail(file)
        _tell("\n" + _OF_THE_MOVE)


def _say_what_is_next(result: Demo, stack: str, directory: Path, authorities: int) -> None:
    from toolkit.pricing import AUTHORITY_PRICE

    authority = result.outputs.certificate_authority
    certificates = shlex.quote(str(directory / "certificates"))
    # One of the stack's CAs issues certificates. The CAs above it are general-purpose.
    above = max(authorities - 1, 0) * AUTHORITY_PRICE["GENERAL_PURPOSE"]
    cost = above + (AUTHORITY_PRICE[authority.priced_mode] if authorities else 0)
    untrusted = "" if authority.type == "ROOT" else f" -untrusted {certificates}/intermediate.pem"
    leaf = next((zone.zone for zone in result.report.zones if zone.certificate), None)
    if leaf:
        _tell("\nSee for yourself:")
        _detail(f"{directory / 'verify.html'} in a browser")
        _detail(f"openssl verify -CAfile {certificates}/root.pem{untrusted} {certificates}/{leaf}.pem")
    _tell("\n" + _NEXT.format(cost=cost, stack=stack))


def _step(number: int, title: str, more: str) -> None:
    _tell(f"{click.style(f'{number}. {title}', bold=True)}: {more}")


def _detail(text: str) -> None:
    _tell(f"   {text}")


def _tell(text: str) -> None:
    """Print a line on standard output, except with ``-q``."""
    if not is_quiet():
        click.echo(text)
