"""Completion as a shell asks for it: the script of the name that was called, and what it then asks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
NAMES = ("toolkit", "kong-mesh-pca")


def complete(words: str, name: str = "toolkit", **environment: str) -> list[str]:
    """What bash is offered for the last of some words."""
    return [line.partition(",")[2] for line in ask(words, name, **environment)]


def ask(words: str, name: str = "toolkit", **environment: str) -> list[str]:
    """What the script for bash gets: a kind and a value a line."""
    parts = words.split(" ")
    variable = f"_{name.replace('-', '_').upper()}_COMPLETE"
    known = {
        "PATH": os.environ["PATH"],
        variable: "bash_complete",
        "COMP_WORDS": f"{name} {words}",
        "COMP_CWORD": str(len(parts)),
        **environment,
    }
    result = subprocess.run([BIN / name], env=known, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    return [line for line in result.stdout.splitlines() if line]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_name_has_a_script_of_its_own(name: str, shell: str) -> None:
    result = subprocess.run([BIN / name, "completion", shell], capture_output=True, text=True, check=True)
    assert f"_{name.replace('-', '_').upper()}_COMPLETE" in result.stdout
    assert name in result.stdout


def test_bash_takes_the_script() -> None:
    bash = shutil.which("bash")
    assert bash
    script = f"export PATH={BIN}:$PATH; source <(toolkit completion bash); complete -p toolkit"
    result = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("toolkit")


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_options(name: str) -> None:
    assert complete("ver", name) == ["verify", "version"]
    assert complete("contract s", name) == ["show", "schema"]
    assert complete("verify --web", name) == ["--web-identity-token-file"]
    assert complete("verify -o js", name) == ["json"]


def test_names_of_zones_and_meshes_come_from_the_contract(outputs: Path) -> None:
    contract = json.loads(outputs.read_text())
    zones = [zone["name"] for zone in contract["zones"]]
    assert complete(f"verify --contract {outputs} --zone ") == zones
    assert complete("render-job --zone ", TOOLKIT_CONTRACT=str(outputs)) == zones
    assert complete("render-mesh --mesh d", TOOLKIT_CONTRACT=str(outputs)) == ["default"]


def test_neither_pulumi_nor_aws_is_asked(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    pulumi = tmp_path / "pulumi"
    pulumi.write_text(f"#!/bin/sh\ntouch {asked}\n")
    pulumi.chmod(0o755)
    assert complete("verify --zone ", PATH=f"{tmp_path}:{os.environ['PATH']}", TOOLKIT_STACK="prod") == []
    (tmp_path / "no-contract").write_text("{")
    assert complete("verify --zone ", TOOLKIT_CONTRACT=str(tmp_path / "no-contract")) == []
    assert not asked.exists()


def test_a_module_can_not_be_completed() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "toolkit", "completion", "bash"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "call toolkit, not python -m toolkit" in result.stderr


def test_files_and_directories() -> None:
    for words in ("verify --contract ./ou", "verify -f ./ou", "rotate --base ./ou", "verify --merge ./ou", "lint ./ou"):
        assert ask(words) == ["file,./ou"]
    assert ask("verify -C ./ou") == ["dir,./ou"]
