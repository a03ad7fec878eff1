from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from toolkit.reporting.tables import Column, fit_table, least_width

COLUMNS = (Column("ZONE", shrinks=True), Column("REGION", dropped=2), Column("RESULT"), Column("CHECKS", dropped=1))
LONG = "production-eu-central-1-frankfurt-blue"
ROWS = [("frankfurt-1", "eu-central-1", "passed", "15/15"), (LONG, "ap-northeast-1", "interrupted", "1/15")]


def lines(columns: tuple[Column, ...], rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, no_color=True).print(fit_table(columns, rows, width))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (120, ["ZONE", "REGION", "RESULT", "CHECKS"]),
        (60, ["ZONE", "REGION", "RESULT", "CHECKS"]),
        (45, ["ZONE", "REGION", "RESULT"]),
        (40, ["ZONE", "RESULT"]),
        (24, ["ZONE", "RESULT"]),
    ],
)
def test_columns_go_in_their_order_and_names_are_cut(width: int, heads: list[str]) -> None:
    head, _, first, second = lines(COLUMNS, ROWS, width)
    assert head.split() == heads
    assert "passed" in first
    assert "interrupted" in second
    assert second.startswith(LONG if width == 120 else LONG[:9])
    assert ("…" in second) == (width < 120)


def test_a_table_with_room_is_as_wide_as_its_texts() -> None:
    assert lines(COLUMNS, ROWS, 200) == lines(COLUMNS, ROWS, 120)


@given(
    names=st.lists(st.text(st.characters(categories=["L", "N", "P"]), max_size=70), max_size=4),
    width=st.integers(30, 150),
)
def test_no_line_is_wider_than_the_terminal(names: list[str], width: int) -> None:
    rows = [(name, "eu-central-1", "interrupted", "15/15") for name in names]
    shown = lines(COLUMNS, rows, width)
    assert max(map(cell_len, shown)) <= width
    assert all("interrupted" in line for line in shown[2:])


def test_the_least_width_counts_what_can_be_cut() -> None:
    assert least_width(COLUMNS, ROWS) == 12 + len("ap-northeast-1") + len("interrupted") + len("CHECKS") + 3 * 3
