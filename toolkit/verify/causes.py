"""Why a zone could not even be asked, where that has nothing to do with the zone."""

from __future__ import annotations

from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from toolkit.verify.advice import NO_CREDENTIALS
from toolkit.verify.aws_responses import NoAnswerError
from toolkit.verify.calls import SERVER_ERROR, DeadlineError

# AWS does not know the caller, or not any longer, so it decided nothing about a role (STS API reference, "Common
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
    """Why a zone could not be asked at all, for reasons that say nothing about the zone."""

    CREDENTIALS = "credentials"
    UNREACHABLE = "unreachable"
    NOT_AWS = "not-aws"


def find_cause(error: Exception) -> Cause | None:
    """Return the cause of a failure to get a zone's identity; None where AWS decided about the zone's role."""
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
