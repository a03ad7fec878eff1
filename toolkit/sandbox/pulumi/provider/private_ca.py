"""AWS Private CA (hashicorp/terraform-provider-aws:internal/service/acmpca)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.exceptions import ClientError

from toolkit.pki import pem
from toolkit.sandbox.pulumi.provider.kind import (
    Aws,
    Created,
    Found,
    Inputs,
    Kind,
    Setting,
    Unchangeable,
    lower,
    retagged,
    tag_list,
    tags_of,
    upper,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


class CertificateAuthority(Kind):
    """A CA; changes of what AWS can't change are sent all the same, as the bridged provider does."""

    replaced_by = frozenset({"certificateAuthorityConfiguration", "keyStorageSecurityStandard", "type"})
    changed_by = frozenset({"enabled", "permanentDeletionTimeInDays", "revocationConfiguration", "tags", "usageMode"})
    kept = frozenset({"keyStorageSecurityStandard", "revocationConfiguration", "usageMode"})
    defaults: ClassVar[Mapping[str, Any]] = {"enabled": True, "permanentDeletionTimeInDays": 30, "type": "SUBORDINATE"}

    def settled(self, before: Inputs, inputs: Inputs) -> Inputs:
        """A block of the revocation configuration that is left out stays as well."""
        settled = super().settled(before, inputs)
        old, new = before.get("revocationConfiguration"), settled.get("revocationConfiguration")
        if isinstance(old, dict) and isinstance(new, dict):
            settled["revocationConfiguration"] = {**old, **new}
        return settled

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
            **({"Tags": tag_list(inputs)} if inputs.get("tags") else {}),
            **upper({key: inputs.get(key) for key in ("usageMode", "keyStorageSecurityStandard")}),
        }
        if inputs.get("revocationConfiguration"):
            request["RevocationConfiguration"] = _revocation(inputs["revocationConfiguration"])
        arn = client.create_certificate_authority(**request)["CertificateAuthorityArn"]
        client.get_waiter("certificate_authority_csr_created").wait(CertificateAuthorityArn=arn)
        csr = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
        days = inputs.get("permanentDeletionTimeInDays", self.defaults["permanentDeletionTimeInDays"])
        known = {"arn": arn, "certificateSigningRequest": csr, "permanentDeletionTimeInDays": days}
        return arn, {**_read(client, arn), **known}

    def read(self, aws: Aws, identifier: str) -> Found:
        """DescribeCertificateAuthority; one that is deleted does not exist (findCertificateAuthorityByARN)."""
        client, named = aws.client("acm-pca"), {"CertificateAuthorityArn": identifier}
        described = client.describe_certificate_authority(**named)["CertificateAuthority"]
        if described["Status"] == "DELETED":
            missing = f"{identifier} is deleted"
            raise ClientError(
                {"Error": {"Code": "ResourceNotFoundException", "Message": missing}}, "DescribeCertificateAuthority"
            )
        known = _read(client, identifier)
        inputs = {name: known[name] for name in known if name in self.replaced_by | self.changed_by}
        revocation = _revocation_found(described.get("RevocationConfiguration", {}))
        tags = tags_of(client.list_tags(**named))
        return Found({**inputs, "revocationConfiguration": revocation, "tags": tags}, {"arn": identifier, **known})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """UpdateCertificateAuthority for anything but tags, even with nothing in it (HasChangesExcept)."""
        client = aws.client("acm-pca")
        gone = retagged(before, after)
        if gone:
            client.untag_certificate_authority(CertificateAuthorityArn=identifier, Tags=[{"Key": key} for key in gone])
        if after.get("tags") and before.get("tags") != after["tags"]:
            client.tag_certificate_authority(CertificateAuthorityArn=identifier, Tags=tag_list(after))
        old, new = {**self.defaults, **before}, {**self.defaults, **after}
        differing = {key for key in {*old, *new} if old.get(key) != new.get(key)} - {"region", "tags"}
        if differing:
            changed: dict[str, Any] = {}
            if "revocationConfiguration" in differing:
                changed["RevocationConfiguration"] = _revocation(new["revocationConfiguration"])
            if "enabled" in differing:
                changed["Status"] = "ACTIVE" if new["enabled"] else "DISABLED"
            client.update_certificate_authority(CertificateAuthorityArn=identifier, **changed)
        return _read(client, identifier)

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:
        """Disable, then delete; a pending one can't be disabled."""
        client = aws.client("acm-pca")
        try:
            client.update_certificate_authority(CertificateAuthorityArn=identifier, Status="DISABLED")
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidStateException":
                raise
        days = int(outputs["permanentDeletionTimeInDays"])
        client.delete_certificate_authority(CertificateAuthorityArn=identifier, PermanentDeletionTimeInDays=days)


class Certificate(Unchangeable):
    """A certificate; deleting it revokes it."""

    replaced_by = frozenset(
        {
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
            Validity={"Type": inputs["validity"]["type"], "Value": int(inputs["validity"]["value"])},
            IdempotencyToken=secrets.token_hex(16),
            **upper({"templateArn": inputs.get("templateArn")}),
        )["CertificateArn"]
        client.get_waiter("certificate_issued").wait(CertificateAuthorityArn=authority, CertificateArn=arn)
        issued = client.get_certificate(CertificateAuthorityArn=authority, CertificateArn=arn)
        chain = issued.get("CertificateChain", "")
        return arn, {"arn": arn, "certificate": issued["Certificate"], "certificateChain": chain}

    def read(self, aws: Aws, identifier: str) -> Found:
        """GetCertificate."""
        authority = identifier.partition("/certificate/")[0]
        issued = aws.client("acm-pca").get_certificate(CertificateAuthorityArn=authority, CertificateArn=identifier)
        return Found({"certificateAuthorityArn": authority}, {"certificate": issued["Certificate"]})

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - it goes by serial
        """RevokeCertificate; a root's own can't be, and is left (certificate.go: resourceCertificateRevoke)."""
        certificate = pem.load_certificate(outputs["certificate"])
        try:
            aws.client("acm-pca").revoke_certificate(
                CertificateAuthorityArn=outputs["certificateAuthorityArn"],
                CertificateSerial=f"{certificate.serial_number:x}",
                RevocationReason="UNSPECIFIED",
            )
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            own = code == "InvalidRequestException" and "elf-signed certificate can not be revoked" in message
            if not own and code not in ("RequestAlreadyProcessedException", "RequestInProgressException"):
                raise


class CertificateAuthorityCertificate(Unchangeable):
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
    changed_by = frozenset({"policy"})

    def put(self, aws: Aws, inputs: Inputs) -> Created:
        """PutPolicy."""
        aws.client("acm-pca").put_policy(ResourceArn=inputs["resourceArn"], Policy=inputs["policy"])
        return inputs["resourceArn"], {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the ARN says it
        """DeletePolicy."""
        aws.client("acm-pca").delete_policy(ResourceArn=identifier)


def _read(client: Any, arn: str) -> dict[str, Any]:  # noqa: ANN401 - boto3 makes its clients at run time
    """What the provider knows of a CA once it has made or changed it (resourceCertificateAuthorityRead)."""
    described = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    configuration = described["CertificateAuthorityConfiguration"]
    return {
        **_certificate(client, arn, described),
        "certificateAuthorityConfiguration": {
            "keyAlgorithm": configuration["KeyAlgorithm"],
            "signingAlgorithm": configuration["SigningAlgorithm"],
            # What the subject does not have is empty here, and not missing.
            "subject": {key: configuration["Subject"].get(key[0].upper() + key[1:], "") for key in _SUBJECT},
        },
        "enabled": described["Status"] != "DISABLED",
    }


def _certificate(client: Any, arn: str, described: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - same
    """What a resource and the data source say alike: of a pending CA the certificate is empty."""
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
    """RFC 3339; of what is not there yet, Go's zero time."""
    return (value or datetime(1, 1, 1, tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def _revocation_found(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return what AWS has, as an input (flattenRevocationConfiguration)."""
    return {name: lower(block) for name, block in lower(configuration).items()}


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
    """The data source; the CSR of a CA that is shared is not, and stays empty (#39952)."""
    client, arn = aws.client("acm-pca"), args["arn"]
    described = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    try:
        csr = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDeniedException", "InvalidStateException"):
            raise
        csr = ""
    return {
        "id": arn,
        "arn": arn,
        "region": aws.region,
        "certificateSigningRequest": csr,
        "revocationConfigurations": [],
        "status": described["Status"],
        "tags": {},
        **_certificate(client, arn, described),
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
