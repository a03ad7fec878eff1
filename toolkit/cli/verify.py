"""``toolkit verify``."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli import handshakes
from toolkit.cli.options import STACKS_LIFETIME, Explained, applied_mesh, stack_outputs
from toolkit.cli.reports import ReportFile, refuse_clashes, report_options, write_reports
from toolkit.errors import EXIT_CHECK_FAILED, EXIT_INTERRUPTED, InvalidInputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import timedelta

    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.identity import IdentitySource
    from toolkit.verify.ledger import Ledger
    from toolkit.verify.results import Report
    from toolkit.verify.runner import Run
    from toolkit.verify.zone import Plan


_EXAMPLES = """\b
Examples:
  toolkit verify
  toolkit verify --mesh mesh.yaml --format wide --report json=verify.json
  toolkit verify --outputs outputs.json --zone frankfurt-1 --identity ambient --format json
  toolkit verify --outputs outputs.json --report html=verify.html --merge reports/*.json
"""


_OF_A_MERGE = frozenset({"outputs", "stack", "cwd", "merged", "more", "form", "output", "reports"})
_COMMANDLINE = click.core.ParameterSource.COMMANDLINE


@click.command(name="verify", epilog=_EXAMPLES)
@stack_outputs
@applied_mesh
@click.option(
    "--zone", "zone_names", multiple=True, metavar="NAME", help="Ask in this zone; repeatable; all unless given."
)
@click.option("--service", default="toolkit-verify", show_default=True, metavar="NAME", help="The service asked for.")
@click.option(
    "--lifetime", show_default=STACKS_LIFETIME, metavar="DURATION", help="Lifetime of the certificates asked for."
)
@click.option(
    "--horizon",
    default="30d",
    show_default=True,
    metavar="DURATION",
    help="How long every CA of the chain must still live.",
)
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long one zone may take.",
)
@click.option("--deadline", type=click.IntRange(min=1), metavar="SECONDS", help="How long all zones together may take.")
@click.option(
    "--identity",
    type=click.Choice(["assume-role", "ambient", "web-identity", "profile"]),
    default="assume-role",
    show_default=True,
    help="How to become what a zone is: assume its role; take what the environment gives, inside the zone; exchange "
    "a token of its OIDC provider; take a profile as it is.",
)
@click.option(
    "--role",
    type=click.Choice(["verifier", "zone"]),
    show_default="verifier, but zone with web-identity",
    help="Which of a zone's roles to take.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The token of --identity web-identity; unless given, what AWS_WEB_IDENTITY_TOKEN_FILE names.",
)
@click.option("--profile", metavar="NAME", help="AWS profile from which roles are assumed, or that is taken as it is.")
@click.option("--endpoint-url", metavar="URL", help="Another AWS, such as a sandbox.")
@click.option(
    "--probe-denials", is_flag=True, help="Try what must be denied: minting a CA, revoking, using another CA."
)
@click.option("--revoke", is_flag=True, help="Revoke what was bought, where the role may.")
@click.option(
    "--ledger",
    "ledger_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append every certificate that is bought, before it is used: AWS has no list of them.",
)
@click.option(
    "--merge",
    "merged",
    multiple=True,
    metavar="FILE|-",
    help="Ask nothing: make one report of what other runs wrote as JSON, and say which zones are missing; repeatable, "
    "and more files may follow.",
)
@click.argument(
    "more", cls=Explained, explanation="Further reports for --merge.", nargs=-1, metavar="[--merge FILE FILE...]"
)
@handshakes.handshake_options
@report_options
def command(
    *,
    outputs: str | None,
    stack: str | None,
    cwd: str | None,
    zone_names: tuple[str, ...],
    ledger_file: Path | None,
    merged: tuple[str, ...],
    more: tuple[str, ...],
    form: str,
    reports: tuple[ReportFile, ...],
    output: Path | None,
    **chosen: Any,  # noqa: ANN401 - options of many types, read where they are used
) -> None:
    """Prove that every zone gets certificates.

    For every zone at once: take the zone's identity, look at the CA, ask it for a data plane certificate, fetch it, and
    check it against the trust bundle of the Mesh. Then let the zones' proxies connect to each other, both sides
    verifying. Buys one certificate a zone; keys never leave the memory. Ctrl-C ends it and reports what is known by
    then.
    """
    from toolkit import contract

    if more and not merged:
        raise click.UsageError(f"{more[0]} is no option; reports of other runs follow --merge")
    merged += more
    if "-" in merged and outputs == "-":
        raise click.UsageError("--merge and --outputs can't both be standard input")
    if merged:
        _refuse_questions(click.get_current_context())
    refuse_clashes(output, reports, ledger_file)
    loaded = contract.load(outputs, stack, cwd)
    if merged:
        report = _merge(loaded, merged)
        write_reports(report, form, output, reports)
    else:
        engine = handshakes.engine(handshakes=chosen["handshakes"], dataplane=chosen["dataplane"])
        zones = _zones(loaded, zone_names)
        plan = _plan(loaded, zones, chosen)
        source = _source(chosen, zones)
        # Open to the end: an answer that comes late may still be of something that was bought.
        with _ledger(ledger_file) as ledger:
            with _on_sigterm(_interrupt):
                run = _run(loaded, plan, source, zones, ledger)
                report, trouble = handshakes.meet(run, plan, engine)
            # What was bought is in the report: that is written whoever is in a hurry.
            with _on_sigterm(signal.SIG_IGN):
                write_reports(report, form, output, reports)
        if trouble:
            raise trouble
    if report.interrupted:
        click.get_current_context().exit(EXIT_INTERRUPTED)
    if not report.passed:
        click.get_current_context().exit(EXIT_CHECK_FAILED)


def _refuse_questions(ctx: click.Context) -> None:
    """Refuse options of a run beside ``--merge``: it would look as if they had been heeded."""
    given = [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name not in _OF_A_MERGE and ctx.get_parameter_source(str(parameter.name)) is _COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"--merge asks nothing, so {', '.join(given)} has no meaning with it")


def _zones(outputs: StackOutputs, names: Sequence[str]) -> list[Zone]:
    known = {zone.name: zone for zone in outputs.zones}
    if unknown := [name for name in names if name not in known]:
        raise InvalidInputError(
            f"the stack has no zone {', '.join(unknown)}",
            [Problem("--zone", f"{name} is none of {', '.join(known)}") for name in unknown],
        )
    return [known[name] for name in dict.fromkeys(names)] if names else list(outputs.zones)


def _plan(outputs: StackOutputs, zones: Sequence[Zone], chosen: dict[str, Any]) -> Plan:
    from datetime import timedelta

    from toolkit.pki import spiffe
    from toolkit.verify.zone import Plan

    mesh, bundle, template = _mesh(outputs, chosen)
    service = chosen["service"]
    try:
        spiffe.data_plane_uris(mesh, [service], {})
    except ValueError as error:
        raise InvalidInputError("the service is not valid", [Problem("--service", str(error))]) from error
    deadline = chosen["deadline"]
    return Plan(
        mesh=mesh,
        trust_bundle=bundle,
        service=service,
        lifetime=_lifetime(chosen["lifetime"], outputs),
        timeout=timedelta(seconds=chosen["timeout"]),
        deadline=None if deadline is None else timedelta(seconds=deadline),
        horizon=_duration("--horizon", chosen["horizon"]),
        common_names=_common_names(template, service, zones),
        probe_denials=chosen["probe_denials"],
        revoke=chosen["revoke"],
    )


def _mesh(outputs: StackOutputs, chosen: dict[str, Any]) -> tuple[str, str, str | None]:
    """The mesh's name, its trust bundle, and its template of common names."""
    name, files = chosen["mesh_name"], chosen["mesh_files"]
    if not files:
        if chosen["backend_name"]:
            raise click.UsageError("--backend-name needs --mesh FILE")
        mesh = name or outputs.meshes[0]
        if mesh not in outputs.meshes:
            raise InvalidInputError(
                f"the stack has no mesh {mesh}",
                [Problem("--mesh-name", f"is none of {', '.join(outputs.meshes)}")],
            )
        return mesh, outputs.certificate_chain, None
    from toolkit.mesh import reading, trust

    texts = [(str(file), reading.read_text(str(file))) for file in files]
    found = trust.applied(texts, name, chosen["backend_name"])
    if found.authority_arn != outputs.certificate_authority.arn:
        raise InvalidInputError(
            f"Mesh {found.mesh} names another CA than the stack",
            [Problem("conf.arn", f"is {found.authority_arn}; the stack has {outputs.certificate_authority.arn}")],
            "Give the outputs of the stack that the Mesh was rendered from, or name its backend with --backend-name.",
        )
    return found.mesh, found.bundle, found.common_name


def _common_names(template: str | None, service: str, zones: Sequence[Zone]) -> dict[str, str]:
    """What the Mesh's template makes for the proxy of each zone."""
    from toolkit.pki import common_name, spiffe

    if template is None:
        return {}
    names = {}
    for zone in zones:
        expanded = common_name.expand(template, {spiffe.SERVICE_TAG: service, spiffe.ZONE_TAG: zone.name})
        unknown = [] if expanded is None else expanded.unknown
        if expanded is None or unknown:
            what = f"needs the tag {unknown[0]}" if unknown else "has a directive that is not known"
            raise InvalidInputError(
                "the Mesh's commonName can't be expanded",
                [
                    Problem(
                        "conf.commonName", f"{template} {what}; known are {spiffe.SERVICE_TAG} and {spiffe.ZONE_TAG}"
                    )
                ],
                "Leave --mesh out: certificates are asked for without a common name then.",
            )
        if len(expanded.text) > common_name.MAX_COMMON_NAME:
            raise InvalidInputError(
                "the Mesh's commonName is too long",
                [Problem("conf.commonName", f"{expanded.text} has {len(expanded.text)} characters; 64 are the most")],
                "Choose a shorter --service, or a shorter template.",
            )
        names[zone.name] = expanded.text
    return names


def _duration(option: str, text: str) -> timedelta:
    from toolkit.pki import duration

    try:
        return duration.parse(text)
    except ValueError as error:
        raise InvalidInputError(f"{option} is not valid", [Problem(option, str(error))]) from error


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


def _source(chosen: dict[str, Any], zones: Sequence[Zone]) -> IdentitySource:
    from toolkit.verify.identity import Ambient, AssumeRole, WebIdentity

    how, role, profile, endpoint = (chosen[name] for name in ("identity", "role", "profile", "endpoint_url"))
    token_file = chosen["token_file"]
    if how == "web-identity" and token_file is None and (named := os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")):
        token_file = Path(named)
    if (how == "web-identity") != (token_file is not None):
        raise click.UsageError("--identity web-identity and --token-file belong together")
    if how == "profile" and not profile:
        raise click.UsageError("--identity profile needs --profile NAME")
    if how in ("ambient", "profile", "web-identity") and len(zones) > 1:
        names = ", ".join(zone.name for zone in zones)
        raise click.UsageError(f"--identity {how} is one zone's; name it with --zone: {names}")
    if how in ("ambient", "profile") and role:
        raise click.UsageError(f"--role has no meaning with --identity {how}: what is there is taken as it is")
    source: AssumeRole | Ambient | WebIdentity
    if how == "assume-role":
        source = AssumeRole(role or "verifier", profile, endpoint)
    elif how == "web-identity":
        source = WebIdentity(token_file, role or "zone", endpoint)
    else:
        source = Ambient(profile if how == "profile" else None, endpoint)
    source.require_credentials()
    return source


@contextmanager
def _ledger(file: Path | None) -> Iterator[Ledger]:
    from toolkit.verify.ledger import FileLedger, NoLedger

    if file is None:
        yield NoLedger()
        return
    with FileLedger(file) as ledger:
        yield ledger


def _merge(outputs: StackOutputs, files: Sequence[str]) -> Report:
    from toolkit.mesh import reading
    from toolkit.verify import merging
    from toolkit.verify.report import json

    reports = [json.parse(reading.read_text(file), reading.shown(file)) for file in files]
    return merging.merge(reports, outputs)


def _run(outputs: StackOutputs, plan: Plan, source: IdentitySource, zones: Sequence[Zone], ledger: Ledger) -> Run:
    """Verify the zones, with progress on standard error while a person looks on."""
    from dataclasses import replace

    from rich.console import Console

    from toolkit.cli.progress import LiveProgress
    from toolkit.verify.results import CERTIFICATE_PRICE
    from toolkit.verify.runner import verify

    price = CERTIFICATE_PRICE[outputs.certificate_authority.usage_mode] * len(zones)
    many = "1 certificate" if len(zones) == 1 else f"{len(zones)} certificates, one a zone"
    click.echo(f"Asking for {many}; on AWS they cost up to ${price:.2f}.", err=True)
    progress = LiveProgress([zone.name for zone in zones], Console(stderr=True))
    with progress:
        asked = replace(plan, ledger=ledger)
        return verify(outputs, asked, source, progress.done, zones=zones, on_begin=progress.begun)


def _interrupt(*_: object) -> None:
    """Let SIGTERM end a run as Ctrl-C does: Kubernetes sends it when a Job's time is up."""
    raise KeyboardInterrupt


@contextmanager
def _on_sigterm(action: Callable[..., None] | signal.Handlers) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, action)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
