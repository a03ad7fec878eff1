from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.pki import duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", timedelta(0)),
        ("500ms", timedelta(milliseconds=500)),
        ("24h", timedelta(hours=24)),
        ("1d", timedelta(days=1)),
        ("2w", timedelta(weeks=2)),
        ("1y", timedelta(days=365)),
        ("007m", timedelta(minutes=7)),
    ],
)
def test_what_kuma_reads(text: str, expected: timedelta) -> None:
    assert duration.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "1d12h", "h", "24", "-1h", "1.5h", " 24h", "24h\n", "24 h", "٣h", "1H", "24hours"]
)
def test_what_kuma_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="one number and one unit"):
        duration.parse(text)


@pytest.mark.parametrize("text", ["101y", "1" * 30 + "s", "9" * 10_000 + "ms"])
def test_what_no_ca_outlives(text: str) -> None:
    with pytest.raises(ValueError, match="over a hundred years") as caught:
        duration.parse(text)
    assert len(str(caught.value)) < 100


@given(st.integers(min_value=0, max_value=10_000), st.sampled_from(["ms", "s", "m", "h"]))
def test_units_are_linear(number: int, unit: str) -> None:
    assert duration.parse(f"{number}{unit}") == number * duration.parse(f"1{unit}")


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        assert duration.parse(text) >= timedelta(0)
    except ValueError as error:
        assert str(error)
