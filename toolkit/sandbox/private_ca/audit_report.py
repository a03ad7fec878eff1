"""Write audit reports in the format of the user guide (PcaAuditReport.md)."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from toolkit.pki import der, pem

if TYPE_CHECKING:
    from datetime import datetime

    from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority, IssuedCertificate
    from toolkit.values import Object

_COLUMNS = (
    "awsAccountId",
    "requestedByServicePrincipal",
    "certificateArn",
    "serial",
    "subject",
    "notBefore",
    "notAfter",
    "issuedAt",
    "revokedAt",
    "revocationReason",
    "templateArn",
)
# RFC 2253, 2.3; other attributes have their object identifier and their value in hexadecimal DER (2.4).
_KEYWORDS = {
    NameOID.COMMON_NAME: "CN",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COUNTRY_NAME: "C",
    NameOID.STREET_ADDRESS: "STREET",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.USER_ID: "UID",
}


def write(authority: CertificateAuthority, form: str) -> bytes:
    """Return a CA's report of every certificate that it issued or revoked.

    Args:
        authority: the CA.
        form: ``JSON`` or ``CSV``.
    """
    rows = [_row(authority, issued) for issued in list(authority.issued.values())]
    if form == "CSV":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return stream.getvalue().encode()
    return json.dumps(rows).encode()


def _row(authority: CertificateAuthority, issued: IssuedCertificate) -> Object:
    certificate = pem.load_certificate(issued.pem)
    row = {
        "awsAccountId": authority.owner,
        # requestedByServicePrincipal stays empty, because no service requests certificates in the sandbox.
        "certificateArn": issued.arn,
        "serial": certificate.serial_number.to_bytes(16).hex(":"),
        "subject": _subject(certificate.subject),
        "notBefore": _time(certificate.not_valid_before_utc),
        "notAfter": _time(certificate.not_valid_after_utc),
        "issuedAt": _time(issued.issued),
        "templateArn": issued.template,
    }
    if issued.revoked is not None:
        row |= {"revokedAt": _time(issued.revoked), "revocationReason": issued.revocation_reason}
    return row


def _subject(name: x509.Name) -> str:
    parts = []
    for attribute in name:
        keyword = _KEYWORDS.get(attribute.oid)
        if keyword is not None:
            parts.append(attribute.rfc4514_string({attribute.oid: keyword}))
        else:
            parts.append(f"{attribute.oid.dotted_string}=#{_value(attribute).hex()}")
    return ",".join(reversed(parts))


def _value(attribute: x509.NameAttribute[str | bytes]) -> bytes:
    """Return the value in DER, including tag and length."""
    relative = next(der.read_elements(der.read_one(x509.Name([attribute]).public_bytes()).content))
    _, value = der.read_elements(next(der.read_elements(relative.content)).content)
    return value.whole


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S+0000}"
