"""``toolkit verify``."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import handshakes, verify_identity, verify_resume
from toolkit.cli.options import (
    STACKS_LIFETIME,
    applied_mesh,
    can_ask,
    contract_options,
    list_given_besides,
    load_contract,
    open_stderr_console,
    say,
    warn,
    yes_option,
    zone_option,
)
from toolkit.cli.output_options import (
    output_option,
    refuse_one_stdin,
    settle_outputs,
)
from toolkit.cli.parameters import Command, argument, option
from toolkit.cli.reports import FORMS, require_writable, write_reports
from toolkit.cli.signals import Signals
from toolkit.cli.verify_plan import identity_name_option, plan_verification
from toolkit.errors import EXIT_ENVIRONMENT, ExternalError, InterruptedByUserError, flatten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolkit.cli.output_options import Output
    from toolkit.cli.verify_identity import Source
    from toolkit.contract import StackOutputs, Zone
    from toolkit.values import Object, Value
    from toolkit.verify.identity import IdentitySource
    from toolkit.verify.ledger import Ledger
    from toolkit.verify.plan import Plan
    from toolkit.verify.results import Report
    from toolkit.verify.runner import Run


_EXAMPLES = """\b
Examples:
  toolkit verify
  toolkit verify -f mesh.yaml -o wide -o html=verify.html -o junit=verify.xml
  toolkit verify --contract outputs.json --zone frankfurt-1 --identity ambient -o json
  toolkit verify --contract outputs.json -o html=verify.html --merge reports/*.json
  toolkit verify --contract outputs.json --resume ledger.jsonl
"""


_OF_A_MERGE = frozenset({"contract_file", "stack", "cwd", "merged", "more", "outputs", "yes"})
# One day.
_MAX_SECONDS = 86_400
# Cost in dollars up to which a run starts without a question.
_ASKS_ABOVE = 1


@click.command(name="verify", cls=Command, epilog=_EXAMPLES)
@contract_options
@applied_mesh(
    "The applied Mesh and the Secret of its chain, or a MeshIdentity and its MeshTrusts. They define the trust bundle "
    "and the names in requests."
)
@identity_name_option
@zone_option("Verify this zone; repeatable; all by default.")
@option(
    "--service",
    default="toolkit-verify",
    show_default=True,
    metavar="NAME",
    rare=True,
    help="The service in the requested certificates.",
)
@option("--lifetime", show_default=STACKS_LIFETIME, metavar="DURATION", help="Lifetime of the requested certificates.")
@option(
    "--horizon",
    default="30d",
    show_default=True,
    metavar="DURATION",
    rare=True,
    help="How long every CA of the chain must still be valid.",
)
@option(
    "--timeout",
    type=click.IntRange(1, _MAX_SECONDS),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Time limit for one zone.",
)
@option(
    "--deadline",
    type=click.IntRange(1, _MAX_SECONDS),
    metavar="SECONDS",
    rare=True,
    help="Time limit for all zones together.",
)
@option(
    "--identity",
    type=click.Choice(["assume-role", "ambient", "web-identity", "profile"]),
    default="assume-role",
    show_default=True,
    group="AWS",
    help="How to get a zone's identity; assume its role; use the environment's credentials, inside the zone; exchange "
    "a token of its OIDC provider; use a profile's credentials.",
)
@option(
    "--role",
    type=click.Choice(["verifier", "zone"]),
    show_default="verifier, but zone with web-identity or where a zone has no verifier role",
    group="AWS",
    help="Which of a zone's roles to assume.",
)
@option(
    "--web-identity-token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    reads=True,
    group="AWS",
    rare=True,
    help="The token file of --identity web-identity; that in AWS_WEB_IDENTITY_TOKEN_FILE by default.",
)
@option(
    "--profile",
    metavar="NAME",
    group="AWS",
    help="The AWS profile; its credentials assume the roles, or are used directly with --identity profile.",
)
@option("--endpoint-url", metavar="URL", group="AWS", rare=True, help="Another AWS, such as a sandbox.")
@option("--probe-denials", is_flag=True, help="Try what must be denied; a CA certificate, revoking, another CA.")
@option("--revoke", is_flag=True, help="Revoke the issued certificates; the role must be allowed to.")
@option(
    "--ledger",
    "ledger_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    writes=True,
    help="Record requests and certificates in this file; each before it is sent or used, as AWS has no list of "
    "certificates. Syncs each line.",
)
@option(
    "--resume",
    "resumed",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="LEDGER",
    reads=True,
    writes=True,
    help="Find the certificates of a killed run; repeats the requests of its ledger that have no answer and "
    "are less than 4 minutes old, and appends the ARNs. Exit code 1: the outcome of some requests is unknown.",
)
@option(
    "--merge",
    "merged",
    multiple=True,
    metavar="FILE|-",
    reads=True,
    help="Merge reports of other runs (JSON) into one, without calling AWS; reports zones without a result; "
    "repeatable, and more files may follow.",
)
@argument("more", nargs=-1, metavar="[--merge FILE FILE...]", reads=True, help="Further reports for --merge.")
@handshakes.handshake_options
@yes_option
@output_option(
    *FORMS,
    explanation="wide shows every check of every zone; junit is for CI systems, prometheus for node_exporter's "
    "textfile collector, compact is JSON of 4096 bytes, for a Kubernetes Job.",
)
def command(
    *,
    contract_file: str | None,
    stack: str | None,
    cwd: str | None,
    filenames: tuple[str, ...],
    zone_names: tuple[str, ...],
    ledger_file: Path | None,
    resumed: Path | None,
    merged: tuple[str, ...],
    more: tuple[str, ...],
    outputs: tuple[Output, ...],
    **chosen: Value,
) -> None:
    """Prove that every zone gets certificates.

    For all zones at once, verify gets the zone's identity, describes the CA, requests and fetches a data plane
    certificate, and checks it against the trust bundle of the Mesh, or of a MeshIdentity's MeshTrust. Then the zones'
    proxies make TLS handshakes, in which both sides verify. One certificate is issued per zone. Private keys stay in
    memory. Ctrl-C ends the run and reports the results so far.
    """
    # Open until the process ends: signals at the very end must not change the exit code.
    signals = click.get_current_context().find_root().with_resource(Signals())
    from datetime import timedelta

    from toolkit.verify.plan import choose_zones
    from toolkit.verify.resume import Resumption

    inputs = {"--merge": [*merged, *more], "-f": filenames, "--contract": [contract_file]}
    merged = _refuse_clashes(merged, more, resumed)
    if resumed:
        verify_resume.refuse_forms(outputs)
    settled = settle_outputs(outputs, "table")
    refuse_one_stdin(inputs)
    loaded = load_contract(contract_file, stack, cwd)
    zones = choose_zones(loaded, zone_names)
    chosen |= {"filenames": filenames}
    if resumed:
        source = verify_identity.choose_source(chosen, zones)
        resumption = Resumption(loaded, source, zones, timedelta(seconds=chosen["timeout"]))
        verify_resume.run(resumption, source, resumed, settled, signals)
        return
    require_writable(settled)

    def write(report: Report) -> None:
        write_reports(report, settled)

    if merged:
        report, trouble = _merge(loaded, merged), None
        write(report)
    else:
        report, trouble = _verify(loaded, zones, chosen, ledger_file, signals, write)
    if trouble:
        raise trouble
    _exit(report)


def _exit(report: Report) -> None:
    """End the command with the exit code of the report.

    Raises:
        ExternalError: every zone failed for one cause that lies outside the zones.
    """
    from toolkit.verify.exit_codes import choose_exit_code

    code = choose_exit_code(report)
    if code == EXIT_ENVIRONMENT:
        check = report.zones[0].checks[0]
        raise ExternalError(f"no zone could be asked: {flatten(check.found)}", check.advice)
    if code:
        click.get_current_context().exit(code)


def _refuse_clashes(merged: tuple[str, ...], more: tuple[str, ...], resumed: Path | None) -> tuple[str, ...]:
    """Reject options that exclude each other, and return all reports to merge."""
    ctx = click.get_current_context()
    if more and not merged:
        raise click.UsageError(f"unexpected argument {more[0]}; a document needs -f, a report of another run --merge")
    merged += more
    if merged and resumed:
        raise click.UsageError("--merge and --resume exclude each other")
    if merged and (given := list_given_besides(ctx, _OF_A_MERGE)):
        # Ignoring these options would look as if they had an effect.
        raise click.UsageError(f"{', '.join(given)} has no effect with --merge, which verifies nothing")
    if resumed:
        verify_resume.refuse_others(ctx)
    return merged


def _verify(
    outputs: StackOutputs,
    zones: Sequence[Zone],
    chosen: Object,
    ledger_file: Path | None,
    signals: Signals,
    write: Callable[[Report], None],
) -> handshakes.Met:
    """Verify the zones and write the report, even if the run was stopped or ended with an error."""
    from toolkit.verify import regions

    for line in regions.list_unknown(outputs):
        warn(line)
    engine = handshakes.load_engine(handshakes=chosen["handshakes"], dataplane=chosen["dataplane"])
    plan = plan_verification(outputs, zones, chosen)
    try:
        source = verify_identity.choose_source(chosen, zones)
    except ExternalError as error:
        from toolkit.verify.runner import report_unasked

        write(report_unasked(outputs, plan, zones, error))
        raise
    _require_consent(outputs, zones, source, yes=chosen["yes"])
    # Open until the end: a late answer may name an issued certificate.
    with _ledger(ledger_file) as ledger:
        # From here on, every issued certificate is reported, no matter how many signals arrive.
        signals.hold()
        run = _run(outputs, plan, source, zones, ledger, signals)
        met = handshakes.meet(run, plan, engine, signals)
        write(met.report)
        verify_resume.warn_of_unanswered(run.unanswered, ledger_file)
    return met


def _require_consent(outputs: StackOutputs, zones: Sequence[Zone], source: Source, *, yes: bool) -> None:
    """Print the maximum cost of the run. If more than a dollar is paid, ask for confirmation on a terminal.

    Raises:
        InterruptedByUserError: the user did not confirm.
    """
    from toolkit.pricing import CERTIFICATE_PRICE

    price = CERTIFICATE_PRICE[outputs.certificate_authority.priced_mode] * len(zones)
    many, they = ("1 certificate", "it") if len(zones) == 1 else (f"{len(zones)} certificates, one per zone", "they")
    cost, is_paid = verify_identity.price_on_aws(source, price, they)
    say(f"Asking for {many}; {cost}.")
    if yes or not is_paid or price <= _ASKS_ABOVE or not can_ask():
        return
    try:
        agreed = click.confirm("Go on?", err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise InterruptedByUserError("not verified; nothing was issued")


@contextmanager
def _ledger(file: Path | None) -> Iterator[Ledger]:
    from toolkit.verify.ledger import FileLedger, NoLedger

    if file is None:
        yield NoLedger()
        return
    with FileLedger(file) as ledger:
        yield ledger


def _merge(outputs: StackOutputs, files: Sequence[str]) -> Report:
    from toolkit.files import name_source, read_text
    from toolkit.verify import report_merging
    from toolkit.verify.report import json

    reports = [json.parse(read_text(file, "is not a report of toolkit verify"), name_source(file)) for file in files]
    return report_merging.merge(reports, outputs)


def _run(
    outputs: StackOutputs, plan: Plan, source: IdentitySource, zones: Sequence[Zone], ledger: Ledger, signals: Signals
) -> Run:
    """Verify the zones, with progress on stderr if that is a terminal."""
    from dataclasses import replace

    from toolkit.cli.progress import LiveProgress
    from toolkit.verify.runner import verify

    progress = LiveProgress([zone.name for zone in zones], open_stderr_console())
    with progress:
        return verify(
            outputs,
            replace(plan, ledger=ledger),
            source,
            progress.done,
            zones=zones,
            on_begin=progress.begun,
            on_start=signals.listen,
        )
