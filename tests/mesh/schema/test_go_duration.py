from __future__ import annotations

import pytest

from toolkit.mesh.schema.go_duration import parse_nanoseconds

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
