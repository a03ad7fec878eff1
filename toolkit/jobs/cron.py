"""When a CronJob runs: the expressions and time zones that Kubernetes takes.

Sources: kubernetes/website:content/en/docs/concepts/workloads/controllers/cron-jobs.md (Schedule syntax, Time zones);
robfig/cron:parser.go (version 3), with which the API server and the controller read an expression.
"""

from __future__ import annotations

import re
import zoneinfo
from typing import NamedTuple

from toolkit.pki.arn import shown

MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_RANGE = re.compile(
    r"(?:(?P<any>[*?])|(?P<first>\d{1,9}|[a-z]{3})(?:-(?P<last>\d{1,9}|[a-z]{3}))?)(?:/(?P<step>\d{1,9}))?", re.ASCII
)
# February has 29 days in some year.
_LONGEST = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_TIME_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_MAX_TIME_ZONE = 64


class _Field(NamedTuple):
    name: str
    lowest: int
    highest: int
    words: tuple[str, ...] = ()


# A Sunday is 0 and never 7: the parser knows no other.
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


class _Values(NamedTuple):
    """What a field allows, and whether it allows everything: then the other field of the two for days decides."""

    allowed: frozenset[int]
    is_any: bool


def schedule(text: str) -> str:
    """The expression with one blank between its fields.

    Raises:
        ValueError: Kubernetes would refuse it, or it names a day that never comes.
    """
    if text.strip() in MACROS:
        return text.strip()
    if "TZ=" in text:
        raise ValueError("names a time zone, which Kubernetes refuses there; name it with --time-zone")
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"{shown(text)} is no schedule: it takes five fields, minute, hour, day of month, month and day of week "
            f"(0 6 * * 1), or one of {', '.join(MACROS)}"
        )
    _, _, day, month, weekday = (_values(field, value) for field, value in zip(_FIELDS, fields, strict=True))
    comes = any(number <= _LONGEST.get(name, 31) for number in day.allowed for name in month.allowed)
    if not comes and weekday.is_any:
        raise ValueError(f"{shown(text)} names a day that never comes")
    return " ".join(fields)


def _values(field: _Field, text: str) -> _Values:
    allowed: set[int] = set()
    is_any = False
    for part in text.split(","):
        match = _RANGE.fullmatch(part.lower())
        if match is None:
            raise ValueError(f"{field.name}: {shown(part)} is no number, range or step")
        step = int(match["step"] or 1)
        if step == 0:
            raise ValueError(f"{field.name}: {part} has a step of 0")
        if match["any"]:
            first, last = field.lowest, field.highest
            is_any = is_any or step == 1
        else:
            first = _number(field, match["first"])
            # A step makes N mean N to the end.
            alone = field.highest if match["step"] else first
            last = alone if match["last"] is None else _number(field, match["last"])
        if last < first:
            raise ValueError(f"{field.name}: {part} ends before it begins")
        allowed |= set(range(first, last + 1, step))
    return _Values(frozenset(allowed), is_any)


def _number(field: _Field, text: str) -> int:
    if text in field.words:
        return field.words.index(text) + field.lowest
    number = int(text) if text.isdigit() else -1
    if not field.lowest <= number <= field.highest:
        words = f" or {field.words[0]} to {field.words[-1]}" if field.words else ""
        raise ValueError(f"{field.name}: {text} is not {field.lowest} to {field.highest}{words}")
    return number


def time_zone(text: str) -> str:
    """The name of a time zone of the IANA database.

    Raises:
        ValueError: it is none; where this machine has no such database only the form is looked at.
    """
    known = zoneinfo.available_timezones()
    # Kubernetes refuses Local; the other two are no names of places but of what a machine is set to.
    is_relative = text.lower() in ("local", "localtime", "factory")
    is_form = len(text) <= _MAX_TIME_ZONE and _TIME_ZONE.fullmatch(text) is not None
    if is_relative or not is_form or (known and text not in known):
        raise ValueError(f"{shown(text)} is no time zone of the IANA database, such as Europe/Berlin or Etc/UTC")
    return text
