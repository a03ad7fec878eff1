"""One ``IssueCertificate`` for each request, however often the call is repeated, recorded before and after."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)

from toolkit.verify.advice import describe_error
from toolkit.verify.calls import SERVER_ERROR, is_not_trusted, read_part

if TYPE_CHECKING:
    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.verify.calls import Caller
    from toolkit.verify.ledger import Account, IssueRequest

# AWS remembers a token for five minutes (botocore, IssueCertificateRequest.IdempotencyToken). A repeated request must
# arrive before that, even if the answer takes as long as it may.
SAME_QUESTION_SECONDS = 240.0
_CLIENT_ERROR = 400
# A proxy that returns it may have sent the request on.
_REQUEST_TIMEOUT = 408
# No connection was made, or nothing was sent through it.
_NEVER_SENT = (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)


def make_idempotency_token(authority_arn: str, csr_pem: bytes) -> str:
    """Return the token of a request: the same for the same CSR, 32 of the 36 characters that AWS allows."""
    return hashlib.sha256(authority_arn.encode() + b"\n" + csr_pem).hexdigest()[:32]


def send(client: ACMPCAClient, request: IssueRequest) -> str:
    """Send a request once, and return the certificate's ARN.

    Raises:
        ClientError: AWS returned an error.
        BotoCoreError: AWS can't be reached.
        ValueError: the answer is not AWS's.
    """
    return str(read_part(client.issue_certificate(**request.parameters()), "CertificateArn"))


def issue(
    client: ACMPCAClient,
    caller: Caller,
    request: IssueRequest,
    account: Account,
    repeat_seconds: float = SAME_QUESTION_SECONDS,
) -> str:
    """Request a certificate. A record of the request is on disk before it is sent, and its ARN before it is returned.

    A request that was certainly not fulfilled is recorded as refused. One whose answer was lost is not: AWS may have
    issued the certificate.

    Args:
        client: with the zone's identity.
        caller: makes the calls.
        request: what to ask for.
        account: records it.
        repeat_seconds: for how long the call may be repeated.

    Returns:
        The certificate's ARN; the certificate itself may not be ready yet.

    Raises:
        ClientError: AWS returned an error.
        BotoCoreError: AWS can't be reached.
        DeadlineError: time is up.
        StoppedError: the run was stopped.
        ExternalError: the record can't be written; if it is the first one, nothing was sent.
        ValueError: the answer is not AWS's.
    """
    asked = _Asked()

    def attempt() -> str:
        # Not before the call is really made: a run that was stopped asks for nothing.
        if not asked.recorded:
            account.request(request)
            asked.recorded = True
        try:
            return send(client, request)
        except BaseException as error:
            asked.unknown |= not is_refusal(error)
            raise

    try:
        certificate_arn = caller.ask("IssueCertificate", attempt, repeat_seconds)
    except Exception as error:
        if asked.recorded and not asked.unknown:
            account.refuse(request, describe_error(error))
        raise
    account.receive(request, certificate_arn)
    return certificate_arn


class _Asked:
    """What is known of the attempts of one request.

    Attributes:
        recorded: whether the ledger has the request.
        unknown: whether AWS may have issued a certificate although no attempt returned one.
    """

    def __init__(self) -> None:
        self.recorded = False
        self.unknown = False


def is_refusal(error: BaseException) -> bool:
    """Return whether an attempt certainly issued nothing: AWS refused it, or it was never sent."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        # An answer without AWS's code, for which botocore puts the status there, may be a proxy's.
        code = error.response.get("Error", {}).get("Code")
        of_aws = isinstance(code, str) and code != "" and not code.isdigit()
        return of_aws and _CLIENT_ERROR <= status < SERVER_ERROR and status != _REQUEST_TIMEOUT
    return isinstance(error, _NEVER_SENT) or (isinstance(error, Exception) and is_not_trusted(error))
