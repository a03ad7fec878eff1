"""When a CronJob runs: what is mistyped in a schedule or a time zone is found here, the rest is Kubernetes' to judge.

Sources: kubernetes/website:content/en/docs/concepts/workloads/controllers/cron-jobs.md (Schedule syntax, Time zones);
robfig/cron:parser.go (version 3), with which the API server reads an expression. Of the ranges within the fields it is
the judge: Python's libraries (cronsim, croniter) accept others than it does, such as 7 for Sunday.
"""

from __future__ import annotations

import re
import zoneinfo

from toolkit.pki.arn import quote

MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_FIELDS = re.compile(r"[0-9*?][0-9*?/,-]*(?: [0-9*?][0-9*?/,-]*){2}(?: [0-9A-Za-z*?][0-9A-Za-z*?/,-]*){2}", re.ASCII)


def read_schedule(text: str) -> str:
    """Return an expression with one blank between its fields.

    Raises:
        ValueError: it has not the form of a schedule, or names a time zone.
    """
    schedule = " ".join(text.split())
    if "TZ=" in schedule:
        raise ValueError("names a time zone, which Kubernetes refuses there; name it with --time-zone")
    if schedule not in MACROS and not _FIELDS.fullmatch(schedule):
        raise ValueError(
            f"{quote(text)} is no schedule: it takes five fields, minute, hour, day of month, month and day of week "
            f"(0 6 * * 1), or one of {', '.join(MACROS)}"
        )
    return schedule


def read_time_zone(text: str) -> str:
    """Return the name of a time zone of the IANA database.

    Raises:
        ValueError: it is none; where this machine has no such database only Kubernetes looks.
    """
    known = zoneinfo.available_timezones()
    # Kubernetes refuses Local; the other two are no names of places but of what a machine is set to.
    if text.lower() in ("", "local", "localtime", "factory") or (known and text not in known):
        raise ValueError(f"{quote(text)} is no time zone of the IANA database, such as Europe/Berlin or Etc/UTC")
    return text
