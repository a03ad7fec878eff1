"""`toolkit demo --mesh-identity` plays the whole move, and says when a proxy is lost."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from toolkit.mesh.documents.reader import read

if TYPE_CHECKING:
    from pathlib import Path

STAGES = ["prepare", "publish", "trust", "switch", "finish"]


def run_demo(module: str, directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, "demo", *options, "--mesh-identity", "--output-dir", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.slow
def test_no_handshake_is_lost_and_every_zone_is_ready(tmp_path: Path) -> None:
    result = run_demo("toolkit", tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    stages = re.findall(
        r"^   \d (\w+) +certificates: ([a-z ]+?) +(\d+) of (\d+) handshakes", result.stdout, re.MULTILINE
    )
    assert [name for name, *_ in stages] == STAGES
    assert all(good == made and int(made) > 0 for *_, good, made in stages)
    assert [worlds for _, worlds, *_ in stages] == ["old", "old", "old", "old and new", "new"]
    assert result.stdout.count("ready in 3 of 3 zones") == 3
    assert "Kong has not released its documentation" in result.stdout + result.stderr
    applied = read([(file.name, file.read_text()) for file in sorted(tmp_path.iterdir())])
    assert {document.kind for document in applied.all} == {
        "Mesh",
        "MeshIdentity",
        "MeshTrust",
        "MeshTrafficPermission",
    }


@pytest.mark.slow
def test_a_lost_handshake_fails_the_demo(tmp_path: Path) -> None:
    """Without the CAs of the old world, old proxies are lost."""
    result = run_demo("tests.e2e.forgetful_demo", tmp_path)
    assert result.returncode == 1
    assert "trust domain default has no MeshTrust" in result.stdout + result.stderr
    assert re.search(r"4 switch +certificates: old and new +6 of 30 handshakes", result.stdout), result.stdout
    quiet = run_demo("tests.e2e.forgetful_demo", tmp_path, "-q")
    assert quiet.returncode == 1
    lines = (quiet.stdout + quiet.stderr).splitlines()
    assert lines
    assert all(re.match(r"   \d \w+ lost: ", line) for line in lines), lines
