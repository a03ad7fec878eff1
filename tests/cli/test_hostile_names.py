"""Names of documents and of a control plane that are made to change what a plan shows or what is written."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tests.control_plane.faulty import Faulty
from tests.mesh.rotate.old_meshes import allow_all, backend, mesh, scoped, stream
from tests.yamltext.yaml_writing import load_stream
from toolkit.cli import main

if TYPE_CHECKING:
    from pathlib import Path

# Ends a line, moves the cursor, turns the text around, runs a command, and has no form in UTF-8.
EVIL = "\x1b]0;x\x07\u202e\n   apply   $(touch /tmp/x) `x` \ud83d"
ROTATIONS = {"rotation": [], "move": ["--to", "mesh-identity"]}
EMOJI = "\N{GRINNING FACE}\x7f\x85\u2028\ufeff"


def rotate(outputs: Path, base: Path, *arguments: str) -> Any:
    result = CliRunner().invoke(main, ["rotate", "--contract", str(outputs), "--base", str(base), *arguments])
    assert (result.exit_code, "defect" in result.stderr) == (0, False), result.stderr
    return result


@pytest.fixture
def base(tmp_path: Path) -> Path:
    file = tmp_path / "base.yaml"
    file.write_text(stream(mesh("universal", {**backend("vault"), "name": EVIL}), allow_all("universal")))
    return file


@pytest.mark.parametrize("more", ROTATIONS.values(), ids=ROTATIONS)
def test_a_plan_has_the_lines_that_it_has_with_harmless_names(outputs: Path, base: Path, more: list[str]) -> None:
    shown = rotate(outputs, base, *more).stdout.splitlines()
    base.write_text(stream(mesh("universal", {**backend("vault"), "name": "old"}), allow_all("universal")))
    harmless = rotate(outputs, base, *more).stdout.splitlines()
    assert len(shown) == len(harmless)
    assert all(map(str.isprintable, shown))
    assert any("touch" in line for line in shown)
    assert [line for line in shown if line.startswith("   apply")] == [
        line for line in harmless if line.startswith("   apply")
    ]


@pytest.mark.parametrize("more", ROTATIONS.values(), ids=ROTATIONS)
def test_commands_of_a_plan_are_quoted(outputs: Path, base: Path, tmp_path: Path, more: list[str]) -> None:
    directory = tmp_path / "$(x) 'y"
    rotate(outputs, base, *more, "--output-dir", str(directory), "--force" if more else "--quiet")
    shown = (directory / "PLAN.txt").read_text()
    applied = [line.split(maxsplit=1)[1] for line in shown.splitlines() if line.startswith("   apply")]
    assert str(directory / "1-add.yaml" if not more else directory / "1-prepare.yaml") in shlex.split(applied[0])


@pytest.mark.parametrize("more", ROTATIONS.values(), ids=ROTATIONS)
def test_what_has_no_utf_8_is_written_as_an_escape(outputs: Path, base: Path, more: list[str]) -> None:
    assert "\\ud83d" in rotate(outputs, base, *more).stdout
    assert json.loads(rotate(outputs, base, *more, "-o", "json").stdout)["mesh"] == "default"
    step = json.loads(rotate(outputs, base, *more, "--step", "1", "-o", "json").stdout)
    assert json.dumps(EVIL) in json.dumps(step)


def test_a_file_has_the_escape_too(outputs: Path, base: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.json"
    rotate(outputs, base, "--step", "1", "-o", f"json={made}")
    assert "\\ud83d" in made.read_text()


def test_a_control_plane_may_have_any_characters(outputs: Path) -> None:
    with Faulty(version="2.14.3") as standin:
        permission = allow_all("universal")
        for document in (mesh("universal", backend("provided")), {**permission, "labels": {"a": EMOJI}}):
            standin.put(document)
        standin.put(scoped("universal", "MeshIdentity", "other", {"selector": {}}) | {"labels": {EMOJI: EMOJI}})
        command = ["rotate", "--to", "mesh-identity", "--contract", str(outputs), "--base", "control-plane"]
        result = CliRunner().invoke(
            main, [*command, "--mesh", "default", "--control-plane", standin.url, "--step", "1"]
        )
    assert result.exit_code == 0, result.stderr
    found: Any = load_stream(result.stdout, "1")
    assert found[0]["labels"] == {"a": EMOJI}


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (["--base", "-", "-f", "-"], "--base and -f can't both be -"),
        (["--base", "-", "--old-chain", "-"], "--base and --old-chain can't both be -"),
        (["--base", "control-plane", "--mesh", "default", "-f", "-", "-f", "-"], "-f - can be given only once"),
    ],
)
def test_standard_input_is_read_once(outputs: Path, others: list[str], said: str) -> None:
    command = ["rotate", "--to", "mesh-identity", "--contract", str(outputs), *others]
    result = CliRunner().invoke(main, command, input="type: Mesh\nname: default\n")
    assert result.exit_code == 2
    assert said in result.stderr
