"""The issuance client: one question, one certificate, however often a call is repeated."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from toolkit.pki import arn, chain, csr, templates

if TYPE_CHECKING:
    import threading
    from datetime import datetime

    from cryptography import x509
    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import CertificateAuthority, UsageMode

# US dollars for one certificate in the dearest tier: general purpose 1 to 1,000 a month, short-lived flat
# (aws.amazon.com/private-ca/pricing). The account that asks pays.
CERTIFICATE_PRICE: dict[UsageMode, float] = {"GENERAL_PURPOSE": 0.75, "SHORT_LIVED_CERTIFICATE": 0.058}
# AWS issues within a second as a rule; asking more often than this only uses up the quota of GetCertificate.
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_PAUSE_GROWTH = 1.6


class DeadlineError(Exception):
    """The certificate was not ready in time."""


@dataclass(frozen=True)
class IssuedCertificate:
    """What AWS Private CA returned.

    Attributes:
        leaf: the certificate.
        chain: what came with it: the issuing CA first, the root last.
    """

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]


class Issuer:
    """Asks one CA for end-entity certificates.

    Args:
        client: of the CA's region, with the identity that asks.
        authority: the CA.
    """

    def __init__(self, client: ACMPCAClient, authority: CertificateAuthority) -> None:
        self._client = client
        self._authority = authority
        partition = arn.certificate_authority(authority.arn).partition
        self._template = templates.arn(templates.END_ENTITY, partition)

    def request(self, request: x509.CertificateSigningRequest, not_after: datetime) -> str:
        """Ask for a certificate. Asking again with the same CSR within five minutes buys no second one.

        Args:
            request: the CSR.
            not_after: when the certificate is to end. It is sent as an absolute time, because AWS's relative
                validity types know no unit shorter than a day.

        Returns:
            The certificate's ARN; the certificate itself may not be ready yet.

        Raises:
            ClientError: AWS refuses.
            BotoCoreError: AWS can't be reached.
        """
        pem = csr.to_pem(request)
        return self._client.issue_certificate(
            CertificateAuthorityArn=self._authority.arn,
            Csr=pem,
            SigningAlgorithm=self._authority.signing_algorithm,
            TemplateArn=self._template,
            Validity={"Type": "ABSOLUTE", "Value": int(not_after.timestamp())},
            IdempotencyToken=idempotency_token(self._authority.arn, pem),
        )["CertificateArn"]

    def fetch(self, certificate_arn: str, deadline: float, stop: threading.Event) -> IssuedCertificate:
        """Wait for a certificate, asking at growing intervals.

        Args:
            certificate_arn: from :meth:`request`.
            deadline: on the clock of :func:`time.monotonic`.
            stop: ends the wait when set.

        Raises:
            DeadlineError: it was not ready in time.
            ClientError: AWS refuses.
            BotoCoreError: AWS can't be reached.
            ValueError: what AWS returned is no certificate.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                answer = self._client.get_certificate(
                    CertificateAuthorityArn=self._authority.arn, CertificateArn=certificate_arn
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "RequestInProgressException":
                    raise
            else:
                certificates = chain.load_bundle(answer.get("CertificateChain", ""))
                return IssuedCertificate(chain.load_certificate(answer["Certificate"]), certificates)
            left = deadline - time.monotonic()
            if left <= 0 or stop.wait(min(pause, left)):
                raise DeadlineError(f"{certificate_arn} was still not ready")
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)


def idempotency_token(authority_arn: str, csr_pem: bytes) -> str:
    """A token that is the same for the same question, in 32 of the 36 characters that AWS allows.

    AWS remembers it for five minutes (botocore, IssueCertificateRequest.IdempotencyToken).
    """
    return hashlib.sha256(authority_arn.encode() + b"\n" + csr_pem).hexdigest()[:32]
