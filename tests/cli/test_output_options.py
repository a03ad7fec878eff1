"""Where results go: ``-o FORMAT[=FILE]``, and what would destroy an input or another output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from toolkit.cli import main

if TYPE_CHECKING:
    from pathlib import Path


GOOD_MESH = "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata:\n  name: default\n"


@pytest.fixture
def here(tmp_path: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a contract and a Mesh, in which commands run."""
    monkeypatch.chdir(tmp_path)
    assert outputs.name == "outputs.json"
    (tmp_path / "mesh.yaml").write_text(GOOD_MESH)
    return tmp_path


def run(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(main, list(arguments), input=stdin)


def test_a_result_goes_to_several_places_at_once(here: Path) -> None:
    result = run("contract", "show", "--contract", "outputs.json", "-o", "table", "-o", "json=kept/contract.json")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Certificate authority")
    assert json.loads((here / "kept" / "contract.json").read_text())["meshes"] == ["default"]


def test_what_is_not_listed_is_not_written(here: Path) -> None:
    result = run("contract", "show", "--contract", "outputs.json", "-o", "json=contract.json")
    assert (result.exit_code, result.stdout) == (0, "")
    assert (here / "contract.json").exists()


@pytest.mark.parametrize("dash", ["-", "json=-"])
def test_a_dash_is_standard_output(here: Path, dash: str) -> None:
    result = run("contract", "show", "--contract", "outputs.json", "-o", dash)
    assert result.stdout.startswith("{" if "json" in dash else "Certificate authority")
    assert not (here / "-").exists()
    document = run("render-mesh", "--contract", "outputs.json", "-o", "-", "--output-file", "-")
    assert document.stdout.startswith("apiVersion:")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("verify", "-o", "verify.html"), "'verify.html' is a file, and a format belongs here; write html=verify.html"),
        (("verify", "-o", "out/verify.xml"), "write junit=out/verify.xml"),
        (("verify", "-o", "verify.pdf"), "'verify.pdf' is a file, and a format belongs here; choose table, wide"),
        (("render-mesh", "-o", "mesh.yml"), "write yaml=mesh.yml"),
        (("lint", "mesh.yaml", "-o", "jsno"), "'jsno' is not a format; choose text, json or sarif"),
        (("lint", "mesh.yaml", "-o", "json="), "'json=' names no file after the equals sign"),
        (("lint", "mesh.yaml", "-o", "json", "-o", "text"), "only one format can go to standard output"),
        (("lint", "mesh.yaml", "-o", "json=a", "-o", "sarif=./a"), "both write a; choose another file for one of them"),
        (("lint", "mesh.yaml", "-o", "sarif=mesh.yaml"), "mesh.yaml is an input (FILE), so -o sarif can't"),
        (("lint", "mesh.yaml", "--contract", "outputs.json", "-o", "json=outputs.json"), "an input (--contract)"),
        (("contract", "show", "--contract", "outputs.json", "-o", "json=outputs.json"), "an input (--contract)"),
        (("contract", "csr", "--contract", "outputs.json", "--output-file", "outputs.json"), "an input (--contract)"),
        (("render-mesh", "--contract", "outputs.json", "--output-file", "outputs.json"), "an input (--contract)"),
        (("render-zone", "--contract", "outputs.json", "--output-file", "outputs.json"), "an input (--contract)"),
        (("render-job", "-f", "mesh.yaml", "--image", "a:1", "--output-file", "mesh.yaml"), "an input (-f)"),
        (("rotate", "--base", "mesh.yaml", "-o", "json=mesh.yaml"), "an input (--base)"),
        (("verify", "-f", "mesh.yaml", "-o", "json=mesh.yaml"), "an input (-f)"),
        (("verify", "--merge", "outputs.json", "-o", "json=outputs.json"), "an input (--merge)"),
        (("verify", "-f", "mesh.yaml", "--ledger", "mesh.yaml"), "an input (-f)"),
        (
            ("contract", "create", "--arn", "a", "--chain", "mesh.yaml", "--output-file", "mesh.yaml"),
            "an input (--chain)",
        ),
        (("lint", "-", "--contract", "-"), "FILE and --contract can't both be -"),
        (("lint", "-", "-"), "FILE - can be given only once"),
        (("render-mesh", "--base", "-", "--contract", "-"), "--contract and --base can't both be -"),
        (("render-mesh", "-o", "json=a", "--output-file", "b"), "both name a file"),
        (("render-mesh", "-o", "json", "-o", "yaml"), "the document is written once"),
        (("render-mesh", "--contract", "outputs.json", "--stack", "prod"), "--contract and --stack exclude each other"),
        (("render-mesh", "-C", ".", "--contract", "outputs.json"), "--contract and --cwd exclude each other"),
    ],
)
def test_what_would_lose_something_is_refused(here: Path, arguments: tuple[str, ...], words: str) -> None:
    before = {file.name: file.read_bytes() for file in here.iterdir()}
    result = run(*arguments, stdin=GOOD_MESH)
    assert result.exit_code == 2, result.stdout
    assert words in " ".join(result.stderr.split())
    assert {file.name: file.read_bytes() for file in here.iterdir()} == before


def test_a_link_to_an_input_is_the_input(here: Path) -> None:
    (here / "link.json").symlink_to("outputs.json")
    result = run("contract", "show", "--contract", "outputs.json", "-o", "json=link.json")
    assert result.exit_code == 2
    assert "outputs.json is an input (--contract), so -o json can't write link.json" in result.stderr
