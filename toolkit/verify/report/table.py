"""Write the report as a table for people, with the expected value, the found value and advice for each failed check."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from toolkit.reporting.tables import Column, fit_table
from toolkit.text import escape, escape_lines
from toolkit.verify.report import matrix, verdict
from toolkit.verify.results import Outcome

if TYPE_CHECKING:
    from rich.table import Table

    from toolkit.verify.results import Check, Report, ZoneResult

_COLUMNS = (
    Column("ZONE", shrinks=True),
    Column("REGION", dropped=4),
    Column("RESULT"),
    Column("CHECKS", dropped=1),
    Column("ISSUED IN", dropped=2),
    Column("VALID UNTIL", dropped=3),
)
_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.SKIPPED: "dim"}


class TableForm:
    """Implements :class:`toolkit.verify.report.Form`.

    Args:
        wide: whether to show passed checks too.
        color: whether to color the text, for a terminal.
        width: of the terminal, in characters.
    """

    def __init__(self, *, wide: bool = False, color: bool = False, width: int = 100) -> None:
        self._wide = wide
        self._color = color
        self._width = width

    def render(self, report: Report) -> str:
        """Return the report as a table."""
        stream = io.StringIO()
        console = Console(
            file=stream, force_terminal=self._color, no_color=not self._color, width=self._width, highlight=False
        )
        console.print(_overview(report, self._width))
        for zone in report.zones:
            self._details(console, zone)
        _not_revoked(console, report)
        _handshakes(console, report, self._width)
        console.print(_verdict(report))
        return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"

    def _details(self, console: Console, zone: ZoneResult) -> None:
        shown = [check for check in zone.checks if self._wide or check.failed]
        if not shown:
            return
        console.print()
        console.print(Text(escape(zone.zone), style="bold"))
        for check in shown:
            for line in _lines(check):
                console.print(line, soft_wrap=True)
        # If the zone failed, only this line may name its certificates, because AWS has no list of them.
        for certificate_arn in zone.certificates_issued:
            what = "  issued, revoked  " if certificate_arn in zone.certificates_revoked else "  issued  "
            console.print(Text(f"{what}{escape(certificate_arn)}"), soft_wrap=True)


def _overview(report: Report, width: int) -> Table:
    rows = []
    for zone in report.zones:
        outcome = Outcome.PASSED if zone.passed else Outcome.SKIPPED if zone.interrupted else Outcome.FAILED
        passed = sum(check.outcome is Outcome.PASSED for check in zone.checks)
        rows.append(
            (
                escape(zone.zone),
                escape(zone.region),
                Text("interrupted" if zone.interrupted else outcome.value, style=_STYLES[outcome]),
                f"{passed}/{len(zone.checks)}",
                f"{zone.issuance_milliseconds:.0f} ms" if zone.issuance_milliseconds else "-",
                f"{zone.certificate.not_after:%Y-%m-%d %H:%M} UTC" if zone.certificate else "-",
            )
        )
    return fit_table(_COLUMNS, rows, width)


def _not_revoked(console: Console, report: Report) -> None:
    """Print every certificate that could not be revoked, including those of zones that passed."""
    if any(zone.not_revoked for zone in report.zones):
        console.print()
        console.print(Text("Not revoked", style="bold"))
    for zone in report.zones:
        for kept in zone.not_revoked:
            console.print(Text(escape(f"  {zone.zone}  {kept.certificate_arn}")), soft_wrap=True)
            console.print(Text(escape(f"    {'reason:':<10}{kept.reason}")), soft_wrap=True)
            console.print(Text(f"    {'do:':<10}{verdict.REVOKE_LATER}"), soft_wrap=True)


def _handshakes(console: Console, report: Report, width: int) -> None:
    table, problems = matrix.draw_matrix(report, width), list(matrix.list_problems(report))
    if table:
        console.print()
        console.print(table)
    if problems:
        console.print()
        console.print(Text("Handshakes", style="bold"))
        for line in problems:
            console.print(line, soft_wrap=True)


def _lines(check: Check) -> list[Text]:
    head = Text.assemble("  ", (check.outcome.value, _STYLES[check.outcome]), f"  {escape(check.name)}")
    return [head, *(Text(f"    {escape(line)}") for line in verdict.explain(check))]


def _verdict(report: Report) -> Text:
    style = _STYLES[Outcome.FAILED if verdict.list_trouble(report) else Outcome.PASSED]
    return Text(f"\n{escape_lines(verdict.summarize(report))}", style=style)
