"""Rules on assuming roles: of a task, of an instance, in another account, and in a chain."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.sandbox.conformance.rules_pod_identity import PODS, Cluster
from tests.sandbox.conformance.world import ACCOUNT, ALLOW, OTHER, World, refused, rule
from toolkit.sandbox.aws_error import AwsError

CHAINING = "IAM user guide: chaining roles with session tags"
EVALUATION = "IAM user guide: policy evaluation logic"


@rule(
    "service.ecs",
    "A task's role is assumed under the conditions of its trust policy.",
    "ECS developer guide: task-iam-roles",
)
def _(world: World) -> None:
    source = f"arn:aws:ecs:eu-central-1:{ACCOUNT}:*"
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": source}},
    }
    role, authority = world.make_role(ALLOW, trust=trust), world.root()
    good = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": source.replace("*", "cluster/mesh")}
    session: Any = world.aws.service_session("ecs-tasks.amazonaws.com", role, world.region, good)
    pca = session.client("acm-pca", endpoint_url=world.aws.endpoint_url)
    pca.describe_certificate_authority(CertificateAuthorityArn=authority)
    wrong: tuple[tuple[str, dict[str, str]], ...] = (
        ("ecs-tasks.amazonaws.com", {}),
        ("ecs-tasks.amazonaws.com", {**good, "aws:SourceAccount": OTHER}),
        ("ecs.amazonaws.com", good),
        ("ec2.amazonaws.com", good),
    )
    for service, context in wrong:
        with pytest.raises(AwsError, match="not authorized to perform: sts:AssumeRole"):
            world.aws.service_session(service, role, world.region, context)


@rule("service.ec2", "An instance gets a role through an instance profile.", "EC2 user guide: IAM roles for Amazon EC2")
def _(world: World) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role, iam = world.make_role(ALLOW, trust=trust), world.iam()
    with pytest.raises(AwsError, match="in no instance profile"):
        world.aws.service_session("ec2.amazonaws.com", role, world.region, {})
    for profile in _profile(iam, role):
        session: Any = world.aws.service_session("ec2.amazonaws.com", role, world.region, {})
        sts = session.client("sts", endpoint_url=world.aws.endpoint_url)
        assert sts.get_caller_identity()["Account"] == ACCOUNT, profile
    with pytest.raises(AwsError, match="not authorized"):
        world.aws.service_session("ec2.amazonaws.com", f"arn:aws:iam::{ACCOUNT}:role/nobody", world.region, {})


def _profile(iam: Any, role: str) -> Iterator[str]:
    """An instance profile with a role, for a while."""
    profile = f"profile-{uuid.uuid4().hex[:6]}"
    iam.create_instance_profile(InstanceProfileName=profile)
    iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role.rpartition("/")[2])
    yield profile
    iam.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=role.rpartition("/")[2])
    iam.delete_instance_profile(InstanceProfileName=profile)


@rule("service.everybody", "The principal * in a trust policy does not include AWS services.", "strict: not documented")
def _(world: World) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    role = world.make_role(ALLOW, trust=trust)
    with pytest.raises(AwsError, match="not authorized"):
        world.aws.service_session("ecs-tasks.amazonaws.com", role, world.region, {})


def chain(caller: Any, role: str, **more: Any) -> dict[str, Any]:
    return dict(caller("sts").assume_role(RoleArn=role, RoleSessionName="chained", **more)["Credentials"])


@rule(
    "role.both",
    "To assume a role in another account, both its trust policy and the caller's own policies must allow it.",
    EVALUATION,
)
def _(world: World) -> None:
    own = world.make_role(ALLOW)
    caller = world.taking(world.client("sts").assume_role(RoleArn=own, RoleSessionName="own")["Credentials"])
    trust = {"Effect": "Allow", "Principal": {"AWS": own}, "Action": "sts:AssumeRole"}
    with refused("AccessDenied", "not authorized to perform: sts:AssumeRole"):
        chain(caller, world.make_role(ALLOW, account=OTHER, trust=trust))
    # Within an account to be named is enough, unless the caller's own policies forbid it.
    inside = world.make_role(ALLOW, trust=trust)
    assert chain(caller, inside)
    deny = {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW, deny]})
    world.iam().put_role_policy(RoleName=own.rpartition("/")[2], PolicyName="p", PolicyDocument=document)
    with refused("AccessDenied"):
        chain(caller, inside)


@rule("role.external-id", "A trust policy can require an external ID.", "IAM user guide: third-party access")
def _(world: World) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": ACCOUNT},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "zone-1"}},
    }
    role, sts = world.make_role(ALLOW, account=OTHER, trust=trust), world.client("sts")
    assert sts.assume_role(RoleArn=role, RoleSessionName="zone", ExternalId="zone-1")["Credentials"]
    for more in ({}, {"ExternalId": "zone-2"}):
        with refused("AccessDenied"):
            sts.assume_role(RoleArn=role, RoleSessionName="zone", **more)


@rule(
    "role.organization",
    "A trust policy can allow all principals of an organization.",
    "IAM user guide: aws:PrincipalOrgID",
)
def _(world: World) -> None:
    organization, member = world.organization(), world.member()
    trust = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:principalorgid": organization.rpartition("/")[2]}},
    }
    role, own = world.make_role(ALLOW, trust=trust), {**ALLOW, "Action": "sts:AssumeRole"}
    assert chain(world.clients(own, account=member), role)
    with refused("AccessDenied"):
        chain(world.clients(own, account=OTHER), role)


@rule("role.tags", "Transitive session tags stay with the caller, and the next role must allow them.", CHAINING)
def _(world: World) -> None:
    cluster = Cluster(world)
    first = world.make_role({**ALLOW, "Action": ["sts:AssumeRole", "sts:TagSession"]}, trust=PODS)
    cluster.associate(first)
    trust = {"Effect": "Allow", "Principal": {"AWS": first}, "Action": "sts:AssumeRole"}
    role, pod = world.make_role(ALLOW, trust=trust), cluster.clients()
    with refused("AccessDenied", "sts:TagSession"):
        chain(pod, role)
    assert chain(pod, world.make_role(ALLOW, trust={**trust, "Action": ["sts:AssumeRole", "sts:TagSession"]}))
    with refused("ValidationError", "not in the sandbox"):
        chain(pod, role, Tags=[{"Key": "a", "Value": "b"}])


@rule(
    "role.ways",
    "STS serves only AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity and GetAccessKeyInfo.",
    "strict: moto checks no trust policy for the others",
)
def _(world: World) -> None:
    sts, role = world.client("sts"), world.make_role(ALLOW)
    # boto3 does not sign it, and moto answers it signed.
    saml = {"Action": "AssumeRoleWithSAML", "RoleArn": role, "PrincipalArn": role, "SAMLAssertion": "PHhtbC8+"}
    for headers in ({}, _signed()):
        answer = httpx.post(world.aws.endpoint_url, data={**saml, "Version": "2011-06-15"}, headers=headers)
        assert "<AccessKeyId>" not in answer.text
        assert 400 <= answer.status_code < 404, answer.text
    with refused("InvalidAction", "GetSessionToken"):
        sts.get_session_token()
    with refused("InvalidAction", "GetFederationToken"):
        sts.get_federation_token(Name="somebody")


@rule(
    "role.url", "STS parameters in the URL count like those in the body.", "IAM user guide: making HTTP query requests"
)
def _(world: World) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    take = {"Action": "AssumeRole", "RoleArn": world.make_role(ALLOW, trust=trust), "RoleSessionName": "x"}
    version, who = {"Version": "2011-06-15"}, {"Action": "GetCallerIdentity"}
    with httpx.Client(base_url=world.aws.endpoint_url, headers=_signed()) as client:
        assert ACCOUNT in client.get("/", params={**who, **version}).text
        for answer in (client.get("/", params={**take, **version}), client.post("/", params=take, data=version)):
            assert (answer.status_code, "AccessDenied" in answer.text) == (403, True), answer.text
        # Which of two values moto would read is not for a client to choose.
        twice = client.post("/", params=who, data={**take, **version})
        assert (twice.status_code, "MalformedQueryString" in twice.text) == (400, True), twice.text


def _signed() -> dict[str, str]:
    credential = "Credential=sandbox/20260101/eu-central-1/sts/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"}
