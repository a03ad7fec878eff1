"""Each source of a zone's identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.verify.meddling_proxy import MeddlingProxy
from tests.verify.world import failures, plan, token_file
from tests.verify.wrong_answers import EXCHANGE, WRONG
from toolkit.errors import ExternalError, InvalidInputError
from toolkit.verify import runner
from toolkit.verify.identity import Ambient, AssumeRole, IdentitySource, WebIdentity

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.results import Report


def one(outputs: StackOutputs, source: IdentitySource, zone: Zone | None = None) -> Report:
    return runner.verify(outputs, plan(outputs), source, zones=[zone or outputs.zones[0]]).report


@pytest.fixture
def in_a_pod(outputs: StackOutputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment as EKS's webhook does in a pod of the first zone."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ROLE_ARN", outputs.zones[0].role_arn)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token_file(tmp_path, "frankfurt-1")))
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


def test_with_the_token_of_the_zones_own_control_plane(aws: TestSandbox, outputs: StackOutputs, tmp_path: Path) -> None:
    source = WebIdentity(token_file(tmp_path, "frankfurt-1"), endpoint_url=aws.endpoint_url)
    source.require_credentials()
    report = one(outputs, source)
    assert report.passed, failures(report)
    (zone,) = report.zones
    role = outputs.zones[0].role_arn.rpartition("/")[2]
    assert f"assumed-role/{role}/" in zone.checks[0].found
    assert zone.calls["AssumeRoleWithWebIdentity"] == 1


@pytest.mark.parametrize("changes", [{"aud": "sigstore"}, {"sub": "system:serviceaccount:default:default"}])
def test_a_token_of_somebody_else(
    aws: TestSandbox, outputs: StackOutputs, tmp_path: Path, changes: dict[str, str]
) -> None:
    source = WebIdentity(token_file(tmp_path, "frankfurt-1", **changes), endpoint_url=aws.endpoint_url)
    (check,) = failures(one(outputs, source))["frankfurt-1"]
    assert check.name == "identity"
    assert check.advice
    text = next(tmp_path.iterdir()).read_text().strip()
    assert text not in check.found


def test_a_token_that_is_not_there(tmp_path: Path) -> None:
    source = WebIdentity(tmp_path / "missing")
    with pytest.raises(InvalidInputError, match="can't read the token") as caught:
        source.require_credentials()
    assert caught.value.__cause__ is None


@pytest.mark.usefixtures("in_a_pod")
def test_what_the_environment_gives(aws: TestSandbox, outputs: StackOutputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    source = Ambient()
    source.require_credentials()
    report = one(outputs, source)
    assert report.passed, failures(report)
    # The same pod is not another zone.
    (check,) = failures(one(outputs, Ambient(), outputs.zones[1]))["frankfurt-2"]
    assert check.name == "identity"
    assert "service account's role" in check.advice


def test_a_profile_is_taken_as_it_is(
    aws: TestSandbox, outputs: StackOutputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sts: Any = aws.client("sts")
    taken = sts.assume_role(RoleArn=outputs.zones[0].verifying_role_arn, RoleSessionName="x")["Credentials"]
    file = tmp_path / "credentials"
    file.write_text(
        f"[zone]\naws_access_key_id = {taken['AccessKeyId']}\naws_secret_access_key = {taken['SecretAccessKey']}\n"
        f"aws_session_token = {taken['SessionToken']}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    report = one(outputs, Ambient("zone", aws.endpoint_url))
    assert report.passed, failures(report)
    with pytest.raises(ExternalError, match="nobody"):
        Ambient("nobody")


def test_the_administrator_is_no_zone(aws: TestSandbox, outputs: StackOutputs) -> None:
    (check,) = failures(one(outputs, Ambient(endpoint_url=aws.endpoint_url, credentials=aws.credentials)))[
        "frankfurt-1"
    ]
    assert check.name == "identity"
    assert "root" in check.found or "user" in check.found


def test_a_zones_own_role_is_not_for_workstations(aws: TestSandbox, outputs: StackOutputs) -> None:
    source = AssumeRole("zone", endpoint_url=aws.endpoint_url, credentials=aws.credentials)
    (check,) = failures(one(outputs, source))["frankfurt-1"]
    assert check.name == "identity"
    assert "not authorized to perform: sts:AssumeRole" in check.found


@pytest.mark.usefixtures("in_a_pod")
def test_an_answer_to_botocores_own_question_is_limited_as_well(
    aws: TestSandbox, outputs: StackOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pod it is botocore that exchanges the token, with a client of its own."""
    wrong = {each.identifier: each for each in WRONG}
    with MeddlingProxy(aws) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"{proxy.url}/frankfurt-1")
        assert one(outputs, Ambient()).passed
        for identifier, words in (("17-mebibytes", "longer than 16 MiB"), ("gzip-bomb", "compressed")):
            proxy.replace(wrong[identifier], {"frankfurt-1": EXCHANGE})
            (check,) = failures(one(outputs, Ambient()))["frankfurt-1"]
            assert (check.name, words in check.found) == ("identity", True)
