"""Standard output whose reader has ended, as ``head`` does when it has its lines."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from toolkit.cli.exits import ReaderEndedError, explain_output_errors

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox


@contextmanager
def no_reader() -> Iterator[int]:
    """A pipe that nobody reads: the first write to it fails."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment}
    command = [sys.executable, "-m", "toolkit", *map(str, arguments)]
    with no_reader() as stdout:
        return subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=known, timeout=120, check=False
        )


@pytest.mark.parametrize(
    "command",
    [
        ("--help",),
        ("--version",),
        ("verify", "--help"),
        ("verify", "--help-all"),
        ("version", "-o", "json"),
        ("contract", "schema"),
        ("contract", "show", "--contract", "FILE"),
        ("render-mesh", "--contract", "FILE"),
        ("render-zone", "--contract", "FILE", "--zone", "zone-2", "--kds-address", "grpcs://mesh.example.com:5685"),
    ],
)
def test_a_command_ends_as_one_that_sigpipe_killed(command: tuple[str, ...], outputs: Path) -> None:
    result = run(*(str(outputs) if word == "FILE" else word for word in command))
    assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.parametrize("step", ["bash_source", "bash_complete"])
def test_shell_completion_ends_in_the_same_way(step: str) -> None:
    result = run(_TOOLKIT_COMPLETE=step, COMP_WORDS="toolkit ver", COMP_CWORD="1")
    assert (result.returncode, result.stderr) == (141, "")


def test_a_failed_check_is_not_reported_as_such_if_nobody_read_it(tmp_path: Path) -> None:
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text("type: Mesh\nname: default\nmtls: {enabledBackend: nope}\n")
    result = run("lint", mesh, "-o", "json", "-o", f"sarif={tmp_path / 'lint.sarif'}")
    assert (result.returncode, result.stderr) == (141, "")
    assert (tmp_path / "lint.sarif").stat().st_size


def test_output_that_was_only_buffered_breaks_within_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with no_reader() as pipe:
        stdout = os.fdopen(os.dup(pipe), "w")
        monkeypatch.setattr(sys, "stdout", stdout)
        with pytest.raises(ReaderEndedError), explain_output_errors():
            stdout.write("not flushed")
    # The interpreter flushes it again at exit.
    stdout.close()


def test_verify_writes_its_files_and_says_what_it_issued(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    kept, ledger = tmp_path / "kept.json", tmp_path / "ledger.jsonl"
    arguments = ("verify", "--contract", live_file, "--zone", "ireland-1", "--ledger", ledger)
    result = run(*arguments, "-o", "json", "-o", f"html={tmp_path / 'verify.html'}", **aws.environment)
    assert result.returncode == 141, result.stderr
    assert json.loads(result.stderr[result.stderr.index("{") :])["certificatesIssued"] == 1
    assert "ireland-1" in (tmp_path / "verify.html").read_text()
    assert run(*arguments, "-o", "wide", "-o", f"json={kept}", **aws.environment).returncode == 141
    assert json.loads(kept.read_text())["certificatesIssued"] == 1
    # To recover certificates, the ledger has both runs.
    assert run(*arguments[:-2], "--resume", ledger, **aws.environment).returncode == 141


def test_a_detached_sandbox_is_named_before_its_environment_is_lost() -> None:
    result = run("sandbox", "--detach")
    found = re.search(r"stop it with: kill ([0-9]+)", result.stderr)
    assert found, result.stderr
    os.kill(int(found[1]), signal.SIGTERM)
    assert result.returncode == 141
