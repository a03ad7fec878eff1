"""The commands of apply.md and the rotation of mesh.md, run as they are written against the stand-in."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.control_plane.clients import kumactl_config
from tests.control_plane.faulty import TOKEN, Faulty
from toolkit.control_plane.rehearsal.web_server import Rehearsal
from toolkit.files import find_project_root

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.control_plane.rehearsal.api import StandIn

BEFORE = {"enabledBackend": "ca-1", "backends": [{"name": "ca-1", "type": "builtin"}]}
SHOW = (
    "import os, urllib.request as http; "
    'print(http.urlopen(os.environ["TOOLKIT_CONTROL_PLANE"] + "/meshes/default").read().decode())'
)
UNIVERSAL = {"type": "Mesh", "name": "default", "mtls": BEFORE}


def blocks(name: str, language: str, heading: str = "") -> list[list[str]]:
    """The lines of each block of a document, from a heading on."""
    text = (find_project_root() / "docs" / name).read_text(encoding="utf-8")
    text = text[text.index(heading) :]
    return [found.splitlines() for found in re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)]


@pytest.fixture
def shell(tmp_path: Path, outputs: Path) -> dict[str, str]:
    """An environment with `toolkit` in it, and a contract."""
    directory = tmp_path / "bin"
    directory.mkdir()
    program = directory / "toolkit"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m toolkit "$@"\n')
    program.chmod(0o755)
    path = f"{directory}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "TOOLKIT_CONTRACT": str(outputs), "PYTHONPATH": str(find_project_root())}


def run(lines: list[str], env: dict[str, str], directory: Path) -> str:
    """What lines say in a shell; where they ask, on a terminal, they are told yes."""
    ours, theirs = pty.openpty()
    script = "\n".join(["set -e -o pipefail", *lines])
    process = subprocess.Popen(
        ["bash", "-c", script],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env,
        cwd=directory,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    # A terminal that no process has open can't be read.
    with contextlib.suppress(OSError):
        while more := os.read(ours, 4096):
            asked = (seen + more).count(b"[y/N]") - seen.count(b"[y/N]")
            seen += more
            os.write(ours, b"y\n" * asked)
    os.close(ours)
    said = seen.decode().replace("\r\n", "\n")
    assert process.wait(60) == 0, said
    return re.sub(r"\x1b\[[0-9;]*m", "", said)


def backends(stand_in: StandIn) -> list[str]:
    return [backend["name"] for backend in mtls(stand_in)["backends"]]


def mtls(stand_in: StandIn) -> dict[str, Any]:
    found: dict[str, Any] = stand_in.inventory.documents["/meshes/default"]["mtls"]
    return found


def test_apply_as_documented(shell: dict[str, str], tmp_path: Path) -> None:
    lines = blocks("reference/apply.md", "sh")[0]
    (address,) = [line for line in lines if line.startswith("export ")]
    with Rehearsal() as rehearsal:
        # The one line that names a control plane of somebody.
        lines[lines.index(address)] = f"export TOOLKIT_CONTROL_PLANE={rehearsal.url}"
        said = run(lines, shell, tmp_path)
        assert "Dry run, nothing was written: 1 created, 1 changed." in said
        assert said.endswith("Done and read back: 1 created, 1 changed.\n")
        assert backends(rehearsal.stand_in) == ["acmpca"]
        assert "/meshes/default/secrets/default-acmpca-ca-chain" in rehearsal.stand_in.inventory.documents


def test_a_context_as_documented(shell: dict[str, str], tmp_path: Path) -> None:
    """kumactl itself does not run here: its file is written as kumactl 2.14 writes it."""
    added, more, applied = blocks("reference/apply.md", "sh", "### Contexts of kumactl")[0]
    assert added.startswith("kumactl config control-planes add --name production --address https://")
    assert more.endswith("--auth-type tokens --auth-conf token=...")
    (tmp_path / "mesh.yaml").write_text(f"{UNIVERSAL}\n")
    with Faulty(token=TOKEN) as rehearsal:
        (tmp_path / ".kumactl").mkdir()
        kumactl_config(tmp_path, rehearsal.url, name="production").rename(tmp_path / ".kumactl" / "config")
        assert "Done and read back: 1 created." in run([applied], {**shell, "HOME": str(tmp_path)}, tmp_path)


def test_konnect_as_documented(shell: dict[str, str], tmp_path: Path) -> None:
    lines = blocks("reference/apply.md", "sh", "### Konnect")[0]
    (address,) = re.findall(r"https://eu\.api\.konghq\.com(/\S+)", lines[-1])
    (tmp_path / "mesh.yaml").write_text(f"{UNIVERSAL}\n")
    with Faulty(token=TOKEN) as konnect:
        konnect.prefix = address
        lines = [line.replace("https://eu.api.konghq.com", konnect.url).replace("kpat_...", TOKEN) for line in lines]
        assert "Done and read back: 1 created." in run(lines, shell, tmp_path)
        assert all(path.startswith(address) for _, path in konnect.requests)


@pytest.mark.slow
def test_the_rehearsal_as_documented(shell: dict[str, str], tmp_path: Path) -> None:
    one, rotation = blocks("reference/apply.md", "sh", "## Rehearse it")[:2]
    (tmp_path / "mesh.yaml").write_text(f"{UNIVERSAL}\n")
    (tmp_path / "stacks").symlink_to(find_project_root() / "stacks")
    assert run(one, shell, tmp_path).endswith("Done and read back: 1 changed.\n")
    opened, *steps = rotation
    assert opened.endswith(" -- bash")
    # The shell reads the other lines from the terminal that the first one was typed into.
    said = run([f"{opened} -e <<'END'", *steps, f"{sys.executable} -c '{SHOW}'", "END"], shell, tmp_path)
    assert said.count("Done and read back: 1 changed.") == 4
    mesh = json.loads(said.splitlines()[-1])
    assert [backend["type"] for backend in mesh["mtls"]["backends"]] == ["acmpca"]


def test_the_rotation_as_documented(shell: dict[str, str], tmp_path: Path) -> None:
    lines = blocks("reference/mesh.md", "console", "## From one CA to another")[0]
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    shown = [line for line in lines if not line.startswith("$ ") and line != "..."]
    file = tmp_path / "mesh.yaml"
    file.write_text(
        f"{{apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {{name: default}}, spec: {{mtls: {BEFORE}}}}}"
    )
    said = run(commands, shell, tmp_path).splitlines()
    assert [line for line in shown if line not in said] == []
    # The same on Universal, where `toolkit apply` can take the steps of the plan.
    file.write_text(f"{UNIVERSAL}\n")
    with Rehearsal() as rehearsal:
        shell = {**shell, "TOOLKIT_CONTROL_PLANE": rehearsal.url}
        plan = run(["toolkit apply -f mesh.yaml --yes", "rm -r rotation", *commands], shell, tmp_path)
        found = []
        for step in re.findall(r"^   apply   toolkit (apply -f .*)$", plan, re.MULTILINE):
            run([f"toolkit {step} --yes"], shell, tmp_path)
            found.append((mtls(rehearsal.stand_in)["enabledBackend"], backends(rehearsal.stand_in)))
    assert found == [("ca-1", ["ca-1", "acmpca"]), ("acmpca", ["ca-1", "acmpca"]), ("acmpca", ["acmpca"])]
