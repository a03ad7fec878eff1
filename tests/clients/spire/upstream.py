"""The sandbox as the upstream authority of spire-server, and what it sees of the server's calls."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.clients.recorder import Recorder
from tests.clients.spire.server import Server
from tests.sandbox.conformance.world import TEMPLATE, World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.sandbox.faults import FaultPlan

# SPIRE's documentation of its plugin `aws_pca`, the README of aws-privateca-issuer, and AWS's policies name the same.
ISSUER_ACTIONS = ("acm-pca:DescribeCertificateAuthority", "acm-pca:IssueCertificate", "acm-pca:GetCertificate")


class Upstream:
    """An account in the sandbox that spire-server uses."""

    def __init__(self, aws: TestSandbox, executable: Path) -> None:
        self._aws = aws
        self._executable = executable
        self.world = World(aws)

    def server(
        self,
        authority_arn: str,
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Server:
        """Return a server below a CA.

        Args:
            authority_arn: the CA.
            settings: more of the plugin.
            environment: variables of the AWS SDK; the administrator's credentials unless given.
        """
        key, secret = self._aws.credentials
        administrator = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        plugin = {
            "certificate_authority_arn": authority_arn,
            "endpoint": self._aws.endpoint_url,
            "region": self.world.region,
        }
        return Server(self._executable, plugin | dict(settings or {}), environment or administrator)

    def record(self, plan: FaultPlan | None = None) -> Recorder:
        """Keep the calls from now on, until the test is over."""
        recorder = Recorder(plan)
        self._aws.faults = recorder
        return recorder

    def user(self, *actions: str) -> dict[str, str]:
        """Create a user who may do only that; return the variables of the AWS SDK for it."""
        iam, name = self.world.client("iam"), f"user-{uuid.uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        self._aws.on_cleanup(partial(iam.delete_user, UserName=name))
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
        self._aws.on_cleanup(partial(iam.delete_user_policy, UserName=name, PolicyName="p"))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self._aws.on_cleanup(partial(iam.delete_access_key, UserName=name, AccessKeyId=key["AccessKeyId"]))
        # The plugin's `endpoint` is for AWS Private CA only (pkg/server/plugin/upstreamauthority/awspca/pca_client.go).
        return {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "AWS_ENDPOINT_URL_STS": self._aws.endpoint_url,
        }

    def issuer_role(self, authority_arn: str, template: str, *actions: str, **more: Any) -> str:
        """Create the role of an issuer: those actions on one CA, certificates of one template only."""
        issue = "acm-pca:IssueCertificate"
        condition = {"StringEquals": {"acm-pca:TemplateArn": TEMPLATE + template}}
        statements: list[dict[str, Any]] = [
            {"Effect": "Allow", "Action": [action for action in actions if action != issue], "Resource": authority_arn}
        ]
        if issue in actions:
            statements.append({"Effect": "Allow", "Action": issue, "Resource": authority_arn, "Condition": condition})
        return self.world.make_role(*statements, **more)
