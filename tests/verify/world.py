"""Shared by tests of verification: a stack in the sandbox, and the calls of its zones."""

from __future__ import annotations

import base64
import json
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support import AUTHORITY_ARN
from toolkit.pki import pem
from toolkit.verify import runner
from toolkit.verify.identity import AssumeRole, ZoneIdentity
from toolkit.verify.ledger import IssueRequest
from toolkit.verify.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.calls import Caller
    from toolkit.verify.results import Check, Report

# The zones of stacks/Pulumi.prod.yaml, whose clusters have these OIDC issuers.
ISSUERS = {
    "frankfurt-1": "oidc.eks.eu-central-1.amazonaws.com/id/1F2E3D4C5B6A79880716253443526170",
}
_CSR = pem.write_request(
    x509.CertificateSigningRequestBuilder(x509.Name([])).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
)
SUBJECT = "system:serviceaccount:kong-mesh-system:kong-mesh-control-plane"


def asking(**changes: Any) -> IssueRequest:
    """A request for a certificate of nobody's CA."""
    request = IssueRequest(AUTHORITY_ARN, _CSR, 2_000_000_000, "arn:template", "SHA256WITHRSA", "token")
    return replace(request, **changes)


def client_error(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "IssueCertificate")


def plan(outputs: StackOutputs, **changes: Any) -> Plan:
    return replace(Plan("default", outputs.certificate_chain), **changes)


def source(aws: TestSandbox) -> AssumeRole:
    return AssumeRole(endpoint_url=aws.endpoint_url, credentials=aws.credentials)


def verify(aws: TestSandbox, outputs: StackOutputs, **changes: Any) -> Report:
    return runner.verify(outputs, plan(outputs, **changes), source(aws)).report


def failures(report: Report) -> dict[str, list[Check]]:
    return {zone.zone: [check for check in zone.checks if check.failed] for zone in report.zones if not zone.passed}


def token_file(directory: Path, zone: str, **changes: object) -> Path:
    """What a cluster puts into a pod of the zone's control plane, unsigned."""
    issuer = f"https://{ISSUERS[zone]}"
    claims = {"iss": issuer, "aud": ["sts.amazonaws.com"], "sub": SUBJECT, "exp": int(time.time()) + 600, **changes}

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    file = directory / f"{zone}.token"
    file.write_text(f"{part({'alg': 'RS256'})}.{part(claims)}.{part('signature')}\n")
    return file


def policy_of(aws: TestSandbox, role_arn: str) -> tuple[str, str, dict[str, Any]]:
    iam, role = aws.client("iam"), role_arn.rpartition("/")[2]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return role, name, iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]


def with_policy(aws: TestSandbox, role_arn: str, statements: list[dict[str, Any]]) -> None:
    """Let a role do something else, until the test is over."""
    iam = aws.client("iam")
    role, name, document = policy_of(aws, role_arn)
    aws.on_cleanup(lambda: iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document)))
    changed = {"Version": "2012-10-17", "Statement": statements}
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(changed))


def without(aws: TestSandbox, zone: Zone, action: str) -> None:
    """Take one permission away from a zone's verifier, until the test is over."""
    statements = json.loads(json.dumps(policy_of(aws, zone.verifying_role_arn)[2]))["Statement"]
    for statement in statements:
        if statement["Effect"] == "Allow":
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            statement["Action"] = [known for known in actions if known != action] or ["none:None"]
    with_policy(aws, zone.verifying_role_arn, statements)


class Hanging:
    """Takes identities from the sandbox; one zone hangs, there or in a call of AWS Private CA, until it is left."""

    def __init__(self, aws: TestSandbox, zone: str, event: str | None = None) -> None:
        self._real = source(aws)
        self._zone, self._event = zone, event
        self._release = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._release.set()

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        hangs = zone.name == self._zone
        if hangs and self._event is None:
            self._hang()
        identity = self._real.identity(zone, authority_region, caller)
        if hangs and self._event is not None:
            identity.client.meta.events.register(self._event, self._hang)
        return identity

    def _hang(self, **_: Any) -> None:
        self._release.wait(60)
