"""Rules on resource policies and permissions."""

from __future__ import annotations

import json
from typing import Any

from tests.sandbox.conformance.world import ACCOUNT, ALLOW, BOTOCORE, DAYS, OTHER, World, csr, refused, rule
from toolkit.pki import templates

CRL_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/crl-planning.md"
AUDIT_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/PcaAuditReport.md"
PUT_POLICY_DOC = "docs.aws.amazon.com/privateca/latest/APIReference/API_PutPolicy.html"
RBP_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/pca-rbp.md"


def policy(arn: str, account: str = OTHER, *, template: str = templates.END_ENTITY) -> dict[str, Any]:
    """The form that AWS demands: reading in one statement, issuing with a pinned template in another."""
    principal = {"AWS": account}
    reading = [
        "DescribeCertificateAuthority",
        "GetCertificate",
        "GetCertificateAuthorityCertificate",
        "ListPermissions",
        "ListTags",
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": principal,
                "Action": [f"acm-pca:{action}" for action in reading],
                "Resource": arn,
            },
            {
                "Effect": "Allow",
                "Principal": principal,
                "Action": "acm-pca:IssueCertificate",
                "Resource": arn,
                "Condition": {"StringEquals": {"acm-pca:TemplateArn": templates.build_arn(template)}},
            },
        ],
    }


def put(world: World, arn: str, document: dict[str, Any]) -> None:
    world.pca.put_policy(ResourceArn=arn, Policy=json.dumps(document))


@rule("policy.lifecycle", "A policy can be set, read and deleted.", f"{BOTOCORE}: PutPolicy")
def _(world: World) -> None:
    arn = world.root()
    with refused("ResourceNotFoundException"):
        world.pca.get_policy(ResourceArn=arn)
    put(world, arn, policy(arn))
    assert json.loads(world.pca.get_policy(ResourceArn=arn)["Policy"]) == policy(arn)
    world.pca.delete_policy(ResourceArn=arn)
    with refused("ResourceNotFoundException"):
        world.pca.get_policy(ResourceArn=arn)


@rule("policy.pending", "Only an active CA accepts a policy.", f"{BOTOCORE}: PutPolicy (InvalidStateException)")
def _(world: World) -> None:
    arn = world.create()
    with refused("InvalidStateException"):
        put(world, arn, policy(arn))


@rule("policy.form", "A policy in any other form is invalid.", RBP_DOC)
def _(world: World) -> None:
    arn = world.root()
    good = policy(arn)
    reading, issuing = good["Statement"]
    wrong: list[dict[str, Any]] = [
        {**issuing, "Condition": {}},
        {**issuing, "Condition": {"StringLike": issuing["Condition"]["StringEquals"]}},
        {**issuing, "Resource": "*"},
        {**issuing, "Effect": "Deny"},
        {**issuing, "Principal": "*"},
        {**issuing, "Principal": {"AWS": "everybody"}},
        {**reading, "Action": ["acm-pca:DeleteCertificateAuthority"]},
        {**reading, "Action": []},
        policy(arn, template="RootCACertificate/V1")["Statement"][1],
        policy(arn, template=templates.name_subordinate_ca(1))["Statement"][1],
        {**reading, "Action": reading["Action"][:-1]},
        {**issuing, "Principal": {"AWS": "999999999999"}},
        {**issuing, "NotResource": arn},
    ]
    for statement in wrong:
        other = reading if statement["Action"] == issuing["Action"] else issuing
        with refused("InvalidPolicyException"):
            put(world, arn, {**good, "Statement": [other, statement]})
    for document in ({**good, "Version": "2008-10-17"}, {**good, "Statements": []}):
        with refused("InvalidPolicyException"):
            put(world, arn, document)
    for text in ("{", "[]", "{}", '{"Statement": []}', "null"):
        with refused("InvalidPolicyException"):
            world.pca.put_policy(ResourceArn=arn, Policy=text)


@rule("policy.required", "A policy needs a statement for reading and one for issuing.", PUT_POLICY_DOC)
def _(world: World) -> None:
    arn = world.root()
    for statement in policy(arn)["Statement"]:
        with refused("InvalidPolicyException"):
            put(world, arn, {"Version": "2012-10-17", "Statement": [statement]})


@rule("policy.cross-account", "Another account needs the policy, and may do exactly what it allows.", RBP_DOC)
def _(world: World) -> None:
    arn, other = world.root(), world.role(ALLOW, account=OTHER)
    named = {"CertificateAuthorityArn": arn}
    with refused("AccessDeniedException", "because no resource-based policy allows"):
        other.describe_certificate_authority(**named)
    put(world, arn, policy(arn))
    assert other.describe_certificate_authority(**named)["CertificateAuthority"]["OwnerAccount"] == ACCOUNT
    validity, request = {"Type": "DAYS", "Value": 1}, csr()
    issuing = {**named, "Csr": request, "SigningAlgorithm": "SHA256WITHECDSA", "Validity": validity}
    issued = other.issue_certificate(**issuing, TemplateArn=templates.build_arn(templates.END_ENTITY))["CertificateArn"]
    assert other.get_certificate(**named, CertificateArn=issued)["Certificate"]
    for template in (templates.name_subordinate_ca(0), "EndEntityClientAuthCertificate/V1"):
        with refused("AccessDeniedException", "because no resource-based policy allows"):
            other.issue_certificate(**issuing, TemplateArn=templates.build_arn(template))
    with refused("AccessDeniedException"):
        other.delete_certificate_authority(**named)
    put(world, arn, policy(arn, "999999999999"))
    with refused("AccessDeniedException"):
        other.describe_certificate_authority(**named)


@rule("policy.own-too", "In another account, the caller's own policies must allow the action as well.", RBP_DOC)
def _(world: World) -> None:
    arn = world.root()
    put(world, arn, policy(arn))
    other = world.role({**ALLOW, "Action": "acm-pca:Get*"}, account=OTHER)
    with refused("AccessDeniedException", "because no identity-based policy allows"):
        other.describe_certificate_authority(CertificateAuthorityArn=arn)


@rule(
    "policy.cross-account.list",
    "A shared CA is listed under OTHER_ACCOUNTS.",
    f"{BOTOCORE}: ListCertificateAuthoritiesRequest.ResourceOwner",
)
def _(world: World) -> None:
    arn = world.root()
    put(world, arn, policy(arn))
    other = world.role(ALLOW, account=OTHER)

    def listed(owner: str) -> list[str]:
        answer = other.list_certificate_authorities(ResourceOwner=owner, MaxResults=1000)
        return [item["Arn"] for item in answer["CertificateAuthorities"]]

    assert arn in listed("OTHER_ACCOUNTS")
    assert arn not in listed("SELF")


def for_organization(arn: str, identifier: str) -> dict[str, Any]:
    """The other form: everybody of one organization."""
    document = policy(arn)
    for statement in document["Statement"]:
        conditions = statement.get("Condition", {"StringEquals": {}})["StringEquals"]
        statement["Principal"] = "*"
        statement["Condition"] = {"StringEquals": {**conditions, "aws:PrincipalOrgID": identifier}}
    return document


@rule("policy.organization", "A policy may be for all accounts of an organization.", f"{RBP_DOC} (example 2)")
def _(world: World) -> None:
    identifier, member, arn = world.organization().rpartition("/")[2], world.member(), world.root()
    put(world, arn, for_organization(arn, identifier))
    named, inside = {"CertificateAuthorityArn": arn}, world.role(ALLOW, account=member)
    inside.describe_certificate_authority(**named)
    issuing = {**named, "Csr": csr(), "SigningAlgorithm": "SHA256WITHECDSA", "Validity": DAYS}
    inside.issue_certificate(**issuing, TemplateArn=templates.build_arn(templates.END_ENTITY))
    with refused("AccessDeniedException", "because no resource-based policy allows"):
        inside.issue_certificate(**issuing, TemplateArn=templates.build_arn(templates.name_subordinate_ca(0)))
    listed = inside.list_certificate_authorities(ResourceOwner="OTHER_ACCOUNTS", MaxResults=1000)
    assert arn in [item["Arn"] for item in listed["CertificateAuthorities"]]
    with refused("AccessDeniedException", "because no resource-based policy allows"):
        world.role(ALLOW, account=OTHER).describe_certificate_authority(**named)
    world.leave(member)
    with refused("AccessDeniedException", "because no resource-based policy allows"):
        inside.describe_certificate_authority(**named)


@rule("policy.organization.form", "The principal * is invalid without an organization.", f"{RBP_DOC} (example 2)")
def _(world: World) -> None:
    arn = world.root()
    reading, issuing = for_organization(arn, "o-1b2c3d4e5f")["Statement"]
    put(world, arn, {"Version": "2012-10-17", "Statement": [reading, issuing]})
    template = {"acm-pca:TemplateArn": templates.build_arn(templates.END_ENTITY)}
    wrong: list[dict[str, Any]] = [
        {**reading, "Condition": {}},
        {**reading, "Condition": {"StringEquals": {}}},
        {**reading, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "*"}}},
        {**reading, "Condition": {"StringEquals": {"aws:PrincipalOrgID": ["o-1b2c3d4e5f"]}}},
        {**reading, "Condition": {"StringLike": {"aws:PrincipalOrgID": "o-1b2c3d4e5f"}}},
        {**issuing, "Condition": {"StringEquals": template}},
        {**issuing, "Condition": reading["Condition"]},
        {**issuing, "Principal": {"AWS": OTHER}},
        {**reading, "Principal": {"AWS": OTHER}},
        {**reading, "Principal": {"AWS": "*"}},
    ]
    for statement in wrong:
        with refused("InvalidPolicyException"):
            put(world, arn, {"Version": "2012-10-17", "Statement": [statement]})


@rule(
    "permission.lifecycle", "ACM's permission can be created once, listed and deleted.", f"{BOTOCORE}: CreatePermission"
)
def _(world: World) -> None:
    arn = world.root()
    grant = {"CertificateAuthorityArn": arn, "Principal": "acm.amazonaws.com"}
    actions = ["IssueCertificate", "GetCertificate", "ListPermissions"]
    world.pca.create_permission(**grant, Actions=actions)
    with refused("PermissionAlreadyExistsException"):
        world.pca.create_permission(**grant, Actions=actions)
    (permission,) = world.pca.list_permissions(CertificateAuthorityArn=arn)["Permissions"]
    assert (permission["Principal"], permission["Actions"]) == ("acm.amazonaws.com", actions)
    world.pca.delete_permission(**grant)
    assert world.pca.list_permissions(CertificateAuthorityArn=arn)["Permissions"] == []
    with refused("ResourceNotFoundException"):
        world.pca.delete_permission(**grant)


@rule(
    "permission.account", "SourceAccount is the caller's account.", f"{BOTOCORE}: CreatePermissionRequest.SourceAccount"
)
def _(world: World) -> None:
    grant = {"CertificateAuthorityArn": world.root(), "Principal": "acm.amazonaws.com", "Actions": ["GetCertificate"]}
    with refused("RequestFailedException", "SourceAccount"):
        world.pca.create_permission(**grant, SourceAccount=OTHER)
    world.pca.create_permission(**grant, SourceAccount=ACCOUNT)


@rule("permission.principal", "The only principal is ACM.", f"{BOTOCORE}: CreatePermissionRequest.Principal")
def _(world: World) -> None:
    with refused("RequestFailedException"):
        world.pca.create_permission(
            CertificateAuthorityArn=world.root(), Principal="s3.amazonaws.com", Actions=["GetCertificate"]
        )
