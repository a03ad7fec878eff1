"""Call AWS with the credentials that a provider's settings name: a profile, roles to assume, allowed accounts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError
from botocore.model import ListShape, Shape, StructureShape

from toolkit.errors import ExternalError
from toolkit.values import Client, Object, Value

if TYPE_CHECKING:
    from toolkit.sandbox.server import Sandbox

# The accepted settings of a provider, besides the checks to skip. The second line lists settings that the sandbox
# ignores, because it determines endpoint and credentials itself.
_SETTINGS = {"allowedAccountIds", "assumeRoles", "profile", "region", "version"}
_SETTINGS |= {"accessKey", "secretKey", "token", "endpoints", "s3UsePathStyle", "maxRetries", "retryMode"}


@dataclass(frozen=True)
class Aws:
    """Clients of one account in one region.

    Attributes:
        session: a session with the account's credentials.
        region: the region of the calls.
        endpoint_url: the sandbox's URL.
    """

    session: boto3.Session
    region: str
    endpoint_url: str

    def client(self, service: str) -> Client:
        """Return a client of a service."""
        # The stubs of boto3 only accept the names of services as literals.
        untyped: Client = self.session
        return untyped.client(service, region_name=self.region, endpoint_url=self.endpoint_url)

    def call(self, service: str, method: str, request: Mapping[str, Value]) -> Object:
        """Call a method with a request in the provider's form; values that are None are left out.

        Args:
            service: the service.
            method: the client's method.
            request: the parameters; names may differ from AWS's in case, and numbers in type. The region, which selects
                the client, is left out.
        """
        client = self.client(service)
        operation = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
        parameters = {name: value for name, value in request.items() if name != "region"}
        response: Object = getattr(client, method)(**_convert(parameters, operation.input_shape))
        return response


def _convert(value: Value, shape: Shape) -> Value:
    """Return a value with the names and types of AWS's own model."""
    if isinstance(shape, StructureShape):
        names = {name.lower(): name for name in shape.members}
        converted = {}
        for key, item in value.items():
            if key.lower() not in names:
                raise ExternalError(f"{key} is not in the sandbox")
            if item is not None:
                name = names[key.lower()]
                converted[name] = _convert(item, shape.members[name])
        return converted
    if isinstance(shape, ListShape):
        return [_convert(item, shape.member) for item in value]
    return int(value) if shape.type_name in ("integer", "long") else value


def open_aws(sandbox: Sandbox, region: str, settings: Mapping[str, Value]) -> Aws:
    """Return clients for a provider's settings.

    Args:
        sandbox: the AWS.
        region: the region of the calls.
        settings: the provider's inputs; structured ones are JSON, as Pulumi passes them to a provider.

    Raises:
        ExternalError: a role can't be assumed, the account is not allowed, or the sandbox lacks a setting.
    """
    unknown = sorted(key for key in set(settings) - _SETTINGS if not key.startswith("skip"))
    if unknown:
        raise ExternalError(f"{', '.join(unknown)} is not in the sandbox")
    aws = Aws(sandbox.session(region), region, sandbox.endpoint_url)
    allowed = json.loads(settings.get("allowedAccountIds") or "[]")
    roles = json.loads(settings.get("assumeRoles") or "[]")
    if settings.get("profile") and not roles:
        # prerequisites.py has created a role in place of the profile.
        roles = [{"roleArn": name_profile_role(allowed[0], settings["profile"])}]
    for role in roles:
        aws = _assume(aws, role)
    account = aws.client("sts").get_caller_identity()["Account"]
    if allowed and account not in allowed:
        raise ExternalError(f"the account is {account}, but only {', '.join(allowed)} is allowed")
    return aws


def name_profile_role(account: str, profile: str) -> str:
    """Return the ARN of the role that the sandbox uses in place of a profile of the AWS configuration."""
    name = "".join(character if character.isalnum() else "-" for character in profile)[:50]
    return f"arn:aws:iam::{account}:role/profile-{name}"


def _assume(aws: Aws, role: Mapping[str, str]) -> Aws:
    external = {"ExternalId": role["externalId"]} if role.get("externalId") else {}
    name = role.get("sessionName", "pulumi")
    try:
        assumed = aws.client("sts").assume_role(RoleArn=role["roleArn"], RoleSessionName=name, **external)
    except ClientError as error:
        raise ExternalError(f"can't assume {role['roleArn']}: {error}") from error
    key, secret, token = (assumed["Credentials"][name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    return replace(aws, session=boto3.Session(key, secret, token, aws.region))
