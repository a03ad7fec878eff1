"""Define resource shares, and AWS's managed permissions for private CAs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.pki import templates
from toolkit.sandbox.aws_error import AwsError

if TYPE_CHECKING:
    from datetime import datetime

    from toolkit.values import Object

RESOURCE_TYPE = "acm-pca:CertificateAuthority"
# RAM user guide, working-with-shared-invitations: private CAs are not among the types with seven days.
INVITATION_LIFETIME = timedelta(hours=12)
ASSOCIATED, ASSOCIATING, DISASSOCIATED = "ASSOCIATED", "ASSOCIATING", "DISASSOCIATED"
PENDING, ACCEPTED, EXPIRED = "PENDING", "ACCEPTED", "EXPIRED"
ACTIVE, DELETED = "ACTIVE", "DELETED"

_READING = [
    "acm-pca:DescribeCertificateAuthority",
    "acm-pca:GetCertificate",
    "acm-pca:GetCertificateAuthorityCertificate",
    "acm-pca:ListPermissions",
    "acm-pca:ListTags",
]
DEFAULT = "AWSRAMDefaultPermissionCertificateAuthority"
REVOKE = "AWSRAMRevokeCertificateCertificateAuthority"
# The names are those that `aws ram list-permissions` shows in awsdocs/aws-ram-user-guide (working-with-sharing-
# view-permissions.md, several versions) and in awsdocs/aws-private-ca-user-guide:doc_source/PcaRevokeCert.md. AWS has
# more permissions, for client and server certificates; these sources don't name them, so the sandbox rejects them.
_TEMPLATES = {
    DEFAULT: templates.END_ENTITY,
    "AWSRAMBlankEndEntityCertificateAPIPassthroughIssuanceCertificateAuthority": (
        "BlankEndEntityCertificate_APIPassthrough/V1"
    ),
    "AWSRAMBlankEndEntityCertificateAPICSRPassthroughIssuanceCertificateAuthority": (
        "BlankEndEntityCertificate_APICSRPassthrough/V1"
    ),
    "AWSRAMSubordinateCACertificatePathLen0IssuanceCertificateAuthority": templates.name_subordinate_ca(0),
}


def make_permission_arn(name: str, partition: str) -> str:
    """Return the ARN of an AWS managed permission."""
    return f"arn:{partition}:ram::aws:permission/{name}"


def find_permission(arn: str, partition: str) -> str:
    """Return the name of a managed permission for private CAs.

    Raises:
        AwsError: the permission does not exist.
    """
    names = {make_permission_arn(name, partition): name for name in (*_TEMPLATES, REVOKE)}
    if arn.count(":") < make_permission_arn("", partition).count(":"):
        raise AwsError("MalformedArnException", f"The specified permission ARN {arn} is not valid.")
    if arn not in names:
        raise AwsError(
            "UnknownResourceException",
            f"Permission {arn} could not be found. The sandbox has only AWS's managed permissions for private CAs.",
        )
    return names[arn]


def make_policy(name: str, resource: str, partition: str) -> Object:
    """Return the policy of a permission on a resource.

    The permission to revoke does not allow reading. According to the guide, revoking needs two shares: one with the
    permission to revoke and one with the default permission (PcaRevokeCert.md).
    """
    if name == REVOKE:
        return {"Statement": [{"Effect": "Allow", "Action": "acm-pca:RevokeCertificate", "Resource": resource}]}
    pinned = {"StringEquals": {"acm-pca:TemplateArn": templates.build_arn(_TEMPLATES[name], partition)}}
    issuing = {"Effect": "Allow", "Action": "acm-pca:IssueCertificate", "Resource": resource, "Condition": pinned}
    return {"Statement": [{"Effect": "Allow", "Action": _READING, "Resource": resource}, issuing]}


@dataclass
class Association:
    """A principal or a resource of a share.

    Attributes:
        created: when it was added.
        status: ``ASSOCIATED``, or ``ASSOCIATING`` until an invitation is accepted.
        external: whether it is an account that RAM does not know as a member of the organization, and so invited.
    """

    created: datetime
    status: str = ASSOCIATED
    external: bool = False


@dataclass
class Invitation:
    """An invitation that an external account must accept before a share applies to it."""

    arn: str
    share: ResourceShare
    receiver: str
    created: datetime
    status: str = PENDING

    def describe(self) -> Object:
        """Return the invitation as GetResourceShareInvitations shows it."""
        return {
            "resourceShareInvitationArn": self.arn,
            "resourceShareName": self.share.name,
            "resourceShareArn": self.share.arn,
            "senderAccountId": self.share.owner,
            "receiverAccountId": self.receiver,
            "invitationTimestamp": self.created,
            "status": self.status,
        }


@dataclass
class ResourceShare:
    """A resource share: CAs, principals and one permission.

    Attributes:
        arn: its ARN.
        owner: the account that created it.
        region: the region of the share and its CAs.
        partition: the region's partition.
        permission: name of the managed permission; None until a CA is added or a permission is chosen.
        resources: by ARN.
        principals: by account ID or ARN.
    """

    arn: str
    owner: str
    region: str
    partition: str
    name: str
    allow_external: bool
    created: datetime
    changed: datetime
    permission: str | None = None
    status: str = ACTIVE
    tags: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Association] = field(default_factory=dict)
    principals: dict[str, Association] = field(default_factory=dict)

    def invite(self, receiver: str, now: datetime) -> Invitation:
        """Return an invitation for an account."""
        prefix = f"arn:{self.partition}:ram:{self.region}:{self.owner}:resource-share-invitation/"
        return Invitation(prefix + str(uuid.uuid4()), self, receiver, now)

    def describe(self) -> Object:
        """Return the share as GetResourceShares shows it."""
        return {
            "resourceShareArn": self.arn,
            "name": self.name,
            "owningAccountId": self.owner,
            "allowExternalPrincipals": self.allow_external,
            "status": self.status,
            "tags": [{"key": key, "value": value} for key, value in self.tags.items()],
            "creationTime": self.created,
            "lastUpdatedTime": self.changed,
            "featureSet": "STANDARD",
        }

    def associations(self, kind: str) -> list[Object]:
        """Return the associations of a kind as GetResourceShareAssociations shows them."""
        held = self.principals if kind == "PRINCIPAL" else self.resources
        return [self.association(kind, entity, association) for entity, association in held.items()]

    def association(self, kind: str, entity: str, association: Association, status: str | None = None) -> Object:
        """Return one association."""
        return {
            "resourceShareArn": self.arn,
            "resourceShareName": self.name,
            "associatedEntity": entity,
            "associationType": kind,
            "status": status or association.status,
            "creationTime": association.created,
            "lastUpdatedTime": association.created,
            "external": association.external,
        }

    def permissions(self) -> list[Object]:
        """Return the permissions as ListResourceSharePermissions shows them; RAM allows one per resource type."""
        if self.permission is None:
            return []
        summary = {
            "arn": make_permission_arn(self.permission, self.partition),
            "version": "1",
            "defaultVersion": True,
            "name": self.permission,
            "resourceType": RESOURCE_TYPE,
            "status": ASSOCIATED,
            "creationTime": self.created,
            "lastUpdatedTime": self.changed,
            "isResourceTypeDefault": self.permission == DEFAULT,
            "permissionType": "AWS_MANAGED",
            "featureSet": "STANDARD",
        }
        return [summary]


def make_unknown_share_error(arn: str) -> AwsError:
    """Return the error for a share that the caller does not have."""
    return AwsError("UnknownResourceException", f"ResourceShare {arn} could not be found.")


def make_invalid_error(message: str) -> AwsError:
    """Return the error for an invalid parameter."""
    return AwsError("InvalidParameterException", message)


def make_outsider_error() -> AwsError:
    """Return the error for a principal that RAM does not know as a member of the organization."""
    # AWS's message: hashicorp/terraform-provider-aws#7769
    return AwsError(
        "OperationNotPermittedException",
        "The resource you are attempting to share can only be shared within your AWS Organization. This error may also "
        "occur if you have not enabled sharing with your AWS organization, or that onboarding process is still in "
        "progress.",
    )
