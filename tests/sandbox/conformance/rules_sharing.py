"""Rules on resource policies and permissions."""

from __future__ import annotations

import json
from typing import Any

from tests.sandbox.conformance.world import BOTOCORE, World, refused, rule
from toolkit.pki import templates
from toolkit.sandbox.private_ca import Caller

CRL_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/crl-planning.md"
AUDIT_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/PcaAuditReport.md"
RBP_DOC = "awsdocs/aws-private-ca-user-guide:doc_source/pca-rbp.md"
OTHER = "210987654321"


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
                "Condition": {"StringEquals": {"acm-pca:TemplateArn": templates.arn(template)}},
            },
        ],
    }


def put(world: World, arn: str, document: dict[str, Any]) -> None:
    world.pca.put_policy(ResourceArn=arn, Policy=json.dumps(document))


def _as_other(world: World, operation: str, **params: Any) -> tuple[int, str]:
    caller = Caller(OTHER, "eu-central-1")
    body = json.dumps(params).encode()
    answer = world.aws.private_ca.handle(caller, f"ACMPrivateCA.{operation}", body)
    return answer.status, json.loads(answer.body).get("message", "")


@rule("policy.lifecycle", "A policy can be put, read and deleted.", f"{BOTOCORE}: PutPolicy")
def _(world: World) -> None:
    arn = world.root()
    with refused("ResourceNotFoundException"):
        world.pca.get_policy(ResourceArn=arn)
    put(world, arn, policy(arn))
    assert json.loads(world.pca.get_policy(ResourceArn=arn)["Policy"]) == policy(arn)
    world.pca.delete_policy(ResourceArn=arn)
    with refused("ResourceNotFoundException"):
        world.pca.get_policy(ResourceArn=arn)


@rule("policy.pending", "Only an active CA takes a policy.", f"{BOTOCORE}: PutPolicy (InvalidStateException)")
def _(world: World) -> None:
    arn = world.create()
    with refused("InvalidStateException"):
        put(world, arn, policy(arn))


@rule("policy.form", "A policy of any other form is invalid.", RBP_DOC)
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
        policy(arn, template=templates.subordinate_ca(1))["Statement"][1],
    ]
    for statement in wrong:
        with refused("InvalidPolicyException"):
            put(world, arn, {**good, "Statement": [statement]})
    for text in ("{", "[]", "{}", '{"Statement": []}', "null"):
        with refused("InvalidPolicyException"):
            world.pca.put_policy(ResourceArn=arn, Policy=text)


@rule("policy.cross-account", "Another account needs the policy, and gets what it says.", RBP_DOC)
def _(world: World) -> None:
    arn = world.root()
    status, message = _as_other(world, "DescribeCertificateAuthority", CertificateAuthorityArn=arn)
    assert (status, "because no resource-based policy allows" in message) == (400, True)
    put(world, arn, policy(arn))
    assert _as_other(world, "DescribeCertificateAuthority", CertificateAuthorityArn=arn)[0] == 200
    assert _as_other(world, "DeleteCertificateAuthority", CertificateAuthorityArn=arn)[0] == 400
    put(world, arn, policy(arn, "999999999999"))
    assert _as_other(world, "DescribeCertificateAuthority", CertificateAuthorityArn=arn)[0] == 400


@rule(
    "policy.cross-account.list",
    "A shared CA is listed under OTHER_ACCOUNTS.",
    f"{BOTOCORE}: ListCertificateAuthoritiesRequest.ResourceOwner",
)
def _(world: World) -> None:
    arn = world.root()
    put(world, arn, policy(arn))
    caller = Caller(OTHER, "eu-central-1")

    def listed(owner: str) -> list[str]:
        body = json.dumps({"ResourceOwner": owner, "MaxResults": 1000}).encode()
        answer = world.aws.private_ca.handle(caller, "ACMPrivateCA.ListCertificateAuthorities", body)
        return [item["Arn"] for item in json.loads(answer.body)["CertificateAuthorities"]]

    assert arn in listed("OTHER_ACCOUNTS")
    assert arn not in listed("SELF")


@rule(
    "permission.lifecycle", "ACM's permission is granted once, listed and taken back.", f"{BOTOCORE}: CreatePermission"
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


@rule("permission.principal", "The only principal is ACM.", f"{BOTOCORE}: CreatePermissionRequest.Principal")
def _(world: World) -> None:
    with refused("RequestFailedException"):
        world.pca.create_permission(
            CertificateAuthorityArn=world.root(), Principal="s3.amazonaws.com", Actions=["GetCertificate"]
        )
