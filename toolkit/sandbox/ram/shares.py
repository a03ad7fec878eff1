"""Store resource shares of private CAs, their permissions and invitations, and decide whom a share applies to."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from toolkit.pki import arn as arns
from toolkit.pki import templates
from toolkit.sandbox import organizations
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.private_ca import certificate_authority
from toolkit.sandbox.private_ca.sharing_operations import READING
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.sandbox.services import Caller

# RAM user guide, working-with-shared-invitations: private CAs are not among the types with seven days.
_INVITATION_LIFETIME = timedelta(hours=12)
ASSOCIATED, ASSOCIATING, DISASSOCIATED = "ASSOCIATED", "ASSOCIATING", "DISASSOCIATED"
PENDING, ACCEPTED, EXPIRED = "PENDING", "ACCEPTED", "EXPIRED"
ACTIVE, DELETED = "ACTIVE", "DELETED"
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_OF_ORGANIZATION = re.compile(r"arn:[a-z-]+:organizations::\d{12}:(organization/o-\w+|ou/o-\w+/ou-[\w-]+)", re.ASCII)
_SHARE = re.compile(r"arn:[a-z-]+:ram:[a-z0-9-]+:\d{12}:resource-share/[0-9a-f-]{36}", re.ASCII)
_INVITATION = re.compile(r"arn:[a-z-]+:ram:[a-z0-9-]+:\d{12}:resource-share-invitation/[0-9a-f-]{36}", re.ASCII)

DEFAULT = "AWSRAMDefaultPermissionCertificateAuthority"
_REVOKE = "AWSRAMRevokeCertificateCertificateAuthority"
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
    names = {make_permission_arn(name, partition): name for name in (*_TEMPLATES, _REVOKE)}
    if arn.count(":") < make_permission_arn("", partition).count(":"):
        raise AwsError("MalformedArnException", f"The specified permission ARN {arn} is not valid.")
    if arn not in names:
        raise AwsError(
            "UnknownResourceException",
            f"Permission {arn} could not be found. The sandbox has only AWS's managed permissions for private CAs.",
        )
    return names[arn]


def _make_policy(name: str, resource: str, partition: str) -> Object:
    """Return the policy of a permission on a resource.

    The permission to revoke does not allow reading. According to the guide, revoking needs two shares: one with the
    permission to revoke and one with the default permission (PcaRevokeCert.md).
    """
    if name == _REVOKE:
        return {"Statement": [{"Effect": "Allow", "Action": "acm-pca:RevokeCertificate", "Resource": resource}]}
    pinned = {"StringEquals": {"acm-pca:TemplateArn": templates.build_arn(_TEMPLATES[name], partition)}}
    issuing = {"Effect": "Allow", "Action": "acm-pca:IssueCertificate", "Resource": resource, "Condition": pinned}
    return {"Statement": [{"Effect": "Allow", "Action": READING, "Resource": resource}, issuing]}


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

    def is_for(self, caller: Caller) -> bool:
        """Return whether the caller's account received the invitation, in the caller's region."""
        return (self.receiver, self.share.region) == (caller.account, caller.region)

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

    def belongs_to(self, caller: Caller) -> bool:
        """Return whether it is a share of the caller's account and region."""
        return (self.owner, self.region) == (caller.account, caller.region)

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

    def associations(self, kind: str, entities: Iterable[str] | None = None, status: str | None = None) -> list[Object]:
        """Return associations as GetResourceShareAssociations shows them.

        Args:
            kind: ``PRINCIPAL`` or ``RESOURCE``.
            entities: the principals or resources; all by default.
            status: the status to show; by default that of each association.
        """
        held = self.principals if kind == "PRINCIPAL" else self.resources
        return [
            {
                "resourceShareArn": self.arn,
                "resourceShareName": self.name,
                "associatedEntity": entity,
                "associationType": kind,
                "status": status or held[entity].status,
                "creationTime": held[entity].created,
                "lastUpdatedTime": held[entity].created,
                "external": held[entity].external,
            }
            for entity in (held if entities is None else entities)
        ]

    def permissions(self) -> list[Object]:
        """Return the permissions as ListResourceSharePermissions shows them; RAM allows one per resource type."""
        if self.permission is None:
            return []
        summary = {
            "arn": make_permission_arn(self.permission, self.partition),
            "version": "1",
            "defaultVersion": True,
            "name": self.permission,
            "resourceType": "acm-pca:CertificateAuthority",
            "status": ASSOCIATED,
            "creationTime": self.created,
            "lastUpdatedTime": self.changed,
            "isResourceTypeDefault": self.permission == DEFAULT,
            "permissionType": "AWS_MANAGED",
            "featureSet": "STANDARD",
        }
        return [summary]


class Directory:
    """All resource shares of all accounts.

    Args:
        registry: the CAs and the clock.

    Attributes:
        shares: by ARN.
        invitations: by ARN.
        sharing_organizations: the organizations in which sharing is enabled, by ID.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.shares: MutableMapping[str, ResourceShare] = {}
        self.invitations: MutableMapping[str, Invitation] = {}
        self.sharing_organizations: MutableMapping[str, bool] = {}

    def find_policies(self, account: str, resource: str) -> list[Object]:
        """Return the policies with which a CA is shared with an account."""
        return [
            _make_policy(share.permission, resource, share.partition)
            for share in self.find_reaching(account)
            if resource in share.resources and share.permission is not None
        ]

    def find_reaching(self, account: str) -> list[ResourceShare]:
        """Return the shares that currently apply to an account."""
        return [
            share for share in list(self.shares.values()) if share.status == ACTIVE and self._counts(share, account)
        ]

    def find(self, caller: Caller, arn: str) -> ResourceShare:
        """Return a share of the caller's account and region."""
        if not _SHARE.fullmatch(arn):
            raise AwsError("MalformedArnException", f"The specified resource share ARN {arn} is not valid.")
        share = self.shares.get(arn)
        if share is None or not share.belongs_to(caller) or share.status == DELETED:
            raise AwsError("UnknownResourceException", f"ResourceShare {arn} could not be found.")
        return share

    def find_invitation(self, caller: Caller, arn: str) -> Invitation:
        """Return an invitation of the caller's account and region."""
        if not _INVITATION.fullmatch(arn):
            raise AwsError("MalformedArnException", f"The specified invitation ARN {arn} is not valid.")
        invitation = self.invitations.get(arn)
        if invitation is None or not invitation.is_for(caller):
            raise AwsError("ResourceShareInvitationArnNotFoundException", f"{arn} could not be found.")
        return invitation

    def add(self, share: ResourceShare, resources: Iterable[str], principals: Iterable[str]) -> None:
        """Add CAs and principals; if one of them is rejected, add none."""
        now = self._registry.clock()
        new_resources = {arn: Association(now) for arn in resources if self._is_sharable(share, arn)}
        new_principals = {name: self._welcome(share, name) for name in principals if name not in share.principals}
        share.resources = new_resources | share.resources
        if share.resources and share.permission is None:
            # botocore, CreateResourceShareRequest.permissionArns: the default permission of the resource type.
            share.permission = DEFAULT
        for name, association in new_principals.items():
            share.principals[name] = association
            if association.external:
                prefix = f"arn:{share.partition}:ram:{share.region}:{share.owner}:resource-share-invitation"
                invitation = Invitation(f"{prefix}/{uuid.uuid4()}", share, name, now)
                self.invitations[invitation.arn] = invitation
        share.changed = now

    def remove_principals(self, share: ResourceShare, principals: Iterable[str]) -> None:
        """Remove principals, and withdraw their pending invitations."""
        for principal in principals:
            del share.principals[principal]
            for invitation in list(self.invitations.values()):
                pending = invitation.status == PENDING and invitation.share is share
                if pending and invitation.receiver == principal:
                    del self.invitations[invitation.arn]

    def expire(self) -> None:
        """Expire invitations after twelve hours, and remove their principals from the share."""
        late = self._registry.clock() - _INVITATION_LIFETIME
        for invitation in self.invitations.values():
            if invitation.status == PENDING and invitation.created <= late:
                invitation.status = EXPIRED
                invitation.share.principals.pop(invitation.receiver, None)

    def _is_sharable(self, share: ResourceShare, arn: str) -> bool:
        """Return True; raise an error if the CA can't be shared."""
        try:
            parsed = arns.PRIVATE_CA.parse(arn)
        except ValueError as error:
            raise AwsError("MalformedArnException", f"The sandbox shares only private CAs: {error}.") from error
        if parsed.account != share.owner:
            raise AwsError("OperationNotPermittedException", f"{arn} belongs to another account.")
        authority = self._registry.authorities.get(arn)
        if authority is None or parsed.region != share.region:
            raise AwsError("UnknownResourceException", f"Resource {arn} could not be found.")
        # RAM writes a resource policy, which only an active CA accepts (botocore acm-pca, PutPolicy).
        if authority.status(self._registry.clock()) != certificate_authority.ACTIVE:
            raise AwsError("InvalidStateTransitionException", f"{arn} is not active.")
        return True

    def _welcome(self, share: ResourceShare, principal: str) -> Association:
        """Return the association of a new principal: immediate, or by invitation.

        Raises:
            AwsError: the principal is invalid or not allowed.
        """
        now = self._registry.clock()
        if _ACCOUNT.fullmatch(principal):
            if principal == share.owner or self._are_together(share, principal):
                return Association(now)
            if not share.allow_external:
                raise make_outsider_error()
            return Association(now, ASSOCIATING, external=True)
        if not _OF_ORGANIZATION.fullmatch(principal):
            raise make_invalid_error(
                f"Principal ID {principal} is malformed, or of a kind that is not in the sandbox: it has accounts, "
                "organizations and organizational units."
            )
        if not organizations.knows(share.owner, principal, share.partition):
            raise AwsError("UnknownResourceException", f"{principal.rpartition('/')[2]} could not be found.")
        if not self._is_sharing(share):
            raise make_outsider_error()
        return Association(now)

    def _is_sharing(self, share: ResourceShare) -> bool:
        """Return whether sharing within the owner's organization is enabled, and RAM still has trusted access.

        Enabling trusted access in Organizations alone is not enough: RAM's own operation creates the role with which it
        reads the organization (botocore, EnableSharingWithAwsOrganization).
        """
        organization = organizations.find_id(share.owner, share.partition)
        trusted = organizations.has_access(share.owner, organizations.RAM, share.partition)
        return trusted and organization in self.sharing_organizations

    def _are_together(self, share: ResourceShare, account: str) -> bool:
        return self._is_sharing(share) and organizations.are_together(share.owner, account, share.partition)

    def _counts(self, share: ResourceShare, account: str) -> bool:
        for principal, association in list(share.principals.items()):
            if association.external:
                if principal == account and association.status == ASSOCIATED:
                    return True
            # An account that leaves the organization loses access (working-with-shared-invitations), so look up the
            # membership each time.
            elif principal == account == share.owner or (
                self._are_together(share, account)
                and (principal == account or organizations.includes(principal, account, share.partition))
            ):
                return True
        return False


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
