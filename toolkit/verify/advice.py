"""What to do about a refusal, by AWS's error code."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from toolkit.verify.calls import SERVER_ERROR, THROTTLED, is_not_trusted

_THROTTLED = (
    "The account's quota for this call is used up (25 IssueCertificate a second unless raised): "
    "try again, or raise it in Service Quotas."
)
# Several of these arrive as plain ClientError, there is no class for them, so the code decides.
_BY_CODE = {
    "ExpiredTokenException": "The credentials have expired: sign in again.",
    "ExpiredToken": "The credentials have expired: sign in again.",
    "InvalidClientTokenId": "The credentials are not known to AWS: check AWS_PROFILE and the environment.",
    "UnrecognizedClientException": "The credentials are not known to AWS: check AWS_PROFILE and the environment.",
    "ResourceNotFoundException": "There is no such CA in that region: is the Mesh's conf.arn that of the stack?",
    "InvalidStateException": "The CA is not ACTIVE: activate or enable it, then run this again.",
    **dict.fromkeys(THROTTLED, _THROTTLED),
}
DENIED = {"AccessDenied", "AccessDeniedException"}


def advice(error: Exception, action: str) -> str:
    """One sentence on what to do.

    Args:
        error: what the call raised.
        action: the IAM action that was tried, for example ``acm-pca:IssueCertificate``.
    """
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= SERVER_ERROR:
            return "AWS fails on its side: look at the AWS Health Dashboard, and run this again later."
        return _denied(error, action) if code in DENIED else _BY_CODE.get(code, "See AWS's message.")
    if isinstance(error, NoCredentialsError):
        return "Sign in (aws sso login, AWS_PROFILE) or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    if is_not_trusted(error):
        return "This machine does not trust the endpoint's certificate: a proxy that opens TLS needs AWS_CA_BUNDLE."
    if isinstance(error, BotoCoreError):
        return "Check that this machine reaches AWS in that region (proxy, VPC endpoint, DNS)."
    return "Run again with a longer --timeout; if it stays so, look at the CA's state in AWS."


def _denied(error: ClientError, action: str) -> str:
    message = error.response["Error"].get("Message", "")
    if action == "sts:AssumeRole":
        return "Let the caller assume the role: verifierPrincipals in the stack, and sts:AssumeRole in its own policy."
    if "resource-based policy" in message:
        return f"The CA is in another account and not shared for {action}: share it (AWS RAM or a resource policy)."
    if "explicit deny" in message:
        return f"A policy denies {action} explicitly: find it (also SCPs and permission boundaries)."
    return f"Allow {action} on the CA in the role's policy; pulumi up restores what the stack gave it."
