"""Send ``IssueCertificate`` and record the request and its outcome. A repeated call issues no second certificate."""

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
# arrive before that, even after the longest wait for an answer.
SAME_QUESTION_SECONDS = 240.0
_CLIENT_ERROR = 400
# A proxy that returns it may have forwarded the request to AWS.
_REQUEST_TIMEOUT = 408
# With these errors, nothing was sent to AWS.
_NEVER_SENT = (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)


def make_idempotency_token(authority_arn: str, csr_pem: bytes) -> str:
    """Return the idempotency token of a request: 32 characters (AWS allows 36), the same for the same CA and CSR."""
    return hashlib.sha256(authority_arn.encode() + b"\n" + csr_pem).hexdigest()[:32]


def send(client: ACMPCAClient, request: IssueRequest) -> str:
    """Send a request once, and return the certificate's ARN.

    Raises:
        ClientError: AWS returned an error.
        BotoCoreError: AWS can't be reached.
        ValueError: the response is not from AWS.
    """
    return str(read_part(client.issue_certificate(**request.parameters()), "CertificateArn"))


def issue(
    client: ACMPCAClient,
    caller: Caller,
    request: IssueRequest,
    account: Account,
    repeat_seconds: float = SAME_QUESTION_SECONDS,
) -> str:
    """Request a certificate. The request is recorded before it is sent, and the ARN before it is returned.

    A request is recorded as refused only if AWS certainly issued nothing. If the answer was lost, AWS may have issued
    the certificate.

    Args:
        client: an ACM PCA client with the zone's identity.
        caller: makes the calls.
        request: the parameters.
        account: records the request and its outcome.
        repeat_seconds: how long the call may be repeated after the first attempt.

    Returns:
        The certificate's ARN; the certificate itself may not be ready yet.

    Raises:
        ClientError: AWS returned an error.
        BotoCoreError: AWS can't be reached.
        DeadlineError: the deadline has passed.
        StoppedError: the run was stopped.
        ExternalError: a record can't be written. If the record of the request failed, nothing was sent.
        ValueError: the response is not from AWS.
    """
    asked = _Asked()

    def attempt() -> str:
        # Record here and not before: the caller does not make this attempt if the run was stopped.
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
    """The state of one request over all its attempts.

    Attributes:
        recorded: whether the ledger has the request.
        unknown: whether AWS may have issued a certificate in a failed attempt.
    """

    def __init__(self) -> None:
        self.recorded = False
        self.unknown = False


def is_refusal(error: BaseException) -> bool:
    """Return whether a failed attempt certainly issued nothing: AWS rejected it, or it was never sent."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        # An error without AWS's code may be from a proxy. botocore then sets the code to the HTTP status.
        code = error.response.get("Error", {}).get("Code")
        of_aws = isinstance(code, str) and code != "" and not code.isdigit()
        return of_aws and _CLIENT_ERROR <= status < SERVER_ERROR and status != _REQUEST_TIMEOUT
    return isinstance(error, _NEVER_SENT) or (isinstance(error, Exception) and is_not_trusted(error))
