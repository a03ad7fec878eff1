"""Create in the sandbox what a stack depends on but does not create itself.

These are clusters with their OIDC providers, roles in other accounts, permissions boundaries and SNS topics. CAs and
CRL buckets are not among them: a stack that adopts a CA or uses a parent CA depends on that very CA.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from toolkit.infra import zones_file
from toolkit.pki import arn
from toolkit.sandbox import principals
from toolkit.sandbox.pulumi.provider.kind import Aws
from toolkit.sandbox.pulumi.provider.provider_session import name_profile_role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from botocore.awsrequest import AWSPreparedRequest

    from toolkit.sandbox.pulumi.stack_file import StackConfig
    from toolkit.sandbox.server import Sandbox
    from toolkit.values import Client, Object, Value

_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_VERSION = "2012-10-17"
_AUDIENCE = "sts.amazonaws.com"


def provide(config: StackConfig, sandbox: Sandbox, project_dir: Path) -> None:
    """Create the resources that the stack's settings name; the program itself reports invalid settings.

    Args:
        config: the stack's configuration.
        sandbox: the AWS.
        project_dir: the directory that `zonesFile` is relative to.
    """
    own = Aws(sandbox.session(config.region), config.region, sandbox.endpoint_url)
    zones, parent = _zones(config, project_dir), list(config.objects("parent"))
    for settings in (*zones, *parent):
        _quietly(_account_role, own, settings)
    for zone in zones:
        _quietly(_cluster, own, zone)
        for boundary in (zone.get("permissionsBoundaryArn"), config.text("permissionsBoundaryArn")):
            _quietly(_boundary, own, zone, boundary)
    for alarms in config.objects("alarms"):
        _quietly(_topic, own, alarms)


def _zones(config: StackConfig, project_dir: Path) -> list[Object]:
    values: Object = {"zonesFile": config.text("zonesFile")}
    if not values["zonesFile"]:
        return list(config.objects("zones"))
    zones_file.read_into(values, project_dir)
    return [zone for zone in values.get("zones", ()) if isinstance(zone, dict)]


def _quietly(make: Callable[..., None], *what: object) -> None:
    """Create a resource unless it exists or its settings are invalid; the program reports invalid settings."""
    try:
        make(*what)
    except (ClientError, ValueError, KeyError, TypeError, AttributeError):
        return


def _account(settings: Mapping[str, Value]) -> str:
    role = settings.get("assumeRoleArn")
    return arn.ROLE.parse(role).account if role else str(settings.get("accountId") or principals.read_own_account())


def _account_role(own: Aws, settings: Mapping[str, Value]) -> None:
    """Create the role with which the stack works in another account."""
    account, role = _account(settings), settings.get("assumeRoleArn")
    if role is None and settings.get("profile"):
        role = name_profile_role(account, settings["profile"])
    if role is None:
        return
    trust: Object = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{principals.read_own_account()}:root"},
        "Action": "sts:AssumeRole",
    }
    if settings.get("externalId"):
        trust["Condition"] = {"StringEquals": {"sts:ExternalId": settings["externalId"]}}
    create_role(_AnyAccount(own.session, own.region, own.endpoint_url, account), role, trust)


@dataclass(frozen=True)
class _AnyAccount(Aws):
    """An administrator's clients whose requests moto assigns to another account, with moto's header for that."""

    account: str

    def client(self, service: str) -> Client:
        client = super().client(service)
        client.meta.events.register("before-send", self._add_header)
        return client

    def _add_header(self, request: AWSPreparedRequest, **_: object) -> None:
        request.headers["x-moto-account-id"] = self.account


def _inside(own: Aws, zone: Mapping[str, Value]) -> Aws:
    return _AnyAccount(own.session, str(zone["region"]), own.endpoint_url, _account(zone))


def _cluster(own: Aws, zone: Mapping[str, Value]) -> None:
    """Create an EKS cluster, or only its OIDC provider if another stack creates the provider."""
    aws = _inside(own, zone)
    identity = zone.get("identity", "irsa")
    if identity == "irsa" and not zone.get("createOidcProvider"):
        provider = zone.get("oidcProviderArn")
        issuer = arn.read_issuer(provider) if provider else zone["oidcIssuer"]
        url = f"https://{issuer.removeprefix('https://')}"
        aws.client("iam").create_open_id_connect_provider(Url=url, ClientIDList=[_AUDIENCE])
    elif identity == "pod-identity" and aws.region in own.session.get_available_regions("eks"):
        # moto fails for a region that AWS does not have.
        aws.client("eks").create_cluster(
            name=zone["clusterName"],
            roleArn=f"arn:aws:iam::{_account(zone)}:role/cluster",
            resourcesVpcConfig={"subnetIds": ["subnet-1", "subnet-2"]},
        )


def _boundary(own: Aws, zone: Mapping[str, Value], policy_arn: str | None) -> None:
    """Create a permissions boundary that allows private CAs and nothing else."""
    if not policy_arn or not arn.parse_policy(policy_arn).account:
        return
    allowed = {"Effect": "Allow", "Action": "acm-pca:*", "Resource": "*"}
    path, name = _split_path(policy_arn)
    _inside(own, zone).client("iam").create_policy(PolicyName=name, Path=path, PolicyDocument=_document(allowed))


def _topic(own: Aws, alarms: Mapping[str, Value]) -> None:
    if alarms.get("topicArn"):
        topic = arn.TOPIC.parse(alarms["topicArn"])
        Aws(own.session, topic.region, own.endpoint_url).client("sns").create_topic(Name=topic.resource)


def create_role(aws: Aws, role_arn: str, trust: Object) -> None:
    """Create a role that may do everything.

    Args:
        aws: clients of the role's account.
        role_arn: the role's ARN.
        trust: the statement of the role's trust policy.
    """
    iam, (path, name) = aws.client("iam"), _split_path(role_arn)
    iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=_document(_EVERYTHING))


def _split_path(arn_text: str) -> tuple[str, str]:
    """Return path and name of an IAM ARN; the path is for example ``/teams/mesh/``."""
    path, _, name = arn_text.partition("/")[2].rpartition("/")
    return (f"/{path}/" if path else "/"), name


def _document(*statements: Mapping[str, Value]) -> str:
    """Return a policy document as JSON."""
    return json.dumps({"Version": _VERSION, "Statement": list(statements)})
