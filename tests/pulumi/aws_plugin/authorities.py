"""What becomes of resources of AWS Private CA (hashicorp/terraform-provider-aws:internal/service/acmpca) and RAM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.exceptions import ClientError

from tests.pulumi.aws_plugin.lifecycle import Found, Lifecycle, Setting, retagged
from toolkit.pki import pem
from toolkit.sandbox.pulumi.provider.kind import Inputs, list_tags, read_tags
from toolkit.sandbox.pulumi.provider.private_ca import DELETION_DAYS, read_authority, select_revocation

if TYPE_CHECKING:
    from toolkit.sandbox.pulumi.provider.clients import Aws


class CertificateAuthority(Lifecycle):
    """A CA; changes of what AWS can't change are sent all the same, as the bridged provider does."""

    replaced_by = frozenset({"certificateAuthorityConfiguration", "keyStorageSecurityStandard", "type"})
    kept = frozenset({"keyStorageSecurityStandard", "revocationConfiguration", "usageMode"})
    defaults: ClassVar[Mapping[str, Any]] = {
        "enabled": True,
        "permanentDeletionTimeInDays": DELETION_DAYS,
        "type": "SUBORDINATE",
    }

    def settle(self, before: Inputs, inputs: Inputs) -> Inputs:
        """Return them; a block of the revocation configuration that is left out stays as well."""
        settled = super().settle(before, inputs)
        old, new = before.get("revocationConfiguration"), settled.get("revocationConfiguration")
        if isinstance(old, dict) and isinstance(new, dict):
            settled["revocationConfiguration"] = {**old, **new}
        return settled

    def read(self, aws: Aws, identifier: str) -> Found:
        """DescribeCertificateAuthority; one that is deleted does not exist (findCertificateAuthorityByARN)."""
        client, named = aws.client("acm-pca"), {"CertificateAuthorityArn": identifier}
        described = client.describe_certificate_authority(**named)["CertificateAuthority"]
        if described["Status"] == "DELETED":
            missing = f"{identifier} is deleted"
            raise ClientError(
                {"Error": {"Code": "ResourceNotFoundException", "Message": missing}}, "DescribeCertificateAuthority"
            )
        known = read_authority(client, identifier)
        inputs = {name: known[name] for name in known if name in self.kind.inputs}
        # flattenRevocationConfiguration
        revocation = {
            name: _lower(block) for name, block in _lower(described.get("RevocationConfiguration", {})).items()
        }
        tags = read_tags(client.list_tags(**named))
        return Found({**inputs, "revocationConfiguration": revocation, "tags": tags}, {"arn": identifier, **known})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """UpdateCertificateAuthority for anything but tags, even with nothing in it (HasChangesExcept)."""
        client = aws.client("acm-pca")
        gone = retagged(before, after)
        if gone:
            client.untag_certificate_authority(CertificateAuthorityArn=identifier, Tags=[{"Key": key} for key in gone])
        if after.get("tags") and before.get("tags") != after["tags"]:
            client.tag_certificate_authority(CertificateAuthorityArn=identifier, Tags=list_tags(after))
        old, new = {**self.defaults, **before}, {**self.defaults, **after}
        differing = {key for key in {*old, *new} if old.get(key) != new.get(key)} - {"region", "tags"}
        if differing:
            changed: dict[str, Any] = {}
            if "revocationConfiguration" in differing:
                changed["revocationConfiguration"] = select_revocation(new["revocationConfiguration"])
            if "enabled" in differing:
                changed["status"] = "ACTIVE" if new["enabled"] else "DISABLED"
            aws.call("acm-pca", "update_certificate_authority", {"certificateAuthorityArn": identifier, **changed})
        return read_authority(client, identifier)

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


class Certificate(Lifecycle):
    """A certificate; deleting it revokes it."""

    replaced_by = frozenset(
        {"certificateAuthorityArn", "certificateSigningRequest", "signingAlgorithm", "templateArn", "validity"}
    )

    def read(self, aws: Aws, identifier: str) -> Found:
        """GetCertificate."""
        authority = identifier.partition("/certificate/")[0]
        issued = aws.client("acm-pca").get_certificate(CertificateAuthorityArn=authority, CertificateArn=identifier)
        return Found({"certificateAuthorityArn": authority}, {"certificate": issued["Certificate"]})

    def delete(self, aws: Aws, _identifier: str, outputs: Mapping[str, Any]) -> None:
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


class CertificateAuthorityCertificate(Lifecycle):
    """The import that activates a CA; deleting it does nothing."""

    replaced_by = frozenset({"certificate", "certificateAuthorityArn", "certificateChain"})

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:
        """Nothing (certificate_authority_certificate.go: NoopContext)."""


class Policy(Setting):
    """The resource policy of a CA."""

    replaced_by = frozenset({"resourceArn"})

    def delete(self, aws: Aws, identifier: str, _outputs: Mapping[str, Any]) -> None:
        """DeletePolicy."""
        aws.client("acm-pca").delete_policy(ResourceArn=identifier)


class ResourceShare(Lifecycle):
    """A share, empty at first."""

    replaced_by = frozenset({"permissionArns"})
    kept = frozenset({"permissionArns"})
    defaults: ClassVar[Mapping[str, Any]] = {"allowExternalPrincipals": False}

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """UpdateResourceShare, and its tags."""
        ram, gone = aws.client("ram"), retagged(before, after)
        ram.update_resource_share(
            resourceShareArn=identifier,
            allowExternalPrincipals=after.get("allowExternalPrincipals", False),
            **({"name": after["name"]} if after.get("name") else {}),
        )
        if gone:
            ram.untag_resource(resourceShareArn=identifier, tagKeys=gone)
        if after.get("tags"):
            tags = [{"key": key, "value": text} for key, text in after["tags"].items()]
            ram.tag_resource(resourceShareArn=identifier, tags=tags)
        return {}

    def delete(self, aws: Aws, identifier: str, _outputs: Mapping[str, Any]) -> None:
        """DeleteResourceShare."""
        aws.client("ram").delete_resource_share(resourceShareArn=identifier)


class ResourceAssociation(Lifecycle):
    """A resource in a share."""

    replaced_by = frozenset({"resourceArn", "resourceShareArn"})
    parameter = "resourceArns"

    def delete(self, aws: Aws, identifier: str, _outputs: Mapping[str, Any]) -> None:
        """DisassociateResourceShare."""
        share, _, member = identifier.partition(",")
        aws.client("ram").disassociate_resource_share(resourceShareArn=share, **{self.parameter: [member]})


class PrincipalAssociation(ResourceAssociation):
    """A principal of a share."""

    replaced_by = frozenset({"principal", "resourceShareArn"})
    parameter = "principals"


def _lower(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return AWS's fields under the names of inputs: the same, beginning with a small letter."""
    return {key[0].lower() + key[1:]: value for key, value in fields.items()}


LIFECYCLES: dict[str, type[Lifecycle]] = {
    "aws:acmpca/certificateAuthority:CertificateAuthority": CertificateAuthority,
    "aws:acmpca/certificate:Certificate": Certificate,
    "aws:acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate": CertificateAuthorityCertificate,
    "aws:acmpca/policy:Policy": Policy,
    "aws:ram/resourceShare:ResourceShare": ResourceShare,
    "aws:ram/resourceAssociation:ResourceAssociation": ResourceAssociation,
    "aws:ram/principalAssociation:PrincipalAssociation": PrincipalAssociation,
}
