"""Write the report as a table for people, with the expected value, the found value and advice for each failed check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from toolkit.reporting.tables import Column, Page, fit_table, least_width
from toolkit.text import escape, escape_lines
from toolkit.verify.report import verdict
from toolkit.verify.results import Outcome, Report, ZoneResult

if TYPE_CHECKING:
    from rich.table import Table


# More columns don't fit into a terminal, so only the problems of handshakes are shown.
MOST_ZONES = 8
_MOST_PAIRS = 3
_MOST_PROBLEMS = 10
_COLUMNS = (
    Column("ZONE", shrinks=True),
    Column("REGION", dropped=4),
    Column("RESULT"),
    Column("CHECKS", dropped=1),
    Column("ISSUED IN", dropped=2),
    Column("VALID UNTIL", dropped=3),
)
_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.SKIPPED: "dim"}


def render(report: Report, *, wide: bool = False, color: bool = False, width: int = 100) -> str:
    """Return the report as a table.

    Args:
        report: the report.
        wide: whether to show passed checks too.
        color: whether to color the text, for a terminal.
        width: of the terminal, in characters.
    """
    page = Page(color=color, width=width)
    page.print(_overview(report, width))
    for zone in report.zones:
        _section(page, escape(zone.zone), _details(zone, wide=wide))
    _section(page, "Not revoked", _not_revoked(report))
    if matrix := draw_matrix(report, width):
        page.print()
        page.print(matrix)
    _section(page, "Handshakes", _problems(report))
    style = _STYLES[Outcome.FAILED if verdict.list_trouble(report) else Outcome.PASSED]
    page.print(Text(f"\n{escape_lines(verdict.summarize(report))}", style=style))
    return page.to_text()


def _section(page: Page, title: str, lines: Iterable[Text]) -> None:
    """Print lines under a title; nothing without lines."""
    for number, line in enumerate(lines):
        if number == 0:
            page.print()
            page.print(Text(title, style="bold"))
        page.print_whole(line)


def _overview(report: Report, width: int) -> Table:
    rows = [
        (
            escape(zone.zone),
            escape(zone.region),
            Text("interrupted" if zone.interrupted else zone.outcome.value, style=_STYLES[zone.outcome]),
            f"{zone.passed_checks}/{len(zone.checks)}",
            f"{zone.issuance_milliseconds:.0f} ms" if zone.issuance_milliseconds else "-",
            f"{zone.certificate.not_after:%Y-%m-%d %H:%M} UTC" if zone.certificate else "-",
        )
        for zone in report.zones
    ]
    return fit_table(_COLUMNS, rows, width)


def _details(zone: ZoneResult, *, wide: bool) -> Iterator[Text]:
    shown = [check for check in zone.checks if wide or check.failed]
    for check in shown:
        yield Text.assemble("  ", (check.outcome.value, _STYLES[check.outcome]), f"  {escape(check.name)}")
        for line in verdict.explain(check):
            yield Text(f"    {escape(line)}")
    # If the zone failed, only this line may name its certificates, because AWS has no list of them.
    for certificate_arn in zone.certificates_issued if shown else ():
        what = "issued, revoked" if certificate_arn in zone.certificates_revoked else "issued"
        yield Text(f"  {what}  {escape(certificate_arn)}")


def _not_revoked(report: Report) -> Iterator[Text]:
    """Yield lines on every certificate that could not be revoked, including those of zones that passed."""
    for zone in report.zones:
        for kept in zone.not_revoked:
            yield Text(escape(f"  {zone.zone}  {kept.certificate_arn}"))
            yield Text(escape(f"    {'reason:':<10}{kept.reason}"))
            yield Text(f"    {'do:':<10}{verdict.REVOKE_LATER}")


def draw_matrix(report: Report, width: int) -> Table | None:
    """Return a table of the handshakes with a row for each client and a column for each server.

    Args:
        report: the report with the handshakes.
        width: of the terminal, in characters.

    Returns:
        None if there are no handshakes, or if the table does not fit.
    """
    names = list(dict.fromkeys(name for met in report.handshakes for name in (met.client, met.server)))
    if not names or len(names) > MOST_ZONES:
        return None
    problems_of = {(met.client, met.server): met.problem for met in report.handshakes}
    columns = [Column("CLIENT / SERVER"), *(Column(escape(name)) for name in names)]
    rows: list[tuple[Text | str, ...]] = [
        (escape(client), *(_cell(problems_of.get((client, server)), alone=client == server) for server in names))
        for client in names
    ]
    return fit_table(columns, rows, width) if least_width(columns, rows) <= width else None


def _cell(problem: str | None, *, alone: bool) -> Text:
    if problem is None:
        # There is no handshake of a zone with itself. Other gaps are from an interrupted run.
        return Text("-" if alone else "", style=_STYLES[Outcome.SKIPPED])
    return Text("failed", style=_STYLES[Outcome.FAILED]) if problem else Text("ok", style=_STYLES[Outcome.PASSED])


def _problems(report: Report) -> Iterator[Text]:
    """Yield lines on failed handshakes, grouped by problem, the most frequent problem first."""
    ordered = verdict.group_by_problem(report)
    for problem, places in ordered[:_MOST_PROBLEMS]:
        more = len(places) - _MOST_PAIRS
        where = ", ".join(places[:_MOST_PAIRS]) + (f" and {more:,} more" if more > 0 else "")
        yield Text.assemble("  ", ("failed", _STYLES[Outcome.FAILED]), f"  {escape(where)}")
        yield Text(f"    {'found:':<10}{escape(problem)}")
        if todo := verdict.advise_on_handshake(problem):
            yield Text(f"    {'do:':<10}{todo}")
    if rest := ordered[_MOST_PROBLEMS:]:
        count = sum(len(places) for _, places in rest)
        yield Text(f"  {count:,} more failed for {len(rest):,} other reasons; -o json has them all")
