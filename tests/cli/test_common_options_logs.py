"""``-v`` and ``TOOLKIT_LOG``: what they show, and what never shows."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from toolkit.cli import main
from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.web_server import Rehearsal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CALL = re.compile(
    r"^\d\d:\d\d:\d\d\.\d{3} toolkit\.verify\.aws_session "
    r"(\S+) (\w+), zone (\S+): (\d{3}(?: \w+)?), request [0-9A-Za-z-]{36,64}, (\d+) ms$",
    re.MULTILINE,
)


def run(aws: TestSandbox, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toolkit", *map(str, arguments)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **aws.environment, **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)


@pytest.mark.parametrize("place", ["before", "after", "environment"])
def test_each_call_of_aws_is_a_line(aws: TestSandbox, live_file: Path, place: str) -> None:
    arguments = ["verify", "--contract", str(live_file), "--zone", "ireland-1"]
    if place == "before":
        result = run(aws, "-v", *arguments)
    elif place == "after":
        result = run(aws, *arguments, "-v")
    else:
        result = run(aws, *arguments, TOOLKIT_LOG="debug")
    assert result.returncode == 0, result.stderr
    calls = CALL.findall(result.stderr)
    operations = [operation for _, operation, *_ in calls]
    for operation in ("AssumeRole", "GetCallerIdentity", "DescribeCertificateAuthority", "IssueCertificate"):
        assert operation in operations
    assert {zone for _, _, zone, *_ in calls} == {"ireland-1"}
    # A certificate that is not there yet is an error of AWS, and a line too.
    assert {status for *_, status, _ in calls} <= {"200", "400 RequestInProgressException"}
    assert "\x1b" not in result.stderr
    # Which role is taken is for those who look for a fault.
    assert ("zone ireland-1: assuming arn:aws:iam::" in result.stderr) == (place == "environment")


def test_nothing_is_logged_unless_asked_for(aws: TestSandbox, live_file: Path) -> None:
    result = run(aws, "verify", "--contract", live_file, "--zone", "ireland-1")
    assert not CALL.search(result.stderr)


def test_no_secret_is_in_a_log(aws: TestSandbox, live_file: Path) -> None:
    endpoint = aws.endpoint_url.replace("http://", f"http://user:{SECRET.replace('/', '')}@")
    result = run(
        aws, "verify", "-vv", "--contract", live_file, "--endpoint-url", endpoint, AWS_SECRET_ACCESS_KEY=SECRET
    )
    assert SECRET not in result.stdout + result.stderr
    assert SECRET.replace("/", "") not in result.stdout + result.stderr


def test_a_level_that_is_none_is_refused(aws: TestSandbox, live_file: Path) -> None:
    result = run(aws, "lint", live_file, TOOLKIT_LOG="loud")
    assert (result.returncode, result.stdout) == (2, "")
    assert "TOOLKIT_LOG=loud is not a level; choose debug, info, warning, error" in result.stderr


def test_an_endpoint_that_is_not_there_is_a_line(aws: TestSandbox, live_file: Path) -> None:
    result = run(
        aws,
        *("verify", "-v", "--contract", live_file, "--zone", "ireland-1", "--timeout", "1"),
        *("--endpoint-url", "http://127.0.0.1:9"),
    )
    assert result.returncode == 3
    assert re.search(
        r"sts AssumeRole, zone ireland-1: EndpointConnectionError: .*127\.0\.0\.1:9.*, \d+ ms", result.stderr
    )


def test_a_command_leaves_the_logger_as_it_was(outputs: Path) -> None:
    logger = logging.getLogger("toolkit")
    before = logger.handlers[:], logger.level, logger.propagate
    assert CliRunner().invoke(main, ["contract", "show", "-v", "--contract", str(outputs)]).exit_code == 0
    assert (logger.handlers, logger.level, logger.propagate) == before


def test_each_http_call_is_a_line_without_the_token(tmp_path: Path) -> None:
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text("type: Mesh\nname: payments\n")
    environment = {"TOOLKIT_CONTROL_PLANE_TOKEN": SECRET, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    with Rehearsal(StandIn(product="kong-mesh", mode="zone")) as rehearsal:
        command = [sys.executable, "-m", "toolkit", "apply", "-v", "-f", str(mesh), "--yes"]
        command += ["--control-plane", rehearsal.url]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert result.returncode == 0, result.stderr
    calls = re.findall(r"toolkit\.control_plane\.client (\w+) (\S+): (\d{3}), \d+ ms$", result.stderr, re.MULTILINE)
    assert ("GET", "/", "200") in calls
    assert ("PUT", "/meshes/payments", "201") in calls
    assert SECRET not in result.stdout + result.stderr
