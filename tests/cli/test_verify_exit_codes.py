"""How `toolkit verify` ends when zones, or all of them, get no answer from AWS."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.verify.meddling_proxy import MeddlingProxy
from tests.verify.wrong_answers import ASSUME, CHECKS, DESCRIBE, EXCHANGE, ISSUE, OPERATIONS, REVOKE, WRONG

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox

pytestmark = pytest.mark.slow
BY_NAME = {wrong.identifier: wrong for wrong in WRONG}
THROUGH_THE_COMMAND = ("sign-in-page-xhtml", "nested-and-closed", "gzip-bomb", "redirect", "lists-at-every-leaf")


def verify(environment: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toolkit", "verify", *map(str, arguments)]
    # Without the address of the machine's own credentials nobody waits for it.
    clean = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**clean, **environment}
    )


@pytest.fixture(scope="module")
def proxy(running_sandbox: TestSandbox) -> Iterator[MeddlingProxy]:
    with MeddlingProxy(running_sandbox) as meddling:
        yield meddling


def failures(report: dict[str, object]) -> dict[str, list[str]]:
    zones = report["zones"]
    assert isinstance(zones, list)
    found = {
        zone["zone"]: [check["name"] for check in zone["checks"] if check["outcome"] == "failed"] for zone in zones
    }
    return {zone: checks for zone, checks in found.items() if checks}


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each not in (EXCHANGE, REVOKE)])
@pytest.mark.parametrize("identifier", THROUGH_THE_COMMAND)
def test_a_zone_with_wrong_answers(
    aws: TestSandbox, live_file: Path, tmp_path: Path, proxy: MeddlingProxy, identifier: str, operation: str
) -> None:
    proxy.replace(BY_NAME[identifier], {"verifier-frankfurt-2": operation})
    file = tmp_path / "verify.json"
    environment = {**aws.environment, "AWS_ENDPOINT_URL": proxy.url}
    result = verify(environment, "--contract", live_file, "-o", f"json={file}")
    assert result.returncode == 1, result.stderr
    assert failures(json.loads(file.read_text())) == {"frankfurt-2": [CHECKS[operation]]}
    assert "Traceback" not in result.stderr + result.stdout
    assert "defect" not in result.stderr + result.stdout
    assert proxy.asked_elsewhere == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}, "InvalidClientTokenId"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect to the endpoint URL"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "there are no AWS credentials"),
        ({"AWS_PROFILE": "nobody"}, "nobody"),
    ],
)
def test_no_zone_can_be_asked(
    aws: TestSandbox, live_file: Path, tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    file = tmp_path / "verify.json"
    environment = {name: value for name, value in {**aws.environment, **changes}.items() if value}
    result = verify(environment, "--contract", live_file, "-o", f"json={file}", "--timeout", "3")
    assert result.returncode == 3, result.stderr + result.stdout
    report = json.loads(file.read_text())
    assert (report["passed"], report["interrupted"], report["certificatesIssued"]) == (False, False, 0)
    assert list(failures(report).values()) == [["identity"]] * 3
    assert words in result.stderr
    assert "Hint: " in result.stderr
    assert "Traceback" not in result.stderr


def test_a_sign_in_page_for_all(aws: TestSandbox, live_file: Path, proxy: MeddlingProxy) -> None:
    proxy.replace(BY_NAME["sign-in-page-html"], {"verifier-": ASSUME})
    result = verify({**aws.environment, "AWS_ENDPOINT_URL": proxy.url}, "--contract", live_file)
    assert result.returncode == 3, result.stderr
    assert "no zone could be asked: the response is not from AWS" in result.stderr
    # At a later check something else may be wrong with each zone.
    for operation in (DESCRIBE, ISSUE):
        proxy.replace(BY_NAME["sign-in-page-html"], {"verifier-": operation})
        result = verify({**aws.environment, "AWS_ENDPOINT_URL": proxy.url}, "--contract", live_file)
        assert result.returncode == 1, result.stderr


@pytest.mark.parametrize(
    "url", ["127.0.0.1:4566", "ftp://host", "http://", "http://host:x", "http://a b", "http://u:p@h"]
)
def test_a_url_that_is_not_valid(aws: TestSandbox, live_file: Path, url: str) -> None:
    for environment, arguments in (
        (aws.environment, ["--endpoint-url", url]),
        ({**aws.environment, "AWS_ENDPOINT_URL": url}, []),
    ):
        result = verify(environment, "--contract", live_file, *arguments)
        assert (result.returncode, result.stdout) == (2, ""), result.stderr
        assert "the URL of the AWS endpoint is not valid" in result.stderr
        assert ("--endpoint-url" if arguments else "AWS_ENDPOINT_URL") in result.stderr
        assert "Traceback" not in result.stderr
