"""``toolkit render-job``."""

from __future__ import annotations

import functools
import operator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli.base import read_mode
from toolkit.cli.options import STACKS_LIFETIME, applied_mesh, emit, load_contract, note, output_file, stack_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.contract import StackOutputs, Zone
    from toolkit.jobs.verifiers import JobOptions
    from toolkit.mesh.documents.applied import Applied
    from toolkit.values import Value

_MAX_SECONDS = 3600
_MAX_RETRIES = 5
_MAX_NAMES = 5

_EXAMPLES = """\b
Examples:
  toolkit render-job --zone frankfurt-1 --image registry.example/toolkit:0.1.0 | kubectl apply -f -
  toolkit render-job --mesh mesh.yaml --image registry.example/toolkit:0.1.0 --output-dir jobs
  toolkit render-job --schedule '0 6 * * 1' --image registry.example/toolkit:0.1.0 -o jobs.yaml
"""


@click.command(name="render-job", epilog=_EXAMPLES)
@stack_outputs
@click.option(
    "--zone", "zone_names", multiple=True, metavar="NAME", help="For this zone; repeatable; for all unless given."
)
@click.option(
    "--image",
    required=True,
    metavar="REFERENCE",
    help="The image with the toolkit in it, pinned by a version or a digest; the Dockerfile builds one.",
)
@applied_mesh
@click.option("--schedule", metavar="CRON", help="A CronJob instead of a Job: five fields, or @daily and the like.")
@click.option("--time-zone", metavar="NAME", help="In which the schedule is read; the cluster's unless given.")
@click.option(
    "--namespace", metavar="NAME", show_default="that of the zone's control plane", help="Where the pod runs."
)
@click.option(
    "--service-account",
    metavar="NAME",
    show_default="that of the zone's control plane",
    help="Whose AWS role the pod gets.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1, _MAX_SECONDS),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long the verification may take.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, _MAX_RETRIES),
    default=0,
    show_default=True,
    metavar="NUMBER",
    help="Attempts after one that could not be made; each may buy another certificate.",
)
@click.option(
    "--lifetime", show_default=STACKS_LIFETIME, metavar="DURATION", help="Lifetime of the certificates asked for."
)
@click.option("--horizon", metavar="DURATION", help="How long every CA of the chain must still live; 30d unless given.")
@click.option(
    "--probe-denials", is_flag=True, help="Try what must be denied: minting a CA, revoking, using another CA."
)
@output_file
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a file a zone, ZONE.job.yaml, all of them or none.",
)
def command(
    *,
    outputs: str | None,
    stack: str | None,
    cwd: str | None,
    zone_names: tuple[str, ...],
    mesh_files: tuple[Path, ...],
    backend_name: str | None,
    output: Path | None,
    output_dir: Path | None,
    **chosen: Value,
) -> None:
    """Render a Job that verifies a zone from inside its cluster.

    For each zone a ConfigMap with what toolkit verify reads, and a Job or a CronJob that runs it with the zone's own
    AWS role. The pod's termination message is the report, which toolkit verify --merge reads.
    """
    from toolkit.jobs import verifiers, workloads
    from toolkit.mesh.render.templating import join_documents
    from toolkit.verify.plan import choose_zones

    if output and output_dir:
        raise click.UsageError("-o and --output-dir do not go together")
    if backend_name and not mesh_files:
        raise click.UsageError("--backend-name needs --mesh FILE")
    if "-" in map(str, mesh_files) and outputs == "-":
        raise click.UsageError("--mesh and --outputs can't both be standard input")
    loaded = load_contract(outputs, stack, cwd)
    zones = choose_zones(loaded, zone_names)
    options = verifiers.JobOptions(**chosen)
    mesh = _mesh(mesh_files, options.mesh_name, backend_name)
    made = verifiers.build(loaded, zones, options, mesh)
    texts = {job.zone: workloads.render_job(job) for job in made}
    _say(loaded, zones, options, mesh)
    # What is made of a file is readable to no more people than that file.
    mode = functools.reduce(operator.and_, (read_mode(str(file)) for file in mesh_files), read_mode(None))
    if output_dir is None:
        emit(join_documents(list(texts.values())), output, mode)
    else:
        from toolkit.files import write_all

        write_all({output_dir / f"{zone}.job.yaml": (text, mode) for zone, text in texts.items()})


def _mesh(files: Sequence[Path], name: str | None, backend: str | None) -> Applied | None:
    from toolkit.files import name_source, read_text
    from toolkit.jobs import verifiers

    texts = [(name_source(str(file)), read_text(str(file))) for file in files]
    return verifiers.read_mesh(texts, name, backend) if texts else None


def _say(outputs: StackOutputs, zones: Sequence[Zone], options: JobOptions, mesh: Applied | None) -> None:
    """What the documents can't do, or cost, that their reader may not expect."""
    from toolkit.pricing import CERTIFICATE_PRICE

    if options.schedule:
        price = CERTIFICATE_PRICE[outputs.certificate_authority.priced_mode] * len(zones)
        many = "1 certificate" if len(zones) == 1 else f"{len(zones)} certificates, one a zone"
        note(f"each run buys {many}; on AWS they cost up to ${price:.2f}")
    if mesh and mesh.has_access_key:
        note("the Mesh names an access key, with which its control planes ask; the Jobs ask with the role of the pod")
    elsewhere = [zone.name for zone in zones if not _runs_as_control_plane(zone, options)]
    if elsewhere:
        note(
            f"the pods of {_names(elsewhere)} do not run as the control plane does: the zone's role does not trust "
            "them, so they need a way of their own to it or to the verifier role"
        )
    ambient = [zone.name for zone in zones if zone.identity == "ambient"]
    if ambient:
        note(f"identity ambient: the pods of {_names(ambient)} get the role of their machine, if it lets them")


def _runs_as_control_plane(zone: Zone, options: JobOptions) -> bool:
    """Whether the pod runs where and as whom the zone's role trusts."""
    return options.namespace in (None, zone.namespace) and options.service_account in (None, zone.service_account)


def _names(zones: Sequence[str]) -> str:
    shown = ", ".join(zones[:_MAX_NAMES])
    return shown if len(zones) <= _MAX_NAMES else f"{shown} and {len(zones) - _MAX_NAMES} more"
