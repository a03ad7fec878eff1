"""Emulate AWS Resource Access Manager for private CAs.

moto's RAM can't share CAs, and its shares have no effect. Here, AWS Private CA checks every call from another account
with :class:`~toolkit.sandbox.ram.shares.Directory`.
Source: botocore ram/2018-01-04/service-2.json.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from toolkit.sandbox import organizations
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.ram import shares as model
from toolkit.sandbox.ram.shares import (
    Directory,
    ResourceShare,
    find_permission,
    make_invalid_error,
    make_outsider_error,
)
from toolkit.sandbox.services import Caller, RestService, page
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from toolkit.sandbox.private_ca.registry import Registry

_NOT_HERE = {"sources", "permissionTemplateParameters", "resourceShareConfiguration"}
# Filters of GetResourceShares.
_NOT_HERE |= {"permissionArn", "permissionVersion", "tagFilters"}
# botocore, MaxResults
_MAX_RESULTS = 500
_MAX_TAGS = 50


class Ram:
    """All resource shares of all accounts; each public method with the name of a botocore operation is that operation.

    Args:
        registry: the CAs and the clock.

    Attributes:
        directory: the shares, and the accounts they apply to.
        service: serves the API.
        allow_access: gives RAM trusted access to an organization.
    """

    def __init__(self, registry: Registry) -> None:
        self._clock = registry.clock
        self.directory = Directory(registry)
        self.allow_access: Callable[[str, str, str], None] = organizations.allow_access
        self.service = RestService(
            "ram", self, authorize=self._authorize, mismatch="IdempotentParameterMismatchException"
        )

    def create_resource_share(self, caller: Caller, params: Object) -> Object:
        """Create a share, with its first CAs and principals."""
        now, name = self._clock(), params["name"]
        given = params.get("permissionArns", [])
        if len(given) > 1:
            raise make_invalid_error("A resource share has one permission for a type of resource.")
        share = ResourceShare(
            arn=f"arn:{caller.partition}:ram:{caller.region}:{caller.account}:resource-share/{uuid.uuid4()}",
            owner=caller.account,
            region=caller.region,
            partition=caller.partition,
            name=name,
            allow_external=params.get("allowExternalPrincipals", True),
            created=now,
            changed=now,
            permission=find_permission(given[0], caller.partition) if given else None,
            tags=_tags({}, params.get("tags", [])),
        )
        self.directory.add(share, params.get("resourceArns", []), params.get("principals", []))
        self.directory.shares[share.arn] = share
        return _answer(params, resourceShare=share.describe())

    def get_resource_shares(self, caller: Caller, params: Object) -> Object:
        """Return the account's shares, or those that other accounts share with it."""
        if params["resourceOwner"] == "SELF":
            visible = [share for share in self.directory.shares.values() if share.owner == caller.account]
        else:
            visible = [share for share in self.directory.find_reaching(caller.account) if share.owner != caller.account]
        visible = [share for share in visible if share.region == caller.region]
        for missing in set(params.get("resourceShareArns", ())) - {share.arn for share in visible}:
            raise AwsError("UnknownResourceException", f"ResourceShare {missing} could not be found.")
        shares = [share.describe() for share in visible if _is_wanted(share, params)]
        return _page(shares, params, "resourceShares")

    def update_resource_share(self, caller: Caller, params: Object) -> Object:
        """Change the name, or whether accounts outside the organization may be added."""
        share = self._find(caller, params)
        allow = params.get("allowExternalPrincipals", share.allow_external)
        if not allow and any(association.external for association in share.principals.values()):
            raise make_outsider_error()
        share.name, share.allow_external = params.get("name", share.name), allow
        share.changed = self._clock()
        return _answer(params, resourceShare=share.describe())

    def delete_resource_share(self, caller: Caller, params: Object) -> Object:
        """Delete the share for all principals; AWS shows it as deleted for a while."""
        share = self._find(caller, params)
        self.directory.remove_principals(share, list(share.principals))
        share.resources.clear()
        share.status, share.changed = model.DELETED, self._clock()
        return _answer(params, returnValue=True)

    def associate_resource_share(self, caller: Caller, params: Object) -> Object:
        """Add CAs and principals."""
        share = self._find(caller, params)
        resources, principals = params.get("resourceArns", []), params.get("principals", [])
        if not resources and not principals:
            raise make_invalid_error("Specify resources or principals.")
        self.directory.add(share, resources, principals)
        return _show_associations(share, params)

    def disassociate_resource_share(self, caller: Caller, params: Object) -> Object:
        """Remove CAs and principals."""
        share = self._find(caller, params)
        resources, principals = params.get("resourceArns", []), params.get("principals", [])
        for entity in (*resources, *principals):
            if entity not in share.resources | share.principals:
                raise AwsError("UnknownResourceException", f"{entity} is not associated with {share.arn}.")
        result = _show_associations(share, params, model.DISASSOCIATED)
        for resource in resources:
            del share.resources[resource]
        self.directory.remove_principals(share, principals)
        return result

    def get_resource_share_associations(self, caller: Caller, params: Object) -> Object:
        """Return the CAs or the principals of the account's shares."""
        kind = params["associationType"]
        other, entity = ("resourceArn", "principal") if kind == "PRINCIPAL" else ("principal", "resourceArn")
        if kind == "SOURCE":
            raise make_invalid_error("Sources are not in the sandbox; AWS itself has them.")
        if other in params:
            raise make_invalid_error(f"You cannot specify {other} if the association type is {kind}.")
        wanted = params.get("resourceShareArns")
        if wanted is None:
            shares = [known for known in self.directory.shares.values() if known.belongs_to(caller)]
        else:
            shares = [self.directory.find(caller, arn) for arn in wanted]
        associations = [
            item
            for share in shares
            for item in share.associations(kind)
            if params.get(entity, item["associatedEntity"]) == item["associatedEntity"]
            and params.get("associationStatus", item["status"]) == item["status"]
        ]
        return _page(associations, params, "resourceShareAssociations")

    def list_resource_share_permissions(self, caller: Caller, params: Object) -> Object:
        """Return the permission of a share, for its owner and for the accounts it applies to."""
        arn = params["resourceShareArn"]
        received = [share for share in self.directory.find_reaching(caller.account) if share.arn == arn]
        (share,) = received or [self.directory.find(caller, arn)]
        return _page(share.permissions(), params, "permissions")

    def get_resource_share_invitations(self, caller: Caller, params: Object) -> Object:
        """Return the invitations that the account has received."""
        wanted, shares = params.get("resourceShareInvitationArns"), params.get("resourceShareArns")
        if wanted is None:
            received = [known for known in self.directory.invitations.values() if known.is_for(caller)]
        else:
            received = [self.directory.find_invitation(caller, arn) for arn in wanted]
        invitations = [known.describe() for known in received if shares is None or known.share.arn in shares]
        return _page(invitations, params, "resourceShareInvitations")

    def accept_resource_share_invitation(self, caller: Caller, params: Object) -> Object:
        """Accept an invitation, so that the share applies to the account."""
        arn = params["resourceShareInvitationArn"]
        invitation = self.directory.find_invitation(caller, arn)
        if invitation.status == model.ACCEPTED:
            raise AwsError("ResourceShareInvitationAlreadyAcceptedException", f"{arn} has been accepted.")
        if invitation.status == model.EXPIRED:
            raise AwsError("ResourceShareInvitationExpiredException", f"{arn} has expired.")
        invitation.status = model.ACCEPTED
        invitation.share.principals[caller.account].status = model.ASSOCIATED
        return _answer(params, resourceShareInvitation=invitation.describe())

    def tag_resource(self, caller: Caller, params: Object) -> Object:
        """Add tags to a share."""
        share = self._find_tagged(caller, params)
        share.tags = _tags(share.tags, params["tags"])
        return {}

    def untag_resource(self, caller: Caller, params: Object) -> Object:
        """Remove tags from a share."""
        share = self._find_tagged(caller, params)
        share.tags = {key: value for key, value in share.tags.items() if key not in params["tagKeys"]}
        return {}

    def enable_sharing_with_aws_organization(self, caller: Caller, _params: Object) -> Object:
        """Enable sharing, so that accounts of the organization need no invitation."""
        organization = organizations.find_id(caller.account, caller.partition)
        if organization is None or not organizations.is_management(caller.account, caller.partition):
            raise AwsError("OperationNotPermittedException", "Only an organization's management account can do that.")
        self.allow_access(caller.account, organizations.RAM, caller.partition)
        self.directory.sharing_organizations[organization] = True
        return {"returnValue": True}

    def _authorize(self, caller: Caller, operation: str, params: Object) -> None:
        """Check the caller's policies, and expire invitations before the operation looks at them."""
        resource = params.get("resourceShareArn") or params.get("resourceShareInvitationArn") or "*"
        caller.authorize(f"ram:{operation}", resource, {})
        for name in _NOT_HERE & params.keys():
            raise make_invalid_error(f"{name} is not in the sandbox; AWS itself has it.")
        self.directory.expire()

    def _find(self, caller: Caller, params: Object) -> ResourceShare:
        return self.directory.find(caller, params["resourceShareArn"])

    def _find_tagged(self, caller: Caller, params: Object) -> ResourceShare:
        if "resourceShareArn" not in params or "resourceArn" in params:
            raise make_invalid_error("In the sandbox only resource shares have tags: specify only resourceShareArn.")
        return self._find(caller, params)


def _page(items: list[Object], params: Object, name: str) -> Object:
    return page(items, params, _MAX_RESULTS, name, "InvalidNextTokenException")


def _answer(params: Object, **result: Value) -> Object:
    return {**result, "clientToken": params.get("clientToken")}


def _is_wanted(share: ResourceShare, params: Object) -> bool:
    """Return whether a share matches all filters of a request."""
    return (
        share.arn in params.get("resourceShareArns", [share.arn])
        and share.name == params.get("name", share.name)
        and share.status == params.get("resourceShareStatus", share.status)
    )


def _show_associations(share: ResourceShare, params: Object, status: str | None = None) -> Object:
    """Return the associations that a request names."""
    resources = share.associations("RESOURCE", params.get("resourceArns", ()), status)
    principals = share.associations("PRINCIPAL", params.get("principals", ()), status)
    return _answer(params, resourceShareAssociations=resources + principals)


def _tags(present: dict[str, str], more: list[Object]) -> dict[str, str]:
    tags = present | {str(tag.get("key", "")): str(tag.get("value", "")) for tag in more}
    if len(tags) > _MAX_TAGS:
        raise AwsError("TagLimitExceededException", f"A resource share has at most {_MAX_TAGS} tags.")
    if any(not key or key.lower().startswith("aws:") for key in tags):
        raise AwsError("TagPolicyViolationException", "Tag keys can't be empty, and aws: is reserved.")
    return tags
