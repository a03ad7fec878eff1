"""Find out whether a failure to get a zone's identity has a cause outside the zone."""

from __future__ import annotations

from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from toolkit.verify.advice import NO_CREDENTIALS
from toolkit.verify.aws_responses import NoAnswerError
from toolkit.verify.calls import SERVER_ERROR, DeadlineError

# AWS does not accept the caller's credentials, so these codes say nothing about a role (STS API reference, "Common
# Errors").
_UNKNOWN_CALLER = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


class Cause(StrEnum):
    """Why no zone identity was available, for reasons outside the zone."""

    CREDENTIALS = "credentials"
    UNREACHABLE = "unreachable"
    NOT_AWS = "not-aws"


def find_cause(error: Exception) -> Cause | None:
    """Return the cause of a failure to get a zone's identity; None if AWS decided about the zone's role."""
    if isinstance(error, NO_CREDENTIALS):
        return Cause.CREDENTIALS
    if isinstance(error, ClientError):
        if error.response["Error"]["Code"] in _UNKNOWN_CALLER:
            return Cause.CREDENTIALS
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return Cause.UNREACHABLE if status >= SERVER_ERROR else None
    if isinstance(error, NoAnswerError):
        return Cause.NOT_AWS
    return Cause.UNREACHABLE if isinstance(error, BotoCoreError | DeadlineError) else None
