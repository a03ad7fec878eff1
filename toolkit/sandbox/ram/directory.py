"""Store resource shares and invitations, and decide which accounts a share applies to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.pki import arn as arns
from toolkit.policy.evaluation import Decision, Request, evaluate
from toolkit.sandbox import organizations
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.private_ca import certificate_authority as state
from toolkit.sandbox.ram import shares as model
from toolkit.sandbox.ram.shares import (
    Association,
    Invitation,
    ResourceShare,
    make_invalid_error,
    make_outsider_error,
    make_policy,
    make_unknown_share_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.sandbox.services import Caller

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_OF_ORGANIZATION = re.compile(r"arn:[a-z-]+:organizations::\d{12}:(organization/o-\w+|ou/o-\w+/ou-[\w-]+)", re.ASCII)
_SHARE = re.compile(r"arn:[a-z-]+:ram:[a-z0-9-]+:\d{12}:resource-share/[0-9a-f-]{36}", re.ASCII)
_INVITATION = re.compile(r"arn:[a-z-]+:ram:[a-z0-9-]+:\d{12}:resource-share-invitation/[0-9a-f-]{36}", re.ASCII)


class Directory:
    """All resource shares of all accounts; implements :class:`toolkit.sandbox.private_ca.registry.Shares`.

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

    def allows(self, account: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Return whether a share allows an account an action on a CA."""
        request = Request(action, resource, context)
        documents = [
            make_policy(share.permission, resource, share.partition)
            for share in self.find_reaching(account)
            if resource in share.resources and share.permission is not None
        ]
        return evaluate(documents, request) is Decision.ALLOWED

    def reaches(self, account: str, resource: str) -> bool:
        """Return whether a CA is shared with an account."""
        return any(resource in share.resources for share in self.find_reaching(account))

    def find_reaching(self, account: str) -> list[ResourceShare]:
        """Return the shares that currently apply to an account."""
        return [
            share
            for share in list(self.shares.values())
            if share.status == model.ACTIVE and self._counts(share, account)
        ]

    def find(self, caller: Caller, arn: str) -> ResourceShare:
        """Return a share of the caller's account and region."""
        if not _SHARE.fullmatch(arn):
            raise AwsError("MalformedArnException", f"The specified resource share ARN {arn} is not valid.")
        share = self.shares.get(arn)
        if (
            share is None
            or share.status == model.DELETED
            or (share.owner, share.region) != (caller.account, caller.region)
        ):
            raise make_unknown_share_error(arn)
        return share

    def find_invitation(self, caller: Caller, arn: str) -> Invitation:
        """Return an invitation of the caller's account and region."""
        if not _INVITATION.fullmatch(arn):
            raise AwsError("MalformedArnException", f"The specified invitation ARN {arn} is not valid.")
        invitation = self.invitations.get(arn)
        if invitation is None or (invitation.receiver, invitation.share.region) != (caller.account, caller.region):
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
            share.permission = model.DEFAULT
        for name, association in new_principals.items():
            share.principals[name] = association
            if association.external:
                invitation = share.invite(name, now)
                self.invitations[invitation.arn] = invitation
        share.changed = now

    def remove_principals(self, share: ResourceShare, principals: Iterable[str]) -> None:
        """Remove principals, and withdraw their pending invitations."""
        for principal in principals:
            del share.principals[principal]
            for invitation in list(self.invitations.values()):
                if (
                    invitation.share is share
                    and invitation.receiver == principal
                    and invitation.status == model.PENDING
                ):
                    del self.invitations[invitation.arn]

    def expire(self) -> None:
        """Expire invitations after twelve hours, and remove their principals from the share."""
        late = self._registry.clock() - model.INVITATION_LIFETIME
        for invitation in self.invitations.values():
            if invitation.status == model.PENDING and invitation.created <= late:
                invitation.status = model.EXPIRED
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
        if authority.status(self._registry.clock()) != state.ACTIVE:
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
            return Association(now, model.ASSOCIATING, external=True)
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
        return organizations.find_id(
            share.owner, share.partition
        ) in self.sharing_organizations and organizations.has_access(share.owner, organizations.RAM, share.partition)

    def _are_together(self, share: ResourceShare, account: str) -> bool:
        return self._is_sharing(share) and organizations.are_together(share.owner, account, share.partition)

    def _counts(self, share: ResourceShare, account: str) -> bool:
        for principal, association in list(share.principals.items()):
            if association.external:
                if principal == account and association.status == model.ASSOCIATED:
                    return True
            # An account that leaves the organization loses access (working-with-shared-invitations), so look up the
            # membership each time.
            elif principal == account == share.owner or (
                self._are_together(share, account)
                and (principal == account or organizations.includes(principal, account, share.partition))
            ):
                return True
        return False
