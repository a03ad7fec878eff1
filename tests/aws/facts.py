"""What a certificate of AWS Private CA contains, as plain values that two runs can be compared by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography import x509

from toolkit.pki import extensions, pem

if TYPE_CHECKING:
    from datetime import datetime, timedelta

# Two clocks and the time of a call lie between a request and its certificate.
_STEP_MINUTES = 5
_NAMES = {
    x509.BasicConstraints.oid: "basicConstraints",
    x509.KeyUsage.oid: "keyUsage",
    x509.ExtendedKeyUsage.oid: "extendedKeyUsage",
    x509.SubjectAlternativeName.oid: "subjectAlternativeName",
    x509.AuthorityKeyIdentifier.oid: "authorityKeyIdentifier",
    x509.SubjectKeyIdentifier.oid: "subjectKeyIdentifier",
    x509.CRLDistributionPoints.oid: "cRLDistributionPoints",
    x509.AuthorityInformationAccess.oid: "authorityInfoAccess",
}


def certificate_facts(answer: dict[str, Any], arn: str, authority: x509.Certificate, asked: datetime) -> dict[str, Any]:
    """Return what a certificate and its chain contain.

    Args:
        answer: of GetCertificate.
        arn: of the certificate.
        authority: the CA's own certificate.
        asked: when the certificate was requested.

    Raises:
        ValueError: it can't be read.
    """
    text, above = answer["Certificate"], answer.get("CertificateChain") or ""
    certificate = pem.load_certificate(text)
    serial = certificate.serial_number
    signature = certificate.signature_hash_algorithm
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuerIsTheCa": certificate.issuer.public_bytes() == authority.subject.public_bytes(),
        "signature": signature.name if signature else None,
        "serialOctets": (serial.bit_length() + 7) // 8,
        "arnEndsWithSerial": arn.endswith(f"/certificate/{serial:032x}"),
        "endsWithLineEnd": text.endswith("\n"),
        "backdatedMinutes": _minutes(asked - certificate.not_valid_before_utc),
        "validMinutes": _minutes(certificate.not_valid_after_utc - asked),
        "chainLength": len(pem.load_certificates(above)) if above else 0,
        "extensions": {_name(each.oid): _extension(each, certificate, authority) for each in certificate.extensions},
        "extensionOrder": [_name(each.oid) for each in certificate.extensions],
    }


def _minutes(time: timedelta) -> int:
    return round(time.total_seconds() / 60 / _STEP_MINUTES) * _STEP_MINUTES


def _name(oid: x509.ObjectIdentifier) -> str:
    return _NAMES.get(oid, oid.dotted_string.replace(".", "-"))


def _extension(
    extension: x509.Extension[x509.ExtensionType], certificate: x509.Certificate, authority: x509.Certificate
) -> dict[str, Any]:
    return {"critical": extension.critical, **_content(extension.value, certificate, authority)}


def _content(value: x509.ExtensionType, certificate: x509.Certificate, authority: x509.Certificate) -> dict[str, Any]:
    content: dict[str, Any] = {}
    match value:
        case x509.BasicConstraints():
            content = {"ca": value.ca, "pathLength": value.path_length}
        case x509.KeyUsage():
            content = {"usages": extensions.list_usages(value)}
        case x509.ExtendedKeyUsage():
            content = {"purposes": sorted(oid.dotted_string for oid in value)}
        case x509.SubjectAlternativeName():
            content = {"names": [_general_name(name) for name in value]}
        case x509.AuthorityKeyIdentifier():
            own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            content = {
                "isTheCasKey": value.key_identifier == own.digest,
                "namesIssuer": value.authority_cert_issuer is not None,
            }
        case x509.SubjectKeyIdentifier():
            content = {"isSha1OfTheKey": value == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())}
        case _:
            content = {"der": value.public_bytes().hex()}
    return content


def _general_name(name: x509.GeneralName) -> str:
    value: Any = name.value
    text = value.rfc4514_string() if isinstance(value, x509.Name) else str(value)
    return f"{type(name).__name__}: {text}"
