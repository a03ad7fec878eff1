"""Describe when a CA expires, and define when to warn."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

# Enough time to create a successor and to roll it out to every zone before the CA expires.
WARN_DAYS = 90


def describe_time_left(end: datetime, now: datetime) -> str:
    """Return the time to the expiration as text: ``in 89 days``, or ``3 days ago``."""
    days = abs(end - now).days
    many = f"{days} day{'s'[: days != 1]}" if days else "less than a day"
    return f"in {many}" if end > now else f"{many} ago"
