"""Durations as Go reads them: ``10s``, ``1m30s``, ``0.5s``, ``-1s``, ``0``.

Kuma reads google.protobuf.Duration with the jsonpb package, which gives the text to time.ParseDuration: more forms than
protobuf's own JSON has. Sources: golang/protobuf:jsonpb/decode.go; golang/go:src/time/format.go (ParseDuration);
measured with Kuma 2.14.3.
"""

from __future__ import annotations

import re

_MICRO = "\u00b5s"
_UNITS = {
    "ns": 1,
    "us": 1_000,
    _MICRO: 1_000,  # the micro sign
    "\u03bcs": 1_000,  # the Greek letter mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3600 * 1_000_000_000,
}
_PART = r"([0-9]+)?(?:\.([0-9]*))?(" + "|".join(_UNITS) + ")"
_PARTS = re.compile(_PART)
_FORM = re.compile(rf"[-+]?(?:(?=\.?[0-9]){_PART})+")
# An int64 of nanoseconds, some 292 years.
_MAX = 2**63 - 1
# Longer texts are not realistic durations, and are slow to convert.
_MAX_LENGTH = 100


def parse_nanoseconds(text: str) -> int:
    """Return the nanoseconds of a duration.

    Raises:
        ValueError: Go can't read it.
    """
    if text in ("0", "-0", "+0"):
        return 0
    if len(text) > _MAX_LENGTH or not _FORM.fullmatch(text):
        raise ValueError("is not a duration of Go, such as 10s or 1m30s")
    total = 0
    for whole, fraction, unit in _PARTS.findall(text):
        # Go drops fractions of a nanosecond.
        total += int(whole or 0) * _UNITS[unit]
        total += int(fraction or 0) * _UNITS[unit] // 10 ** len(fraction)
    if total > _MAX:
        raise ValueError("is over 292 years")
    return -total if text.startswith("-") else total


def write_seconds(text: str) -> str:
    """Return a duration as protobuf writes it, in seconds: ``60s`` for ``1m``, ``0.010s`` for ``10ms``.

    Source: golang/protobuf:jsonpb/encode.go: no, three, six or nine digits after the point.

    Raises:
        ValueError: Go can't read it.
    """
    total = parse_nanoseconds(text)
    seconds, rest = divmod(abs(total), _UNITS["s"])
    digits = f"{seconds}.{rest:09d}".removesuffix("000").removesuffix("000").removesuffix(".000")
    return f"{'-' if total < 0 else ''}{digits}s"


def write_text(text: str) -> str:
    """Return a duration as Go writes it: ``24h0m0s`` for ``24h``, ``1.5s`` for ``1500ms``.

    Source: golang/go:src/time/time.go, Duration.String.

    Raises:
        ValueError: Go can't read it.
    """
    total = parse_nanoseconds(text)
    sign, rest = "-" if total < 0 else "", abs(total)
    if 0 < rest < _UNITS["s"]:
        unit = next(unit for unit in ("ms", _MICRO, "ns") if rest >= _UNITS[unit])
        return f"{sign}{_write_decimal(rest, _UNITS[unit])}{unit}"
    minutes, below = divmod(rest, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    before = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{before}{_write_decimal(below, _UNITS['s'])}s"


def _write_decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = len(str(unit)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0").removesuffix(".") if rest else str(whole)
