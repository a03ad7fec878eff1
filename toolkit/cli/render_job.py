"""``toolkit render-job``."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from toolkit.cli.documents import lay_out, read_mode
from toolkit.cli.options import STACKS_LIFETIME, ContractSource, contract_options, emit, note, zone_option
from toolkit.cli.output_options import Output, document_options, output_dir_option, write_directory
from toolkit.cli.parameters import Command, option
from toolkit.cli.verify_options import AppliedOptions, applied_options, probe_option
from toolkit.text import list_names
from toolkit.values import Value

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.contract import StackOutputs, Zone
    from toolkit.jobs.verifiers import JobOptions
    from toolkit.mesh.documents.applied import Applied
    from toolkit.mesh.documents.applied_identity import AppliedIdentity

_MAX_SECONDS = 3600
_MAX_RETRIES = 5
_MAX_NAMES = 5

_EXAMPLES = """\b
Examples:
  toolkit render-job --zone frankfurt-1 --image registry.example/toolkit:0.1.0 | kubectl apply -f -
  toolkit render-job -f mesh.yaml --image registry.example/toolkit:0.1.0 --output-dir jobs
  toolkit render-job --schedule '0 6 * * 1' --image registry.example/toolkit:0.1.0 --output-file jobs.yaml
"""


@click.command(name="render-job", cls=Command, epilog=_EXAMPLES)
@contract_options
@zone_option(help="Render for this zone; repeatable; all by default.")
@option(
    "--image",
    required=True,
    metavar="REFERENCE",
    help="The image with the toolkit in it, pinned by a version or a digest; the Dockerfile builds one.",
)
@applied_options
@option("--schedule", metavar="CRON", help="A CronJob instead of a Job: five fields, or @daily and the like.")
@option("--time-zone", metavar="NAME", help="Time zone of the schedule; the cluster's by default.")
@option(
    "--pod-namespace",
    "namespace",
    metavar="NAME",
    show_default="that of the zone's control plane",
    rare=True,
    help="Namespace of the pod.",
)
@option(
    "--pod-service-account",
    "service_account",
    metavar="NAME",
    show_default="that of the zone's control plane",
    rare=True,
    help="Service account of the pod, from which it gets its AWS role.",
)
@option(
    "--timeout", type=click.IntRange(1, _MAX_SECONDS), default=60, metavar="SECONDS", help="Time limit for one zone."
)
@option(
    "--retries",
    type=click.IntRange(0, _MAX_RETRIES),
    default=0,
    metavar="NUMBER",
    help="Retries after an environment error; each may issue another certificate.",
)
@option("--lifetime", show_default=STACKS_LIFETIME, metavar="DURATION", help="Lifetime of the requested certificates.")
@option("--horizon", metavar="DURATION", help="How long every CA of the chain must still be valid; 30d by default.")
@probe_option
@document_options
@output_dir_option(group="Output", help="Write a file per zone, ZONE.job.yaml or .json, all of them or none.")
def command(
    *,
    source: ContractSource,
    zone_names: tuple[str, ...],
    subject: AppliedOptions,
    target: Output,
    output_dir: Path | None,
    **chosen: Value,
) -> None:
    """Render a Job that verifies a zone from inside its cluster.

    For each zone, it renders a ConfigMap with the inputs of toolkit verify, and a Job or CronJob that runs it with the
    zone's own AWS role. The report is the pod's termination message, which toolkit verify --merge reads.
    """
    from toolkit.jobs import verifiers, workloads
    from toolkit.mesh.render.templating import join_documents
    from toolkit.verify.plan import choose_zones

    if target.file and output_dir:
        raise click.UsageError("--output-file and --output-dir do not go together")
    subject.refuse_clashes()
    loaded = source.load()
    zones = choose_zones(loaded, zone_names)
    options = verifiers.JobOptions(mesh_name=subject.mesh, **chosen)
    applied = subject.read(verifiers.read_applied)
    made = verifiers.build(loaded, zones, options, applied)
    texts = {job.zone: workloads.render_job(job) for job in made}
    _say(loaded, zones, options, applied)
    # Outputs get no wider permissions than the input files.
    mode = functools.reduce(operator.and_, (read_mode(file) for file in subject.filenames), read_mode(None))
    if output_dir is None:
        emit(lay_out(join_documents(list(texts.values())), target.form), target.file, mode)
    else:
        write_directory(
            output_dir,
            {f"{zone}.job.{target.form}": (lay_out(text, target.form), mode) for zone, text in texts.items()},
        )


def _say(
    outputs: StackOutputs, zones: Sequence[Zone], options: JobOptions, applied: Applied | AppliedIdentity | None
) -> None:
    """Print notes on the cost and the limitations of the documents."""
    from toolkit.mesh.documents.applied import Applied
    from toolkit.pricing import CERTIFICATE_PRICE

    if options.schedule:
        price = CERTIFICATE_PRICE[outputs.certificate_authority.priced_mode] * len(zones)
        is_one = len(zones) == 1
        many = (
            "1 certificate; on AWS it costs" if is_one else f"{len(zones)} certificates, one per zone; on AWS they cost"
        )
        note(f"each run requests {many} up to ${price:.2f}")
    if isinstance(applied, Applied) and applied.has_access_key:
        note("the Mesh has an access key, which its control planes use; the Jobs use the role of their pod")
    elsewhere = [zone.name for zone in zones if not _runs_as_control_plane(zone, options)]
    if elsewhere:
        note(
            f"the pods of {list_names(elsewhere, _MAX_NAMES)} do not run as the control plane does: the zone's role "
            "does not trust them, so they need another way to assume it or the verifier role"
        )
    ambient = [zone.name for zone in zones if zone.identity == "ambient"]
    if ambient:
        names = list_names(ambient, _MAX_NAMES)
        note(f"identity ambient: the pods of {names} get the role of their machine, if it allows that")


def _runs_as_control_plane(zone: Zone, options: JobOptions) -> bool:
    """Return whether the pod has the namespace and service account that the zone's role trusts."""
    return options.namespace in (None, zone.namespace) and options.service_account in (None, zone.service_account)
