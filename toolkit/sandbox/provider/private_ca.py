"""AWS Private CA (hashicorp/terraform-provider-aws:internal/service/acmpca)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from cryptography import x509

from toolkit.sandbox.provider.kind import Aws, Created, Inputs, Kind, Setting, retagged, tag_list, upper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PENDING = "PENDING_CERTIFICATE"


class CertificateAuthority(Kind):
    """A CA; changes of what AWS can't change are sent all the same, as the bridged provider does."""

    replaced_by = frozenset({"certificateAuthorityConfiguration", "keyStorageSecurityStandard", "type"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:  # noqa: ARG002 - a CA has no name
        """CreateCertificateAuthority, and wait for the CSR."""
        client = aws.client("acm-pca")
        configuration = inputs["certificateAuthorityConfiguration"]
        request = {
            "CertificateAuthorityConfiguration": {
                **upper({key: configuration[key] for key in ("keyAlgorithm", "signingAlgorithm")}),
                "Subject": upper(configuration["subject"]),
            },
            "CertificateAuthorityType": inputs.get("type", "SUBORDINATE"),
            "IdempotencyToken": secrets.token_hex(16),
            "Tags": tag_list(inputs),
            **upper({key: inputs.get(key) for key in ("usageMode", "keyStorageSecurityStandard")}),
        }
        if inputs.get("revocationConfiguration"):
            request["RevocationConfiguration"] = _revocation(inputs["revocationConfiguration"])
        arn = client.create_certificate_authority(**request)["CertificateAuthorityArn"]
        client.get_waiter("certificate_authority_csr_created").wait(CertificateAuthorityArn=arn)
        csr = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
        described = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
        # Read while the CA is pending: the certificate fields are empty, as with the real provider.
        empty = dict.fromkeys(["certificate", "certificateChain", "notAfter", "notBefore", "serial"], "")
        computed = {
            "usageMode": described["UsageMode"],
            "keyStorageSecurityStandard": described["KeyStorageSecurityStandard"],
        }
        return arn, {"arn": arn, "certificateSigningRequest": csr, "enabled": True, **computed, **empty}

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """UpdateCertificateAuthority for anything but tags, even with nothing in it (HasChangesExcept)."""
        client = aws.client("acm-pca")
        gone = retagged(before, after)
        if gone:
            client.untag_certificate_authority(CertificateAuthorityArn=identifier, Tags=[{"Key": key} for key in gone])
        if after.get("tags") and before.get("tags") != after["tags"]:
            client.tag_certificate_authority(CertificateAuthorityArn=identifier, Tags=tag_list(after))
        differing = {key for key in {*before, *after} if before.get(key) != after.get(key)} - {"tags"}
        if differing:
            changed: dict[str, Any] = {}
            if "revocationConfiguration" in differing:
                changed["RevocationConfiguration"] = _revocation(after["revocationConfiguration"])
            if "enabled" in differing:
                changed["Status"] = "ACTIVE" if after.get("enabled", True) else "DISABLED"
            client.update_certificate_authority(CertificateAuthorityArn=identifier, **changed)
        return {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:
        """Disable, then delete; a pending one can't be disabled."""
        client = aws.client("acm-pca")
        try:
            client.update_certificate_authority(CertificateAuthorityArn=identifier, Status="DISABLED")
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidStateException":
                raise
        days = outputs.get("permanentDeletionTimeInDays")
        client.delete_certificate_authority(
            CertificateAuthorityArn=identifier, **({"PermanentDeletionTimeInDays": int(days)} if days else {})
        )


class Certificate(Kind):
    """A certificate; deleting it revokes it."""

    replaced_by = frozenset(
        {
            "apiPassthrough",
            "certificateAuthorityArn",
            "certificateSigningRequest",
            "signingAlgorithm",
            "templateArn",
            "validity",
        }
    )

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:  # noqa: ARG002 - a certificate has no name
        """IssueCertificate, and wait for it."""
        client = aws.client("acm-pca")
        authority = inputs["certificateAuthorityArn"]
        arn = client.issue_certificate(
            CertificateAuthorityArn=authority,
            Csr=inputs["certificateSigningRequest"].encode(),
            SigningAlgorithm=inputs["signingAlgorithm"],
            TemplateArn=inputs["templateArn"],
            Validity={"Type": inputs["validity"]["type"], "Value": int(inputs["validity"]["value"])},
            IdempotencyToken=secrets.token_hex(16),
        )["CertificateArn"]
        client.get_waiter("certificate_issued").wait(CertificateAuthorityArn=authority, CertificateArn=arn)
        issued = client.get_certificate(CertificateAuthorityArn=authority, CertificateArn=arn)
        chain = issued.get("CertificateChain", "")
        return arn, {"arn": arn, "certificate": issued["Certificate"], "certificateChain": chain}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - it goes by serial
        """RevokeCertificate, unless it is self-signed (certificate.go: resourceCertificateRevoke)."""
        certificate = x509.load_pem_x509_certificate(outputs["certificate"].encode())
        if certificate.issuer == certificate.subject:
            return
        aws.client("acm-pca").revoke_certificate(
            CertificateAuthorityArn=outputs["certificateAuthorityArn"],
            CertificateSerial=f"{certificate.serial_number:x}",
            RevocationReason="UNSPECIFIED",
        )


class CertificateAuthorityCertificate(Kind):
    """The import that activates a CA; deleting it does nothing."""

    replaced_by = frozenset({"certificate", "certificateAuthorityArn", "certificateChain"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:  # noqa: ARG002 - an import has no name
        """ImportCertificateAuthorityCertificate."""
        chain = inputs.get("certificateChain")
        authority = inputs["certificateAuthorityArn"]
        aws.client("acm-pca").import_certificate_authority_certificate(
            CertificateAuthorityArn=authority,
            Certificate=inputs["certificate"].encode(),
            **({"CertificateChain": chain.encode()} if chain else {}),
        )
        return authority, {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:
        """Nothing (certificate_authority_certificate.go: NoopContext)."""


class Policy(Setting):
    """The resource policy of a CA."""

    replaced_by = frozenset({"resourceArn"})

    def put(self, aws: Aws, inputs: Inputs) -> Created:
        """PutPolicy."""
        aws.client("acm-pca").put_policy(ResourceArn=inputs["resourceArn"], Policy=inputs["policy"])
        return inputs["resourceArn"], {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the ARN says it
        """DeletePolicy."""
        aws.client("acm-pca").delete_policy(ResourceArn=identifier)


def _revocation(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Of a list that is off only that goes to AWS (expandCrlConfiguration)."""
    crl, ocsp = configuration.get("crlConfiguration"), configuration.get("ocspConfiguration")
    request = {}
    if crl:
        known = {"enabled": crl["enabled"]} if not crl["enabled"] else dict(crl)
        if "expirationInDays" in known:
            known["expirationInDays"] = int(known["expirationInDays"])
        # AWS writes these two with capitals of its own.
        names = {"s3BucketName": "S3BucketName", "s3ObjectAcl": "S3ObjectAcl"}
        request["CrlConfiguration"] = {names.get(key, key[0].upper() + key[1:]): value for key, value in known.items()}
    if ocsp:
        request["OcspConfiguration"] = upper(ocsp)
    return request


def _get_certificate_authority(aws: Aws, args: Inputs) -> dict[str, Any]:
    """The data source; of a CA that is shared the CSR stays empty (#39952)."""
    client, arn = aws.client("acm-pca"), args["arn"]
    described = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    certificate = {"Certificate": "", "CertificateChain": ""}
    if described["Status"] != _PENDING:
        certificate |= client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)
    return {
        "id": arn,
        "arn": arn,
        "region": aws.region,
        "certificate": certificate["Certificate"],
        "certificateChain": certificate["CertificateChain"],
        "certificateSigningRequest": "",
        "keyStorageSecurityStandard": described["KeyStorageSecurityStandard"],
        "notAfter": str(described.get("NotAfter", "")),
        "notBefore": str(described.get("NotBefore", "")),
        "revocationConfigurations": [],
        "serial": described.get("Serial", ""),
        "status": described["Status"],
        "tags": {},
        "type": described["Type"],
        "usageMode": described["UsageMode"],
    }


KINDS: dict[str, Kind] = {
    "aws:acmpca/certificateAuthority:CertificateAuthority": CertificateAuthority(),
    "aws:acmpca/certificate:Certificate": Certificate(),
    "aws:acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate": CertificateAuthorityCertificate(),
    "aws:acmpca/policy:Policy": Policy(),
}
FUNCTIONS: dict[str, Callable[[Aws, Inputs], dict[str, Any]]] = {
    "aws:acmpca/getCertificateAuthority:getCertificateAuthority": _get_certificate_authority,
}
