"""Check the lifetime of certificates against the usage mode of a private CA."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

UsageMode = Literal["GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE"]
SHORT_LIVED_MAX = timedelta(days=7)
TOO_SHORT = "must be more than 0"


def check_mode(usage_mode: UsageMode | None, lifetime: timedelta) -> str | None:
    """Return why a CA in a usage mode can never issue a certificate with a lifetime; None if it can.

    An unknown mode has no limit. AWS rejects more than 7 days in short-lived mode
    (privateca/latest/userguide/short-lived-certificates.html).
    """
    if lifetime <= timedelta(0):
        return TOO_SHORT
    if usage_mode == "SHORT_LIVED_CERTIFICATE" and lifetime > SHORT_LIVED_MAX:
        return "is more than the 7 days that a CA in short-lived mode issues for"
    return None
