"""``toolkit verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from toolkit.cli.options import STACKS_LIFETIME, emit, look, output_file, stack_outputs
from toolkit.errors import EXIT_CHECK_FAILED, InvalidInputError, Problem

if TYPE_CHECKING:
    from datetime import timedelta

    from toolkit.contract import StackOutputs
    from toolkit.verify.identity import IdentitySource
    from toolkit.verify.report import Form
    from toolkit.verify.runner import Plan, Report


_EXAMPLES = """\b
Examples:
  toolkit verify
  toolkit verify --outputs outputs.json --mesh mesh.yaml --format json
"""


@click.command(name="verify", epilog=_EXAMPLES)
@stack_outputs
@click.option(
    "--mesh",
    "mesh_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The Mesh as it was applied, and its Secret if that stands in another file; repeatable. Its caCert is the "
    "trust bundle; without it, the stack's chain is.",
)
@click.option("--mesh-name", metavar="NAME", help="Which mesh; the stack's or the file's first unless given.")
@click.option("--service", default="toolkit-verify", show_default=True, metavar="NAME", help="The service asked for.")
@click.option(
    "--lifetime", show_default=STACKS_LIFETIME, metavar="DURATION", help="Lifetime of the certificates asked for."
)
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long one zone may take.",
)
@click.option("--profile", metavar="NAME", help="AWS profile from which the verifier roles are assumed.")
@click.option("--endpoint-url", metavar="URL", help="Another AWS, such as a sandbox.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "wide", "json"]),
    default="table",
    show_default=True,
    help="wide shows every check of every zone.",
)
@output_file
def command(
    *,
    outputs: str | None,
    stack: str | None,
    cwd: str | None,
    mesh_files: tuple[Path, ...],
    mesh_name: str | None,
    service: str,
    lifetime: str | None,
    timeout: int,
    profile: str | None,
    endpoint_url: str | None,
    form: Literal["table", "wide", "json"],
    output: Path | None,
) -> None:
    """Prove that every zone gets certificates.

    For every zone at once: assume the zone's verifier role, ask the CA for a data plane certificate, fetch it, and
    check it against the trust bundle of the Mesh. Buys one certificate a zone; keys never leave the memory.
    """
    from datetime import timedelta

    from toolkit import contract
    from toolkit.verify.identity import AssumeVerifierRole

    loaded = contract.load(outputs, stack, cwd)
    plan = _plan(loaded, mesh_files, mesh_name, service, _lifetime(lifetime, loaded), timedelta(seconds=timeout))
    source = AssumeVerifierRole(profile=profile, endpoint_url=endpoint_url)
    source.require_credentials()
    report = run(loaded, plan, source)
    emit(choose_form(form, output).render(report), output)
    if not report.passed:
        click.get_current_context().exit(EXIT_CHECK_FAILED)


def _lifetime(chosen: str | None, outputs: StackOutputs) -> timedelta:
    from toolkit.pki import duration

    text = outputs.data_plane_lifetime if chosen is None else chosen
    try:
        lifetime = duration.parse(text)
        problem = outputs.certificate_authority.lifetime_problem(lifetime)
    except ValueError as error:
        problem = str(error)
    if problem:
        whose = "" if chosen is not None else " (the stack's dataPlaneLifetime)"
        raise InvalidInputError("the lifetime is not valid", [Problem("--lifetime", f"{text}{whose}: {problem}")])
    return lifetime


def _plan(
    outputs: StackOutputs,
    mesh_files: tuple[Path, ...],
    mesh_name: str | None,
    service: str,
    lifetime: timedelta,
    timeout: timedelta,
) -> Plan:
    from toolkit.pki import chain, spiffe
    from toolkit.verify.runner import Plan

    if mesh_files:
        mesh, bundle = _trust_bundle(mesh_files, mesh_name)
    else:
        mesh, bundle = mesh_name or outputs.meshes[0], outputs.certificate_chain
        if mesh not in outputs.meshes:
            raise InvalidInputError(
                f"the stack has no mesh {mesh}",
                [Problem("--mesh-name", f"is none of {', '.join(outputs.meshes)}")],
            )
    try:
        spiffe.data_plane_uris(mesh, [service], {})
    except ValueError as error:
        raise InvalidInputError("the service is not valid", [Problem("--service", str(error))]) from error
    return Plan(mesh, chain.load_bundle(bundle), service, lifetime, timeout)


def _trust_bundle(mesh_files: tuple[Path, ...], mesh_name: str | None) -> tuple[str, str]:
    from toolkit.mesh import reading, trust

    texts = [(str(file), reading.read_text(str(file))) for file in mesh_files]
    return trust.trust_bundle(texts, mesh_name)


def run(outputs: StackOutputs, plan: Plan, source: IdentitySource) -> Report:
    """Verify all zones, with progress on standard error while a person looks on."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    from toolkit.verify.issue import CERTIFICATE_PRICE
    from toolkit.verify.runner import verify

    price = CERTIFICATE_PRICE[outputs.certificate_authority.usage_mode] * len(outputs.zones)
    console = Console(stderr=True)
    click.echo(
        f"Asking for {len(outputs.zones)} certificates, one a zone; on AWS they cost up to ${price:.2f}.", err=True
    )
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        task = progress.add_task("Verifying zones", total=len(outputs.zones))
        return verify(outputs, plan, source, lambda _: progress.advance(task))


def choose_form(form: Literal["table", "wide", "json"], output: Path | None = None) -> Form:
    """The report's form; colours only for a terminal."""
    from toolkit.verify.report.json import JsonForm
    from toolkit.verify.report.table import TableForm

    if form == "json":
        return JsonForm()
    color, width = look(output)
    return TableForm(wide=form == "wide", color=color, width=width)
