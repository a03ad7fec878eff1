"""Revoke issued certificates and write audit reports."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.sandbox.aws_error import AwsError, make_argument_error
from toolkit.sandbox.private_ca import audit_report, revocation
from toolkit.sandbox.private_ca import certificate_authority as state

if TYPE_CHECKING:
    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.sandbox.services import Caller
    from toolkit.values import Object

# botocore, CreateCertificateAuthorityAuditReport: a new report every 30 minutes.
_REPORT_PAUSE = timedelta(minutes=30)
_SERIAL = re.compile(r"[0-9A-Fa-f]{1,2}(:?[0-9A-Fa-f]{2})*")


class Certificates:
    """The operations on issued certificates; each public method is one operation."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def revoke_certificate(self, caller: Caller, params: Object) -> None:
        """Revoke a certificate by its serial number."""
        now = self._registry.clock()
        authority = self._registry.find(caller, params["CertificateAuthorityArn"])
        text = params["CertificateSerial"]
        if not _SERIAL.fullmatch(text):
            raise AwsError("InvalidRequestException", "The serial number must be hexadecimal, with or without colons.")
        serial = int(text.replace(":", ""), 16)
        with authority.lock:
            # PCAUpdateCA.md: "While disabled, the CA supports revocation for certificates issued previously".
            authority.require(now, state.ACTIVE, state.DISABLED, doing="revocation")
            own = authority.certificate
            if own is not None and authority.kind == "ROOT" and own.serial_number == serial:
                # botocore, RevokeCertificate: a root's self-signed certificate can't be revoked.
                raise AwsError("InvalidRequestException", "A self-signed certificate can not be revoked.")
            issued = next((known for known in list(authority.issued.values()) if known.serial == serial), None)
            if issued is None:
                raise AwsError("ResourceNotFoundException", f"Could not find a certificate with serial {text}.")
            if issued.revoked is not None:
                raise AwsError("RequestAlreadyProcessedException", "The certificate has already been revoked.")
            issued.revoked, issued.revocation_reason = now, params["RevocationReason"]
            revocation.publish(authority, self._registry.storage, now)

    def create_certificate_authority_audit_report(self, caller: Caller, params: Object) -> Object:
        """Write a report of every certificate that the CA issued or revoked to S3."""
        now = self._registry.clock()
        authority = self._registry.find(caller, params["CertificateAuthorityArn"])
        authority.require(now, state.ACTIVE, state.DISABLED, state.EXPIRED, doing="an audit report")
        bucket, form = params["S3BucketName"], params["AuditReportResponseFormat"]
        problem = self._registry.storage.find_problem(authority.arn, bucket, "BUCKET_OWNER_FULL_CONTROL")
        if problem:
            raise make_argument_error(f"{problem} Check your S3 bucket permissions and try again.")
        if any(now - report["CreatedAt"] < _REPORT_PAUSE for report in authority.audit_reports.values()):
            raise AwsError("RequestFailedException", "A new report can be made every 30 minutes.")
        identifier = str(uuid.uuid4())
        key = f"audit-report/{authority.identifier}/{identifier}.{form.lower()}"
        report = audit_report.write(authority, form)
        self._registry.storage.put(authority.owner, bucket, key, report)
        authority.audit_reports[identifier] = {
            "AuditReportStatus": "SUCCESS",
            "S3BucketName": bucket,
            "S3Key": key,
            "CreatedAt": now,
        }
        return {"AuditReportId": identifier, "S3Key": key}

    def describe_certificate_authority_audit_report(self, caller: Caller, params: Object) -> Object:
        """Return whether a report is finished, and its location."""
        authority = self._registry.find(caller, params["CertificateAuthorityArn"])
        report = authority.audit_reports.get(params["AuditReportId"])
        if report is None:
            raise AwsError("ResourceNotFoundException", "Could not find the audit report.")
        return report
