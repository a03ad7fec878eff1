"""The AWS SDK for Go v2 finds in the sandbox what it finds in AWS Private CA.

It speaks JSON 1.1 with AWS Private CA today (aws/aws-sdk-go-v2: service/acmpca/api_client.go). It also has AWS's other
protocol, RPC v2 CBOR (aws/smithy-go: transport/http/protocol/rpcv2), so each scenario runs with both.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.go_sdk.program_runs import PROTOCOLS, Program
from tests.clients.recorder import Recorder
from tests.sandbox.conformance.rules_publishing import bucket
from tests.sandbox.conformance.world import World
from toolkit.sandbox.faults import Call, Fault, FaultPlan

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("protocol", PROTOCOLS)]
# The SDK's retryer makes three attempts unless it is told otherwise (aws/retry/standard.go, DefaultMaxAttempts).
ATTEMPTS = 3


@pytest.mark.parametrize("scenario", ["life", "hierarchy", "names", "pages", "settings", "states", "refusals"])
def test_scenario(aws: TestSandbox, program: Program, protocol: str, scenario: str) -> None:
    program.run(aws, protocol, scenario)


def test_waiting(aws: TestSandbox, program: Program, protocol: str) -> None:
    """The scenario asks once by itself. Then the SDK's waiter asks, first in vain."""
    registry, delay = aws.private_ca.registry, timedelta(hours=1)
    registry.creation_delay = registry.issuance_delay = delay

    def pass_time(call: Call) -> None:
        asked = call.operation in {"GetCertificateAuthorityCsr", "GetCertificate"}
        if asked and recorder.operations().count(call.operation) == 3:
            aws.clock.shift += delay

    aws.faults = recorder = Recorder(before=pass_time)
    program.run(aws, protocol, "waiting")


def test_publishing(aws: TestSandbox, program: Program, protocol: str) -> None:
    program.run(aws, protocol, "publishing", bucket(World(aws)))


def test_access(aws: TestSandbox, program: Program, protocol: str) -> None:
    describing = {"Effect": "Allow", "Action": "acm-pca:DescribeCertificateAuthority", "Resource": "*"}
    program.run(aws, protocol, "access", World(aws).make_role(describing))


@pytest.mark.parametrize(
    ("effect", "more", "code"),
    [
        ("throttle", {}, "ThrottlingException"),
        ("error", {"status": 500}, "InternalFailure"),
        ("error", {"status": 503}, "ServiceUnavailable"),
        ("reset", {}, ""),
    ],
)
def test_retries(
    aws: TestSandbox, program: Program, protocol: str, effect: Any, more: dict[str, Any], code: str
) -> None:
    """Two attempts fail, the third one issues the certificate."""
    arn = World(aws).root()
    before = issued(aws, arn)
    fault = Fault(effect=effect, operation="IssueCertificate", times=ATTEMPTS - 1, **more)
    aws.faults = recorder = Recorder(FaultPlan(faults=(fault,)))
    found = {check.name: check.detail for check in program.run(aws, protocol, "issue", arn)}
    assert found["attempts"] == str(ATTEMPTS)
    assert recorder.operations().count("IssueCertificate") == ATTEMPTS
    assert found["errors"] == " ".join([code] * (ATTEMPTS - 1))
    assert issued(aws, arn) - before == {found["certificate"]}


def test_an_answer_is_lost(aws: TestSandbox, program: Program, protocol: str) -> None:
    """The certificate is issued, and the second attempt has the same idempotency token."""
    arn = World(aws).root()
    before = issued(aws, arn)
    found = {check.name: check.detail for check in program.run(aws, protocol, "lost-answer", arn)}
    assert found["attempts"] == "2"
    assert issued(aws, arn) - before == {found["certificate"]}


@pytest.mark.parametrize(
    ("effect", "code", "attempts"),
    [("throttle", "ThrottlingException", ATTEMPTS), ("expired-credentials", "ExpiredTokenException", 1)],
)
def test_faults_that_last(
    aws: TestSandbox, program: Program, protocol: str, effect: Any, code: str, attempts: int
) -> None:
    """The SDK gives up: after all attempts, or at once where another one is of no use."""
    arn = World(aws).root()
    before = issued(aws, arn)
    aws.faults = recorder = Recorder(FaultPlan(faults=(Fault(effect=effect, operation="IssueCertificate"),)))
    (refused,) = program.run(aws, protocol, "issue", arn)
    assert (refused.name, refused.detail) == ("refused", code)
    assert recorder.operations().count("IssueCertificate") == attempts
    assert issued(aws, arn) == before


def issued(aws: TestSandbox, arn: str) -> set[str]:
    return set(aws.private_ca.registry.authorities[arn].issued)
