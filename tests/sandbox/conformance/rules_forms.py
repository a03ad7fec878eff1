"""Rules on the form of what AWS Private CA returns."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID, SubjectInformationAccessOID

from tests.sandbox.conformance.rules_lifecycle import INSTALL_DOC
from tests.sandbox.conformance.rules_publishing import AUDIT_DOC, CRL_DOC, bucket, read_crl, revoke, with_crl
from tests.sandbox.conformance.world import ACCOUNT, BOTOCORE, World, csr, refused, rule

UPDATE_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/PCAUpdateCA.md"
GET_DOC = "aws/aws-cli:awscli/examples/acm-pca/get-certificate.rst"
CLOUDTRAIL_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/CT-IssueCertificate.md"
OFF = {"Enabled": False}


@rule("form.pem", "Certificates and chains have no line break at the end.", GET_DOC)
def _(world: World) -> None:
    root = world.root()
    arn = world.subordinate(root)
    for answer in (
        world.get(arn, world.issue(arn)),
        world.pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn),
    ):
        for field in ("Certificate", "CertificateChain"):
            assert answer[field].endswith("-----END CERTIFICATE-----")


@rule("form.authority-serial", "DescribeCertificateAuthority shows a CA's serial number in decimal.", INSTALL_DOC)
def _(world: World) -> None:
    arn = world.root()
    assert world.describe(arn)["Serial"] == str(world.certificate(arn).serial_number)


@rule("form.serial", "A certificate's serial number has 16 octets.", AUDIT_DOC)
def _(world: World) -> None:
    arn = world.root()
    for certificate in (world.certificate(arn), world.issued(arn), world.issued(arn)):
        assert (certificate.serial_number.bit_length() + 7) // 8 == 16


@rule("form.certificate-arn", "A certificate's ARN ends with its serial number in hexadecimal.", CLOUDTRAIL_DOC)
def _(world: World) -> None:
    arn = world.root()
    issued = world.issue(arn)
    leaf = x509.load_pem_x509_certificate(world.get(arn, issued)["Certificate"].encode())
    assert issued == f"{arn}/certificate/{leaf.serial_number:032x}"


@rule("form.revocation", "Both parts of the revocation configuration are always shown.", UPDATE_DOC)
def _(world: World) -> None:
    off = {"CrlConfiguration": OFF, "OcspConfiguration": OFF}
    assert world.describe(world.create())["RevocationConfiguration"] == off
    with_ocsp = world.create(RevocationConfiguration={"OcspConfiguration": {"Enabled": True}})
    assert world.describe(with_ocsp)["RevocationConfiguration"] == {**off, "OcspConfiguration": {"Enabled": True}}
    world.pca.update_certificate_authority(
        CertificateAuthorityArn=with_ocsp, RevocationConfiguration={"OcspConfiguration": OFF}
    )
    assert world.describe(with_ocsp)["RevocationConfiguration"] == off


@rule("form.crl-acl", "The default ACL of an enabled CRL is PUBLIC_READ.", f"{BOTOCORE}: S3ObjectAcl")
def _(world: World) -> None:
    asked = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": bucket(world)}
    for acl in (None, "BUCKET_OWNER_FULL_CONTROL"):
        given = {**asked, "S3ObjectAcl": acl} if acl else asked
        arn = world.create(RevocationConfiguration={"CrlConfiguration": given})
        found = world.describe(arn)["RevocationConfiguration"]["CrlConfiguration"]
        assert found == {**asked, "S3ObjectAcl": acl or "PUBLIC_READ"}


def report(world: World, arn: str, name: str, form: str) -> str:
    world.later(minutes=31)
    made = world.pca.create_certificate_authority_audit_report(
        CertificateAuthorityArn=arn, S3BucketName=name, AuditReportResponseFormat=form
    )
    return str(world.client("s3").get_object(Bucket=name, Key=made["S3Key"])["Body"].read().decode())


COLUMNS = (
    "awsAccountId,requestedByServicePrincipal,certificateArn,serial,subject,notBefore,notAfter,issuedAt,revokedAt,"
    "revocationReason,templateArn"
)


@rule("form.audit-csv", "A CSV audit report always has the same columns.", AUDIT_DOC)
def _(world: World) -> None:
    name, arn = bucket(world), world.root()
    plain, named = world.issue(arn), world.issue(arn, template="EndEntityCertificate/V1")
    text = report(world, arn, name, "CSV")
    assert text.splitlines()[0] == COLUMNS
    rows = {row["certificateArn"]: row for row in csv.DictReader(io.StringIO(text))}
    assert rows[plain]["templateArn"] == ""
    assert rows[named]["templateArn"] == "arn:aws:acm-pca:::template/EndEntityCertificate/V1"
    assert {(row["requestedByServicePrincipal"], row["revokedAt"]) for row in rows.values()} == {("", "")}


@rule("form.audit-json", "A JSON audit report shows subject, serial number and template as AWS does.", AUDIT_DOC)
def _(world: World) -> None:
    name, arn = bucket(world), world.root()
    issued = world.issue(arn, csr("audited"))
    found = {row["certificateArn"]: row for row in json.loads(report(world, arn, name, "JSON"))}[issued]
    assert set(found) == set(COLUMNS.split(",")) - {"requestedByServicePrincipal", "revokedAt", "revocationReason"}
    assert (found["subject"], found["templateArn"], found["awsAccountId"]) == ("CN=audited", None, ACCOUNT)
    assert re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){15}", found["serial"])
    assert found["serial"].replace(":", "") == issued.rpartition("/")[2]


@rule(
    "form.audit-subject",
    "Subject attributes without a keyword are shown by object identifier, with the value in hexadecimal.",
    AUDIT_DOC,
)
def _(world: World) -> None:
    name = bucket(world)
    arn = world.root(subject={"Country": "US", "Organization": "Example, Inc.", "GenerationQualifier": "3rd"})
    (found,) = json.loads(report(world, arn, name, "JSON"))
    # RFC 2253, 2.4: tag, length and content.
    assert found["subject"] == r"2.5.4.44=#0c03337264,O=Example\, Inc.,C=US"


@rule("form.csr", "A CA's CSR requests a critical CA:TRUE.", INSTALL_DOC)
def _(world: World) -> None:
    for kind in ("ROOT", "SUBORDINATE"):
        found = request(world, world.create(kind))
        constraints = found.extensions.get_extension_for_class(x509.BasicConstraints)
        assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, None)
        assert len(found.extensions) == 1


@rule(
    "form.csr-extensions",
    "A CA's CSR has the extensions in CsrExtensions.",
    f"{BOTOCORE}: CsrExtensions",
)
def _(world: World) -> None:
    location = {"UniformResourceIdentifier": "http://repository.example/"}
    wanted: dict[str, Any] = {
        "KeyUsage": {"KeyCertSign": True, "CRLSign": True, "DigitalSignature": False},
        "SubjectInformationAccess": [
            {"AccessMethod": {"AccessMethodType": "CA_REPOSITORY"}, "AccessLocation": location},
            {"AccessMethod": {"CustomObjectIdentifier": "1.2.3.4"}, "AccessLocation": location},
        ],
    }
    configuration = {
        "KeyAlgorithm": "EC_prime256v1",
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Subject": {"CommonName": "With extensions"},
        "CsrExtensions": wanted,
    }
    made = world.pca.create_certificate_authority(
        CertificateAuthorityConfiguration=configuration, CertificateAuthorityType="SUBORDINATE"
    )["CertificateAuthorityArn"]
    found = request(world, made).extensions
    usage = found.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign) == (True, True, True)
    assert not usage.value.digital_signature
    access = found.get_extension_for_class(x509.SubjectInformationAccess).value
    assert [item.access_method.dotted_string for item in access] == [
        SubjectInformationAccessOID.CA_REPOSITORY.dotted_string,
        "1.2.3.4",
    ]
    assert world.describe(made)["CertificateAuthorityConfiguration"] == configuration
    both = {"CustomObjectIdentifier": "1.2.3.4", "AccessMethodType": "CA_REPOSITORY"}
    wanted["SubjectInformationAccess"] = [{"AccessMethod": both, "AccessLocation": location}]
    with refused("InvalidArgsException"):
        world.pca.create_certificate_authority(
            CertificateAuthorityConfiguration=configuration, CertificateAuthorityType="SUBORDINATE"
        )


def request(world: World, arn: str) -> x509.CertificateSigningRequest:
    text = world.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    return x509.load_pem_x509_csr(text.encode())


@rule("form.crl-issuer", "A CRL has the key identifier of its issuer.", f"{CRL_DOC}; RFC 5280, 5.2.1")
def _(world: World) -> None:
    name = bucket(world)
    arn = with_crl(world, name)
    own = world.certificate(arn).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    found = read_crl(world, name, arn).extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found.key_identifier == own.digest


@rule("form.request-id", "Every response has its own request ID.", "AWS General Reference: x-amzn-RequestId")
def _(world: World) -> None:
    arn = world.root()
    good = [world.pca.describe_certificate_authority(CertificateAuthorityArn=arn) for _ in range(2)]
    identifiers = [answer["ResponseMetadata"]["RequestId"] for answer in good]
    with refused("InvalidArnException") as failed:
        world.get(arn, arn)
    identifiers.append(failed.value.response["ResponseMetadata"]["RequestId"])
    assert len(set(identifiers)) == 3


@rule(
    "form.no-output",
    "The response of an operation without output is empty; in JSON it has a content type.",
    "AWS Private CA API reference: TagCertificateAuthority; smithy-lang/smithy: protocol tests no_output and"
    " json_1_1_service_responds_with_no_payload",
)
def _(world: World) -> None:
    tags = [{"Key": "key", "Value": "value"}]
    answer = world.pca.tag_certificate_authority(CertificateAuthorityArn=world.create(), Tags=tags)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    speaks_json = world.pca.meta.service_model.resolved_protocol == "json"
    assert headers["content-length"] == "0"
    assert headers.get("content-type") == ("application/x-amz-json-1.1" if speaks_json else None)


@rule("form.pages", "A request for more than 100 entries returns 100 and a token.", f"{BOTOCORE}: MaxResults")
def _(world: World) -> None:
    arn = world.root()
    first = world.pca.list_certificate_authorities(MaxResults=1000)
    assert len(first["CertificateAuthorities"]) <= 100
    assert ("NextToken" in first) == (len(world.aws.private_ca.registry.authorities) > 100)
    assert world.pca.list_tags(CertificateAuthorityArn=arn, MaxResults=1000)["Tags"] == []


DELETED: dict[str, dict[str, Any]] = {
    "list_tags": {},
    "tag_certificate_authority": {"Tags": [{"Key": "a", "Value": "b"}]},
    "untag_certificate_authority": {"Tags": [{"Key": "a"}]},
    "list_permissions": {},
    "delete_permission": {"Principal": "acm.amazonaws.com"},
    "get_policy": {},
    "delete_policy": {},
}


@rule(
    "state.deleted-settings",
    "The tags, permissions and policy of a deleted CA can't be read or changed.",
    f"{BOTOCORE}: InvalidStateException of ListTags, GetPolicy and others",
)
def _(world: World) -> None:
    arn = world.create()
    world.delete(arn)
    for operation, more in DELETED.items():
        named = "ResourceArn" if operation.endswith("policy") else "CertificateAuthorityArn"
        with refused("InvalidStateException"):
            getattr(world.pca, operation)(**{named: arn}, **more)


@rule("state.expired-disabled", "An expired CA is EXPIRED even if it is disabled or restored.", UPDATE_DOC)
def _(world: World) -> None:
    disabled, deleted = world.root(years=1), world.root(years=1)
    world.disable(disabled)
    world.disable(deleted)
    world.later(days=366)
    assert world.status(disabled) == "EXPIRED"
    world.delete(deleted)
    assert world.status(deleted) == "DELETED"
    world.pca.restore_certificate_authority(CertificateAuthorityArn=deleted)
    assert world.status(deleted) == "EXPIRED"
    with refused("InvalidStateException"):
        world.pca.update_certificate_authority(CertificateAuthorityArn=disabled, Status="ACTIVE")


@rule("state.renewed", "A renewed CA has its status from before the expiration, active or disabled.", UPDATE_DOC)
def _(world: World) -> None:
    active, disabled = world.root(years=1), world.root(years=1)
    world.disable(disabled)
    world.later(days=366)
    for arn, status in ((active, "ACTIVE"), (disabled, "DISABLED")):
        world.activate_root(arn)
        assert world.status(arn) == status


@rule("revoke.disabled", "A disabled CA can revoke, and writes its CRL.", UPDATE_DOC)
def _(world: World) -> None:
    name = bucket(world)
    arn = with_crl(world, name)
    leaf = world.issued(arn)
    world.disable(arn)
    revoke(world, arn, f"{leaf.serial_number:032x}")
    assert [entry.serial_number for entry in read_crl(world, name, arn)] == [leaf.serial_number]


@rule(
    "update.pending-revocation",
    "The revocation of a pending CA can be configured.",
    "hashicorp/terraform-provider-aws: internal/service/acmpca/certificate_authority.go, resourceUpdate",
)
def _(world: World) -> None:
    arn = world.create()
    world.pca.update_certificate_authority(
        CertificateAuthorityArn=arn, RevocationConfiguration={"OcspConfiguration": {"Enabled": True}}
    )
    assert world.describe(arn)["RevocationConfiguration"]["OcspConfiguration"] == {"Enabled": True}
    world.activate_root(arn)
    access = world.issued(arn).extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [item.access_method for item in access] == [AuthorityInformationAccessOID.OCSP]


@rule(
    "crl.recommended-policy",
    "AWS's recommended bucket policy, limited to an account and a CA, allows that CA and no other.",
    f"{CRL_DOC}: Access policies for CRLs in Amazon S3",
)
def _(world: World) -> None:
    name, arn, other = bucket(world), world.root(), world.root()
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "acm-pca.amazonaws.com"},
        "Action": ["s3:PutObject", "s3:PutObjectAcl", "s3:GetBucketAcl", "s3:GetBucketLocation"],
        "Resource": [f"arn:aws:s3:::{name}/*", f"arn:aws:s3:::{name}"],
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": arn}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.client("s3").put_bucket_policy(Bucket=name, Policy=document)
    crl = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": name}
    world.pca.update_certificate_authority(
        CertificateAuthorityArn=arn, RevocationConfiguration={"CrlConfiguration": crl}
    )
    with refused("ValidationException", "requires s3:GetBucketAcl permissions"):
        world.pca.update_certificate_authority(
            CertificateAuthorityArn=other, RevocationConfiguration={"CrlConfiguration": crl}
        )


@rule(
    "form.issuer",
    "The issuer in a certificate is byte for byte the CA's subject, with any string types.",
    "RFC 5280, 4.1.2.4",
)
def _(world: World) -> None:
    arn = world.root(subject={"Country": "DE", "CommonName": "Fährverein", "SerialNumber": "17"})
    own, leaf = world.certificate(arn), world.issued(arn)
    assert leaf.issuer.public_bytes() == own.subject.public_bytes()
    assert own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "Fährverein"
