"""The whole chain, run once for all the tests that look at its results."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Demo(NamedTuple):
    """A finished demo."""

    directory: Path
    said: str


def run_demo(directory: Path, stack: str) -> Demo:
    # In another directory than the repository: the demo finds its program by itself.
    command = [sys.executable, "-c", "from toolkit.cli import main; main()", "demo", "--stack", stack]
    result = subprocess.run(
        [*command, "--output-dir", "demo"], capture_output=True, text=True, check=False, timeout=300, cwd=directory
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    return Demo(directory / "demo", result.stdout)


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return run_demo(tmp_path_factory.mktemp("prod"), "prod")


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return run_demo(tmp_path_factory.mktemp("dev"), "dev")
