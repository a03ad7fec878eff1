"""The issuance client: one question, one certificate, however often a call is repeated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from toolkit.pki import arn, pem, templates
from toolkit.verify.calls import DeadlineError, part

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from mypy_boto3_acm_pca import ACMPCAClient
    from mypy_boto3_acm_pca.type_defs import CertificateAuthorityTypeDef

    from toolkit.contract import CertificateAuthority
    from toolkit.verify.calls import Caller

# AWS issues within a second as a rule; asking more often than this only uses up the quota of GetCertificate.
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_PAUSE_GROWTH = 1.6
# AWS remembers a token for five minutes (botocore, IssueCertificateRequest.IdempotencyToken); a repeated question must
# arrive before, also when the answer to it takes as long as one may.
SAME_QUESTION_SECONDS = 240.0


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
        caller: makes the calls.
    """

    def __init__(self, client: ACMPCAClient, authority: CertificateAuthority, caller: Caller) -> None:
        self._client = client
        self._authority = authority
        self._caller = caller
        partition = arn.certificate_authority(authority.arn).partition
        self._template = templates.arn(templates.END_ENTITY, partition)

    def describe(self) -> CertificateAuthorityTypeDef:
        """What AWS says of the CA.

        Raises:
            ClientError: AWS refuses.
            BotoCoreError: AWS can't be reached.
            DeadlineError: time is up.
        """
        answer = self._caller.ask(
            "DescribeCertificateAuthority",
            lambda: self._client.describe_certificate_authority(CertificateAuthorityArn=self._authority.arn),
        )
        found: CertificateAuthorityTypeDef = part(answer, "CertificateAuthority")
        return found

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
            DeadlineError: time is up.
        """
        text = pem.write_request(request).encode()
        token = idempotency_token(self._authority.arn, text)
        answer = self._caller.ask(
            "IssueCertificate",
            lambda: self._client.issue_certificate(
                CertificateAuthorityArn=self._authority.arn,
                Csr=text,
                SigningAlgorithm=self._authority.signing_algorithm,
                TemplateArn=self._template,
                Validity={"Type": "ABSOLUTE", "Value": int(not_after.timestamp())},
                IdempotencyToken=token,
            ),
            SAME_QUESTION_SECONDS,
        )
        found: str = part(answer, "CertificateArn")
        return found

    def fetch(self, certificate_arn: str) -> IssuedCertificate:
        """Wait for a certificate, asking at growing intervals.

        Args:
            certificate_arn: from :meth:`request`.

        Raises:
            DeadlineError: it was not ready in time.
            ClientError: AWS refuses.
            BotoCoreError: AWS can't be reached.
            ValueError: what AWS returned is no certificate.
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
                return _issued(part(answer, "Certificate"), answer.get("CertificateChain", ""))
            if not self._caller.pause(pause):
                self._caller.refuse_when_stopped("GetCertificate")
                raise DeadlineError(f"{certificate_arn} was still not ready")
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)

    def revoke(self, serial: str) -> None:
        """Revoke a certificate of this CA; once revoked, asking again is no failure.

        Args:
            serial: as :func:`toolkit.pki.chain.serial_number` writes it.

        Raises:
            ClientError: AWS refuses.
            BotoCoreError: AWS can't be reached.
            DeadlineError: time is up.
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


def _issued(leaf: str, way: str) -> IssuedCertificate:
    """Return what AWS returned, read to the last extension, so that no check and no report stumbles over it.

    Raises:
        ValueError: it is not a certificate, or one that can't be read.
    """
    issued = IssuedCertificate(pem.load_certificate(leaf), pem.load_certificates(way) if way.strip() else ())
    # Read here, since cryptography refuses subjects that other programs take.
    _ = issued.leaf.subject
    return issued


def idempotency_token(authority_arn: str, csr_pem: bytes) -> str:
    """A token that is the same for the same question, in 32 of the 36 characters that AWS allows.

    AWS remembers it for five minutes (botocore, IssueCertificateRequest.IdempotencyToken).
    """
    return hashlib.sha256(authority_arn.encode() + b"\n" + csr_pem).hexdigest()[:32]
