"""Rules on AWS RAM: shares, their permissions and their resources."""

from __future__ import annotations

import uuid
from typing import Any

from tests.sandbox.conformance.world import ACCOUNT, ALLOW, DAYS, OTHER, World, csr, refused, rule
from toolkit.pki import templates

RAM = "botocore ram/2018-01-04/service-2.json"
PERMISSIONS = "awsdocs/aws-ram-user-guide:working-with-sharing-view-permissions.md"
REVOKING = "awsdocs/aws-private-ca-user-guide:doc_source/PcaRevokeCert.md"
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
PERMISSION = "arn:aws:ram::aws:permission/"
DEFAULT = f"{PERMISSION}AWSRAMDefaultPermissionCertificateAuthority"
REVOKE = f"{PERMISSION}AWSRAMRevokeCertificateCertificateAuthority"
CSR_PASSTHROUGH = f"{PERMISSION}AWSRAMBlankEndEntityCertificateAPICSRPassthroughIssuanceCertificateAuthority"
SUBORDINATE = f"{PERMISSION}AWSRAMSubordinateCACertificatePathLen0IssuanceCertificateAuthority"
TEMPLATES = {
    DEFAULT: templates.END_ENTITY,
    f"{PERMISSION}AWSRAMBlankEndEntityCertificateAPIPassthroughIssuanceCertificateAuthority": (
        "BlankEndEntityCertificate_APIPassthrough/V1"
    ),
    CSR_PASSTHROUGH: "BlankEndEntityCertificate_APICSRPassthrough/V1",
    SUBORDINATE: templates.name_subordinate_ca(0),
}


def share(world: World, *resources: str, to: tuple[str, ...] = (), **more: Any) -> str:
    """A share of the administrator's."""
    created = world.client("ram").create_resource_share(
        name=f"share-{uuid.uuid4().hex[:6]}", resourceArns=list(resources), principals=list(to), **more
    )
    return str(created["resourceShare"]["resourceShareArn"])


def accept(world: World, account: str, arn: str) -> None:
    """As an administrator of the account that was invited."""
    ram = world.clients(ANYTHING, account=account)("ram")
    (found,) = ram.get_resource_share_invitations(resourceShareArns=[arn])["resourceShareInvitations"]
    assert (found["status"], found["senderAccountId"], found["receiverAccountId"]) == ("PENDING", ACCOUNT, account)
    accepted = ram.accept_resource_share_invitation(resourceShareInvitationArn=found["resourceShareInvitationArn"])
    assert accepted["resourceShareInvitation"]["status"] == "ACCEPTED"


def shared(world: World, **more: Any) -> tuple[str, str]:
    """A CA, and a share of it that the other account has accepted."""
    authority = world.root()
    arn = share(world, authority, to=(OTHER,), **more)
    accept(world, OTHER, arn)
    return authority, arn


def describe(pca: Any, authority: str) -> None:
    owner = pca.describe_certificate_authority(CertificateAuthorityArn=authority)["CertificateAuthority"]
    assert owner["OwnerAccount"] == ACCOUNT


def denied(pca: Any, authority: str) -> None:
    with refused("AccessDeniedException", "because no resource-based policy allows"):
        describe(pca, authority)


def issue(pca: Any, authority: str, template: str) -> str:
    issued: str = pca.issue_certificate(
        CertificateAuthorityArn=authority,
        Csr=csr(),
        SigningAlgorithm="SHA256WITHECDSA",
        Validity=DAYS,
        TemplateArn=templates.build_arn(template),
    )["CertificateArn"]
    return issued


def associations(world: World, arn: str, kind: str) -> list[tuple[str, str, bool]]:
    found = world.client("ram").get_resource_share_associations(associationType=kind, resourceShareArns=[arn])
    return [(item["associatedEntity"], item["status"], item["external"]) for item in found["resourceShareAssociations"]]


@rule("share.default", "A share has the default permission if none is given.", f"{RAM}: CreateResourceShareRequest")
def _(world: World) -> None:
    authority, arn = shared(world)
    (permission,) = world.client("ram").list_resource_share_permissions(resourceShareArn=arn)["permissions"]
    assert (permission["arn"], permission["isResourceTypeDefault"]) == (DEFAULT, True)
    pca = world.role(ALLOW, account=OTHER)
    issued = issue(pca, authority, templates.END_ENTITY)
    assert pca.get_certificate(CertificateAuthorityArn=authority, CertificateArn=issued)["Certificate"]
    pca.get_certificate_authority_certificate(CertificateAuthorityArn=authority)
    pca.list_tags(CertificateAuthorityArn=authority)
    with refused("AccessDeniedException", "because no resource-based policy allows"):
        pca.get_certificate_authority_csr(CertificateAuthorityArn=authority)


@rule("share.template", "A permission allows issuing with its template only.", PERMISSIONS)
def _(world: World) -> None:
    pca = world.role(ALLOW, account=OTHER)
    for permission, allowed in TEMPLATES.items():
        authority, _ = shared(world, permissionArns=[permission])
        describe(pca, authority)
        issue(pca, authority, allowed)
        for template in {*TEMPLATES.values(), "RootCACertificate/V1"} - {allowed}:
            with refused("AccessDeniedException", "because no resource-based policy allows"):
                issue(pca, authority, template)


@rule("share.revoke", "The permission to revoke needs a separate share.", REVOKING)
def _(world: World) -> None:
    authority, _ = shared(world)
    pca = world.role(ALLOW, account=OTHER)
    issued = issue(pca, authority, templates.END_ENTITY)
    serial = issued.rpartition("/")[2]
    revocation = {"CertificateAuthorityArn": authority, "RevocationReason": "SUPERSEDED", "CertificateSerial": serial}
    with refused("AccessDeniedException", "because no resource-based policy allows"):
        pca.revoke_certificate(**revocation)
    accept(world, OTHER, share(world, authority, to=(OTHER,), permissionArns=[REVOKE]))
    pca.revoke_certificate(**revocation)
    with refused("RequestAlreadyProcessedException"):
        pca.revoke_certificate(**revocation)


@rule("share.permission", "An unknown permission is rejected.", f"{RAM}: UnknownResourceException")
def _(world: World) -> None:
    for unknown in (f"{PERMISSION}AWSRAMDefaultPermissionSubnet", DEFAULT.replace("aws:ram", "aws-cn:ram", 1)):
        with refused("UnknownResourceException"):
            share(world, permissionArns=[unknown])
    with refused("MalformedArnException"):
        share(world, permissionArns=["everything"])


@rule("share.one-permission", "A share has one permission.", f"{RAM}: CreateResourceShareRequest.permissionArns")
def _(world: World) -> None:
    with refused("InvalidParameterException"):
        share(world, permissionArns=[DEFAULT, SUBORDINATE])


@rule(
    "share.resources", "Only the account's own CAs in the share's region can be shared.", f"{RAM}: errors of Associate"
)
def _(world: World) -> None:
    authority = world.root()
    other = World(world.aws, "eu-west-1").root()
    with refused("UnknownResourceException"):
        share(world, other)
    with refused("UnknownResourceException"):
        share(world, authority[:-4] + "0000")
    with refused("OperationNotPermittedException"):
        share(world, authority.replace(ACCOUNT, OTHER))
    for wrong in ("x", f"arn:aws:ec2:eu-central-1:{ACCOUNT}:subnet/subnet-1"):
        with refused("MalformedArnException"):
            share(world, wrong)
    with refused("InvalidStateTransitionException"):
        share(world, world.create())


@rule(
    "share.end",
    "Access ends as soon as a CA or a principal is removed from a share.",
    f"{RAM}: DisassociateResourceShare",
)
def _(world: World) -> None:
    pca, ram = world.role(ALLOW, account=OTHER), world.client("ram")
    authority, arn = shared(world)
    ram.disassociate_resource_share(resourceShareArn=arn, principals=[OTHER])
    denied(pca, authority)
    authority, arn = shared(world)
    ram.disassociate_resource_share(resourceShareArn=arn, resourceArns=[authority])
    denied(pca, authority)
    with refused("UnknownResourceException"):
        ram.disassociate_resource_share(resourceShareArn=arn, resourceArns=[authority])
    authority, arn = shared(world)
    ram.delete_resource_share(resourceShareArn=arn)
    denied(pca, authority)
    (found,) = ram.get_resource_shares(resourceOwner="SELF", resourceShareArns=[arn])["resourceShares"]
    assert found["status"] == "DELETED"
    with refused("UnknownResourceException"):
        ram.associate_resource_share(resourceShareArn=arn, principals=[OTHER])


@rule(
    "share.token",
    "A token creates one share, and is rejected with other parameters.",
    f"{RAM}: CreateResourceShareRequest.clientToken",
)
def _(world: World) -> None:
    ram, token = world.client("ram"), uuid.uuid4().hex
    first = ram.create_resource_share(name="once", clientToken=token)
    again = ram.create_resource_share(name="once", clientToken=token)
    assert first["resourceShare"]["resourceShareArn"] == again["resourceShare"]["resourceShareArn"]
    assert first["clientToken"] == token
    with refused("IdempotentParameterMismatchException"):
        ram.create_resource_share(name="twice", clientToken=token)


@rule("share.tags", "A share's tags can be set, replaced and removed.", f"{RAM}: TagResource")
def _(world: World) -> None:
    ram, key = world.client("ram"), uuid.uuid4().hex
    arn = share(world, tags=[{"key": key, "value": "a"}])

    def tags() -> list[dict[str, str]]:
        (found,) = ram.get_resource_shares(resourceOwner="SELF", resourceShareArns=[arn])["resourceShares"]
        return list(found["tags"])

    assert tags() == [{"key": key, "value": "a"}]
    ram.tag_resource(resourceShareArn=arn, tags=[{"key": key, "value": "b"}])
    assert tags() == [{"key": key, "value": "b"}]
    ram.untag_resource(resourceShareArn=arn, tagKeys=[key])
    assert tags() == []
    with refused("TagPolicyViolationException"):
        share(world, tags=[{"key": "aws:x", "value": "a"}])
    with refused("TagLimitExceededException"):
        share(world, tags=[{"key": str(number), "value": "a"} for number in range(51)])


@rule("share.pages", "Lists have pages.", f"{RAM}: GetResourceSharesRequest.maxResults")
def _(world: World) -> None:
    ram, name = world.client("ram"), uuid.uuid4().hex
    made = [ram.create_resource_share(name=name)["resourceShare"]["resourceShareArn"] for _ in range(3)]
    pages = ram.get_paginator("get_resource_shares").paginate(
        resourceOwner="SELF", name=name, PaginationConfig={"PageSize": 2}
    )
    sizes, found = [], []
    for page in pages:
        sizes.append(len(page["resourceShares"]))
        found += [item["resourceShareArn"] for item in page["resourceShares"]]
    assert (sizes, found) == ([2, 1], made)
    with refused("InvalidNextTokenException"):
        ram.get_resource_shares(resourceOwner="SELF", nextToken="x")


@rule(
    "share.questions",
    "Associations are listed by principal or by resource.",
    f"{RAM}: GetResourceShareAssociationsRequest",
)
def _(world: World) -> None:
    authority, arn = shared(world)
    ram = world.client("ram")

    def found(kind: str, **more: str) -> list[str]:
        answer = ram.get_resource_share_associations(associationType=kind, **more)["resourceShareAssociations"]
        return [item["resourceShareArn"] for item in answer]

    assert found("RESOURCE", resourceArn=authority) == [arn]
    assert arn in found("PRINCIPAL", principal=OTHER, associationStatus="ASSOCIATED")
    assert arn not in found("PRINCIPAL", principal=OTHER, associationStatus="ASSOCIATING")
    for kind, more in (("RESOURCE", {"principal": OTHER}), ("PRINCIPAL", {"resourceArn": authority})):
        with refused("InvalidParameterException"):
            found(kind, **more)
    with refused("ValidationException"):
        found("EVERYTHING")


@rule(
    "share.unmodelled",
    "A feature that the sandbox's RAM does not have is rejected by name.",
    "docs/explanation/sandbox.md",
)
def _(world: World) -> None:
    ram = world.client("ram")
    named = {"resourceShareArn": share(world, world.root()), "permissionArn": DEFAULT}
    calls: tuple[Any, ...] = (
        ram.list_permissions,
        lambda: ram.get_permission(permissionArn=DEFAULT),
        lambda: ram.associate_resource_share_permission(**named),
        lambda: ram.disassociate_resource_share_permission(**named),
    )
    for call in calls:
        with refused("InvalidAction", "not in the sandbox"):
            call()
    for member in (
        {"sources": [OTHER]},
        {"resourceShareConfiguration": {"retainSharingOnAccountLeaveOrganization": True}},
    ):
        with refused("InvalidParameterException", "not in the sandbox"):
            share(world, **member)
    filters: tuple[dict[str, Any], ...] = ({"tagFilters": [{"tagKey": "a"}]}, {"permissionArn": DEFAULT})
    for item in filters:
        with refused("InvalidParameterException", "not in the sandbox"):
            ram.get_resource_shares(resourceOwner="SELF", **item)
    with refused("MissingAuthenticationTokenException"):
        world.anonymous("ram").get_resource_shares(resourceOwner="SELF")
