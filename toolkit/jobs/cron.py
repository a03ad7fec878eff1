"""Check schedules and time zones of CronJobs for typing errors; Kubernetes checks the rest.

Sources: kubernetes/website:content/en/docs/concepts/workloads/controllers/cron-jobs.md (Schedule syntax, Time zones);
robfig/cron:parser.go (version 3), with which the API server parses an expression. The ranges within the fields are left
to it, because Python's libraries (cronsim, croniter) accept other values, such as 7 for Sunday.
"""

from __future__ import annotations

import re
import zoneinfo

from toolkit.pki.arn import quote

MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_FIELDS = re.compile(r"[0-9*?][0-9*?/,-]*(?: [0-9*?][0-9*?/,-]*){2}(?: [0-9A-Za-z*?][0-9A-Za-z*?/,-]*){2}", re.ASCII)


def read_schedule(text: str) -> str:
    """Return an expression with one space between its fields.

    Raises:
        ValueError: the text is not a schedule, or names a time zone.
    """
    schedule = " ".join(text.split())
    if "TZ=" in schedule:
        raise ValueError("names a time zone, which Kubernetes rejects in a schedule; use --time-zone")
    if schedule not in MACROS and not _FIELDS.fullmatch(schedule):
        raise ValueError(
            f"{quote(text)} is not a schedule: use five fields, minute, hour, day of month, month and day of week "
            f"(0 6 * * 1), or one of {', '.join(MACROS)}"
        )
    return schedule


def read_time_zone(text: str) -> str:
    """Return the name of a time zone of the IANA database.

    Raises:
        ValueError: the name is unknown; on a machine without the database, only Kubernetes checks the name.
    """
    known = zoneinfo.available_timezones()
    # Kubernetes rejects Local. The other names mean the setting of a machine, not a place.
    if text.lower() in ("", "local", "localtime", "factory") or (known and text not in known):
        raise ValueError(f"{quote(text)} is not a time zone of the IANA database, such as Europe/Berlin or Etc/UTC")
    return text
