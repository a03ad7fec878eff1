"""What pulumi-aws does, for the resource types of our program: each is really made, changed and deleted, with boto3.

The behaviour follows the bridged provider (hashicorp/terraform-provider-aws), traps included: a CA's own
``certificate`` is empty when it is created, because there is none yet.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pulumi.runtime import mocks as pulumi_mocks

from toolkit.errors import SurroundingsError, ToolkitError
from toolkit.sandbox.provider import clusters, iam, lookups, private_ca, sharing, storage, watching
from toolkit.sandbox.provider.kind import Aws, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolkit.sandbox.engine import Resource
    from toolkit.sandbox.server import Sandbox

_KINDS: dict[str, Kind] = {
    **clusters.KINDS,
    **iam.KINDS,
    **private_ca.KINDS,
    **sharing.KINDS,
    **storage.KINDS,
    **watching.KINDS,
}
_FUNCTIONS = {**iam.FUNCTIONS, **lookups.FUNCTIONS, **private_ca.FUNCTIONS}
# What an explicit provider may be told; beside these, the checks that it shall skip. Where AWS is and who the stack is
# there, the sandbox knows itself.
_SETTINGS = {"allowedAccountIds", "assumeRoles", "profile", "region", "version"}
_SETTINGS |= {"accessKey", "secretKey", "token", "endpoints", "s3UsePathStyle", "maxRetries", "retryMode"}
# What is gone already is deleted: every resource of the bridged provider takes these so.
_GONE = {"NoSuchBucket", "NoSuchEntity", "NotFoundException", "ResourceNotFoundException", "UnknownResourceException"}


class Cloud(pulumi_mocks.Mocks):
    """The embedded AWS as the engine sees it.

    Args:
        sandbox: the AWS.
        region: in which the stack deploys.

    Attributes:
        provider_inputs: tells the inputs of an explicit provider; the engine sets it.
    """

    provider_inputs: Callable[[str], Mapping[str, Any]]

    def __init__(self, sandbox: Sandbox, region: str) -> None:
        self._sandbox = sandbox
        self._region = region
        self._sessions: dict[str, boto3.Session] = {}
        self._lock = threading.Lock()

    def kind(self, resource: Resource) -> Kind:
        """What can be done with a resource.

        Raises:
            SurroundingsError: the sandbox does not have its type, or one of its inputs.
        """
        kind = _KINDS.get(resource.type)
        missing = resource.type if kind is None else ", ".join(kind.unknown(resource.inputs))
        if kind is None or missing:
            raise SurroundingsError(f"the stack can't be created: {resource.name}: {missing} is not in the sandbox")
        return kind

    def create(self, resource: Resource) -> tuple[str, dict[str, Any]]:
        """Make it; its ID, and what only AWS knew."""
        kind = _KINDS[resource.type]
        made: tuple[str, dict[str, Any]] = self._do(
            resource, "created", lambda aws: kind.create(aws, resource.name, resource.inputs)
        )
        identifier, computed = made
        return identifier, {**({"region": resource.region} if kind.is_regional else {}), **computed}

    def update(self, known: Resource, wanted: Resource) -> dict[str, Any]:
        """Change it; what only AWS knew."""
        kind = _KINDS[wanted.type]
        computed: dict[str, Any] = self._do(
            wanted, "updated", lambda aws: kind.update(aws, known.identifier, known.inputs, wanted.inputs)
        )
        return computed

    def read(self, resource: Resource, identifier: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Read one that exists: its inputs, and what only AWS knows."""
        kind = _KINDS[resource.type]
        found: tuple[dict[str, Any], dict[str, Any]] = self._do(
            resource, "imported", lambda aws: kind.read(aws, identifier)
        )
        return found

    def delete(self, resource: Resource) -> None:
        """Delete it; what is gone already is well."""
        kind = _KINDS[resource.type]
        self._do(resource, "deleted", lambda aws: _delete(kind, aws, resource))

    def configure(self, reference: str, provider: Resource) -> None:
        """Open an explicit provider, as the real one is configured before anything is asked of it.

        Raises:
            SurroundingsError: it can't take its role, is in an account it must not be in, or is told what the sandbox
                does not have.
        """
        missing = sorted(key for key in set(provider.inputs) - _SETTINGS if not key.startswith("skip"))
        if missing:
            raise SurroundingsError(f"provider {provider.name}: {', '.join(missing)} is not in the sandbox")
        try:
            self._session(reference)
        except SurroundingsError as error:
            raise SurroundingsError(f"provider {provider.name}: {error.message}") from error

    def call(self, args: pulumi_mocks.MockCallArgs) -> Any:  # noqa: ANN401 - Pulumi's own signature
        """Answer a function that the program invokes; a refusal is the function's, as with the real provider."""
        function = _FUNCTIONS.get(args.token)
        if function is None:
            return {}, [("", f"{args.token} is not in the sandbox")]
        try:
            region = str(args.args.get("region") or self.provider_region(args.provider))
            return function(self._aws(args.provider, region), args.args)
        except (ClientError, BotoCoreError, ToolkitError) as error:
            return {}, [("", str(error))]

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """The engine registers resources itself; only reading one would come here."""
        raise SurroundingsError(f"{args.name}: reading a resource is not in the sandbox")

    def provider_region(self, provider: str) -> str:
        """The region of an explicit provider, or of the stack's own."""
        return str(self.provider_inputs(provider).get("region") or self._region) if provider else self._region

    def _do(self, resource: Resource, verb: str, action: Callable[[Aws], Any]) -> Any:  # noqa: ANN401 - the action's
        try:
            return action(self._aws(resource.provider, resource.region))
        except (ClientError, BotoCoreError) as error:
            what = f"{resource.name} ({resource.type.rpartition(':')[2]})"
            raise SurroundingsError(f"the stack can't be {verb}: {what}: {error}") from error

    def _aws(self, provider: str, region: str) -> Aws:
        return Aws(self._session(provider), region, self._sandbox.endpoint_url)

    def _session(self, provider: str) -> boto3.Session:
        with self._lock:
            if provider not in self._sessions:
                self._sessions[provider] = self._open(self.provider_inputs(provider) if provider else {})
            return self._sessions[provider]

    def _open(self, inputs: Mapping[str, Any]) -> boto3.Session:
        """A session as the provider's own settings make it: profile, assumed role, allowed accounts."""
        session = self._sandbox.session(self._region)
        # Pulumi hands a provider its structured settings as JSON.
        allowed = json.loads(inputs.get("allowedAccountIds") or "[]")
        roles = json.loads(inputs.get("assumeRoles") or "[]")
        if inputs.get("profile") and not roles:
            # surroundings.py made a role that stands for what a profile opens.
            roles = [{"roleArn": profile_role(allowed[0], inputs["profile"])}]
        for role in roles:
            session = self._assume(session, role)
        account = Aws(session, self._region, self._sandbox.endpoint_url).client("sts").get_caller_identity()["Account"]
        if allowed and account not in allowed:
            raise SurroundingsError(f"the account is {account}, and allowed is {', '.join(allowed)}")
        return session

    def _assume(self, session: boto3.Session, role: Mapping[str, str]) -> boto3.Session:
        sts = Aws(session, self._region, self._sandbox.endpoint_url).client("sts")
        external = {"ExternalId": role["externalId"]} if role.get("externalId") else {}
        try:
            taken = sts.assume_role(
                RoleArn=role["roleArn"], RoleSessionName=role.get("sessionName", "pulumi"), **external
            )["Credentials"]
        except ClientError as error:
            raise SurroundingsError(f"can't take {role['roleArn']}: {error}") from error
        return boto3.Session(
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
            region_name=self._region,
        )


def _delete(kind: Kind, aws: Aws, resource: Resource) -> None:
    try:
        kind.delete(aws, resource.identifier, resource.outputs)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise


def profile_role(account: str, profile: str) -> str:
    """The role that stands in the sandbox for what a profile of the AWS configuration opens."""
    name = "".join(character if character.isalnum() else "-" for character in profile)[:50]
    return f"arn:aws:iam::{account}:role/profile-{name}"
