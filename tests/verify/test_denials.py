"""The denial probes pass if AWS denies the calls, and fail with advice if a call succeeds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.verify.world import failures, verify, with_policy
from toolkit import contract
from toolkit.files import find_project_root
from toolkit.sandbox.pulumi import program
from toolkit.verify.denials import NAMES
from toolkit.verify.ledger import FileLedger
from toolkit.verify.results import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs

EVERYTHING = [{"Effect": "Allow", "Action": "acm-pca:*", "Resource": "*"}]


def test_a_zone_as_the_stack_makes_it_is_denied_all_of_it(aws: TestSandbox, outputs: StackOutputs) -> None:
    report = verify(aws, outputs, probe_denials=True)
    assert report.passed, failures(report)
    for zone in report.zones:
        assert [check.name for check in zone.checks[-3:]] == list(NAMES)
        assert {check.outcome for check in zone.checks[-3:]} == {Outcome.PASSED}
        assert all("AccessDenied" in check.found for check in zone.checks[-3:])
    assert report.certificates_issued == len(outputs.zones)


def test_a_zone_that_may_do_everything_is_told_of(aws: TestSandbox, tmp_path: Path) -> None:
    # A root that issues can sign CAs below it; an intermediate with a path length of 0 can't, whoever asks.
    config = program.read_stack(find_project_root(), "dev")
    values = {**config.values, "kong-mesh-pca:usageMode": "GENERAL_PURPOSE"}
    exports = program.run(find_project_root(), replace(config, values=values), aws)
    outputs = contract.parse(json.dumps(exports))
    (zone,) = outputs.zones
    with_policy(aws, zone.verifying_role_arn, EVERYTHING)
    with FileLedger(tmp_path / "ledger") as ledger:
        report = verify(aws, outputs, probe_denials=True, ledger=ledger)
    found = failures(report)[zone.name]
    assert [check.name for check in found] == list(NAMES)
    minting, revoking, other = found
    (result,) = report.zones
    # The CA that was minted is named, so that it can be revoked.
    assert len(result.certificates_issued) == 2, minting.found
    assert result.certificates_issued[1] in minting.found
    assert "revoke the certificate" in minting.advice
    assert "this run's certificate is revoked" in revoking.found
    assert "ResourceNotFoundException" in other.found
    events = [json.loads(line) for line in (tmp_path / "ledger").read_text().splitlines()]
    purposes = {event["certificateArn"]: event["purpose"] for event in events if event["event"] == "issued"}
    assert purposes == {result.certificates_issued[0]: "verification", result.certificates_issued[1]: "denied-minting"}
    asked = [(event["event"], event["purpose"]) for event in events]
    assert asked[-2:] == [("requested", "denied-other-authority"), ("refused", "denied-other-authority")]


def test_what_fails_for_another_reason_is_not_denied(aws: TestSandbox, outputs: StackOutputs) -> None:
    zone = outputs.zones[1]
    with_policy(aws, zone.verifying_role_arn, EVERYTHING)
    minting = failures(verify(aws, outputs, probe_denials=True))[zone.name][0]
    assert minting.name == "denied-minting"
    assert "AccessDenied" not in minting.found
    assert "Allow acm-pca:IssueCertificate on the contract's CA alone" in minting.advice


def test_revoking_what_was_bought(aws: TestSandbox, outputs: StackOutputs, tmp_path: Path) -> None:
    zone = outputs.zones[0]
    with_policy(aws, zone.verifying_role_arn, EVERYTHING)
    with FileLedger(tmp_path / "ledger") as ledger:
        report = verify(aws, outputs, revoke=True, ledger=ledger)
    assert report.passed
    assert report.zones[0].certificates_revoked == report.zones[0].certificates_issued
    # The others' roles may not, and that is right.
    assert [result.certificates_revoked for result in report.zones[1:]] == [(), ()]
    assert report.zones[0].not_revoked == []
    for result in report.zones[1:]:
        (kept,) = result.not_revoked
        assert (kept.certificate_arn, "AccessDenied" in kept.reason) == (result.certificates_issued[0], True)
    events = [json.loads(line) for line in (tmp_path / "ledger").read_text().splitlines()]
    assert sorted(event["event"] for event in events) == ["issued"] * 3 + ["requested"] * 3 + ["revoked"]
    assert all(event["at"].endswith("Z") for event in events)
