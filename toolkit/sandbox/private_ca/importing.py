"""Check a CA's own certificate when it is imported (user guide, PCACertInstall.html)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.primitives import serialization

from toolkit.pki import names, pem
from toolkit.pki.authority import Needs
from toolkit.pki.judging import check_import
from toolkit.sandbox.aws_error import AwsError

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority


def check_certificates(
    authority: CertificateAuthority, certificate: bytes, above: bytes | None, now: datetime
) -> tuple[x509.Certificate, ...]:
    """Return the CA's certificate and its chain, in order, if the CA may import them.

    Args:
        authority: the CA.
        certificate: PEM of the CA's certificate.
        above: PEM of its chain: the issuing CA first, the root last.
        now: the time of the import.

    Raises:
        AwsError: AWS would reject them.
    """
    own = _read(certificate, "certificate")
    if len(own) != 1:
        raise _malformed("The certificate must contain exactly one certificate.")
    if authority.kind == "ROOT" and above:
        raise _invalid("A root CA's certificate is imported without a chain.")
    if authority.kind != "ROOT" and not above:
        raise _invalid("A subordinate CA's certificate is imported with its chain.")
    whole = (*own, *(_read(above, "certificate chain") if above else ()))
    if _spki(own[0].public_key()) != _spki(authority.key.public_key()) or names.read_attributes(
        names.read_subject(own[0])
    ) != names.read_attributes(authority.name.public_bytes()):
        raise AwsError(
            "CertificateMismatchException", "The certificate does not match the CA's certificate signing request."
        )
    kind: Literal["ROOT", "SUBORDINATE"] = "ROOT" if authority.kind == "ROOT" else "SUBORDINATE"
    problems = list(check_import(own[0], whole[1:], kind, Needs(at=now)))
    if problems:
        raise _malformed("; ".join(problem.message for problem in problems))
    return whole


def _read(text: bytes, what: str) -> tuple[x509.Certificate, ...]:
    try:
        return pem.load_certificates(text)
    except ValueError as error:
        raise _malformed(f"The {what} can not be read.") from error


def _spki(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedCertificateException", message)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)
