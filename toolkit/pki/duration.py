"""Parse durations in Kuma's notation, such as the lifetime of certificates.

This module is in pki, because the stack's configuration and outputs use the notation too, not only Mesh documents.

Source: kumahq/kuma:pkg/core/resources/apis/mesh/mesh_helpers.go, ParseDuration.
"""

from __future__ import annotations

import re
from datetime import timedelta

_FORM = re.compile(r"(?P<number>\d+)(?P<unit>ms|[ywdhms])", re.ASCII)
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    # Kuma counts a year as 365 days.
    "y": timedelta(days=365),
}
# Longer than the lifetime of any CA, and short enough for a timedelta.
_MAX = timedelta(days=365 * 100)
# 100 years in milliseconds have fewer digits. Longer texts are cut in errors.
_MAX_DIGITS, _MAX_SHOWN = 18, 16


def parse(text: str) -> timedelta:
    """Parse a duration as Kuma does: one number and one unit, or ``0``.

    Raises:
        ValueError: Kuma can't parse it, or it is over a hundred years.
    """
    if text == "0":
        return timedelta(0)
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{_shown(text)} is not a duration: Kuma takes one number and one unit of y, w, d, h, m, s, ms "
            "(36h, not 1d12h)"
        )
    unit = _UNITS[match["unit"]]
    # Compare before multiplying, because the product could overflow. Converting very long numbers is slow.
    if len(match["number"]) > _MAX_DIGITS or int(match["number"]) > _MAX // unit:
        raise ValueError(f"{_shown(text)} is over a hundred years")
    return int(match["number"]) * unit


def is_one(text: str) -> bool:
    """Return whether Kuma can parse a text as a duration of any length."""
    return text == "0" or _FORM.fullmatch(text) is not None


def _shown(text: str) -> str:
    # A longer text is not a duration and could be anything, so only its beginning is quoted.
    return repr(text) if len(text) <= _MAX_SHOWN else repr(text[:_MAX_SHOWN]) + "…"
