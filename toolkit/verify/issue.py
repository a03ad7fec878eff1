"""Issue certificates from one CA. A repeated call issues no second certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from toolkit.pki import arn, pem, templates
from toolkit.verify.aws_responses import read_certificate, read_certificate_authority
from toolkit.verify.calls import DeadlineError
from toolkit.verify.issue_request import issue, make_idempotency_token
from toolkit.verify.issued_certificate import IssuedCertificate
from toolkit.verify.ledger import Account, IssueRequest
from toolkit.verify.results import CertificateFacts

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import CertificateAuthority
    from toolkit.verify.aws_responses import AuthorityState
    from toolkit.verify.calls import Caller

# AWS usually issues within a second. Shorter pauses only use up the quota of GetCertificate.
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_PAUSE_GROWTH = 1.6


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
        partition = arn.PRIVATE_CA.parse(authority.arn).partition
        self._template = templates.build_arn(templates.END_ENTITY, partition)

    def describe(self) -> AuthorityState:
        """Return the CA's state in AWS.

        Raises:
            ClientError: AWS returned an error.
            BotoCoreError: AWS can't be reached.
            DeadlineError: the deadline has passed.
            NoAnswerError: the response is not from AWS.
        """
        answer = self._caller.ask(
            "DescribeCertificateAuthority",
            lambda: self._client.describe_certificate_authority(CertificateAuthorityArn=self._authority.arn),
        )
        return read_certificate_authority(answer, self._authority.arn)

    def fetch_authority_chain(self) -> tuple[x509.Certificate, ...]:
        """Return the CA's certificate and its chain, in AWS's order.

        Raises:
            ClientError: AWS returned an error.
            BotoCoreError: AWS can't be reached.
            DeadlineError: the deadline has passed.
            ValueError: the response contains no certificate.
        """
        answer = self._caller.ask(
            "GetCertificateAuthorityCertificate",
            lambda: self._client.get_certificate_authority_certificate(CertificateAuthorityArn=self._authority.arn),
        )
        own, above = read_certificate(answer)
        return (pem.load_certificate(own), *(pem.load_certificates(above) if above.strip() else ()))

    def request(
        self, request: x509.CertificateSigningRequest, not_after: datetime, account: Account | None = None
    ) -> str:
        """Request a certificate. A second request with the same CSR within five minutes issues no second certificate.

        Args:
            request: the CSR.
            not_after: when the certificate expires. It is sent as an absolute time, because AWS's relative validity
                types have no unit shorter than a day.
            account: records the request and the answer.

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
            template_arn=self._template,
            signing_algorithm=self._authority.signing_algorithm,
            token=make_idempotency_token(self._authority.arn, text.encode()),
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
                if error.response["Error"]["Code"] != "RequestInProgressException":
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
            if error.response["Error"]["Code"] != "RequestAlreadyProcessedException":
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
        CertificateFacts.of(issued)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"the certificate can't be read ({type(error).__name__})") from error
    return issued
