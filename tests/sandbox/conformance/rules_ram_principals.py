"""Rules on AWS RAM: principals of shares, invitations, and who may change a share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.sandbox.conformance.rules_ram import (
    ANYTHING,
    RAM,
    accept,
    associations,
    denied,
    describe,
    share,
    shared,
)
from tests.sandbox.conformance.world import ACCOUNT, ALLOW, OTHER, World, refused, rule

INVITATIONS = "AWS RAM user guide: working-with-shared-invitations"
GUIDE = "AWS RAM user guide: getting-started"


@rule("share.invitation", "An account outside the organization must accept an invitation first.", INVITATIONS)
def _(world: World) -> None:
    authority, pca = world.root(), world.role(ALLOW, account=OTHER)
    arn = share(world, authority, to=(OTHER,))
    assert associations(world, arn, "PRINCIPAL") == [(OTHER, "ASSOCIATING", True)]
    denied(pca, authority)
    accept(world, OTHER, arn)
    assert associations(world, arn, "PRINCIPAL") == [(OTHER, "ASSOCIATED", True)]
    assert associations(world, arn, "RESOURCE") == [(authority, "ASSOCIATED", False)]
    describe(pca, authority)


@rule("share.invitation.once", "An invitation can be accepted once, by its recipient only.", f"{RAM}: errors of Accept")
def _(world: World) -> None:
    arn = share(world, world.root(), to=(OTHER,))
    ram = world.clients(ANYTHING, account=OTHER)("ram")
    (found,) = ram.get_resource_share_invitations(resourceShareArns=[arn])["resourceShareInvitations"]
    invitation = {"resourceShareInvitationArn": found["resourceShareInvitationArn"]}
    with refused("ResourceShareInvitationArnNotFoundException"):
        world.client("ram").accept_resource_share_invitation(**invitation)
    with refused("ResourceShareInvitationArnNotFoundException"):
        World(world.aws, "eu-west-1").clients(ANYTHING, account=OTHER)("ram").accept_resource_share_invitation(
            **invitation
        )
    ram.accept_resource_share_invitation(**invitation)
    with refused("ResourceShareInvitationAlreadyAcceptedException"):
        ram.accept_resource_share_invitation(**invitation)
    with refused("MalformedArnException"):
        ram.accept_resource_share_invitation(resourceShareInvitationArn="x")


@rule(
    "share.invitation.expired",
    "An invitation expires after twelve hours, and its principal is removed from the share.",
    INVITATIONS,
)
def _(world: World) -> None:
    arn = share(world, world.root(), to=(OTHER,))
    world.later(hours=12, minutes=1)
    ram = world.clients(ANYTHING, account=OTHER)("ram")
    (found,) = ram.get_resource_share_invitations(resourceShareArns=[arn])["resourceShareInvitations"]
    assert found["status"] == "EXPIRED"
    with refused("ResourceShareInvitationExpiredException"):
        ram.accept_resource_share_invitation(resourceShareInvitationArn=found["resourceShareInvitationArn"])
    assert associations(world, arn, "PRINCIPAL") == []


@rule(
    "share.external",
    "A share without external principals is for the organization only.",
    f"{RAM}: CreateResourceShareRequest.allowExternalPrincipals; hashicorp/terraform-provider-aws#7769 (AWS's words)",
)
def _(world: World) -> None:
    authority, ram = world.root(), world.client("ram")
    words = "can only be shared within your AWS Organization"
    with refused("OperationNotPermittedException", words):
        share(world, authority, to=(OTHER,), allowExternalPrincipals=False)
    arn = share(world, authority, allowExternalPrincipals=False)
    with refused("OperationNotPermittedException", words):
        ram.associate_resource_share(resourceShareArn=arn, principals=[OTHER])
    ram.update_resource_share(resourceShareArn=arn, allowExternalPrincipals=True)
    ram.associate_resource_share(resourceShareArn=arn, principals=[OTHER])
    with refused("OperationNotPermittedException", words):
        ram.update_resource_share(resourceShareArn=arn, allowExternalPrincipals=False)


@rule("share.organization", "Within an organization with sharing enabled, no invitation is needed.", INVITATIONS)
def _(world: World) -> None:
    organization, member = world.organization(), world.member()
    world.client("ram").enable_sharing_with_aws_organization()
    for principal in (organization, member):
        authority = world.root()
        arn = share(world, authority, to=(principal,), allowExternalPrincipals=False)
        assert associations(world, arn, "PRINCIPAL") == [(principal, "ASSOCIATED", False)]
        describe(world.role(ALLOW, account=member), authority)
        denied(world.role(ALLOW, account=OTHER), authority)


@rule("share.organization.left", "An account that leaves the organization loses access.", INVITATIONS)
def _(world: World) -> None:
    organization, member = world.organization(), world.member()
    world.client("ram").enable_sharing_with_aws_organization()
    pca, authorities = world.role(ALLOW, account=member), []
    for principal in (organization, member):
        authorities.append(world.root())
        share(world, authorities[-1], to=(principal,))
        describe(pca, authorities[-1])
    world.leave(member)
    for authority in authorities:
        denied(pca, authority)


@rule(
    "share.unit",
    "A share with an organizational unit applies to the accounts below it.",
    f"{RAM}: CreateResourceShareRequest.principals",
)
def _(world: World) -> None:
    organization, client, member = world.organization(), world.client("organizations"), world.member()
    world.client("ram").enable_sharing_with_aws_organization()
    root = client.list_roots()["Roots"][0]["Id"]
    outer = client.create_organizational_unit(ParentId=root, Name="meshes")["OrganizationalUnit"]
    inner = client.create_organizational_unit(ParentId=outer["Id"], Name="zones")["OrganizationalUnit"]
    authority, pca = world.root(), world.role(ALLOW, account=member)
    share(world, authority, to=(outer["Arn"],))
    denied(pca, authority)
    client.move_account(AccountId=member, SourceParentId=root, DestinationParentId=inner["Id"])
    describe(pca, authority)
    with refused("UnknownResourceException"):
        share(world, authority, to=(outer["Arn"][:-3] + "xyz",))
    with refused("UnknownResourceException"):
        share(world, authority, to=(organization[:-3] + "xyz",))


@rule("share.enabling", "Until sharing is enabled, the organization's accounts are external.", GUIDE)
def _(world: World) -> None:
    organization, member = world.organization(), world.member()
    # RAM's own operation is needed: trusted access alone does not make RAM's role.
    world.client("organizations").enable_aws_service_access(ServicePrincipal="ram.amazonaws.com")
    authority = world.root()
    with refused("OperationNotPermittedException"):
        share(world, authority, to=(organization,))
    arn = share(world, authority, to=(member,))
    denied(world.role(ALLOW, account=member), authority)
    accept(world, member, arn)
    describe(world.role(ALLOW, account=member), authority)
    with refused("OperationNotPermittedException"):
        world.clients(ANYTHING, account=member)("ram").enable_sharing_with_aws_organization()
    with refused("OperationNotPermittedException"):
        world.clients(ANYTHING, account=OTHER)("ram").enable_sharing_with_aws_organization()


@rule("share.disabling", "Without RAM's access to the organization, nothing is shared within it.", GUIDE)
def _(world: World) -> None:
    organization, member = world.organization(), world.member()
    world.client("ram").enable_sharing_with_aws_organization()
    authority, pca = world.root(), world.role(ALLOW, account=member)
    share(world, authority, to=(organization,))
    describe(pca, authority)
    world.client("organizations").disable_aws_service_access(ServicePrincipal="ram.amazonaws.com")
    denied(pca, authority)


@rule(
    "share.principals",
    "Accounts, organizations and units can be principals; other principals are rejected.",
    f"{RAM}: CreateResourceShareRequest.principals",
)
def _(world: World) -> None:
    for principal in ("x", "1234", f"arn:aws:iam::{OTHER}:role/x", "pca-connector-ad.amazonaws.com"):
        with refused("InvalidParameterException"):
            share(world, to=(principal,))
    with refused("UnknownResourceException"):
        share(world, to=(f"arn:aws:organizations::{ACCOUNT}:organization/o-1234567890",))


@rule("share.withdrawn", "An invitation is deleted with its share.", f"{RAM}: DeleteResourceShare")
def _(world: World) -> None:
    arn = share(world, world.root(), to=(OTHER,))
    world.client("ram").delete_resource_share(resourceShareArn=arn)
    ram = world.clients(ANYTHING, account=OTHER)("ram")
    assert ram.get_resource_share_invitations(resourceShareArns=[arn])["resourceShareInvitations"] == []


@rule(
    "share.listed",
    "The accounts of a share see the share, and its CA under OTHER_ACCOUNTS.",
    f"{RAM}: GetResourceShares",
)
def _(world: World) -> None:
    authority = world.root()
    arn = share(world, authority, to=(OTHER,))
    make = world.clients(ANYTHING, account=OTHER)

    def seen() -> tuple[bool, bool]:
        shares = make("ram").get_resource_shares(resourceOwner="OTHER-ACCOUNTS")["resourceShares"]
        listed = make("acm-pca").list_certificate_authorities(ResourceOwner="OTHER_ACCOUNTS", MaxResults=1000)
        return (
            arn in [item["resourceShareArn"] for item in shares],
            authority in [item["Arn"] for item in listed["CertificateAuthorities"]],
        )

    assert seen() == (False, False)
    accept(world, OTHER, arn)
    assert seen() == (True, True)
    assert make("ram").list_resource_share_permissions(resourceShareArn=arn)["permissions"]
    with refused("UnknownResourceException"):
        make("ram").get_resource_shares(resourceOwner="SELF", resourceShareArns=[arn])


@rule("share.own-too", "A share does not replace the caller's own policies.", "IAM user guide: policy evaluation logic")
def _(world: World) -> None:
    authority, _ = shared(world)
    pca = world.role({**ALLOW, "Action": "acm-pca:Get*"}, account=OTHER)
    with refused("AccessDeniedException", "because no identity-based policy allows"):
        pca.describe_certificate_authority(CertificateAuthorityArn=authority)


@rule("share.owner", "Only the owner can change a share.", f"{RAM}: UnknownResourceException")
def _(world: World) -> None:
    _, arn = shared(world)
    ram = world.clients(ANYTHING, account=OTHER)("ram")
    calls: tuple[Callable[[], Any], ...] = (
        lambda: ram.associate_resource_share(resourceShareArn=arn, principals=[OTHER]),
        lambda: ram.update_resource_share(resourceShareArn=arn, name="x"),
        lambda: ram.delete_resource_share(resourceShareArn=arn),
        lambda: world.client("ram", "eu-west-1").delete_resource_share(resourceShareArn=arn),
        lambda: ram.get_resource_share_associations(associationType="PRINCIPAL", resourceShareArns=[arn]),
    )
    for call in calls:
        with refused("UnknownResourceException"):
            call()


@rule(
    "share.allowed",
    "A role needs permissions on RAM too.",
    "docs.aws.amazon.com/service-authorization/latest/reference/list_awsresourceaccessmanagerram.html",
)
def _(world: World) -> None:
    ram = world.clients({**ALLOW, "Action": "ram:Get*"})("ram")
    assert "resourceShares" in ram.get_resource_shares(resourceOwner="SELF")
    with refused("AccessDeniedException", "ram:CreateResourceShare"):
        ram.create_resource_share(name="x")
