"""Runs the Go program in `walks/`, and reads the checks that it prints."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.judges import go_programs

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

PROTOCOLS = ("json", "cbor")
_MODULE = Path(__file__).with_name("walks")
# The program itself gives up after two minutes.
_PATIENCE = 150


@dataclass(frozen=True)
class Check:
    """What the program has checked."""

    name: str
    ok: bool
    detail: str


class Program:
    """The program, pointed at the sandbox by its environment alone."""

    def __init__(self, executable: Path, home: Path) -> None:
        self._executable = executable
        self._home = home

    def run(self, aws: TestSandbox, protocol: str, scenario: str, *arguments: str) -> list[Check]:
        """Run a scenario and return its checks, none of which may fail."""
        result = subprocess.run(
            [self._executable, protocol, scenario, *arguments],
            env={"HOME": str(self._home), "AWS_REGION": "eu-central-1", **aws.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
        checks = [Check(**json.loads(line)) for line in result.stdout.splitlines()]
        problems = [f"{check.name}: {check.detail}" for check in checks if not check.ok]
        if result.returncode or result.stderr or not checks:
            problems.append(f"The program ended with {result.returncode}. {result.stderr}")
        assert not problems, "\n".join(problems)
        return checks


def build() -> Path:
    """Return the program, building it if it is not in the cache."""
    return go_programs.build(_MODULE, {"go_sdk": "."})["go_sdk"]
