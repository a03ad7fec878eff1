"""Wrong invocations: each as a real process, with the exit code and the first line that a user sees."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.wrong_files import make_files
from tests.cli.wrong_invocations import INVOCATIONS, MORE, Wrong
from toolkit.files import find_project_root

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full and its words for errors"),
]

_SECONDS = 30


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the working directory of every invocation, with the files that they name."""
    made = tmp_path_factory.mktemp("wrong")
    make_files(made)
    return made


@pytest.fixture(scope="module")
def busy_port() -> Iterator[int]:
    """Yield a port of loopback on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("wrong", INVOCATIONS, ids=str)
def test_a_wrong_invocation(wrong: Wrong, directory: Path, busy_port: int) -> None:
    values = {"{port}": str(busy_port), "{home}": str(directory / "home"), "{root}": str(find_project_root())}
    before = _list(directory)
    result = _run(wrong, _fill(wrong.arguments, values), directory)
    assert result.returncode == wrong.code, result.stderr
    assert "Traceback" not in result.stderr
    assert "defect in the toolkit" not in result.stderr
    if wrong.error:
        expected = f"Error: {_fill(wrong.error, values)}"
        found = "\n".join(_find_error(result.stderr)[: expected.count("\n") + 1])
        if expected.endswith(MORE):
            assert found.startswith(expected.removesuffix(MORE)), found
        else:
            assert found == expected
    assert _list(directory) == before


def test_the_table_is_large_and_has_every_invocation_once() -> None:
    assert len(INVOCATIONS) >= 80
    assert len({repr(wrong) for wrong in INVOCATIONS}) == len(INVOCATIONS)


def _run(wrong: Wrong, arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the toolkit in a minimal environment, in which no AWS, no Pulumi and no setting of the user's is found."""
    environment: dict[str, str | None] = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(directory / "home"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(find_project_root()),
        # Also where HOME is not set, and the user's own is found.
        "AWS_CONFIG_FILE": "missing",
        "AWS_SHARED_CREDENTIALS_FILE": "missing",
        "AWS_EC2_METADATA_DISABLED": "true",
        **wrong.environment,
    }
    command = [sys.executable, "-m", "toolkit", *shlex.split(arguments)]
    if wrong.redirect:
        command = ["/bin/sh", "-c", f'exec "$@" {wrong.redirect}', "sh", *command]
    result = subprocess.run(
        command,
        input=wrong.stdin,
        capture_output=True,
        check=False,
        timeout=_SECONDS,
        cwd=directory,
        env={name: value for name, value in environment.items() if value is not None},
    )
    return subprocess.CompletedProcess(command, result.returncode, result.stdout.decode(), result.stderr.decode())


def _find_error(stderr: str) -> list[str]:
    """Return the lines from the error on: a usage error follows the usage, and others may follow progress."""
    lines = stderr.splitlines()
    return lines[next((number for number, line in enumerate(lines) if line.startswith("Error: ")), 0) :]


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def _list(directory: Path) -> dict[str, tuple[int, int]]:
    """Return the size and the time of every file below a directory."""
    return {
        str(path.relative_to(directory)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in directory.rglob("*")
    }
