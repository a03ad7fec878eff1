"""What pulumi-aws does, for the resource types of our program: each is really created, with boto3.

The behaviour follows the bridged provider (hashicorp/terraform-provider-aws:internal/service/acmpca), traps
included: a CA's own ``certificate`` is empty when it is created, because there is none yet.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pulumi.runtime import mocks as pulumi_mocks

from toolkit.errors import SurroundingsError, ToolkitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.sandbox.server import Sandbox

    Inputs = dict[str, Any]
    Created = tuple[str, dict[str, Any]]


_GET_CALLER_IDENTITY = "aws:index/getCallerIdentity:getCallerIdentity"


class Provider(pulumi_mocks.Mocks):
    """Creates what the program registers.

    Attributes:
        failure: the first thing that AWS refused, in words for people.
    """

    failure: ToolkitError | None = None

    def __init__(self, sandbox: Sandbox, region: str, on_resource: Callable[[str, str], None]) -> None:
        self._sandbox = sandbox
        self._region = region
        self._on_resource = on_resource
        self._create: dict[str, Callable[[str, Inputs], Created]] = {
            "aws:acmpca/certificateAuthority:CertificateAuthority": self._certificate_authority,
            "aws:acmpca/certificate:Certificate": self._certificate,
            "aws:acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate": self._activation,
            "aws:iam/role:Role": self._role,
            "aws:iam/rolePolicy:RolePolicy": self._role_policy,
        }

    def call(self, args: pulumi_mocks.MockCallArgs) -> Any:  # noqa: ANN401 - Pulumi's own signature
        """Answer a function that the program invokes."""
        if args.token != _GET_CALLER_IDENTITY:
            raise self._failed(f"{args.token} is not in the sandbox")
        identity = self._client("sts").get_caller_identity()
        return {
            "accountId": identity["Account"],
            "arn": identity["Arn"],
            "userId": identity["UserId"],
            "id": identity["Account"],
        }

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Create one resource; components have nothing to create."""
        if not args.custom:
            return None, args.inputs
        create = self._create.get(args.typ)
        if create is None:
            raise self._failed(f"{args.name}: {args.typ} is not in the sandbox")
        try:
            identifier, outputs = create(args.name, args.inputs)
        except (ClientError, BotoCoreError) as error:
            raise self._failed(f"{args.name} ({args.typ.rpartition(':')[2]}): {error}") from error
        self._on_resource(args.typ, args.name)
        return identifier, {**args.inputs, **outputs}

    def _failed(self, message: str) -> ToolkitError:
        self.failure = self.failure or SurroundingsError(f"the stack can't be created: {message}")
        return self.failure

    def _client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        session: Any = self._sandbox.session(self._region)
        return session.client(service, endpoint_url=self._sandbox.endpoint_url)

    def _certificate_authority(self, _name: str, inputs: Inputs) -> Created:
        client = self._client("acm-pca")
        configuration = inputs["certificateAuthorityConfiguration"]
        request = {
            "CertificateAuthorityConfiguration": {
                "KeyAlgorithm": configuration["keyAlgorithm"],
                "SigningAlgorithm": configuration["signingAlgorithm"],
                "Subject": {key[0].upper() + key[1:]: text for key, text in configuration["subject"].items()},
            },
            "CertificateAuthorityType": inputs.get("type", "SUBORDINATE"),
            "IdempotencyToken": secrets.token_hex(16),
            "UsageMode": inputs.get("usageMode", "GENERAL_PURPOSE"),
            "Tags": _tags(inputs),
        }
        arn = client.create_certificate_authority(**request)["CertificateAuthorityArn"]
        client.get_waiter("certificate_authority_csr_created").wait(CertificateAuthorityArn=arn)
        csr = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
        # Read while the CA is pending: the certificate fields are empty, as with the real provider.
        empty = dict.fromkeys(["certificate", "certificateChain", "notAfter", "notBefore", "serial"], "")
        return arn, {"arn": arn, "certificateSigningRequest": csr, "enabled": True, **empty}

    def _certificate(self, _name: str, inputs: Inputs) -> Created:
        client = self._client("acm-pca")
        authority = inputs["certificateAuthorityArn"]
        arn = client.issue_certificate(
            CertificateAuthorityArn=authority,
            Csr=inputs["certificateSigningRequest"].encode(),
            SigningAlgorithm=inputs["signingAlgorithm"],
            TemplateArn=inputs["templateArn"],
            Validity={"Type": inputs["validity"]["type"], "Value": int(inputs["validity"]["value"])},
            IdempotencyToken=secrets.token_hex(16),
        )["CertificateArn"]
        client.get_waiter("certificate_issued").wait(CertificateAuthorityArn=authority, CertificateArn=arn)
        issued = client.get_certificate(CertificateAuthorityArn=authority, CertificateArn=arn)
        chain = issued.get("CertificateChain", "")
        return arn, {"arn": arn, "certificate": issued["Certificate"], "certificateChain": chain}

    def _activation(self, _name: str, inputs: Inputs) -> Created:
        chain = inputs.get("certificateChain")
        authority = inputs["certificateAuthorityArn"]
        self._client("acm-pca").import_certificate_authority_certificate(
            CertificateAuthorityArn=authority,
            Certificate=inputs["certificate"].encode(),
            **({"CertificateChain": chain.encode()} if chain else {}),
        )
        return authority, {}

    def _role(self, name: str, inputs: Inputs) -> Created:
        # Pulumi's automatic names: the logical name, a hyphen, seven hexadecimal digits.
        physical = inputs.get("name") or f"{name}-{secrets.token_hex(4)[:7]}"
        role = self._client("iam").create_role(
            RoleName=physical,
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Description=inputs.get("description", ""),
            Tags=_tags(inputs),
        )["Role"]
        return physical, {"arn": role["Arn"], "name": physical, "uniqueId": role["RoleId"]}

    def _role_policy(self, name: str, inputs: Inputs) -> Created:
        physical = inputs.get("name") or f"{name}-{secrets.token_hex(4)[:7]}"
        policy = inputs["policy"]
        self._client("iam").put_role_policy(
            RoleName=inputs["role"],
            PolicyName=physical,
            PolicyDocument=policy if isinstance(policy, str) else json.dumps(policy),
        )
        return f"{inputs['role']}:{physical}", {"name": physical}


def _tags(inputs: Inputs) -> list[dict[str, str]]:
    return [{"Key": key, "Value": text} for key, text in (inputs.get("tags") or {}).items()]
