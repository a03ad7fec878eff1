"""The live table of `toolkit verify`: what it shows, and that it is gone afterwards."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from tests.verify.report import samples
from toolkit.cli.progress import LiveProgress
from toolkit.files import find_project_root
from toolkit.sandbox.pulumi import program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.verify.results import ZoneResult


def running(zone: str, check: str) -> Any:
    return SimpleNamespace(zone=SimpleNamespace(name=zone), current_check=check)


def text(progress: LiveProgress, height: int = 40) -> str:
    console = Console(file=io.StringIO(), width=80, height=height)
    with console.capture() as captured:
        console.print(progress.render())
    return captured.get()


def on(zones: list[str], *, terminal: bool = True, height: int = 40) -> LiveProgress:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80, height=height)
    return LiveProgress(zones, console)


def line(shown: str, zone: str) -> list[str]:
    return next(row.split() for row in shown.splitlines() if row.split()[:1] == [zone])


def test_a_zone_waits_runs_and_ends() -> None:
    progress = on(["frankfurt-1", "ireland-1", "tokyo-1"])
    assert line(text(progress), "frankfurt-1") == ["frankfurt-1", "waiting"]
    progress.begun(running("frankfurt-1", "authority"))
    name, _, check, seconds = line(text(progress), "frankfurt-1")
    assert (name, check) == ("frankfurt-1", "authority")
    assert float(seconds) >= 0
    for name in ("ireland-1", "tokyo-1"):
        progress.begun(running(name, "identity"))
    for result in (samples.good(), samples.refused()):
        progress.done(result)
    shown = text(progress)
    assert line(shown, "frankfurt-1")[1:3] == ["✓", "passed"]
    assert line(shown, "ireland-1")[1:3] == ["✕", "authority"]
    assert "2 of 3 zones done, 1 failed" in shown


def test_where_there_is_little_room_what_failed_and_what_runs_is_shown() -> None:
    zones = [f"zone-{number}" for number in range(100)]
    progress = on(zones, height=8)
    results: dict[str, ZoneResult] = {name: samples.good(name) for name in zones[:50]}
    results["zone-30"] = samples.refused("zone-30")
    for name in zones[:60]:
        progress.begun(running(name, "fetch"))
    for result in results.values():
        progress.done(result)
    shown = text(progress)
    assert line(shown, "zone-30")[1:3] == ["✕", "authority"]
    assert [row.split()[0] for row in shown.splitlines() if row.startswith("zone-")][1:] == [
        "zone-50",
        "zone-51",
        "zone-52",
    ]
    assert "50 of 100 zones done, 1 failed, 96 not shown" in shown
    assert len(shown.splitlines()) < 8


def test_nothing_is_written_where_no_terminal_is() -> None:
    progress = on(["zone-1"], terminal=False)
    with progress:
        progress.begun(running("zone-1", "identity"))
        progress.done(samples.good("zone-1"))
    assert isinstance(progress.console.file, io.StringIO)
    assert progress.console.file.getvalue() == ""


@pytest.mark.slow
def test_a_terminal_shows_the_zones_while_they_run(aws: TestSandbox, tmp_path: Path) -> None:
    outputs_file = tmp_path / "outputs.json"
    outputs_file.write_text(
        json.dumps(program.run(find_project_root(), program.read_stack(find_project_root(), "prod"), aws))
    )
    command = [sys.executable, "-m", "toolkit", "verify", "--contract", str(outputs_file)]
    size = {"COLUMNS": "100", "LINES": "30", "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **size, **aws.environment}
    ours, theirs = pty.openpty()
    seen = bytearray()

    def read() -> None:
        try:
            while part := os.read(ours, 65536):
                seen.extend(part)
        except OSError:
            # Linux says so when the last one that has the other end is gone.
            return

    reader = threading.Thread(target=read)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment)
    os.close(theirs)
    reader.start()
    output, _ = process.communicate(timeout=120)
    reader.join(timeout=30)
    os.close(ours)
    assert process.returncode == 0
    shown = seen.decode()
    assert "frankfurt-1" in shown
    assert "of 3 zones done" in shown
    # The table goes, the report stays.
    assert shown.rstrip().endswith(("\x1b[2K", "\x1b[?25h"))
    assert "Every zone gets certificates" in output


def test_a_file_gets_no_cursor_codes_whatever_the_environment_says(aws: TestSandbox, live_file: Path) -> None:
    command = [sys.executable, "-m", "toolkit", "verify", "--contract", str(live_file), "--zone", "ireland-1"]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "FORCE_COLOR": "1",
        "TERM": "xterm",
        **aws.environment,
    }
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "\x1b" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("variables", "is_colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]
)
def test_no_color_holds_for_errors_and_for_documents(variables: dict[str, str], *, is_colored: bool) -> None:
    ours, theirs = pty.openpty()
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TERM": "xterm-256color", **variables}
    command = [sys.executable, "-m", "toolkit", "lint", "missing.yaml"]
    subprocess.run(command, stdout=theirs, stderr=theirs, check=False, env=environment)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "missing.yaml" in shown
    assert ("\x1b[" in shown) == is_colored
