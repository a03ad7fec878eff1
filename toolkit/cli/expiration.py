"""When a CA expires, in words, and when that is soon."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

# Enough to make a successor without haste, and to let it reach every zone before the CA expires.
WARN_DAYS = 90


def describe_time_left(end: datetime, now: datetime) -> str:
    """Return how far off the expiration is: ``in 89 days``."""
    days = abs(end - now).days
    many = f"{days} day{'s'[: days != 1]}" if days else "less than a day"
    return f"in {many}" if end > now else f"{many} ago"
