"""Read options of a Job: its image, its schedule and the schedule's time zone.

Images are pinned, so that all runs use the same program. Schedules and time zones are checked for typing errors;
Kubernetes checks the rest. Python's libraries (cronsim, croniter) accept other schedules, such as 7 for Sunday.

Sources: distribution/reference:reference.go, the grammar of an image's name;
kubernetes/website:content/en/docs/concepts/workloads/controllers/cron-jobs.md (Schedule syntax, Time zones);
robfig/cron:parser.go (version 3), with which the API server parses an expression.
"""

from __future__ import annotations

import re
import zoneinfo
from typing import NamedTuple

from toolkit.pki.arn import quote

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@sha256:(?P<digest>[0-9a-f]{64}))?",
    re.ASCII,
)
# 255 for the name, 128 for the tag, 71 for the digest, and the separators.
_MAX = 456
_MAX_LABEL = 63
_FIX = "name a version (registry.example/kong-mesh-pca-toolkit:0.1.0), a digest (...@sha256:...), or both"
MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_FIELDS = re.compile(r"[0-9*?][0-9*?/,-]*(?: [0-9*?][0-9*?/,-]*){2}(?: [0-9A-Za-z*?][0-9A-Za-z*?/,-]*){2}", re.ASCII)


class Image(NamedTuple):
    """An image that always contains the same program.

    Attributes:
        reference: the image's name, unchanged.
        version: its tag, or the beginning of its digest, as the value of a Kubernetes label.
    """

    reference: str
    version: str


def read_image(text: str) -> Image:
    """Read the name of an image that is pinned by a digest or by a version tag.

    A tag without a digit (``latest``, ``stable``, ``main``) can move, so it is not a version.

    Raises:
        ValueError: the text is not an image name, or the image is not pinned.
    """
    match = _REFERENCE.fullmatch(text) if len(text) <= _MAX else None
    if match is None:
        raise ValueError(f"{quote(text)} is not an image name: {_FIX}")
    tag, digest = match["tag"], match["digest"]
    if digest is None and tag is None:
        raise ValueError(f"{quote(text)} has no tag, so it means latest: {_FIX}")
    if digest is None and not re.search("[0-9]", tag):
        raise ValueError(f"{quote(text)}: the tag {quote(tag)} is not a version, so the image can change: {_FIX}")
    version = (tag or "").strip("._-")[:_MAX_LABEL].rstrip("._-")
    return Image(text, version or f"sha256-{digest[:12]}")


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
