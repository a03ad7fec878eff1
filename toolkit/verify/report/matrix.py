"""Draw the matrix of handshakes for a terminal, and list the problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from toolkit.reporting.tables import Column, fit_table, least_width
from toolkit.text import escape
from toolkit.verify.report import distrust

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from toolkit.verify.results import Report

# More columns don't fit into a terminal, so only the problems are shown.
MOST_ZONES = 8
_HEAD = "CLIENT / SERVER"
_MOST_PAIRS = 3
_MOST_PROBLEMS = 10
_GOOD, _BAD, _DIM = "green", "bold red", "dim"


def draw_matrix(report: Report, width: int) -> Table | None:
    """Return a table with a row for each client and a column for each server.

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
    columns = [Column(_HEAD), *(Column(escape(name)) for name in names)]
    rows: list[tuple[Text | str, ...]] = [
        (escape(client), *(_cell(problems_of.get((client, server)), alone=client == server) for server in names))
        for client in names
    ]
    return fit_table(columns, rows, width) if least_width(columns, rows) <= width else None


def _cell(problem: str | None, *, alone: bool) -> Text:
    if problem is None:
        # There is no handshake of a zone with itself. Other gaps are from an interrupted run.
        return Text("-" if alone else "", style=_DIM)
    return Text("failed", style=_BAD) if problem else Text("ok", style=_GOOD)


def list_problems(report: Report) -> Iterator[Text]:
    """Yield lines on failed handshakes, grouped by problem, the most frequent problem first."""
    ordered = distrust.group_by_problem(report)
    for problem, places in ordered[:_MOST_PROBLEMS]:
        more = len(places) - _MOST_PAIRS
        where = ", ".join(places[:_MOST_PAIRS]) + (f" and {more:,} more" if more > 0 else "")
        yield Text.assemble("  ", ("failed", _BAD), f"  {escape(where)}")
        yield Text(f"    {'found:':<10}{escape(problem)}")
        if todo := distrust.advise(problem):
            yield Text(f"    {'do:':<10}{todo}")
    if rest := ordered[_MOST_PROBLEMS:]:
        count = sum(len(places) for _, places in rest)
        yield Text(f"  {count:,} more failed for {len(rest):,} other reasons; -o json has them all")
