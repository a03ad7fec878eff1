"""Calculate the validity period of a certificate (botocore acm-pca: Validity; user guide, PcaIssueCert.html)."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from toolkit.sandbox.aws_error import make_validation_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.values import Value

# botocore, IssueCertificateRequest.ValidityNotBefore: 60 minutes before the issuance by default.
BACKDATING = timedelta(minutes=60)
# privateca/latest/userguide/short-lived-certificates.html
SHORT_LIVED_MAX = timedelta(days=7)
_UTC_TIME_DIGITS = 12
_UTC_TIME_PIVOT = 50


def read_not_before(requested: Mapping[str, Value] | None, now: datetime) -> datetime:
    """Return the start of a certificate's validity; a request can only give an absolute time.

    Raises:
        AwsError: the type is not ABSOLUTE, or the time is out of range.
    """
    if requested is None:
        return now - BACKDATING
    if requested["Type"] != "ABSOLUTE":
        raise make_validation_error("ValidityNotBefore must be of type ABSOLUTE.")
    return _absolute(requested["Value"])


def read_not_after(requested: Mapping[str, Value], now: datetime) -> datetime:
    """Return the time at which a certificate expires. A relative period is counted from ``now``.

    Raises:
        AwsError: the value is not a time, or is out of range.
    """
    kind, value = requested["Type"], requested["Value"]
    if kind == "ABSOLUTE":
        return _absolute(value)
    if kind == "END_DATE":
        return _end_date(value)
    try:
        if kind == "DAYS":
            return now + timedelta(days=value)
        return _add_months(now, value if kind == "MONTHS" else value * 12)
    except (OverflowError, ValueError) as error:
        raise make_validation_error("The validity period ends beyond the year 9999.") from error


def _absolute(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise make_validation_error("The absolute validity must be before the year 10000.") from error


def _end_date(digits: int) -> datetime:
    """Return the time of a UTCTime (YYMMDDHHMMSS) or GeneralizedTime (YYYYMMDDHHMMSS), RFC 5280, 4.1.2.5."""
    text = str(digits)
    if len(text) <= _UTC_TIME_DIGITS:
        text = text.zfill(_UTC_TIME_DIGITS)
        text = ("20" if int(text[:2]) < _UTC_TIME_PIVOT else "19") + text
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise make_validation_error("END_DATE must have the form YYYYMMDDHHMMSS or YYMMDDHHMMSS.") from error


def _add_months(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))
