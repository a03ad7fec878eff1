"""Explain failed AWS calls: their text for reports, advice, and whether the cause lies outside the zone."""

from __future__ import annotations

import traceback
from enum import StrEnum
from pathlib import Path

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSOError,
    TokenRetrievalError,
)

from toolkit.errors import ToolkitError
from toolkit.redaction import blot
from toolkit.verify.aws_responses import NoAnswerError
from toolkit.verify.calls import SERVER_ERROR, THROTTLED, DeadlineError, is_not_trusted, read_code, read_status

# Operations of AWS Private CA whose quota can be raised (user guide, PcaLimits.md).
_ADJUSTABLE = ("IssueCertificate", "GetCertificate")
_CLOCK = (
    "Compare this machine's clock with AWS's: a few minutes apart are too many; if they agree, the secret key is wrong."
)
# botocore raises many of these as plain ClientError, so the code decides and not the class.
_BY_CODE = {
    "ExpiredTokenException": "The credentials have expired: sign in again.",
    "ExpiredToken": "The credentials have expired: sign in again.",
    "InvalidClientTokenId": "The credentials are not known to AWS: check AWS_PROFILE and the environment.",
    "UnrecognizedClientException": "The credentials are not known to AWS: check AWS_PROFILE and the environment.",
    "ResourceNotFoundException": "CA or certificate not found: compare the Mesh's conf.arn with the contract's.",
    "InvalidStateException": "The CA is not ACTIVE: activate or enable it, then run this again.",
    "RequestExpired": f"The credentials may have expired: sign in again. {_CLOCK}",
    "InvalidSignatureException": _CLOCK,
    "SignatureDoesNotMatch": _CLOCK,
    "InvalidIdentityToken": "The account has no OIDC provider of the token's issuer, or it is for another audience.",
    # API reference, IssueCertificate: "An AWS Private CA quota has been exceeded". It limits certificates, not calls.
    "LimitExceededException": "An AWS Private CA quota is used up; AWS's message names it. Raise it in Service "
    "Quotas, or use another CA.",
}
# botocore raises these when it finds no source credentials.
NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
UNREACHABLE = "Check that this machine reaches AWS in that region (proxy, VPC endpoint, DNS)."
# The same text for a zone that reached its deadline and a zone that the run gave up: which comes first is chance.
TOO_SLOW = (
    f"{UNREACHABLE} If it does, look at the CA's state in AWS, or raise --timeout (and --deadline, if it is set)."
)
_BY_KIND = (
    (NO_CREDENTIALS, "Sign in (aws sso login, AWS_PROFILE) or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."),
    (
        ProxyConnectionError,
        "Correct the proxy in HTTPS_PROXY or HTTP_PROXY: http://HOST:PORT, or https://. NO_PROXY excepts hosts.",
    ),
    ((BotoCoreError, DeadlineError), TOO_SLOW),
    (OSError, "Make the credentials file readable, or correct the variable that names it."),
    (ValueError, "Check what is between this machine and AWS: a proxy, --endpoint-url, AWS_ENDPOINT_URL."),
)
_UNEXPECTED = "Report this as a defect of the toolkit. The other zones don't depend on it."
_EXPECTED = (ClientError, BotoCoreError, DeadlineError, OSError, ValueError, ToolkitError)
_MOST_CHARACTERS = 1000
# Of botocore's messages; its own retries are off (see calls.py), so it says nothing about the attempts that were made.
_BOTOCORES_RETRIES = " (reached max retries: 0)"
DENIED = {"AccessDenied", "AccessDeniedException"}


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


def advise(error: Exception) -> str:
    """Return a sentence with advice on an error that a call raised."""
    if isinstance(error, ClientError):
        code = read_code(error)
        if read_status(error) >= SERVER_ERROR:
            return "AWS has a server error: look at the AWS Health Dashboard, and run this again later."
        if code in THROTTLED and code not in _BY_CODE:
            return _advise_throttled(error.operation_name)
        return _denied(error) if code in DENIED else _BY_CODE.get(code, "See AWS's message.")
    if is_not_trusted(error):
        return "This machine does not trust the endpoint's certificate. If a proxy intercepts TLS, set AWS_CA_BUNDLE."
    if isinstance(error, ToolkitError):
        return error.hint or "Fix the problem in the message, then run this again."
    return next((text for kind, text in _BY_KIND if isinstance(error, kind)), _UNEXPECTED)


def describe_error(error: Exception) -> str:
    """Return an error's text for reports, without the secrets that the process knows.

    If a signature does not match, AWS's message may quote the canonical request with the session token in it (IAM user
    guide, "Troubleshoot SigV4 signing issues for AWS APIs").
    """
    if not isinstance(error, _EXPECTED):
        return _place(error)
    text = str(error).partition("The Canonical String")[0].replace(_BOTOCORES_RETRIES, "")
    text = blot(text.rstrip())
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def find_cause(error: Exception) -> Cause | None:
    """Return the cause of a failure to get a zone's identity; None if AWS decided about the zone's role."""
    if isinstance(error, NO_CREDENTIALS):
        return Cause.CREDENTIALS
    if isinstance(error, ClientError):
        if read_code(error) in _UNKNOWN_CALLER:
            return Cause.CREDENTIALS
        return Cause.UNREACHABLE if read_status(error) >= SERVER_ERROR else None
    if isinstance(error, NoAnswerError):
        return Cause.NOT_AWS
    return Cause.UNREACHABLE if isinstance(error, BotoCoreError | DeadlineError) else None


def _place(error: Exception) -> str:
    """Return an unexpected error's class and where it was raised, without its message, which may quote a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def _advise_throttled(operation: str) -> str:
    """Return advice on a quota of calls per second, which all zones of an account and region share."""
    limit = f"The account calls {operation} more often than its quota in the region allows: run this again"
    return f"{limit}, or raise the quota in Service Quotas." if operation in _ADJUSTABLE else f"{limit} later."


def _denied(error: ClientError) -> str:
    message, action = error.response["Error"].get("Message", ""), f"acm-pca:{error.operation_name}"
    if error.operation_name == "AssumeRoleWithWebIdentity":
        return "The role trusts another token: compare its iss, aud and sub with the role's trust policy."
    if error.operation_name in ("AssumeRole", "GetCallerIdentity"):
        return (
            "Let the caller assume the role, in the role's trust policy (verifierPrincipals of the Pulumi program) and "
            "with sts:AssumeRole in the caller's own policy. A zone's own role trusts only its service account."
        )
    if "resource-based policy" in message:
        return (
            f"The CA is in another account, whose share does not allow {action}: share it (AWS RAM or a resource "
            "policy), with a permission for the template that is requested. An account outside the organization must "
            "also accept the invitation: aws ram get-resource-share-invitations, then "
            "accept-resource-share-invitation."
        )
    if "explicit deny" in message:
        return f"A policy denies {action} explicitly: find it (also SCPs and permission boundaries)."
    return f"Allow {action} on the CA in the role's policy. If a tool manages the role, run that tool again."
