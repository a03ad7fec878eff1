"""``toolkit verify``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import handshakes, verify_resume
from toolkit.cli.options import (
    STACKS_LIFETIME,
    ContractSource,
    can_ask,
    contract_options,
    open_stderr_console,
    require_agreement,
    say,
    warn,
    yes_option,
    zone_option,
)
from toolkit.cli.output_options import Output, result_option
from toolkit.cli.parameters import Command, argument, option, parse_with, path_option
from toolkit.cli.reports import FORMS, require_writable, write_reports
from toolkit.cli.signals import Signals
from toolkit.cli.verify_options import (
    applied_options,
    choose_source,
    plan_verification,
    price_on_aws,
    probe_option,
    refuse_options_besides,
    source_options,
    warn_of_shared_verifiers,
)
from toolkit.errors import EXIT_ENVIRONMENT, ExternalError, flatten
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from toolkit.cli.verify_options import Source
    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.identity import IdentitySource
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


_OF_A_MERGE = ("contract_file", "stack", "cwd", "merged", "more", "outputs", "yes")
_OF_A_RESUMPTION = (
    *("contract_file", "stack", "cwd", "zone_names", "timeout", "resumed", "outputs", "yes"),
    *("identity", "role", "web_identity_token_file", "profile", "endpoint_url"),
)
# One day.
_MAX_SECONDS = 86_400
# Cost in dollars up to which a run starts without a question.
_ASKS_ABOVE = 1


def _require_file(ledger: Path) -> Path:
    if str(ledger) == "-":
        raise ValueError("a ledger must be a file; only from a file can a killed run be resumed")
    return ledger


@click.command(name="verify", cls=Command, epilog=_EXAMPLES)
@contract_options
@applied_options
@zone_option(help="Verify this zone; repeatable; all by default.")
@option(
    "--service", default="toolkit-verify", metavar="NAME", rare=True, help="The service in the requested certificates."
)
@option("--lifetime", show_default=STACKS_LIFETIME, metavar="DURATION", help="Lifetime of the requested certificates.")
@option(
    "--horizon",
    default="30d",
    metavar="DURATION",
    rare=True,
    help="How long every CA of the chain must still be valid.",
)
@option(
    "--timeout", type=click.IntRange(1, _MAX_SECONDS), default=60, metavar="SECONDS", help="Time limit for one zone."
)
@option(
    "--deadline",
    type=click.IntRange(1, _MAX_SECONDS),
    metavar="SECONDS",
    rare=True,
    help="Time limit for all zones together.",
)
@source_options
@probe_option
@option("--revoke", is_flag=True, help="Revoke the issued certificates; the role must be allowed to.")
@path_option(
    "--ledger",
    "ledger_file",
    type=click.Path(path_type=Path, dir_okay=False),
    writes=True,
    callback=parse_with(_require_file),
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
@argument(
    "more",
    nargs=-1,
    metavar="[--merge FILE FILE...]",
    reads=True,
    continues="--merge",
    help="Further reports for --merge.",
)
@handshakes.handshake_options
@yes_option
@result_option(
    *FORMS,
    explanation="wide shows every check of every zone; junit is for CI systems, prometheus for node_exporter's "
    "textfile collector, compact is JSON of 4096 bytes, for a Kubernetes Job.",
)
def command(
    *,
    source: ContractSource,
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

    merged = _refuse_clashes(merged, more, resumed)
    if resumed:
        verify_resume.refuse_forms(outputs)
    loaded = source.load()
    zones = choose_zones(loaded, zone_names)
    if resumed:
        identities = choose_source(chosen, zones)
        resumption = Resumption(loaded, identities, zones, timedelta(seconds=chosen["timeout"]))
        verify_resume.run(resumption, identities, resumed, outputs, signals)
        return
    require_writable(outputs)
    if merged:
        report = _merge(loaded, merged)
        write_reports(report, outputs)
    else:
        run = _verify(loaded, zones, chosen, ledger_file, outputs, signals)
        if run.trouble:
            raise run.trouble
        report = run.report
    _exit(report)


def _exit(report: Report) -> None:
    """End the command with the exit code of the report.

    Raises:
        ExternalError: every zone failed for one cause that lies outside the zones.
    """
    code = report.exit_code
    if code == EXIT_ENVIRONMENT:
        check = report.zones[0].checks[0]
        raise ExternalError(f"no zone could be asked: {flatten(check.found)}", check.advice)
    if code:
        click.get_current_context().exit(code)


def _refuse_clashes(merged: tuple[str, ...], more: tuple[str, ...], resumed: Path | None) -> tuple[str, ...]:
    """Reject options that exclude each other, and return all reports to merge."""
    if more and not merged:
        raise click.UsageError(f"unexpected argument {more[0]}; a document needs -f, a report of another run --merge")
    merged += more
    if merged and resumed:
        raise click.UsageError("--merge and --resume exclude each other")
    if merged:
        refuse_options_besides(_OF_A_MERGE, "--merge")
    if resumed:
        refuse_options_besides(_OF_A_RESUMPTION, "--resume")
    return merged


def _verify(
    contract: StackOutputs,
    zones: Sequence[Zone],
    chosen: Object,
    ledger_file: Path | None,
    outputs: tuple[Output, ...],
    signals: Signals,
) -> Run:
    """Verify the zones and write the report, even if the run was stopped or ended with an error."""
    from toolkit.verify import regions
    from toolkit.verify.ledger import FileLedger, Ledger
    from toolkit.verify.ledger_lines import require_ledger

    if ledger_file:
        require_ledger(ledger_file)
    for line in regions.list_unknown(contract):
        warn(line)
    engine = handshakes.load_engine(handshakes=chosen["handshakes"], dataplane=chosen["dataplane"])
    plan = plan_verification(contract, zones, chosen)
    try:
        source = choose_source(chosen, zones)
    except ExternalError as error:
        from toolkit.verify.runner import report_unasked

        write_reports(report_unasked(contract, plan, zones, error), outputs)
        raise
    if chosen["identity"] == "assume-role" and chosen["role"] != "zone":
        warn_of_shared_verifiers(zones)
    # Open until the end: a late answer may name an issued certificate.
    with FileLedger(ledger_file) if ledger_file else Ledger() as ledger:
        _require_consent(contract, zones, source, yes=chosen["yes"])
        # From here on, every issued certificate is reported, no matter how many signals arrive.
        signals.hold()
        run = _run(contract, replace(plan, ledger=ledger), source, zones, signals)
        run = handshakes.meet(run, plan, engine, signals)
        write_reports(run.report, outputs)
        verify_resume.warn_of_unanswered(run.unanswered, ledger_file)
    return run


def _require_consent(outputs: StackOutputs, zones: Sequence[Zone], source: Source, *, yes: bool) -> None:
    """Print the maximum cost of the run. If more than a dollar is paid, ask for confirmation on a terminal.

    Raises:
        InterruptedByUserError: the user did not confirm.
    """
    from toolkit.pricing import CERTIFICATE_PRICE

    price = CERTIFICATE_PRICE[outputs.certificate_authority.priced_mode] * len(zones)
    many, they = ("1 certificate", "it") if len(zones) == 1 else (f"{len(zones)} certificates, one per zone", "they")
    cost, is_paid = price_on_aws(source, price, they)
    say(f"Asking for {many}; {cost}.")
    if is_paid and price > _ASKS_ABOVE and not yes and can_ask():
        require_agreement("Go on?", "not verified; nothing was issued")


def _merge(outputs: StackOutputs, files: Sequence[str]) -> Report:
    from toolkit.files import name_source, read_text
    from toolkit.verify import report_merging
    from toolkit.verify.report import json

    reports = [json.parse(read_text(file, "is not a report of toolkit verify"), name_source(file)) for file in files]
    return report_merging.merge(reports, outputs)


def _run(outputs: StackOutputs, plan: Plan, source: IdentitySource, zones: Sequence[Zone], signals: Signals) -> Run:
    """Verify the zones, with progress on stderr if that is a terminal."""
    from toolkit.cli.progress import LiveProgress
    from toolkit.verify.runner import verify

    with LiveProgress([zone.name for zone in zones], open_stderr_console()) as progress:
        return verify(
            outputs, plan, source, progress.done, zones=zones, on_begin=progress.begun, on_start=signals.listen
        )
