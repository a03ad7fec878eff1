"""Resolve plain scalars as Go's YAML library does, which kubectl, Helm and Kuma use.

Its rules are neither those of YAML 1.1 nor of YAML 1.2: ``on`` is true and ``010`` is 8, but ``1:30`` and dates are
texts.

Source: yaml/go-yaml:v2/resolve.go.
"""

from __future__ import annotations

import math
import re

_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NAN = frozenset({".nan", ".NaN", ".NAN"})
_INFINITY = {f"{sign}.{word}" for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")}
# The first alternative is octal: Go reads 010 as 8.
_INTEGER = re.compile(r"([-+]?)(?:0[oO]?([0-7]+)|0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|([1-9][0-9]*|0))", re.ASCII)
_BASES = (8, 16, 2, 10)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
# A number that begins with a point may have underscores only between digits. Other numbers may have them anywhere.
_LOOSE = re.compile(r"(?<![0-9])_|_(?![0-9])")
_MAX_DIGITS = 400
# First characters of all scalars that may not be a text, and of the merge key.
BEGINS_OTHERS = frozenset({word[:1] for word in (*_TRUE, *_FALSE, *NULLS)} | set("+-.0123456789<"))


def resolve_scalar(plain: str) -> str | bool | int | float | None:
    """Return the value of a plain scalar without a tag."""
    if plain in NULLS:
        return None
    if plain in _TRUE or plain in _FALSE:
        return plain in _TRUE
    if plain in _NAN or plain in _INFINITY:
        return math.nan if plain in _NAN else -math.inf if plain.startswith("-") else math.inf
    if plain[0] not in "+-.0123456789" or len(plain) > _MAX_DIGITS:
        return plain
    if plain[0] == "." and _LOOSE.search(plain):
        return plain
    digits = plain.replace("_", "")
    integer = _integer(digits)
    return _float(digits, plain) if integer is None else integer


def _integer(digits: str) -> int | None:
    """Return a 64-bit integer; None for anything else."""
    match = _INTEGER.fullmatch(digits)
    if not match:
        return None
    sign, *forms = match.groups()
    number = next(int(form, base) for form, base in zip(forms, _BASES, strict=True) if form)
    number = -number if sign == "-" else number
    largest = 2**63 if sign else 2**64
    return number if -(2**63) <= number < largest else None


def _float(digits: str, plain: str) -> str | float:
    number = float(digits) if _FLOAT.fullmatch(digits) else math.inf
    return plain if math.isinf(number) else number
