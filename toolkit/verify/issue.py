"""Issue certificates from one CA: record each request, send it, fetch and revoke. A repeated call issues only one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)

from toolkit.pki import arn, pem, templates
from toolkit.verify.aws_responses import read_arn, read_certificate
from toolkit.verify.calls import SERVER_ERROR, Caller, DeadlineError, is_not_trusted, read_code, read_status
from toolkit.verify.failures import describe_error
from toolkit.verify.ledger import VERIFICATION, Account, IssueRequest
from toolkit.verify.results import CertificateFacts

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import CertificateAuthority

# AWS usually issues within a second. Shorter pauses only use up the quota of GetCertificate.
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_PAUSE_GROWTH = 1.6
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


@dataclass(frozen=True)
class IssuedCertificate:
    """The certificate and chain in a response of ``GetCertificate``.

    Attributes:
        leaf: the certificate.
        chain: its CA chain: the issuing CA first, the root last.
    """

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]


class Issuer:
    """Requests, fetches and revokes end-entity certificates of one CA.

    Args:
        client: a client for the CA's region, with the identity to use.
        authority: the CA.
        caller: makes the calls.
    """

    def __init__(self, client: ACMPCAClient, authority: CertificateAuthority, caller: Caller) -> None:
        self._client = client
        self._authority = authority
        self._caller = caller

    def request(
        self,
        request: x509.CertificateSigningRequest,
        not_after: datetime,
        account: Account | None = None,
        template: str = templates.END_ENTITY,
        purpose: str = VERIFICATION,
    ) -> str:
        """Request a certificate. A second request with the same CSR within five minutes issues no second certificate.

        Args:
            request: the CSR.
            not_after: when the certificate expires. It is sent as an absolute time, because AWS's relative validity
                types have no unit shorter than a day.
            account: records the request and the answer.
            template: name of the template, such as ``EndEntityCertificate/V1``.
            purpose: ``verification``, or the name of a denial probe.

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
        text = pem.write_request(request)
        question = IssueRequest(
            authority_arn=self._authority.arn,
            csr=text,
            not_after=int(not_after.timestamp()),
            template_arn=templates.build_arn(template, arn.PRIVATE_CA.parse(self._authority.arn).partition),
            signing_algorithm=self._authority.signing_algorithm,
            token=make_idempotency_token(self._authority.arn, text.encode()),
            purpose=purpose,
        )
        return issue(self._client, self._caller, question, account or Account())

    def fetch(self, certificate_arn: str) -> IssuedCertificate:
        """Wait for a certificate, polling at growing intervals.

        Args:
            certificate_arn: from :meth:`request`.

        Raises:
            DeadlineError: the certificate was not ready in time.
            ClientError: AWS returned an error.
            BotoCoreError: AWS can't be reached.
            ValueError: the response contains no certificate.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                answer = self._caller.ask(
                    "GetCertificate",
                    lambda: self._client.get_certificate(
                        CertificateAuthorityArn=self._authority.arn, CertificateArn=certificate_arn
                    ),
                )
            except ClientError as error:
                if read_code(error) != "RequestInProgressException":
                    raise
            else:
                return _issued(*read_certificate(answer))
            if not self._caller.pause(pause):
                self._caller.refuse_when_stopped("GetCertificate")
                raise DeadlineError(f"{certificate_arn} was still not ready")
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)

    def revoke(self, serial: str) -> None:
        """Revoke a certificate of this CA. Do nothing if it is already revoked.

        Args:
            serial: as :func:`toolkit.pki.chain.format_serial_number` writes it.

        Raises:
            ClientError: AWS returned an error.
            BotoCoreError: AWS can't be reached.
            DeadlineError: the deadline has passed.
        """
        try:
            self._caller.ask(
                "RevokeCertificate",
                lambda: self._client.revoke_certificate(
                    CertificateAuthorityArn=self._authority.arn,
                    CertificateSerial=serial,
                    RevocationReason="CESSATION_OF_OPERATION",
                ),
            )
        except ClientError as error:
            if read_code(error) != "RequestAlreadyProcessedException":
                raise


def _issued(leaf: str, links: str) -> IssuedCertificate:
    """Parse the certificate and chain that AWS returned, with every field that checks and reports read later.

    Raises:
        ValueError: the text is not a certificate, or the certificate can't be parsed.
    """
    issued = IssuedCertificate(pem.load_certificate(leaf), pem.load_certificates(links) if links.strip() else ())
    try:
        # cryptography parses these fields on access, and rejects subjects and names that other programs accept.
        _ = issued.leaf.subject
        CertificateFacts.of(issued.leaf, issued.chain)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"the certificate can't be read ({type(error).__name__})") from error
    return issued


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
    return read_arn(client.issue_certificate(**request.parameters()), "CertificateArn")


def issue(client: ACMPCAClient, caller: Caller, request: IssueRequest, account: Account) -> str:
    """Request a certificate. The request is recorded before it is sent, and the ARN before it is returned.

    A request is recorded as refused only if AWS certainly issued nothing. If the answer was lost, AWS may have issued
    the certificate.

    Args:
        client: an ACM PCA client with the zone's identity.
        caller: makes the calls.
        request: the parameters.
        account: records the request and its outcome.

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
    may_be_issued = False

    def attempt() -> str:
        nonlocal may_be_issued
        # Record here and not before: the caller does not make this attempt if the run was stopped.
        if request.token not in account.requests:
            account.request(request)
        try:
            return send(client, request)
        except BaseException as error:
            may_be_issued |= not is_refusal(error)
            raise

    try:
        certificate_arn = caller.ask("IssueCertificate", attempt, SAME_QUESTION_SECONDS)
    except Exception as error:
        if request.token in account.requests and not may_be_issued:
            account.refuse(request, describe_error(error))
        raise
    account.receive(request, certificate_arn)
    return certificate_arn


def is_refusal(error: BaseException) -> bool:
    """Return whether a failed attempt certainly issued nothing: AWS rejected it, or it was never sent."""
    if isinstance(error, ClientError):
        status, code = read_status(error), read_code(error)
        # An error without AWS's code may be from a proxy. botocore then sets the code to the HTTP status.
        of_aws = code != "" and not code.isdigit()
        return of_aws and _CLIENT_ERROR <= status < SERVER_ERROR and status != _REQUEST_TIMEOUT
    return isinstance(error, _NEVER_SENT) or (isinstance(error, Exception) and is_not_trusted(error))
