"""`toolkit verify` as a process of its own, against the sandbox over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from toolkit import contract
from toolkit.files import find_project_root
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import Choice, MeshOptions
from toolkit.sandbox.pulumi import program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs


def verify(aws: TestSandbox, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from toolkit.cli import main; main()", "verify", *map(str, arguments)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **aws.environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)


def test_every_zone_passes(aws: TestSandbox, live_file: Path) -> None:
    result = verify(aws, "--contract", live_file)
    assert result.returncode == 0, result.stderr
    assert "3 of 3 verified, 6 handshakes between them, 3 certificates issued" in result.stdout
    # What it costs is said before anything is issued, and progress is for terminals only.
    assert result.stderr == "Asking for 3 certificates, one per zone; on AWS they would cost up to $2.25.\n"
    assert "\x1b" not in result.stdout


def test_zones_with_one_verifier_role_are_warned_of(aws: TestSandbox, live: StackOutputs, tmp_path: Path) -> None:
    first, second, third = live.zones
    shared = second.model_copy(update={"verifier_role_arn": first.verifier_role_arn})
    file = tmp_path / "outputs.json"
    file.write_text(live.model_copy(update={"zones": (first, shared, third)}).to_json())
    result = verify(aws, "--contract", file)
    assert result.returncode == 0, result.stderr
    words = f"Warning: the zones frankfurt-1, frankfurt-2 have one verifier role, {first.verifier_role_arn}: "
    assert result.stderr.startswith(words)
    assert "verifier role" not in verify(aws, "--contract", file, "--zone", "frankfurt-1").stderr
    assert "verifier role" not in verify(aws, "--contract", file, "--role", "zone").stderr


def test_json_goes_to_a_file_or_through_a_pipe(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    piped = verify(aws, "--contract", live_file, "-o", "json", "--lifetime", "2h")
    assert json.loads(piped.stdout)["passed"] is True
    target = tmp_path / "deep" / "verify.json"
    written = verify(aws, "--contract", live_file, "-o", f"json={target}")
    assert (written.returncode, written.stdout) == (0, "")
    assert json.loads(target.read_text())["passed"] is True


def test_certificates_live_as_long_as_the_stack_says(aws: TestSandbox, live: StackOutputs, tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(live.model_copy(update={"data_plane_lifetime": "72h"}).to_json())
    for arguments, days in ((), 3), (("--lifetime", "48h"), 2):
        report = json.loads(verify(aws, "--contract", file, "-o", "json", *arguments).stdout)
        assert report["passed"]
        for zone in report["zones"]:
            ends = datetime.fromisoformat(zone["certificate"]["notAfter"])
            assert abs(ends - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=5)


@pytest.mark.parametrize("ca_cert", ["inline", "secret"])
def test_the_bundle_of_the_mesh_is_what_counts(
    aws: TestSandbox, live: StackOutputs, live_file: Path, tmp_path: Path, ca_cert: str
) -> None:
    rendered = templating.render(
        live, "default", MeshOptions(ca_cert=Choice("inline" if ca_cert == "inline" else "secret"))
    )
    mesh, secret = tmp_path / "mesh.yaml", tmp_path / "secret.yaml"
    mesh.write_text(rendered.mesh)
    secret.write_text(templating.join_documents(rendered.secrets))
    both: list[str | Path] = ["-f", mesh]
    if rendered.secrets:
        both += ["-f", secret]
    assert verify(aws, "--contract", live_file, *both).returncode == 0
    # The Mesh of another stack: another CA of the same name.
    exports = program.run(find_project_root(), program.read_stack(find_project_root(), "prod"), aws)
    other = templating.render(contract.parse(json.dumps(exports)), "default", MeshOptions())
    mesh.write_text(other.mesh)
    result = verify(aws, "--contract", live_file, "-f", mesh)
    assert (result.returncode, result.stdout) == (2, "")
    assert "mtls.backends[0].conf.arn: is 'arn:" in result.stderr
    # The right CA with the chain of the other.
    arns = [json.loads(text)["certificateAuthority"]["arn"] for text in (json.dumps(exports), live.to_json())]
    mesh.write_text(other.mesh.replace(*arns))
    result = verify(aws, "--contract", live_file, "-f", mesh)
    assert result.returncode == 1
    assert "3 of 3 zones failed" in result.stdout
    assert "Render the Mesh again" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lifetime", "1d12h"], "--lifetime"),
        (["--lifetime", "9y"], "lasts longer than the CA"),
        (["--mesh", "other"], "the contract has no mesh 'other', only default"),
        (["--service", "a b"], "--service"),
        (["-f", "missing.yaml"], "can't read missing.yaml"),
    ],
)
def test_input_that_is_not_valid_buys_nothing(
    aws: TestSandbox, live_file: Path, arguments: list[str], words: str
) -> None:
    result = verify(aws, "--contract", live_file, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr
    assert "Asking for" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--identity", "ambient"], "name it with --zone: frankfurt-1, frankfurt-2, ireland-1"),
        (["--identity", "web-identity"], "--web-identity-token-file belong together"),
        (["--web-identity-token-file", "x"], "belong together"),
        (["--identity", "profile"], "needs --profile NAME"),
        (["--identity", "ambient", "--zone", "ireland-1", "--role", "zone"], "--role has no effect"),
        (["--zone", "paris-1"], "the contract has no zone paris-1"),
        (["--backend-name", "x"], "--backend-name needs -f FILE"),
        (["--horizon", "soon"], "--horizon"),
        (["--merge", "missing.json"], "missing.json"),
        (["-o", "pdf=x"], "'pdf=x' is not a format; choose table, wide, json"),
        (["frankfurt-1"], "unexpected argument frankfurt-1; a document needs -f"),
    ],
)
def test_options_that_do_not_go_together(aws: TestSandbox, live_file: Path, arguments: list[str], words: str) -> None:
    result = verify(aws, "--contract", live_file, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in " ".join(result.stderr.split())
    assert "Asking for" not in result.stderr


@pytest.mark.slow
def test_with_files_alone_a_line_says_how_it_went(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    arguments = ("--contract", live_file, "-o", f"html={tmp_path / 'v.html'}")
    result = verify(aws, *arguments)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.splitlines()[-1].startswith("Every zone gets certificates: 3 of 3 verified")
    assert verify(aws, *arguments, "-q").stderr == ""


@pytest.mark.slow
def test_the_ledger_has_what_was_bought_and_what_was_revoked(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    for _ in range(2):
        result = verify(aws, "--contract", live_file, "-o", "json", "--ledger", ledger)
        assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    lines = [line for line in lines if line["event"] == "issued"]
    assert len(lines) == 6
    issued = [zone["certificatesIssued"][0] for zone in json.loads(result.stdout)["zones"]]
    assert {line["certificateArn"] for line in lines} >= set(issued)


@pytest.mark.slow
def test_reports_of_single_zones_become_one(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    files: list[str | Path] = []
    for zone in ("frankfurt-1", "ireland-1"):
        file = tmp_path / f"{zone}.json"
        assert verify(aws, "--contract", live_file, "--zone", zone, "-o", f"json={file}").returncode == 0
        files.append(file)
    merged = verify(aws, "--contract", live_file, "-o", "json", "--merge", *files)
    assert merged.returncode == 1
    report = json.loads(merged.stdout)
    assert report["missingZones"] == ["frankfurt-2"]
    assert [zone["zone"] for zone in report["zones"]] == ["frankfurt-1", "ireland-1"]
    assert "Asking for" not in merged.stderr
    again = verify(aws, "--contract", live_file, "--merge", files[0], "--merge", files[1])
    assert "frankfurt-2" in again.stdout


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_says_what_it_bought(
    aws: TestSandbox, live: StackOutputs, live_file: Path, stop: signal.Signals
) -> None:
    aws.private_ca.registry.issuance_delay = timedelta(days=1)
    issued = aws.private_ca.registry.authorities[live.certificate_authority.arn].issued
    before = len(issued)
    command = [sys.executable, "-m", "toolkit", "verify", "--contract", str(live_file), "-o", "json"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **aws.environment}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, env=environment, stdout=pipe, stderr=pipe) as process:
        give_up = time.monotonic() + 60
        while len(issued) < before + 3 and time.monotonic() < give_up:
            time.sleep(0.01)
        # Each zone now asks for what is never ready.
        process.send_signal(stop)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    report = json.loads(stdout)
    assert (report["interrupted"], report["passed"]) == (True, False)
    assert report["certificatesIssued"] <= 3
    sold = set(list(issued)[before:])
    assert {arn for zone in report["zones"] for arn in zone["certificatesIssued"]} <= sold
    assert "Traceback" not in stderr
