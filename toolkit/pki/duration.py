"""How long certificates live, in Kuma's notation.

It is here and not with the Mesh documents because the stack's configuration and its outputs name lifetimes in it too.

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
# Far beyond the lifetime of any CA, and far from what a timedelta can't hold.
_MAX = timedelta(days=365 * 100)
# 100 years in milliseconds have fewer digits, and so has every duration that is repeated in an error.
_MAX_DIGITS, _MAX_SHOWN = 18, 16


def parse(text: str) -> timedelta:
    """Read a duration as Kuma does: one number and one unit, or ``0``.

    Raises:
        ValueError: Kuma could not read it, or it is over a hundred years.
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
    # Compared as numbers of units: the product could overflow, and very long digits cost time to convert.
    if len(match["number"]) > _MAX_DIGITS or int(match["number"]) > _MAX // unit:
        raise ValueError(f"{_shown(text)} is over a hundred years")
    return int(match["number"]) * unit


def is_one(text: str) -> bool:
    """Return whether Kuma can read a duration, however long it is."""
    return text == "0" or _FORM.fullmatch(text) is not None


def _shown(text: str) -> str:
    # No duration is longer; what is, may be anything, and is not repeated in full.
    return repr(text) if len(text) <= _MAX_SHOWN else repr(text[:_MAX_SHOWN]) + "…"
