"""Write pages of text, and fit tables into terminals of any width: drop the least important columns first."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Width between two columns, as rich draws box.SIMPLE_HEAD without edges.
_GAP = 3
# Names cut to this length still distinguish most zones.
_SHORTEST = 12


class Page(Console):
    """A text that is printed part by part, without markup.

    Args:
        color: whether to color the text, for a terminal.
        width: of the terminal, in characters.
    """

    def __init__(self, *, color: bool, width: int) -> None:
        self._stream = io.StringIO()
        super().__init__(
            file=self._stream,
            force_terminal=color,
            no_color=not color,
            width=width,
            markup=False,
            highlight=False,
            emoji=False,
        )

    def print_whole(self, line: Text | str) -> None:
        """Print a line that is never wrapped or cut, because it may contain values to copy."""
        self.print(line, soft_wrap=True)

    def to_text(self) -> str:
        """Return the lines without blanks at their ends."""
        return "\n".join(line.rstrip() for line in self._stream.getvalue().splitlines()) + "\n"


class Column(NamedTuple):
    """One column.

    Attributes:
        head: the column's title.
        dropped: the order in which columns are dropped if the table is too wide, 1 first; 0 to never drop it.
        shrinks: whether its texts are cut with an ellipsis, down to 12 characters, before other columns are dropped.
    """

    head: str
    dropped: int = 0
    shrinks: bool = False


def fit_table(columns: Sequence[Column], rows: Sequence[Sequence[Text | str]], width: int) -> Table:
    """Return a table that is no wider than a terminal.

    Args:
        columns: from left to right. Titles and cells must be printable.
        rows: one cell for each column.
        width: of the terminal, in characters.
    """
    widths = _natural_widths(columns, rows)
    shown = list(range(len(columns)))
    for place in sorted((place for place in shown if columns[place].dropped), key=lambda place: columns[place].dropped):
        if _least_width(columns, widths, shown) <= width:
            break
        shown.remove(place)
    shrinking = [place for place in shown if columns[place].shrinks]
    room = width - _GAP * (len(shown) - 1) - sum(widths[place] for place in shown if place not in shrinking)
    for place in shrinking:
        widths[place] = min(widths[place], max(room // len(shrinking), 1))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place in shown:
        table.add_column(Text(columns[place].head), no_wrap=True, overflow="ellipsis", width=widths[place])
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in (row[place] for place in shown)))
    return table


def least_width(columns: Sequence[Column], rows: Sequence[Sequence[Text | str]]) -> int:
    """Return the minimum width of a table with all columns, in characters."""
    return _least_width(columns, _natural_widths(columns, rows), range(len(columns)))


def _natural_widths(columns: Sequence[Column], rows: Sequence[Sequence[Text | str]]) -> list[int]:
    return [
        max(cell_len(column.head), *(cell_len(str(row[place])) for row in rows), 0)
        for place, column in enumerate(columns)
    ]


def _least_width(columns: Sequence[Column], widths: Sequence[int], shown: Sequence[int]) -> int:
    least = sum(min(widths[place], _SHORTEST) if columns[place].shrinks else widths[place] for place in shown)
    return least + _GAP * (len(shown) - 1)
