from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.mesh.schema.go_duration import parse_nanoseconds, write_text

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10s", 10 * SECOND),
        ("1m", 60 * SECOND),
        ("1h30m", 5400 * SECOND),
        ("1m1.5s", 61 * SECOND + SECOND // 2),
        ("1.50s", SECOND * 3 // 2),
        ("1.s", SECOND),
        (".5s", SECOND // 2),
        ("10ms", SECOND // 100),
        ("1us", 1000),
        ("1\u00b5s", 1000),
        ("1\u03bcs", 1000),
        ("0.000000001s", 1),
        ("0.1234567891s", 123_456_789),
        ("-1s", -SECOND),
        ("+1s", SECOND),
        ("0", 0),
        ("0s", 0),
        ("-0", 0),
        ("2562047h47m16.854775807s", 2**63 - 1),
    ],
)
def test_what_go_reads(text: str, expected: int) -> None:
    assert parse_nanoseconds(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "10",
        "1.5",
        "1d",
        "1e3s",
        " 1s",
        "1s ",
        "1s\n",
        ".s",
        "-.s",
        "--1s",
        "1S",
        "00",
        "2562048h",
        "9" * 99 + "s",
    ],
)
def test_what_go_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration of Go|is over 292 years"):
        parse_nanoseconds(text)


# From the documentation of Duration.String (golang/go:src/time/time.go) and its tests (time_test.go).
@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("24h", "24h0m0s"),
        ("1m", "1m0s"),
        ("72h3m0.5s", "72h3m0.5s"),
        ("1500ms", "1.5s"),
        ("1100us", "1.1ms"),
        ("2200ns", "2.2\u00b5s"),
        ("1ns", "1ns"),
        ("0", "0s"),
        ("-90s", "-1m30s"),
        ("2562047h47m16.854775807s", "2562047h47m16.854775807s"),
    ],
)
def test_how_go_writes_it(text: str, written: str) -> None:
    assert write_text(text) == written


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_what_is_written_is_read_the_same(nanoseconds: int) -> None:
    assert parse_nanoseconds(write_text(f"{nanoseconds}ns")) == nanoseconds
