"""The Dockerfile's rules, and its build without Docker: its own commands, in a directory instead of an image."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import without
from toolkit import contract
from toolkit.files import find_project_root
from toolkit.jobs import workloads
from toolkit.sandbox.pulumi import program
from toolkit.verify.report import json as json_form

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox

ROOT = find_project_root()
# Megabytes in an empty environment; pip has another 17.
LARGEST_BASE = 108


class Instruction(NamedTuple):
    name: str
    value: str


def instructions() -> list[Instruction]:
    """The instructions of the Dockerfile, comments and line continuations resolved."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


FOUND = instructions()
VALUES = {name: [found.value for found in FOUND if found.name == name] for name, _ in FOUND}
# From the last FROM on.
FINAL = FOUND[max(number for number, found in enumerate(FOUND) if found.name == "FROM") :]


def arguments() -> dict[str, str]:
    """The build arguments with their defaults, as the builder reads them."""
    pairs = (shlex.split(value)[0].partition("=") for value in VALUES["ARG"])
    return {name: value for name, _, value in pairs}


def resolved(text: str, **given: str) -> str:
    """With ``${NAME}`` and ``${NAME:+word}`` replaced (Docker's reference of the file, "Environment replacement")."""
    known = arguments() | given
    text = re.sub(r"\$\{(\w+):\+([^}]*)\}", lambda match: match[2] if known[match[1]] else "", text)
    return re.sub(r"\$\{(\w+)\}", lambda match: known[match[1]], text)


def test_it_is_a_dockerfile() -> None:
    assert {found.name for found in FOUND} <= {
        *("ARG", "FROM", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "USER", "ENTRYPOINT", "CMD"),
    }
    assert FOUND[0].name == "ARG"


def test_every_base_is_pinned() -> None:
    # An exact version, of Python and of Debian.
    pinned = r"docker\.io/library/python:3\.\d+\.\d+-slim-[a-z]+"
    digest = "sha256:" + "0" * 64
    assert len(VALUES["FROM"]) == 2
    for value in VALUES["FROM"]:
        image, *_ = value.split()
        assert re.fullmatch(pinned, resolved(image)), value
        assert re.fullmatch(f"{pinned}@{digest}", resolved(image, PYTHON_DIGEST=digest)), value
    # The frontend that reads the file would be an image too.
    assert not re.search(r"^#\s*syntax=", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_the_final_image_is_not_root_and_runs_the_toolkit() -> None:
    users = [found.value for found in FINAL if found.name == "USER"]
    # The number that the Jobs run as; a name would tell Kubernetes nothing.
    assert users == [f"{workloads.USER}:{workloads.USER}"]
    last = [found.name for found in FINAL]
    assert last.index("USER") > max(number for number, name in enumerate(last) if name in ("RUN", "COPY"))
    assert [json.loads(value) for value in VALUES["ENTRYPOINT"]] == [["toolkit"]]


def test_nothing_is_fetched_but_what_the_lock_pins() -> None:
    assert "ADD" not in VALUES
    for value in VALUES["RUN"]:
        assert not re.search(r"\b(curl|wget|git|apt|apt-get|http|https)\b", value), value
        for command in re.split(r"&&|;", value):
            if re.search(r"\bpip\b.*\binstall\b", command):
                assert "--no-index" in command or {"--require-hashes", "--only-binary"} <= set(command.split()), command
            elif re.search(r"\bpip\b.*\bwheel\b", command):
                assert {"--no-index", "--no-deps", "--no-build-isolation"} <= set(command.split()), command
    assert "requirements-base.lock requirements-image-build.lock ./" in VALUES["COPY"]


def test_the_final_image_has_no_installer() -> None:
    (command,) = [found.value for found in FINAL if found.name == "RUN"]
    assert "pip uninstall --yes" in command
    assert "ensurepip" in command
    assert [found.value for found in FINAL if found.name == "COPY"] == ["--from=build /opt/toolkit /opt/toolkit"]
    assert "python -m venv --without-pip /opt/toolkit" in " ".join(VALUES["RUN"])


def test_there_is_no_place_for_a_secret() -> None:
    for found in FOUND:
        if found.name in ("ARG", "ENV"):
            assert not re.search(r"SECRET|TOKEN|PASSWORD|CREDENTIAL|AWS_", found.value, re.IGNORECASE), found
    assert not any("--mount" in value for value in VALUES["RUN"])


def copied() -> list[str]:
    """What of the repository gets into the build."""
    sources = [shlex.split(value)[:-1] for value in VALUES["COPY"] if not value.startswith("--from")]
    return [source for named in sources for source in named]


def test_what_is_copied_is_there_and_nothing_else_is_sent() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == set(copied())
    for source in copied():
        assert (ROOT / source).exists()
    never = (".git", ".venv", ".env", "stacks", "tests", "build", "outputs.json", "secrets.yaml", "docs")
    assert not set(never) & set(copied())
    assert not any(fnmatch.fnmatch(name, line[1:]) for line in lines if line.startswith("!") for name in never)


def pinned(name: str) -> set[tuple[str, str]]:
    """Return the distributions in a lock with their versions."""
    return set(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", (ROOT / name).read_text(), re.MULTILINE))


def test_the_lock_of_the_base_has_what_the_base_needs() -> None:
    environment = {"extra": "", "python_version": "3.13", "python_full_version": "3.13.0", "sys_platform": "linux"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed: set[str] = set()
    waiting = [Requirement(text).name for text in project["dependencies"]]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in needed:
            continue
        needed.add(name)
        parsed = map(Requirement, importlib.metadata.requires(name) or [])
        waiting += [one.name for one in parsed if one.marker is None or one.marker.evaluate(environment)]
    assert sorted(name for name, _ in pinned("requirements-base.lock")) == sorted(needed)


def test_the_locks_agree() -> None:
    for name in ("requirements-base.lock", "requirements-image-build.lock"):
        assert pinned(name) <= pinned("requirements.lock")


class Build:
    """The commands of the build stage, run below a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.toolkit = directory / "opt" / "toolkit"
        self._source = directory / "source"
        system = directory / "usr"
        for place in (self._source, directory / "opt", directory / "tmp"):
            place.mkdir(parents=True)
        subprocess.run([sys.executable, "-m", "venv", str(system)], check=True)
        self._environment = {
            "PATH": f"{system}/bin:/usr/bin:/bin",
            "HOME": str(directory),
            **{name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL_", "http", "HTTP"))},
        }

    def run(self) -> None:
        for found in FOUND[: -len(FINAL)]:
            if found.name == "COPY":
                self._copy(*shlex.split(found.value))
            elif found.name == "RUN":
                self._shell(found.value)

    def _copy(self, *names: str) -> None:
        *sources, target = names
        for source in sources:
            path = ROOT / source
            if path.is_dir():
                # As .dockerignore has it.
                without = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(path, self._source / target, ignore=without)
            else:
                shutil.copy(path, self._source / target)

    def _shell(self, command: str) -> None:
        moved = re.sub(r"(?<![\w.])/(opt|tmp)(?=/)", lambda match: f"{self.directory}/{match[1]}", command)
        result = subprocess.run(
            ["sh", "-ec", moved], cwd=self._source, env=self._environment, capture_output=True, text=True, check=False
        )
        if result.returncode and re.search(
            r"ConnectionError|NameResolutionError|ConnectTimeout|ProxyError", result.stderr
        ):
            # The one test that downloads anything: a laptop that is offline still has all others.
            without("PACKAGE_INDEX", "no package index can be reached from here")
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_what_it_builds_verifies_a_zone(aws: TestSandbox, tmp_path: Path) -> None:
    """Everything but the base image and the layers: the same commands, the same lock, the same files."""
    build = Build(tmp_path / "image")
    build.run()
    names = {file.name for file in (build.toolkit / "lib").glob("python3*/site-packages/*")}
    assert "boto3" in names
    for absent in ("pip", "pulumi", "pulumi_aws", "moto", "pytest", "hatchling", "mypy"):
        assert absent not in names
    bundled = next((build.toolkit / "lib").glob("python3*/site-packages/toolkit/_bundled"))
    assert not list((bundled / "stacks").glob("*"))

    exports = program.run(ROOT, program.read_stack(ROOT, "prod"), aws)
    outputs = tmp_path / "outputs.json"
    outputs.write_text(contract.parse(json.dumps(exports)).to_json())
    mesh = tmp_path / "mesh.yaml"
    rendering = [sys.executable, "-m", "toolkit", "render-mesh", "--contract", str(outputs), "--output-file", str(mesh)]
    subprocess.run(rendering, check=True, cwd=ROOT)
    message = tmp_path / "termination-log"
    command = [str(build.toolkit / "bin" / "toolkit"), "verify", "--contract", str(outputs), "-f", str(mesh)]
    forms = ["wide", "-o", f"compact={message}", "-o", f"html={tmp_path / 'report.html'}"]
    result = subprocess.run(
        [*command, "--zone", "frankfurt-1", "-o", *forms],
        env={"PATH": "/nonexistent", "HOME": str(tmp_path), **aws.environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert json_form.parse(message.read_text(), "x").passed
    size = sum(file.lstat().st_size for file in build.toolkit.rglob("*")) / 1e6
    assert size < LARGEST_BASE, f"{size:.0f} MB"
    version = subprocess.run([command[0], "--version"], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert version.startswith("toolkit, version ")
