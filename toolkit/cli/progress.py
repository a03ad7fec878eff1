"""Show the progress of a verification on a terminal: for each zone the current check and the elapsed seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from toolkit.verify.report.verdict import count_zones

if TYPE_CHECKING:
    from toolkit.verify.results import ZoneResult
    from toolkit.verify.zone import ZoneVerification

_REFRESHES_PER_SECOND = 8
# The heading, its rule, the summary, and the cursor's line below.
_ROWS_TAKEN = 4


@dataclass
class _Row:
    """The row of one zone.

    Attributes:
        zone: the zone's name.
        begun: start time on the clock of :func:`time.monotonic`; None while it waits.
        running: its verification, which has the current check.
        result: its result; None until it is done.
        took: its duration in seconds, when it is done.
    """

    zone: str
    begun: float | None = None
    running: ZoneVerification | None = None
    result: ZoneResult | None = None
    took: float = 0.0

    @property
    def rank(self) -> int:
        """Return its rank if not all rows fit: failed zones first, then running, passed and waiting ones."""
        if self.result is not None:
            return 2 if self.result.passed else 0
        return 1 if self.running is not None else 3


class LiveProgress:
    """A live table of the zones, which is removed at the end. Without a terminal, nothing is shown.

    Args:
        zones: names of the zones, in the order of the rows.
        console: the console for the table.
    """

    def __init__(self, zones: Sequence[str], console: Console) -> None:
        self.console = console
        self._rows = {zone: _Row(zone) for zone in zones}
        self._lock = threading.Lock()
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            get_renderable=self.render, console=console, refresh_per_second=_REFRESHES_PER_SECOND, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def begun(self, verification: ZoneVerification) -> None:
        """Handle the start of a zone's verification. It is called in the zone's thread."""
        with self._lock:
            row = self._rows[verification.zone.name]
            row.begun, row.running = time.monotonic(), verification

    def done(self, result: ZoneResult) -> None:
        """Handle a zone's result."""
        with self._lock:
            row = self._rows[result.zone]
            row.result = result
            row.took = 0.0 if row.begun is None else time.monotonic() - row.begun

    def render(self) -> RenderableType:
        """Return the current table, no higher than the terminal."""
        with self._lock:
            rows = list(self._rows.values())
            room = max(self.console.height - _ROWS_TAKEN, 1)
            shown = rows if len(rows) <= room else sorted(rows, key=lambda row: row.rank)[:room]
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
            table.add_column("ZONE", overflow="ellipsis", no_wrap=True)
            table.add_column("", width=1)
            table.add_column("CHECK", overflow="ellipsis", no_wrap=True)
            table.add_column("SECONDS", justify="right", no_wrap=True)
            for row in shown:
                table.add_row(Text(row.zone), *self._cells(row))
            return Group(table, Text(", ".join(_summary(rows, len(shown))), style="bold"))

    def _cells(self, row: _Row) -> tuple[RenderableType, RenderableType, RenderableType]:
        if row.result is not None:
            failed = next((check.name for check in row.result.checks if check.failed), "")
            sign = Text("✓", "green") if row.result.passed else Text("✕", "bold red")
            state = Text("passed", "green") if row.result.passed else Text(failed or "not finished", "bold red")
            return sign, state, Text(f"{row.took:.1f}")
        if row.running is None or row.begun is None:
            return "", Text("waiting", "dim"), ""
        return self._spinner, Text(row.running.current_check), Text(f"{time.monotonic() - row.begun:.1f}")


def _summary(rows: Sequence[_Row], shown: int) -> Iterator[str]:
    done = [row.result for row in rows if row.result is not None]
    yield f"{count_zones(done, rows)} done"
    if failed := sum(not result.passed for result in done):
        yield f"{failed} failed"
    if shown < len(rows):
        yield f"{len(rows) - shown} not shown"
