"""Create AWS Private CA resources (hashicorp/terraform-provider-aws:internal/service/acmpca)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from toolkit.sandbox.pulumi.provider.kind import Created, Inputs, Kind, list_tags
from toolkit.values import Client, Object

if TYPE_CHECKING:
    from toolkit.sandbox.pulumi.provider.clients import Aws

_PENDING = "PENDING_CERTIFICATE"
_SUBJECT = (
    "commonName",
    "country",
    "distinguishedNameQualifier",
    "generationQualifier",
    "givenName",
    "initials",
    "locality",
    "organization",
    "organizationalUnit",
    "pseudonym",
    "state",
    "surname",
    "title",
)
_IMPORTED = {"certificate", "certificateAuthorityArn", "certificateChain"}
# certificate_authority.go, permanent_deletion_time_in_days
DELETION_DAYS = 30


def _create_authority(aws: Aws, _name: str, inputs: Inputs) -> Created:
    client = aws.client("acm-pca")
    sent = ("certificateAuthorityConfiguration", "usageMode", "keyStorageSecurityStandard")
    request = {
        **{key: inputs.get(key) for key in sent},
        "certificateAuthorityType": inputs.get("type", "SUBORDINATE"),
        "idempotencyToken": secrets.token_hex(16),
        "tags": list_tags(inputs) or None,
        "revocationConfiguration": select_revocation(inputs.get("revocationConfiguration")),
    }
    arn = aws.call("acm-pca", "create_certificate_authority", request)["CertificateAuthorityArn"]
    client.get_waiter("certificate_authority_csr_created").wait(CertificateAuthorityArn=arn)
    csr = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    days = inputs.get("permanentDeletionTimeInDays", DELETION_DAYS)
    known = {"arn": arn, "certificateSigningRequest": csr, "permanentDeletionTimeInDays": days}
    return arn, {**read_authority(client, arn), **known}


def _create_certificate(aws: Aws, _name: str, inputs: Inputs) -> Created:
    client = aws.client("acm-pca")
    authority = inputs["certificateAuthorityArn"]
    request = {
        key: inputs.get(key) for key in ("certificateAuthorityArn", "signingAlgorithm", "validity", "templateArn")
    }
    request |= {"csr": inputs["certificateSigningRequest"], "idempotencyToken": secrets.token_hex(16)}
    arn = aws.call("acm-pca", "issue_certificate", request)["CertificateArn"]
    client.get_waiter("certificate_issued").wait(CertificateAuthorityArn=authority, CertificateArn=arn)
    issued = client.get_certificate(CertificateAuthorityArn=authority, CertificateArn=arn)
    chain = issued.get("CertificateChain", "")
    return arn, {"arn": arn, "certificate": issued["Certificate"], "certificateChain": chain}


def _import_certificate(aws: Aws, _name: str, inputs: Inputs) -> Created:
    aws.call("acm-pca", "import_certificate_authority_certificate", {key: inputs.get(key) for key in _IMPORTED})
    return inputs["certificateAuthorityArn"], {}


def _put_policy(aws: Aws, _name: str, inputs: Inputs) -> Created:
    aws.client("acm-pca").put_policy(ResourceArn=inputs["resourceArn"], Policy=inputs["policy"])
    return inputs["resourceArn"], {}


def read_authority(client: Client, arn: str) -> Object:
    """Return the provider's outputs of a CA after a creation or an update (resourceCertificateAuthorityRead)."""
    described = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    configuration = described["CertificateAuthorityConfiguration"]
    return {
        **read_certificate(client, arn, described),
        "certificateAuthorityConfiguration": {
            "keyAlgorithm": configuration["KeyAlgorithm"],
            "signingAlgorithm": configuration["SigningAlgorithm"],
            # A missing attribute of the subject is an empty string here.
            "subject": {key: configuration["Subject"].get(key[0].upper() + key[1:], "") for key in _SUBJECT},
        },
        "enabled": described["Status"] != "DISABLED",
    }


def read_certificate(client: Client, arn: str, described: Object) -> Object:
    """Return the certificate outputs of a resource or the data source; they are empty for a pending CA.

    Args:
        client: a client of AWS Private CA.
        arn: the CA's ARN.
        described: the response of DescribeCertificateAuthority.
    """
    certificate = {"Certificate": "", "CertificateChain": ""}
    if described["Status"] != _PENDING:
        certificate |= client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)
    return {
        "certificate": certificate["Certificate"],
        "certificateChain": certificate["CertificateChain"],
        "keyStorageSecurityStandard": described["KeyStorageSecurityStandard"],
        "notAfter": _moment(described.get("NotAfter")),
        "notBefore": _moment(described.get("NotBefore")),
        "serial": described.get("Serial", ""),
        "type": described["Type"],
        "usageMode": described["UsageMode"],
    }


def _moment(value: datetime | None) -> str:
    """Return a time in RFC 3339; Go's zero time for None."""
    return (value or datetime(1, 1, 1, tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def select_revocation(configuration: Object | None) -> Object | None:
    """Return the revocation configuration to send: a disabled CRL without other settings (expandCrlConfiguration)."""
    if configuration and (crl := configuration.get("crlConfiguration")) and not crl["enabled"]:
        return {**configuration, "crlConfiguration": {"enabled": False}}
    return configuration


KINDS = {
    "aws:acmpca/certificateAuthority:CertificateAuthority": Kind(
        _create_authority,
        {"certificateAuthorityConfiguration", "keyStorageSecurityStandard", "revocationConfiguration", "usageMode"}
        | {"enabled", "permanentDeletionTimeInDays", "tags", "type"},
    ),
    "aws:acmpca/certificate:Certificate": Kind(
        _create_certificate,
        {"certificateAuthorityArn", "certificateSigningRequest", "signingAlgorithm", "templateArn", "validity"},
    ),
    "aws:acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate": Kind(_import_certificate, _IMPORTED),
    "aws:acmpca/policy:Policy": Kind(_put_policy, {"resourceArn", "policy"}),
}
