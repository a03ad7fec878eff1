"""What the shapes of provisioning.md need around them, and how a zone's control plane becomes its role."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from tests.infra.shapes import ELSEWHERE, HOME, changed, setting, shape
from tests.sandbox.conformance.world import ALLOW, World
from toolkit.infra import policies
from toolkit.pki import arn, templates

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs, Zone
    from toolkit.sandbox.pulumi.program import StackConfig

_ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def prepared(aws: TestSandbox, name: str) -> StackConfig:
    """The shape's configuration, with what it names made first and named as AWS made it."""
    make = _AROUND.get(name)
    return make(aws, shape(name)) if make else shape(name)


def _under_aws_ca(aws: TestSandbox, config: StackConfig) -> StackConfig:
    return _below(config, World(aws).root())


def _under_aws_ca_elsewhere(aws: TestSandbox, config: StackConfig) -> StackConfig:
    return _below(config, _elsewhere(aws, "eu-west-1").root(key="RSA_2048", signing="SHA256WITHRSA"))


def _under_shared_ca(aws: TestSandbox, config: StackConfig) -> StackConfig:
    return _below(config, shared(_elsewhere(aws, "eu-central-1"), templates.name_subordinate_ca(0)))


def _adopt(aws: TestSandbox, config: StackConfig) -> StackConfig:
    world = World(aws)
    return changed(config, adoptArn=world.subordinate(world.root()))


def _adopt_shared(aws: TestSandbox, config: StackConfig) -> StackConfig:
    return changed(config, adoptArn=shared(_elsewhere(aws, "eu-west-1"), templates.END_ENTITY))


def _existing_bucket(aws: TestSandbox, config: StackConfig) -> StackConfig:
    return changed(config, revocation={"crl": {"bucket": _bucket(World(aws))}})


def _new_cluster(_: TestSandbox, config: StackConfig) -> StackConfig:
    """Providers stay when their stack goes, so every stack has a cluster of its own."""
    zones = setting(config, "zones")
    for zone in zones:
        if zone.get("createOidcProvider"):
            zone["oidcIssuer"] = f"https://oidc.eks.{zone['region']}.amazonaws.com/id/{uuid.uuid4().hex.upper()}"
    return changed(config, zones=zones)


def _elsewhere(aws: TestSandbox, region: str) -> World:
    """The other account, as an administrator of private CAs there."""
    world = World(aws, region)
    world.pca = world.role(ALLOW, account=ELSEWHERE)
    return world


def _below(config: StackConfig, parent: str) -> StackConfig:
    return changed(config, parent={**setting(config, "parent"), "arn": parent})


def shared(world: World, template: str, account: str = HOME) -> str:
    """A root of one account that lets another use one template."""
    return share(world, world.root(), template, account)


def share(world: World, authority: str, template: str, account: str) -> str:
    """Let an account use one template of a CA."""
    document = policies.allow_sharing(authority, [account], None)
    document["Statement"][1]["Condition"]["StringEquals"]["acm-pca:TemplateArn"] = templates.build_arn(template)
    world.pca.put_policy(ResourceArn=authority, Policy=json.dumps(document))
    return authority


def _bucket(world: World) -> str:
    s3, bucket = world.client("s3"), f"acme-revocation-lists-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": world.region})
    document = policies.allow_crl_writing(f"arn:aws:s3:::{bucket}", HOME)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))
    return bucket


def _in_an_organization(aws: TestSandbox, config: StackConfig) -> StackConfig:
    world = World(aws)
    world.organization()
    world.client("ram").enable_sharing_with_aws_organization()
    client, member = world.client("organizations"), world.member()
    root = client.list_roots()["Roots"][0]["Id"]
    unit = client.create_organizational_unit(ParentId=root, Name="meshes")["OrganizationalUnit"]
    client.move_account(AccountId=member, SourceParentId=root, DestinationParentId=unit["Id"])
    zones = [{**zone, "accountId": member} for zone in setting(config, "zones")]
    sharing = {**setting(config, "sharing"), "organizationalUnits": [unit["Arn"]]}
    return changed(config, zones=zones, sharing=sharing)


_AROUND: dict[str, Callable[[TestSandbox, StackConfig], StackConfig]] = {
    "under-aws-ca": _under_aws_ca,
    "under-aws-ca-elsewhere": _under_aws_ca_elsewhere,
    "under-shared-ca": _under_shared_ca,
    "adopt": _adopt,
    "adopt-shared": _adopt_shared,
    "crl-existing-bucket": _existing_bucket,
    "identities": _new_cluster,
    "organization-ram": _in_an_organization,
}


def accept_invitations(aws: TestSandbox, account: str) -> None:
    """As the administrator of an account that a CA is shared with."""
    ram = World(aws).clients(_ANYTHING, account=account)("ram")
    for invitation in ram.get_resource_share_invitations()["resourceShareInvitations"]:
        if invitation["status"] == "PENDING":
            ram.accept_resource_share_invitation(resourceShareInvitationArn=invitation["resourceShareInvitationArn"])


def control_plane(aws: TestSandbox, config: StackConfig, outputs: StackOutputs, zone: Zone) -> Any:
    """A client of acm-pca as the zone's control plane has it, in the CA's region."""
    wanted = next(item for item in setting(config, "zones") if item["name"] == zone.name)
    if zone.identity == "irsa":
        session = _by_web_identity(aws, zone, wanted)
    elif zone.identity == "pod-identity":
        session = _by_pod_identity(aws, zone, wanted["clusterName"])
    elif wanted.get("compute") == "ecs":
        source = f"arn:aws:ecs:{zone.region}:{zone.account_id}:task/control-plane"
        context = {"aws:SourceAccount": zone.account_id, "aws:SourceArn": source}
        session = aws.service_session("ecs-tasks.amazonaws.com", zone.role_arn, zone.region, context)
    else:
        session = aws.service_session("ec2.amazonaws.com", zone.role_arn, zone.region, {})
    client: Any = session
    return client.client("acm-pca", region_name=outputs.certificate_authority.region, endpoint_url=aws.endpoint_url)


def _by_web_identity(aws: TestSandbox, zone: Zone, wanted: dict[str, Any]) -> boto3.Session:
    provider = wanted.get("oidcProviderArn")
    issuer = arn.read_issuer(provider) if provider else wanted["oidcIssuer"]
    claims = {
        "iss": f"https://{issuer.removeprefix('https://')}",
        "aud": ["sts.amazonaws.com"],
        "sub": f"system:serviceaccount:{zone.namespace}:{zone.service_account}",
    }
    session: Any = boto3.Session(region_name=zone.region)
    sts = session.client("sts", endpoint_url=aws.endpoint_url, config=Config(signature_version=UNSIGNED))
    taken = sts.assume_role_with_web_identity(
        RoleArn=zone.role_arn, RoleSessionName="control-plane", WebIdentityToken=unsigned(claims)
    )["Credentials"]
    return _session(taken, zone.region)


def _by_pod_identity(aws: TestSandbox, zone: Zone, cluster: str) -> boto3.Session:
    kubernetes = {"namespace": zone.namespace, "serviceaccount": {"name": zone.service_account}}
    claims = {"aud": ["pods.eks.amazonaws.com"], "kubernetes.io": kubernetes}
    node = {"Effect": "Allow", "Action": "eks-auth:AssumeRoleForPodIdentity", "Resource": "*"}
    agent = World(aws, zone.region).clients(node, account=zone.account_id)("eks-auth")
    taken = agent.assume_role_for_pod_identity(clusterName=cluster, token=unsigned(claims))["credentials"]
    return _session({key[0].upper() + key[1:]: value for key, value in taken.items()}, zone.region)


def _session(taken: dict[str, Any], region: str) -> boto3.Session:
    return boto3.Session(
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
        region_name=region,
    )


def unsigned(claims: dict[str, Any]) -> str:
    """A service account's token; nobody signs for the sandbox."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    whole = {"exp": int(time.time()) + 600, **claims}
    return f"{part({'alg': 'RS256'})}.{part(whole)}.{part('signature')}"
