"""`make test-aws` as a process against the sandbox: nothing without --yes, and always a deleted CA."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.aws import plan
from tests.aws.account import CREATED_BY, CREATOR, RUN, connect
from tests.aws.answers import ACCOUNT as SHOWN_ACCOUNT
from tests.aws.answers import Record
from tests.aws.places import REGION, SECONDS, YES, Place
from tests.aws.running import FailedError, Run
from tests.sandbox.conformance.world import ACCOUNT, World
from toolkit.errors import ExternalError, InvalidInputError
from toolkit.files import find_project_root
from toolkit.sandbox.faults import Fault, FaultPlan, Faults

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.slow


def wait_for(place: Place, process: subprocess.Popen[str], status: str) -> None:
    """Wait until the command's CA has that status."""
    until = time.monotonic() + SECONDS
    while place.status() != [status]:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def policy() -> list[dict[str, Any]]:
    """Return the statements of the policy in the document."""
    text = (find_project_root() / "docs/how-to/test-aws.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    return list(json.loads(found)["Statement"])


def test_without_yes_only_the_plan_and_its_price_are_printed(place: Place) -> None:
    said = place.run(code=2)
    assert f"Account   {ACCOUNT}" in said
    assert f"Region    {REGION}, answered by 127.0.0.1" in said
    assert "$50 a month" in said
    assert f"Issues    {plan.expected_certificates()} certificates" in said
    assert "aws.amazon.com/private-ca/pricing of 2026-11" in said
    assert f"Nothing was created. To do this, run again with --account {ACCOUNT} --yes." in said
    assert place.created == []
    assert not (place.directory / "build").exists()


def test_the_document_has_the_numbers_of_the_plan() -> None:
    text = (find_project_root() / "docs/how-to/test-aws.md").read_text(encoding="utf-8")
    count, most = plan.expected_certificates(), plan.most_certificates()
    assert f"Sends {len(plan.PROBES)} probes" in text
    assert f"${plan.PER_CERTIFICATE} each; {count} certificates, ${count * plan.PER_CERTIFICATE:.2f} |" in text
    assert f"${most * plan.PER_CERTIFICATE:.2f}, if AWS issues one for each of {most} requests" in text
    assert f"${plan.PER_MONTH} a month" in text


def test_with_the_documented_policy_all_is_done_recorded_and_deleted(place: Place) -> None:
    world = World(place.aws, REGION)
    role = world.make_role(*policy())
    taken = world.client("sts").assume_role(RoleArn=role, RoleSessionName="somebody@example.com")["Credentials"]
    place.environment |= {
        "AWS_ACCESS_KEY_ID": taken["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": taken["SecretAccessKey"],
        "AWS_SESSION_TOKEN": taken["SessionToken"],
    }
    said = place.run(*YES)
    (authority,) = place.created
    described = authority.describe(place.aws.clock())
    assert (described["Status"], described["UsageMode"]) == ("DELETED", "SHORT_LIVED_CERTIFICATE")
    assert 6 <= (described["RestorableUntil"] - place.aws.clock()).days <= 7
    assert authority.tags[CREATED_BY] == CREATOR
    answers = place.record["answers"]
    assert {answer["probe"] for answer in answers} == {probe.name for probe in plan.PROBES}
    assert "AccessDeniedException" not in {answer["code"] for answer in answers}
    assert place.record["smoke"]["passed"]
    # No rule says what AWS does with the token of another CSR. The plan counts a certificate; the sandbox issues none.
    assert len(authority.issued) == plan.expected_certificates() - 1
    issued = {answer["probe"] for answer in answers if answer["result"].get("sameCertificateAs", "") is None}
    assert {probe.name for probe in plan.PROBES if probe.issues} == issued | {"token-for-another-csr"}
    assert f"{len(authority.issued)} certificates were issued" in said
    assert "1 of 1 verified" in said
    assert "AWS doesn't charge for a deleted CA" in said
    (state,) = (place.directory / "build/aws").glob("authority-*.json")
    noted = json.loads(state.read_text())
    assert noted["arn"] == authority.arn
    assert (noted["status"], noted["run"]) == ("deleted", authority.tags[RUN])
    text = (place.directory / "build/aws/answers.json").read_text()
    assert SHOWN_ACCOUNT in text
    for hidden in (ACCOUNT, authority.identifier, "somebody@example.com", "PRIVATE KEY"):
        assert hidden not in text
    for file in (place.directory / "build/aws").iterdir():
        assert taken["SecretAccessKey"] not in file.read_text()
        assert taken["SessionToken"] not in file.read_text()
    assert taken["SecretAccessKey"] not in said


def test_an_error_in_the_middle_deletes_the_ca(place: Place) -> None:
    place.aws.faults = fail("ImportCertificateAuthorityCertificate")
    said = place.run(*YES, code=3)
    assert place.status() == ["DELETED"]
    assert "ExpiredTokenException" in said
    assert place.record["answers"]


def fail(operation: str) -> Faults:
    return Faults(FaultPlan(faults=(Fault(effect="expired-credentials", operation=operation),)))


@pytest.mark.slow
def test_a_rejected_deletion_ends_with_the_commands_that_do_it_by_hand(place: Place) -> None:
    place.aws.faults = fail("DeleteCertificateAuthority")
    said = place.run(*YES, code=1)
    assert place.status() == ["DISABLED"]
    commands = [line.strip() for line in said.splitlines() if line.startswith("  aws acm-pca ")]
    assert len(commands) == 2
    place.aws.faults = Faults()
    by_hand(place, commands)
    assert place.status() == ["DELETED"]


def by_hand(place: Place, commands: list[str]) -> None:
    """Run the commands with the real aws CLI."""
    for command in commands:
        name, *words = shlex.split(command)
        program = shutil.which(name)
        assert program
        subprocess.run([program, *words], env=place.environment, check=True, capture_output=True, timeout=SECONDS)


@pytest.mark.slow
def test_a_ca_that_is_kept_is_active_and_the_commands_delete_it(place: Place) -> None:
    said = place.run(*YES, "--keep")
    assert place.status() == ["ACTIVE"]
    assert "Kept arn:" in said
    assert "deleted" not in {answer["stage"] for answer in place.record["answers"]}
    by_hand(place, [line.strip() for line in said.splitlines() if line.startswith("  aws acm-pca ")])
    assert place.status() == ["DELETED"]


@pytest.mark.slow
def test_a_killed_run_is_found_by_its_tag_and_cleaned_up(place: Place) -> None:
    registry = place.aws.private_ca.registry
    registry.issuance_delay = registry.issuance_delay.max / 10**6
    with place.start(*YES) as process:
        wait_for(place, process, "PENDING_CERTIFICATE")
        process.kill()
    (authority,) = place.created
    said = place.run(*YES, code=3)
    assert authority.arn in said
    assert f"cleanup --account {ACCOUNT} --yes" in said
    assert len(place.created) == 1
    foreign = World(place.aws, REGION).create()
    assert f"Nothing was deleted. To delete them, run again with --account {ACCOUNT} --yes." in place.run(
        "cleanup", code=2
    )
    assert authority.status(place.aws.clock()) == "PENDING_CERTIFICATE"
    assert "Deleted arn:" in place.run("cleanup", *YES)
    assert authority.status(place.aws.clock()) == "DELETED"
    assert registry.authorities[foreign].status(place.aws.clock()) == "PENDING_CERTIFICATE"


def test_without_credentials_or_a_region_nothing_happens(inside: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="region"):
        connect(None, None)
    assert connect(REGION, None).number == ACCOUNT
    inside.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ExternalError, match="credentials"):
        connect(REGION, None)


@pytest.mark.usefixtures("inside")
def test_a_failed_verification_fails_the_run(tmp_path: Path) -> None:
    account = connect(REGION, None)
    record = Record(account, tmp_path / "answers.json")
    run = Run(account, record, tmp_path)
    record.smoke = {"passed": False}
    with pytest.raises(FailedError, match="did not pass"):
        run.conclude()
    record.smoke = {"passed": True}
    run.conclude()
