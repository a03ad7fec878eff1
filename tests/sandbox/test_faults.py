"""Each fault has its effect on a client, and the same seed gives the same faults."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from tests.sandbox.conformance.world import World, refused
from toolkit import contract
from toolkit.errors import InvalidInputError
from toolkit.files import find_project_root
from toolkit.sandbox import faults
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.faults import Call, ConnectionLostError, Fault, FaultPlan, Faults
from toolkit.sandbox.pulumi import program
from toolkit.verify import runner
from toolkit.verify.identity import AssumeRole
from toolkit.verify.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox

CALL = Call("acm-pca", "IssueCertificate", "123456789012", "eu-central-1", "verifier-a-1")


def plan(*faults_of_it: Fault, **more: Any) -> Faults:
    return Faults(FaultPlan(faults=faults_of_it, **more))


def test_a_throttled_call(aws: TestSandbox) -> None:
    world = World(aws)
    arn = world.root()
    aws.faults = plan(Fault(effect="throttle", operation="IssueCertificate", times=2))
    for _ in range(2):
        with refused("ThrottlingException", "Rate exceeded"):
            world.issue(arn)
    world.issue(arn)


@pytest.mark.parametrize(("status", "code"), [(500, "InternalFailure"), (503, "ServiceUnavailable")])
def test_a_server_error(aws: TestSandbox, status: Any, code: str) -> None:
    world = World(aws)
    aws.faults = plan(Fault(effect="error", operation="ListCertificateAuthorities", status=status))
    with pytest.raises(ClientError) as caught:
        world.pca.list_certificate_authorities()
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_reset_connection(aws: TestSandbox) -> None:
    world = World(aws)
    arn = world.root()
    aws.faults = plan(Fault(effect="reset", operation="GetCertificate"))
    issued = world.issue(arn)
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        world.get(arn, issued)
    aws.faults = Faults()
    assert world.get(arn, issued)["Certificate"]


def test_expired_credentials(aws: TestSandbox) -> None:
    aws.faults = plan(Fault(effect="expired-credentials", operation="AssumeRole"))
    with refused("ExpiredToken"):
        aws.client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/x", RoleSessionName="x")
    aws.faults = plan(Fault(effect="expired-credentials", operation="ListCertificateAuthorities"))
    with refused("ExpiredTokenException"):
        aws.client("acm-pca").list_certificate_authorities()


def test_latency_waits_and_goes_on() -> None:
    slept: list[float] = []
    slow = Faults(FaultPlan(faults=(Fault(effect="latency", seconds=5),)), sleep=slept.append)
    slow.apply(CALL)
    assert slept == [5]


@pytest.mark.slow
def test_a_zone_that_can_not_reach_aws(aws: TestSandbox) -> None:
    exports = program.run(find_project_root(), program.read_stack(find_project_root(), "prod"), aws)
    outputs = contract.parse(json.dumps(exports))
    aws.faults = plan(Fault(effect="unreachable", role="verifier-ireland-1-*"))
    source = AssumeRole(endpoint_url=aws.endpoint_url, credentials=aws.credentials)
    question = Plan("default", outputs.certificate_chain, timeout=timedelta(seconds=8))
    report = runner.verify(outputs, question, source).report
    assert [(found.zone, found.passed) for found in report.zones] == [
        ("frankfurt-1", True),
        ("frankfurt-2", True),
        ("ireland-1", False),
    ]
    assert report.zones[2].checks[0].failed
    assert "reaches AWS" in report.zones[2].checks[0].advice


def test_quotas_are_per_account_region_and_operation() -> None:
    clock = [0.0]
    quotas = Faults(FaultPlan(quotas="aws"), now=lambda: clock[0])

    def passed(call: Call, calls: int) -> int:
        def through() -> bool:
            try:
                quotas.apply(call)
            except AwsError as error:
                assert error.code == "ThrottlingException"
                return False
            return True

        return sum(through() for _ in range(calls))

    assert passed(CALL, 100) == 25
    assert passed(Call("acm-pca", "IssueCertificate", "210987654321", "eu-central-1"), 100) == 25
    assert passed(Call("acm-pca", "IssueCertificate", "123456789012", "eu-west-1"), 100) == 25
    assert passed(Call("acm-pca", "GetCertificate", "123456789012", "eu-central-1"), 100) == 75
    assert passed(Call("sts", "AssumeRole", "123456789012", "eu-central-1"), 100) == 100
    clock[0] = 0.2
    assert passed(CALL, 100) == 5
    clock[0] = 60.0
    assert passed(CALL, 100) == 25


def outcomes(seed: int, threads: int) -> Counter[str]:
    mix = Faults(
        FaultPlan(
            seed=seed,
            faults=(
                Fault(effect="throttle", probability=0.5),
                Fault(effect="reset", probability=0.2),
                Fault(effect="error", probability=0.1),
            ),
        )
    )

    def one(number: int) -> str:
        call = Call("acm-pca", "IssueCertificate", "123456789012", "eu-central-1", f"verifier-{number % 4}")
        try:
            mix.apply(call)
        except AwsError as error:
            return f"{call.role} {error.code}"
        except ConnectionLostError:
            return f"{call.role} lost"
        return f"{call.role} through"

    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(one, range(400)))


def test_the_same_seed_gives_the_same_faults_in_any_order() -> None:
    first = outcomes(7, threads=1)
    assert outcomes(7, threads=16) == first
    assert outcomes(8, threads=1) != first
    throttled = sum(count for name, count in first.items() if "Throttling" in name)
    assert 150 < throttled < 250


def test_a_plan_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(
        "seed: 7\nquotas: {IssueCertificate: 2.5}\nfaults:\n"
        "  - {effect: latency, seconds: 0.2}\n  - {effect: throttle, probability: 0.5, role: 'verifier-*'}\n"
    )
    read = faults.read_plan(file)
    assert (read.seed, read.requests_a_second) == (7, {"IssueCertificate": 2.5})
    assert [fault.effect for fault in read.faults] == ["latency", "throttle"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("faults: [{effect: explode}]", "faults[0].effect"),
        ("faults: [{effect: throttle, probability: 2}]", "faults[0].probability"),
        ("faults: [{effect: latency}]", "faults[0]"),
        ("faults: [{effect: throttle, seconds: 1}]", "faults[0]"),
        ("faults: [{effect: throttle, zone: x}]", "faults[0].zone"),
        ("quotas: {IssueCertificate: 0}", "quotas.dict[str,constrained-float].IssueCertificate"),
        ("sed: 1", "sed"),
        ("[]", ""),
    ],
)
def test_a_plan_that_is_none(tmp_path: Path, text: str, path: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInputError) as caught:
        faults.read_plan(file)
    assert path in {problem.path for problem in caught.value.problems}


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="can't read"):
        faults.read_plan(tmp_path / "missing.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: b: c")
    with pytest.raises(InvalidInputError, match="is not YAML"):
        faults.read_plan(broken)
