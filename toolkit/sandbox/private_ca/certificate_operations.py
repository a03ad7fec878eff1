"""Operations on certificates: issuing, fetching, revoking, reporting."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.pki import pem
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.private_ca import audit_report, issuing, revocation
from toolkit.sandbox.private_ca import certificate_authority as state
from toolkit.sandbox.private_ca.certificate_authority import IssuedCertificate

if TYPE_CHECKING:
    from toolkit.sandbox.parameters import Params
    from toolkit.sandbox.private_ca.registry import Caller, Registry

_LIVING = (state.PENDING, state.ACTIVE, state.DISABLED, state.EXPIRED)
# botocore, CreateCertificateAuthorityAuditReport: a new report every 30 minutes.
_REPORT_PAUSE = timedelta(minutes=30)
_SERIAL = re.compile(r"[0-9A-Fa-f]{1,2}(:?[0-9A-Fa-f]{2})*")


class Certificates:
    """Each public method is one operation."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def issue_certificate(self, caller: Caller, params: Params) -> Params:
        """Sign a request; the certificate is fetched with a call of its own."""
        now = self._registry.clock()
        found = self._registry.find(caller, params["CertificateAuthorityArn"])
        certificate = issuing.issue(found, params, caller.partition, now)
        # Its serial number ends the ARN (user guide, PcaAuditReport.md; CloudTrail's examples of IssueCertificate).
        arn = f"{found.arn}/certificate/{certificate.serial_number:032x}"
        # A root's own certificate has no chain above it.
        above = "" if certificate.issuer == certificate.subject else found.chain_pem()
        ready = now + self._registry.issuance_delay
        issued = IssuedCertificate(
            arn=arn,
            pem=pem.write([certificate]),
            chain=above,
            ready=ready,
            issued=now,
            serial=certificate.serial_number,
            template=params.get("TemplateArn"),
        )

        def store() -> str:
            found.issued[arn] = issued
            return arn

        scope = ("issue", caller.account, found.arn)
        return {"CertificateArn": self._registry.once(params.get("IdempotencyToken"), scope, store)}

    def get_certificate(self, caller: Caller, params: Params) -> Params:
        """A certificate and its chain, once it is issued."""
        found = self._registry.find(caller, params["CertificateAuthorityArn"])
        found.require(self._registry.clock(), *_LIVING, doing="reading a certificate")
        if not params["CertificateArn"].startswith(f"{found.arn}/certificate/"):
            raise AwsError("InvalidArnException", f"{params['CertificateArn']} is not a certificate of {found.arn}.")
        issued = found.issued.get(params["CertificateArn"])
        if issued is None:
            raise AwsError("ResourceNotFoundException", f"Could not find certificate {params['CertificateArn']}.")
        if self._registry.clock() < issued.ready:
            raise AwsError("RequestInProgressException", "The certificate is still being issued.")
        # Without a line end (aws/aws-cli: awscli/examples/acm-pca/get-certificate.rst, and
        # cert-manager/aws-privateca-issuer, which adds one).
        return {"Certificate": issued.pem.rstrip(), "CertificateChain": issued.chain.rstrip() or None}

    def revoke_certificate(self, caller: Caller, params: Params) -> None:
        """Revoke by serial number."""
        now = self._registry.clock()
        found = self._registry.find(caller, params["CertificateAuthorityArn"])
        text = params["CertificateSerial"]
        if not _SERIAL.fullmatch(text):
            raise AwsError("InvalidRequestException", "The serial number must be hexadecimal, with or without colons.")
        serial = int(text.replace(":", ""), 16)
        with found.lock:
            # PCAUpdateCA.md: "While disabled, the CA supports revocation for certificates issued previously".
            found.require(now, state.ACTIVE, state.DISABLED, doing="revocation")
            own = found.certificate
            if own is not None and found.kind == "ROOT" and own.serial_number == serial:
                # botocore, RevokeCertificate: a root's self-signed certificate can't be revoked.
                raise AwsError("InvalidRequestException", "A self-signed certificate can not be revoked.")
            issued = next((known for known in list(found.issued.values()) if known.serial == serial), None)
            if issued is None:
                raise AwsError("ResourceNotFoundException", f"Could not find a certificate with serial {text}.")
            if issued.revoked is not None:
                raise AwsError("RequestAlreadyProcessedException", "The certificate has already been revoked.")
            issued.revoked, issued.revocation_reason = now, params["RevocationReason"]
            revocation.publish(found, self._registry.storage, now)

    def create_certificate_authority_audit_report(self, caller: Caller, params: Params) -> Params:
        """Every certificate that the CA issued or revoked, as a file in S3."""
        now = self._registry.clock()
        found = self._registry.find(caller, params["CertificateAuthorityArn"])
        found.require(now, state.ACTIVE, state.DISABLED, state.EXPIRED, doing="an audit report")
        bucket, form = params["S3BucketName"], params["AuditReportResponseFormat"]
        problem = self._registry.storage.problem(found.arn, bucket, "BUCKET_OWNER_FULL_CONTROL")
        if problem:
            raise AwsError("InvalidArgsException", f"{problem} Check your S3 bucket permissions and try again.")
        if any(now - report["CreatedAt"] < _REPORT_PAUSE for report in found.audit_reports.values()):
            raise AwsError("RequestFailedException", "A new report can be made every 30 minutes.")
        identifier = str(uuid.uuid4())
        key = f"audit-report/{found.identifier}/{identifier}.{form.lower()}"
        report = audit_report.write(found, form)
        self._registry.storage.put(found.owner, bucket, key, report)
        found.audit_reports[identifier] = {
            "AuditReportStatus": "SUCCESS",
            "S3BucketName": bucket,
            "S3Key": key,
            "CreatedAt": now,
        }
        return {"AuditReportId": identifier, "S3Key": key}

    def describe_certificate_authority_audit_report(self, caller: Caller, params: Params) -> Params:
        """Whether a report is done, and where."""
        found = self._registry.find(caller, params["CertificateAuthorityArn"])
        report = found.audit_reports.get(params["AuditReportId"])
        if report is None:
            raise AwsError("ResourceNotFoundException", "Could not find the audit report.")
        return report
