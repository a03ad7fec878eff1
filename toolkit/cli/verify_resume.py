"""``toolkit verify --resume``: find the outcome of the requests of a ledger."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from toolkit.cli.options import choose_look, note, say, warn
from toolkit.cli.output_options import Output, write_outputs
from toolkit.cli.verify_options import price_on_aws
from toolkit.errors import EXIT_CHECK_FAILED, EXIT_INTERRUPTED, InvalidInputError
from toolkit.values import Object

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.cli.signals import Signals
    from toolkit.cli.verify_options import Source
    from toolkit.verify.ledger_lines import Entry
    from toolkit.verify.resume import Resumed, Resumption

_FORMS = ("table", "json")
# About 20,000 requests.
_MAX_LEDGER = 64 * 1024 * 1024
_STYLES = {"unknown": "bold red", "refused": "dim", "recovered": "green"}


def refuse_forms(outputs: Sequence[Output]) -> None:
    """Reject formats that are only available for a report.

    Raises:
        UsageError: an output has such a format.
    """
    for form, _ in outputs:
        if form and form not in _FORMS:
            raise click.UsageError(f"-o {form} is not available with --resume; choose {' or '.join(_FORMS)}")


def warn_of_unanswered(count: int, ledger: Path | None) -> None:
    """Warn after a run that the report may lack certificates, because requests got no answer."""
    if not count:
        return
    requests = (
        f"{count} request{'s'[: count != 1]} got no answer: AWS may have issued certificates that the report lacks"
    )
    if ledger is None:
        warn(f"{requests}. Create an audit report of the CA to see them, and use --ledger to be able to recover them.")
    else:
        warn(f"{requests}. To recover them, run within 4 minutes: toolkit verify --resume {shlex.quote(str(ledger))}")


def run(resumption: Resumption, source: Source, file: Path, outputs: Sequence[Output], signals: Signals) -> None:
    """Resume a ledger and show the outcomes of its requests.

    Raises:
        InvalidInputError: the ledger can't be read, or a line is not valid.
        ExternalError: the ledger or the output can't be written.
    """
    from toolkit.cli.exits import blot_value
    from toolkit.cli.reports import require_writable
    from toolkit.pricing import CERTIFICATE_PRICE
    from toolkit.verify import ledger_lines
    from toolkit.verify.ledger import FileLedger

    recorded = ledger_lines.parse(_read(file), str(file))
    for number in recorded.torn:
        note(f"{file}, line {number} is incomplete: a run ended while it wrote it")
    contract, names = resumption.outputs, {zone.name for zone in resumption.asked}
    every = len(names) == len(contract.zones)
    entries = [entry for entry in recorded.entries if every or entry.zone in names]
    require_writable(outputs)
    repeated = resumption.list_repeatable(entries)
    if repeated:
        price = CERTIFICATE_PRICE[contract.certificate_authority.priced_mode] * len(repeated)
        many = "1 request" if len(repeated) == 1 else f"{len(repeated)} requests"
        cost, _ = price_on_aws(source, price, "that")
        say(
            f"Repeating {many}: AWS returns the certificate of each, and may issue one for each request that it "
            f"never received; {cost}."
        )
    with FileLedger(file) as ledger:
        signals.hold()
        resumption.ledger = ledger
        resumed = blot_value(resumption.run(entries, lambda: signals.count))
        write_outputs(outputs, lambda form, place: _json(resumed, file) if form == "json" else _table(resumed, place))
    if resumed.trouble:
        raise resumed.trouble
    if resumed.interrupted:
        click.get_current_context().exit(EXIT_INTERRUPTED)
    if not resumed.complete:
        click.get_current_context().exit(EXIT_CHECK_FAILED)


def _read(file: Path) -> str:
    """Return the text of a ledger, which may be longer than other inputs."""
    from toolkit.files import read_at_most

    try:
        return read_at_most(file, _MAX_LEDGER).decode()
    except OSError as error:
        raise InvalidInputError(f"can't read the ledger {file}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{file} is not a ledger of toolkit verify: it is not UTF-8") from error


def _json(resumed: Resumed, file: Path) -> str:
    document = {
        "schemaVersion": 1,
        "ledger": str(file),
        "complete": resumed.complete,
        "interrupted": resumed.interrupted,
        "requests": [_request(entry) for entry in resumed.entries],
    }
    return json.dumps(document, indent=2) + "\n"


def _request(entry: Entry) -> Object:
    return {
        "zone": entry.zone,
        "certificateAuthorityArn": entry.authority_arn,
        "purpose": entry.purpose,
        "requestedAt": entry.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "status": entry.status.value,
        "certificateArn": entry.certificate_arn or None,
        "serial": entry.serial or None,
        "revoked": entry.revoked,
        "reason": entry.reason,
    }


def _table(resumed: Resumed, output: Path | None) -> str:
    from rich.text import Text

    from toolkit.reporting.tables import Column, Page, fit_table
    from toolkit.text import escape, replace_illegible
    from toolkit.verify.ledger_lines import Status

    color, width = choose_look(output)
    page = Page(color=color, width=width)
    columns = (
        Column("ZONE", shrinks=True),
        Column("PURPOSE", dropped=2),
        Column("REQUESTED", dropped=1),
        Column("STATUS"),
        Column("SERIAL", dropped=3),
    )
    rows = []
    for entry in resumed.entries:
        status = entry.status.value
        shown = Text(f"{status}, revoked" if entry.revoked else status, style=_STYLES.get(status, ""))
        at = f"{entry.at:%Y-%m-%d %H:%M:%S}"
        rows.append((escape(entry.zone), escape(entry.purpose), at, shown, entry.serial or "-"))
    page.print(fit_table(columns, rows, width))
    for entry in resumed.entries:
        if entry.status is Status.RECOVERED or entry.reason:
            where = entry.certificate_arn or entry.purpose
            page.print()
            page.print_whole(replace_illegible(f"{entry.zone}: {entry.status.value}  {where}"))
            if entry.reason:
                page.print_whole(replace_illegible(f"  {entry.reason}"))
    counts = {status: sum(entry.status is status for entry in resumed.entries) for status in Status}
    known = ", ".join(f"{count} {status.value}" for status, count in counts.items() if count)
    requests = len(resumed.entries)
    page.print_whole(f"\n{requests} request{'s'[: requests != 1]}: {known or 'nothing to do'}.")
    return page.to_text()
