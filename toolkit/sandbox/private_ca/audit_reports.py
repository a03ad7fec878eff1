"""Create audit reports, in the format of the user guide (PcaAuditReport.md)."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from toolkit.pki import der, pem
from toolkit.sandbox.aws_error import AwsError, make_argument_error
from toolkit.sandbox.private_ca import certificate_authority as state
from toolkit.sandbox.private_ca import revocation
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority, IssuedCertificate
    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.sandbox.services import Caller

# botocore, CreateCertificateAuthorityAuditReport: a new report every 30 minutes.
_PAUSE = timedelta(minutes=30)
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


class AuditReports:
    """The operations on audit reports; each public method is one operation."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def create_certificate_authority_audit_report(self, caller: Caller, params: Object) -> Object:
        """Write a report of every certificate that the CA issued or revoked to S3."""
        now = self._registry.clock()
        allowed = (state.ACTIVE, state.DISABLED, state.EXPIRED)
        authority = self._registry.find(caller, params, *allowed, doing="an audit report")
        bucket, form = params["S3BucketName"], params["AuditReportResponseFormat"]
        problem = revocation.find_problem(authority.arn, bucket, "BUCKET_OWNER_FULL_CONTROL")
        if problem:
            raise make_argument_error(f"{problem} Check your S3 bucket permissions and try again.")
        if any(now - report["CreatedAt"] < _PAUSE for report in authority.audit_reports.values()):
            raise AwsError("RequestFailedException", "A new report can be made every 30 minutes.")
        identifier = str(uuid.uuid4())
        key = f"audit-report/{authority.identifier}/{identifier}.{form.lower()}"
        self._registry.put_object(authority.owner, bucket, key, _write(authority, form))
        authority.audit_reports[identifier] = {
            "AuditReportStatus": "SUCCESS",
            "S3BucketName": bucket,
            "S3Key": key,
            "CreatedAt": now,
        }
        return {"AuditReportId": identifier, "S3Key": key}

    def describe_certificate_authority_audit_report(self, caller: Caller, params: Object) -> Object:
        """Return whether a report is finished, and its location."""
        report = self._registry.find(caller, params).audit_reports.get(params["AuditReportId"])
        if report is None:
            raise AwsError("ResourceNotFoundException", "Could not find the audit report.")
        return report


def _write(authority: CertificateAuthority, form: str) -> bytes:
    rows = [_row(authority, issued) for issued in authority.issued.values()]
    if form == "JSON":
        return json.dumps(rows).encode()
    stream = io.StringIO()
    writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


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
    """Return a name as in RFC 2253: an attribute without a keyword has its object identifier and its DER (2.4)."""
    parts = []
    for attribute in reversed(list(name)):
        if attribute.rfc4514_attribute_name == attribute.oid.dotted_string:
            parts.append(f"{attribute.oid.dotted_string}=#{_encode_value(attribute).hex()}")
        else:
            parts.append(attribute.rfc4514_string())
    return ",".join(parts)


def _encode_value(attribute: x509.NameAttribute[str | bytes]) -> bytes:
    """Return the value in DER, including tag and length."""
    content = x509.Name([attribute]).public_bytes()
    # RFC 5280, 4.1.2.4: a name is a sequence of sets of pairs.
    for _ in ("name", "set", "pair"):
        content = der.read_one(content).content
    _, value = der.read_elements(content)
    return value.whole


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S+0000}"
