"""Durations as golang/protobuf's jsonpb reads them, which is Go's time.ParseDuration, for protobuf's own JSON."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_UNITS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_WHOLE = re.compile(r"(-?)((?:\d+(?:\.\d+)?(?:ms|s|m|h))+)", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)


def in_seconds(value: Any) -> Any:
    """A document with every requestTimeout in seconds, where Go can read it."""
    if isinstance(value, list):
        return [in_seconds(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _seconds(entry) if name == "requestTimeout" and isinstance(entry, str) else in_seconds(entry)
        for name, entry in value.items()
    }


def _seconds(text: str) -> str:
    found = _WHOLE.fullmatch(text)
    if found is None:
        return text
    total = sum(Decimal(number) * _UNITS[unit] for number, unit in _PART.findall(found[2]))
    return f"{found[1]}{total:f}s"
