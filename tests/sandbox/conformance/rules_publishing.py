"""Rules on revocation, CRLs, audit reports, resource policies and permissions."""

from __future__ import annotations

import csv
import io
import json
import uuid
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from tests.sandbox.conformance.world import BOTOCORE, World, csr, extension, refused, rule

CRL_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/crl-planning.md"
AUDIT_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/PcaAuditReport.md"
RBP_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/pca-rbp.md"
OTHER = "210987654321"


def bucket(world: World, *, policy: bool = True, blocked: bool = False) -> str:
    name, s3 = f"bucket-{uuid.uuid4().hex[:12]}", world.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    if blocked:
        settings = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=settings)
    if policy:
        actions = ["s3:PutObject", "s3:PutObjectAcl", "s3:GetBucketAcl", "s3:GetBucketLocation"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "acm-pca.amazonaws.com"},
            "Action": actions,
            "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        }
        document = {"Version": "2012-10-17", "Statement": [statement]}
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(document))
    return name


def with_crl(world: World, name: str, **more: Any) -> str:
    crl = {
        "Enabled": True,
        "ExpirationInDays": 7,
        "S3BucketName": name,
        "S3ObjectAcl": "BUCKET_OWNER_FULL_CONTROL",
        **more,
    }
    return world.root(RevocationConfiguration={"CrlConfiguration": crl})


def read_crl(world: World, name: str, arn: str) -> x509.CertificateRevocationList:
    key = f"crl/{arn.rpartition('/')[2]}.crl"
    body = world.client("s3").get_object(Bucket=name, Key=key)["Body"].read()
    return x509.load_der_x509_crl(body)


def revoke(world: World, arn: str, serial: str, reason: str = "KEY_COMPROMISE") -> None:
    world.pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason=reason)


@rule(
    "revoke.serial",
    "A serial number is hexadecimal, with or without colons.",
    f"{BOTOCORE}: RevokeCertificateRequest.CertificateSerial",
)
def _(world: World) -> None:
    arn = world.root()
    for colons in (True, False):
        serial = f"{world.issued(arn).serial_number:040x}"
        revoke(world, arn, ":".join(serial[n : n + 2] for n in range(0, 40, 2)) if colons else serial)
    with refused("InvalidRequestException", "hexadecimal"):
        revoke(world, arn, "not hex")


@rule("revoke.twice", "A certificate can be revoked only once.", f"{BOTOCORE}: RequestAlreadyProcessedException")
def _(world: World) -> None:
    arn = world.root()
    serial = f"{world.issued(arn).serial_number:x}"
    revoke(world, arn, serial.zfill(40))
    with refused("RequestAlreadyProcessedException"):
        revoke(world, arn, serial.zfill(40))


@rule(
    "revoke.unknown", "A certificate that the CA did not issue is not found.", f"{BOTOCORE}: ResourceNotFoundException"
)
def _(world: World) -> None:
    with refused("ResourceNotFoundException"):
        revoke(world, world.root(), "ab:cd")


@rule("revoke.root", "A root's self-signed certificate can't be revoked.", f"{BOTOCORE}: RevokeCertificate")
def _(world: World) -> None:
    arn = world.root()
    with refused("InvalidRequestException", "self-signed"):
        revoke(world, arn, f"{world.certificate(arn).serial_number:040x}")
    before = world.certificate(arn).serial_number
    world.activate_root(arn)
    for serial in (before, world.certificate(arn).serial_number):
        with refused("InvalidRequestException", "self-signed"):
            revoke(world, arn, f"{serial:040x}")


@rule("revoke.get", "A revoked certificate can still be read.", f"{BOTOCORE}: GetCertificate")
def _(world: World) -> None:
    arn = world.root()
    issued = world.issue(arn)
    leaf = x509.load_pem_x509_certificate(world.get(arn, issued)["Certificate"].encode())
    revoke(world, arn, f"{leaf.serial_number:040x}")
    assert world.get(arn, issued)["Certificate"]


@rule("crl.content", "The CA signs the CRL, which lists the revoked certificates with their reasons.", CRL_DOC)
def _(world: World) -> None:
    name = bucket(world, blocked=True)
    arn = with_crl(world, name)
    assert len(read_crl(world, name, arn)) == 0
    leaf = world.issued(arn)
    revoke(world, arn, f"{leaf.serial_number:040x}", "SUPERSEDED")
    crl = read_crl(world, name, arn)
    assert crl.is_signature_valid(world.certificate(arn).public_key())  # type: ignore[arg-type]
    (entry,) = list(crl)
    assert entry.serial_number == leaf.serial_number
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.superseded
    assert crl.next_update_utc
    assert (crl.next_update_utc - crl.last_update_utc).days == 7


@rule(
    "crl.distribution-point",
    "Certificates contain the URL of the CRL, with the bucket's name or the custom name.",
    f"{BOTOCORE}: CrlConfiguration.CustomCname",
)
def _(world: World) -> None:
    name = bucket(world)
    for more, host in (({}, f"{name}.s3.eu-central-1.amazonaws.com"), ({"CustomCname": "crl.example"}, "crl.example")):
        arn = with_crl(world, name, **more)
        points = extension(world.issued(arn), x509.CRLDistributionPoints)
        assert points
        (point,) = points.value
        assert point.full_name
        assert point.full_name[0].value == f"http://{host}/crl/{arn.rpartition('/')[2]}.crl"
    assert extension(world.issued(world.root()), x509.CRLDistributionPoints) is None


@rule("crl.omit", "The distribution point can be omitted.", f"{BOTOCORE}: CrlDistributionPointExtensionConfiguration")
def _(world: World) -> None:
    arn = with_crl(world, bucket(world), CrlDistributionPointExtensionConfiguration={"OmitExtension": True})
    assert extension(world.issued(arn), x509.CRLDistributionPoints) is None


@rule("crl.bucket-missing", "A bucket that does not exist is rejected.", CRL_DOC)
def _(world: World) -> None:
    with refused("ValidationException", "does not exist"):
        with_crl(world, "no-such-bucket")


@rule("crl.bucket-policy", "The bucket policy must allow AWS Private CA.", CRL_DOC)
def _(world: World) -> None:
    with refused("ValidationException", "Check your S3 bucket permissions and try again"):
        with_crl(world, bucket(world, policy=False))


@rule(
    "crl.public-acl",
    "PUBLIC_READ, the default, fails if public access is blocked.",
    f"{BOTOCORE}: CrlConfiguration.S3ObjectAcl",
)
def _(world: World) -> None:
    name = bucket(world, blocked=True)
    crl = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": name}
    with refused("ValidationException", "PUBLIC_READ"):
        world.create(RevocationConfiguration={"CrlConfiguration": crl})


@rule("crl.incomplete", "An enabled CRL needs a bucket and a lifetime.", f"{BOTOCORE}: CrlConfiguration")
def _(world: World) -> None:
    with refused("ValidationException"):
        world.create(RevocationConfiguration={"CrlConfiguration": {"Enabled": True}})


@rule("crl.disabled", "A disabled CRL has no other settings.", "hashicorp/terraform-provider-aws#29088")
def _(world: World) -> None:
    crl = {"Enabled": False, "ExpirationInDays": 7}
    with refused("InvalidArgsException"):
        world.create(RevocationConfiguration={"CrlConfiguration": crl})
    world.create(RevocationConfiguration={"CrlConfiguration": {"Enabled": False}})


@rule("crl.cname", "A custom name has no protocol prefix.", f"{BOTOCORE}: CrlConfiguration.CustomCname")
def _(world: World) -> None:
    with refused("InvalidArgsException", "protocol"):
        with_crl(world, bucket(world), CustomCname="http://crl.example")


@rule("crl.update", "A CRL can be enabled and disabled later.", f"{BOTOCORE}: UpdateCertificateAuthority")
def _(world: World) -> None:
    name, arn = bucket(world), world.root()
    crl = {"Enabled": True, "ExpirationInDays": 1, "S3BucketName": name, "S3ObjectAcl": "BUCKET_OWNER_FULL_CONTROL"}
    world.pca.update_certificate_authority(
        CertificateAuthorityArn=arn, RevocationConfiguration={"CrlConfiguration": crl}
    )
    assert len(read_crl(world, name, arn)) == 0
    off = {"CrlConfiguration": {"Enabled": False}}
    world.pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=off)
    assert extension(world.issued(arn), x509.CRLDistributionPoints) is None


@rule("ocsp.access", "With OCSP, certificates contain the responder's URL.", f"{BOTOCORE}: OcspConfiguration")
def _(world: World) -> None:
    for more, host in (
        ({}, "ocsp.acm-pca.eu-central-1.amazonaws.com"),
        ({"OcspCustomCname": "ocsp.example"}, "ocsp.example"),
    ):
        arn = world.root(RevocationConfiguration={"OcspConfiguration": {"Enabled": True, **more}})
        access = extension(world.issued(arn), x509.AuthorityInformationAccess)
        assert access
        (description,) = access.value
        assert description.access_method == AuthorityInformationAccessOID.OCSP
        assert description.access_location.value == f"http://{host}"


@rule("audit.json", "The audit report lists the issued and the revoked certificates, as JSON or CSV.", AUDIT_DOC)
def _(world: World) -> None:
    name, arn = bucket(world), world.root()
    issued = world.issue(arn, csr("audited"), template="EndEntityCertificate/V1")
    leaf = x509.load_pem_x509_certificate(world.get(arn, issued)["Certificate"].encode())
    revoke(world, arn, f"{leaf.serial_number:040x}")
    for form in ("JSON", "CSV"):
        world.later(minutes=31)
        made = world.pca.create_certificate_authority_audit_report(
            CertificateAuthorityArn=arn, S3BucketName=name, AuditReportResponseFormat=form
        )
        described = world.pca.describe_certificate_authority_audit_report(
            CertificateAuthorityArn=arn, AuditReportId=made["AuditReportId"]
        )
        assert described["AuditReportStatus"] == "SUCCESS"
        assert described["S3Key"] == made["S3Key"]
        body = world.client("s3").get_object(Bucket=name, Key=made["S3Key"])["Body"].read().decode()
        rows = json.loads(body) if form == "JSON" else list(csv.DictReader(io.StringIO(body)))
        (row,) = [row for row in rows if row["certificateArn"] == issued]
        assert row["revocationReason"] == "KEY_COMPROMISE"
        assert row["subject"] == "CN=audited"


@rule(
    "audit.pause", "A new report can be created every 30 minutes.", f"{BOTOCORE}: CreateCertificateAuthorityAuditReport"
)
def _(world: World) -> None:
    asked = {
        "CertificateAuthorityArn": world.root(),
        "S3BucketName": bucket(world),
        "AuditReportResponseFormat": "JSON",
    }
    world.pca.create_certificate_authority_audit_report(**asked)
    with refused("RequestFailedException", "30 minutes"):
        world.pca.create_certificate_authority_audit_report(**asked)


@rule(
    "audit.unknown",
    "An unknown report is not found.",
    f"{BOTOCORE}: DescribeCertificateAuthorityAuditReport",
)
def _(world: World) -> None:
    with refused("ResourceNotFoundException"):
        world.pca.describe_certificate_authority_audit_report(
            CertificateAuthorityArn=world.root(), AuditReportId=str(uuid.uuid4())
        )


@rule("audit.bucket", "A report needs a bucket that AWS Private CA can write to.", AUDIT_DOC)
def _(world: World) -> None:
    with refused("InvalidArgsException"):
        world.pca.create_certificate_authority_audit_report(
            CertificateAuthorityArn=world.root(), S3BucketName="no-such-bucket", AuditReportResponseFormat="JSON"
        )
