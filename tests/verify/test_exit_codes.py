"""The exit code distinguishes failures of zones from causes outside the zones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    UnauthorizedSSOTokenError,
)

from toolkit.verify.aws_responses import NoAnswerError
from toolkit.verify.calls import DeadlineError
from toolkit.verify.failures import Cause, find_cause
from toolkit.verify.results import Check, Handshake, Outcome, Report, ZoneResult

NOW = datetime.now(UTC)


def zone(name: str, outcome: Outcome = Outcome.FAILED, cause: str = "") -> ZoneResult:
    return ZoneResult(name, "eu-central-1", (Check("identity", outcome),), cause=cause)


def report(*zones: ZoneResult, **more: Any) -> Report:
    return Report("default", "arn:ca", "GENERAL_PURPOSE", NOW, NOW, zones, **more)


GOOD, BAD = zone("good", Outcome.PASSED), zone("bad")
LOST, UNKNOWN = (zone(cause, cause=cause) for cause in (Cause.UNREACHABLE, Cause.CREDENTIALS))


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (report(GOOD, GOOD), 0),
        (report(GOOD, BAD), 1),
        (report(BAD, BAD), 1),
        (report(LOST, LOST), 3),
        (report(UNKNOWN, UNKNOWN), 3),
        (report(LOST), 3),
        # One of them was asked, or each has a reason of its own.
        (report(LOST, GOOD), 1),
        (report(LOST, BAD), 1),
        (report(LOST, UNKNOWN), 1),
        (report(GOOD, missing_zones=("other",)), 1),
        (report(GOOD, GOOD, handshakes=(Handshake("a", "b", "no"),)), 1),
        # Nothing was proven.
        (report(zone("empty", Outcome.SKIPPED)), 1),
        (report(GOOD, interrupted=True), 130),
        (report(LOST, interrupted=True), 130),
        (report(interrupted=True), 130),
    ],
)
def test_exit_codes(found: Report, code: int) -> None:
    assert found.exit_code == code


def test_a_report_that_was_read_back_has_no_causes() -> None:
    assert report(replace(LOST, cause="")).exit_code == 1
    assert replace(LOST, cause="") == LOST


def refusal(code: str, status: int = 403) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "AssumeRole")  # type: ignore[typeddict-item] # as far as it is looked at


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (NoCredentialsError(), Cause.CREDENTIALS),
        (ProfileNotFound(profile="x"), Cause.CREDENTIALS),
        (UnauthorizedSSOTokenError(), Cause.CREDENTIALS),
        (refusal("InvalidClientTokenId"), Cause.CREDENTIALS),
        (refusal("ExpiredToken"), Cause.CREDENTIALS),
        (refusal("SignatureDoesNotMatch"), Cause.CREDENTIALS),
        (refusal("AccessDenied"), None),
        (refusal("ThrottlingException", 400), None),
        (refusal("InternalFailure", 500), Cause.UNREACHABLE),
        (EndpointConnectionError(endpoint_url="https://x"), Cause.UNREACHABLE),
        (ConnectTimeoutError(endpoint_url="https://x"), Cause.UNREACHABLE),
        (ReadTimeoutError(endpoint_url="https://x"), Cause.UNREACHABLE),
        (DeadlineError("AssumeRole: no time is left"), Cause.UNREACHABLE),
        (NoAnswerError("it is a page"), Cause.NOT_AWS),
        (PermissionError(13, "denied"), None),
        (KeyError("x"), None),
    ],
)
def test_causes(error: Exception, cause: Cause | None) -> None:
    assert find_cause(error) is cause
