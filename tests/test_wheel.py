"""The wheel in empty environments, on each Python that it supports and that is installed here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import contract_document, hierarchy, without
from toolkit.errors import EXIT_ENVIRONMENT
from toolkit.files import find_project_root

ROOT = find_project_root()
pytestmark = pytest.mark.slow


class Installation:
    """An environment of its own, and a directory in which no repository is near."""

    def __init__(self, python: str, directory: Path) -> None:
        self.directory = directory
        self.bin = directory / "venv" / "bin"
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(directory),
            **{name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL_", "http", "HTTP"))},
        }
        subprocess.run([python, "-m", "venv", str(directory / "venv")], check=True)

    def install(self, *arguments: str | Path) -> None:
        result = self.run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments)
        if result.returncode and re.search(r"NameResolutionError|ConnectTimeout|ProxyError", result.stderr):
            without("PACKAGE_INDEX", "no package index can be reached from here")
        assert result.returncode == 0, result.stderr

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [str(self.bin / program), *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self.directory, env=self._environment
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from what git would ship."""
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
    (file,) = target.glob("*.whl")
    return file


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """The versions of the lock, without the hashes, which a file that was just built can't have."""
    file = tmp_path / "constraints.txt"
    lock = (ROOT / "requirements.lock").read_text()
    file.write_text("\n".join(re.findall(r"^[a-z0-9-]+==[^\\\n]+", lock, re.MULTILINE)))
    return file


@pytest.fixture(params=["3.11", "3.12", "3.13"])
def python(request: pytest.FixtureRequest) -> str:
    version = request.param
    # pyenv puts only the chosen versions on PATH, and a shim that fails for the others.
    of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for command in filter(None, (shutil.which(f"python{version}"), *map(str, of_pyenv))):
        if subprocess.run([command, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return command
    # No machine has every Python: the summary of CI names those that were left out.
    pytest.skip(f"Python {version} is not installed here")


def test_the_base_runs_all_but_the_sandbox(python: str, wheel: Path, versions: Path, tmp_path: Path) -> None:
    installed = Installation(python, tmp_path)
    installed.install("--constraint", versions, wheel)
    assert installed.run("toolkit", "--version").stdout.startswith("toolkit, version ")
    contract = tmp_path / "outputs.json"
    contract.write_text(json.dumps(contract_document(hierarchy())))
    commands = [
        ("contract", "show", "--contract", contract),
        ("render-mesh", "--contract", contract, "--output-file", "mesh.yaml"),
        ("lint", "mesh.yaml"),
        ("render-zone", "--contract", contract, "--zone", "zone-1"),
        ("render-job", "--contract", contract, "--image", f"registry.example/toolkit@sha256:{'0' * 64}"),
        ("apply", "--help"),
        ("verify", "--help"),
    ]
    for words in commands:
        done = installed.run("toolkit", *words)
        assert done.returncode == 0, (words, done.stdout + done.stderr)
    for command in ("demo", "sandbox"):
        refused = installed.run("toolkit", command)
        assert refused.returncode == EXIT_ENVIRONMENT
        assert "pip install 'kong-mesh-pca-toolkit[sandbox]'" in refused.stderr


def test_the_sandbox_extra_runs_the_demo(python: str, wheel: Path, versions: Path, tmp_path: Path) -> None:
    installed = Installation(python, tmp_path)
    installed.install("--constraint", versions, f"{wheel}[sandbox]")
    done = installed.run("toolkit", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every zone gets certificates: 3 of 3 verified" in " ".join(done.stdout.split())
