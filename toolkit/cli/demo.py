"""``toolkit demo``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli.common_options import is_quiet
from toolkit.cli.options import require_extra
from toolkit.cli.output_options import output_dir_option
from toolkit.cli.parameters import Command, option
from toolkit.errors import EXIT_CHECK_FAILED

if TYPE_CHECKING:
    from toolkit.demo import Demo, Story

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
@output_dir_option(default=Path("build/demo"), help="Directory for the results.")
@option("-s", "--stack", default="prod", metavar="NAME", help="The stack in stacks/ to use.")
@option("--mesh-identity", is_flag=True, help="Play the move from Mesh.mtls to a MeshIdentity instead (experimental).")
def command(output_dir: Path, stack: str, *, mesh_identity: bool) -> None:
    """Run the whole chain against an AWS on loopback.

    Starts an AWS on this machine, runs the Pulumi program in it, renders the Mesh, and verifies every zone. It needs no
    account, no Pulumi CLI and no network. Only the files that it writes remain.

    With --mesh-identity, it applies the five stages of toolkit rotate --to mesh-identity to stand-in control planes,
    and lets proxies with old and new certificates connect at each stage. Kong Mesh itself is not in it.
    """
    from toolkit.files import find_project_root

    with require_extra("sandbox"):
        from toolkit import demo, identity_demo
    story = demo.Story(quiet=is_quiet())
    if mesh_identity:
        passed = identity_demo.run(find_project_root(), stack, output_dir, story)
        story.tell("\n" + _OF_THE_MOVE)
    else:
        result = demo.run(find_project_root(), stack, output_dir, story)
        passed = result.report.passed
        _conclude(result, stack, output_dir, story)
    if not passed:
        click.get_current_context().exit(EXIT_CHECK_FAILED)


def _conclude(result: Demo, stack: str, directory: Path, story: Story) -> None:
    """Show the report, what was written, and what to do next."""
    from toolkit.cli.reports import render_report
    from toolkit.pricing import AUTHORITY_PRICE

    story.tell_step(
        "Every zone was asked for a certificate", "with its verifier role, checked against the Mesh's caCert"
    )
    story.tell("")
    click.echo(render_report(result.report, "table"))
    story.tell_files(directory, result.files)
    authority = result.outputs.certificate_authority
    certificates = shlex.quote(str(directory / "certificates"))
    # One of the stack's CAs issues certificates. The CAs above it are general-purpose.
    authorities = sum(kind.endswith(":CertificateAuthority") for kind in story.resources)
    above = max(authorities - 1, 0) * AUTHORITY_PRICE["GENERAL_PURPOSE"]
    cost = above + (AUTHORITY_PRICE[authority.priced_mode] if authorities else 0)
    untrusted = "" if authority.type == "ROOT" else f" -untrusted {certificates}/intermediate.pem"
    leaf = next((zone.zone for zone in result.report.zones if zone.certificate), None)
    if leaf:
        story.tell("\nSee for yourself:")
        story.tell_detail(f"{directory / 'verify.html'} in a browser")
        story.tell_detail(f"openssl verify -CAfile {certificates}/root.pem{untrusted} {certificates}/{leaf}.pem")
    story.tell("\n" + _NEXT.format(cost=cost, stack=stack))
