"""`toolkit verify --resume` as a process of its own: what a killed run asked for is found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.verify.world import asking, token_file, with_policy, without
from toolkit.cli import verify_resume
from toolkit.pki import templates
from toolkit.verify.ledger import FileLedger

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs

AUDIT = "AWS forgets a token after 5 minutes; look for the CSR's key in an audit report"


def toolkit(aws: TestSandbox, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toolkit", "verify", *map(str, arguments)]
    known = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **aws.environment, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=known)


def issued(aws: TestSandbox, outputs: StackOutputs) -> dict[str, Any]:
    return dict(aws.private_ca.registry.authorities[outputs.certificate_authority.arn].issued)


def lines(ledger: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ledger.read_text().splitlines()]


def rewrite(ledger: Path, events: list[dict[str, Any]]) -> None:
    ledger.write_text("".join(json.dumps(event) + "\n" for event in events))


@pytest.fixture
def killed(aws: TestSandbox, live_file: Path, tmp_path: Path) -> Path:
    """The ledger of a run that was killed when AWS had issued everything, and no answer had come."""
    ledger = tmp_path / "ledger.jsonl"
    assert toolkit(aws, "--contract", live_file, "--ledger", ledger, "--no-handshakes").returncode == 0
    rewrite(ledger, [event for event in lines(ledger) if event["event"] == "requested"])
    return ledger


def test_the_certificates_of_a_killed_run_are_recovered(
    aws: TestSandbox, live: StackOutputs, live_file: Path, killed: Path
) -> None:
    before = issued(aws, live)
    result = toolkit(aws, "--contract", live_file, "--resume", killed, "-o", "json")
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith("Repeating 3 requests: ")
    assert "on AWS that would cost up to $2.25" in result.stderr
    report = json.loads(result.stdout)
    assert report["complete"] is True
    found = {request["certificateArn"]: request for request in report["requests"]}
    assert set(found) <= set(before)
    assert len(found) == 3
    # No second certificate was issued.
    assert issued(aws, live).keys() == before.keys()
    for arn, request in found.items():
        assert request["status"] == "recovered"
        assert int(request["serial"].replace(":", ""), 16) == before[arn].serial
    recorded = {event["certificateArn"] for event in lines(killed) if event["event"] == "issued"}
    assert recorded == set(found)
    # Once more: nothing is repeated, all is known.
    again = toolkit(aws, "--contract", live_file, "--resume", killed)
    assert (again.returncode, again.stderr) == (0, "")
    assert "3 requests: 3 issued." in again.stdout


def test_a_request_that_never_reached_aws_issues_one_certificate(
    aws: TestSandbox, live: StackOutputs, live_file: Path, killed: Path
) -> None:
    authority = aws.private_ca.registry.authorities[live.certificate_authority.arn]
    # As if it was killed before it sent anything.
    aws.private_ca.registry.tokens.clear()
    before = set(authority.issued)
    result = toolkit(aws, "--contract", live_file, "--resume", killed)
    assert result.returncode == 0, result.stderr
    assert len(set(authority.issued) - before) == 3
    assert "may issue one for each request that it never received" in result.stderr
    assert "3 requests: 3 recovered." in result.stdout
    for arn in set(authority.issued) - before:
        assert arn in result.stdout


def test_what_aws_may_have_forgotten_is_not_repeated(
    aws: TestSandbox, live: StackOutputs, live_file: Path, killed: Path
) -> None:
    before = issued(aws, live)
    events = lines(killed)
    for event, minutes in zip(events, (-5, -30, 5), strict=True):
        # The last one is of a machine whose clock is wrong.
        event["at"] = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    rewrite(killed, events)
    result = toolkit(aws, "--contract", live_file, "--resume", killed)
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.count(AUDIT) == 3
    assert "aws acm-pca create-certificate-authority-audit-report" in result.stdout
    assert "3 requests: 3 unknown." in result.stdout
    assert issued(aws, live).keys() == before.keys()
    assert lines(killed) == events


def test_a_ledger_of_no_requests_is_read(aws: TestSandbox, live: StackOutputs, live_file: Path, killed: Path) -> None:
    arn, known = list(issued(aws, live).items())[-1]
    old = {"at": "2026-01-01T12:00:00.000Z", "certificateAuthorityArn": live.certificate_authority.arn}
    names = {"zone": "ireland-1", "certificateArn": arn, "purpose": "verification", "idempotencyToken": "x"}
    killed.write_text(json.dumps({**old, **names, "event": "issued"}) + '\n{"at": "2026-01')
    result = toolkit(aws, "--contract", live_file, "--resume", killed, "-o", "json")
    assert result.returncode == 0
    assert "line 2 is incomplete" in result.stderr
    (request,) = json.loads(result.stdout)["requests"]
    assert (request["status"], int(request["serial"].replace(":", ""), 16)) == ("issued", known.serial)


def test_one_zone_with_its_own_identity(aws: TestSandbox, live_file: Path, killed: Path, tmp_path: Path) -> None:
    token = token_file(tmp_path, "frankfurt-1")
    identity = ("--zone", "frankfurt-1", "--identity", "web-identity", "--web-identity-token-file", token)
    result = toolkit(aws, "--contract", live_file, "--resume", killed, *identity, "-o", "json")
    assert result.returncode == 0, result.stderr
    (request,) = json.loads(result.stdout)["requests"]
    assert (request["zone"], request["status"]) == ("frankfurt-1", "recovered")


def test_a_zone_that_may_not_issue_any_more_stays_unknown(
    aws: TestSandbox, live: StackOutputs, live_file: Path, killed: Path
) -> None:
    without(aws, live.zones[0], "acm-pca:IssueCertificate")
    result = toolkit(aws, "--contract", live_file, "--resume", killed, "-o", "json")
    assert result.returncode == 1
    by_zone = {request["zone"]: request for request in json.loads(result.stdout)["requests"]}
    assert {zone: request["status"] for zone, request in by_zone.items()} == {
        live.zones[0].name: "unknown",
        live.zones[1].name: "recovered",
        live.zones[2].name: "recovered",
    }
    assert "AccessDenied" in by_zone[live.zones[0].name]["reason"]


def test_a_certificate_that_can_not_be_fetched_is_known_all_the_same(
    aws: TestSandbox, live: StackOutputs, live_file: Path, killed: Path
) -> None:
    without(aws, live.zones[0], "acm-pca:GetCertificate")
    result = toolkit(aws, "--contract", live_file, "--resume", killed, "-o", "json")
    assert result.returncode == 0, result.stdout
    request = next(found for found in json.loads(result.stdout)["requests"] if found["zone"] == live.zones[0].name)
    assert (request["status"], request["serial"]) == ("recovered", None)
    assert "can't be fetched" in request["reason"]


def test_a_denial_probe_that_was_killed_is_repeated(
    aws: TestSandbox, live: StackOutputs, live_file: Path, tmp_path: Path
) -> None:
    ledger, zone = tmp_path / "ledger", live.zones[0].name
    arn = live.certificate_authority.arn
    minting = templates.build_arn("SubordinateCACertificate_PathLen0/V1", "aws")
    with FileLedger(ledger) as writing:
        for purpose, of in (
            ("denied-minting", arn),
            ("denied-other-authority", f"{arn.rpartition('/')[0]}/{'0' * 8}-0000-0000-0000-{'0' * 12}"),
        ):
            request = asking(authority_arn=of, purpose=purpose, template_arn=minting, token=purpose)
            writing.requested(zone, request)
    result = toolkit(aws, "--contract", live_file, "--resume", ledger, "-o", "json")
    assert result.returncode == 0, result.stdout
    found = json.loads(result.stdout)["requests"]
    assert [request["status"] for request in found] == ["refused", "refused"]
    assert [line["event"] for line in lines(ledger)] == ["requested", "requested", "refused", "refused"]


def test_requests_of_another_contract_stay_unknown(
    aws: TestSandbox, live_file: Path, killed: Path, live: StackOutputs
) -> None:
    first, second, third = lines(killed)
    other = live.certificate_authority.arn.rpartition("/")[0] + "/11111111-1111-1111-1111-111111111111"
    rewrite(killed, [{**first, "zone": "paris-1"}, {**second, "certificateAuthorityArn": other}, third])
    result = toolkit(aws, "--contract", live_file, "--resume", killed)
    assert result.returncode == 1
    assert "the contract has no zone paris-1" in result.stdout
    assert f"it was sent to {other}: resume with the contract of that CA" in result.stdout
    assert "3 requests: 1 recovered, 2 unknown." in result.stdout
    assert result.stderr.startswith("Repeating 1 request: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--ledger", "other"), "--ledger has no effect with --resume"),
        (("--revoke",), "--revoke has no effect"),
        (("--no-handshakes",), "--handshakes has no effect"),
        (("--probe-denials", "--lifetime", "2h"), "--lifetime, --probe-denials has no effect"),
        (("-o", "junit"), "-o junit is not available with --resume"),
        (("--merge", "x.json"), "--merge and --resume exclude each other"),
        (("--identity", "ambient"), "name it with --zone"),
        (("--zone", "paris-1"), "the contract has no zone paris-1"),
    ],
)
def test_options_that_do_not_go_together(
    aws: TestSandbox, live_file: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "ledger").write_text("")
    result = toolkit(aws, "--contract", live_file, "--resume", tmp_path / "ledger", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in " ".join(result.stderr.replace("│", "").split())


def test_what_is_no_ledger_is_refused_by_line(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    result = toolkit(aws, "--contract", live_file, "--resume", ledger)
    assert (result.returncode, "can't read the ledger" in result.stderr, ledger.exists()) == (2, True, False)
    ledger.write_text('\n{"event": "issued"}\nnothing\n')
    result = toolkit(aws, "--contract", live_file, "--resume", ledger)
    assert result.returncode == 2
    assert "line 2: at: " in result.stderr
    assert "line 3: is not a JSON object" in result.stderr
    result = toolkit(aws, "--contract", live_file, "--resume", ledger, "-o", f"json={ledger}")
    assert result.returncode == 2
    assert ledger.read_text().endswith("nothing\n")


def test_without_credentials_nothing_is_repeated(aws: TestSandbox, live_file: Path, killed: Path) -> None:
    bare = {name: "" for name in aws.environment if name.startswith("AWS_") and "KEY" in name}
    result = toolkit(aws, "--contract", live_file, "--resume", killed, AWS_EC2_METADATA_DISABLED="true", **bare)
    assert (result.returncode, result.stdout) == (3, "")
    assert "credentials" in result.stderr


def test_an_empty_ledger(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("")
    result = toolkit(aws, "--contract", live_file, "--resume", tmp_path / "ledger")
    assert (result.returncode, result.stderr) == (0, "")
    assert "0 requests: nothing to do." in result.stdout


def test_the_foreign_identity_repeats_nothing(
    aws: TestSandbox, live: StackOutputs, live_file: Path, killed: Path
) -> None:
    # The administrator may issue, but is not the zone.
    with_policy(aws, live.zones[0].verifying_role_arn, [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
    arguments = ("--zone", live.zones[0].name, "--identity", "ambient", "-o", "json")
    result = toolkit(aws, "--contract", live_file, "--resume", killed, *arguments)
    assert result.returncode == 1
    (request,) = json.loads(result.stdout)["requests"]
    assert request["status"] == "unknown"
    assert request["reason"].startswith("the identity is arn:")


@pytest.mark.parametrize(
    ("count", "ledger", "words"),
    [
        (1, None, "1 request got no answer: AWS may have issued certificates that the report lacks. Create an audit"),
        (2, Path("a ledger"), "2 requests got no answer: .* within 4 minutes: toolkit verify --resume 'a ledger'"),
        (0, None, ""),
    ],
)
def test_requests_without_an_answer_are_warned_of(
    count: int, ledger: Path | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    verify_resume.warn_of_unanswered(count, ledger)
    said = capsys.readouterr().err
    assert re.search(words, said)
    assert bool(said) == bool(count)
