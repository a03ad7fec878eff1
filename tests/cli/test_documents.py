"""Documents as JSON, and what would change in one that exists."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from toolkit.cli import main
from toolkit.cli.documents import shorten_values
from toolkit.mesh.documents.differences import show_digest

if TYPE_CHECKING:
    from pathlib import Path


BASE = """\
# Owned by the mesh team.
apiVersion: kuma.io/v1alpha1
kind: Mesh
metadata:
  name: default
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_json_says_what_yaml_says(outputs: Path) -> None:
    for more in (
        (),
        ("--format", "universal"),
        ("--ca-cert", "secret"),
        ("--ca-cert", "secret", "--format", "universal"),
    ):
        documents = list(YAML(typ="safe", pure=True).load_all(run("render-mesh", "--contract", outputs, *more).stdout))
        as_json = json.loads(run("render-mesh", "--contract", outputs, *more, "-o", "json").stdout)
        assert as_json.get("items", [as_json]) == documents
        if "universal" not in more and "secret" in more:
            # As kubectl get -o json prints several.
            assert (as_json["apiVersion"], as_json["kind"]) == ("v1", "List")


def test_a_list_that_kumactl_refuses_is_told_of(outputs: Path) -> None:
    said = run(
        "render-mesh", "--contract", outputs, "--ca-cert", "secret", "--format", "universal", "-o", "json"
    ).stderr
    assert "one list, which kumactl apply does not accept" in said
    assert "list" not in run("render-mesh", "--contract", outputs, "--format", "universal", "-o", "json").stderr


def test_a_job_is_written_as_json_to_files(outputs: Path, tmp_path: Path) -> None:
    made = run(
        "render-job", "--contract", outputs, "--image", "a.example/b:1", "-o", "json", "--output-dir", tmp_path / "j"
    )
    assert made.exit_code == 0, made.stderr
    (file, *_) = sorted((tmp_path / "j").iterdir())
    assert file.suffix == ".json"
    assert {item["kind"] for item in json.loads(file.read_text())["items"]} == {"ConfigMap", "Job"}


def test_a_difference_is_shown_and_nothing_is_written(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "mesh.yaml"
    base.write_text(BASE)
    result = run("render-mesh", "--contract", outputs, "--base", base, "--ca-cert", "secret", "--diff")
    assert result.exit_code == 0, result.stderr
    head, tail, *lines = result.stdout.splitlines()
    assert (head, tail) == (f"--- {base}", f"+++ {base} with the backend")
    assert all(line[:1] in " +@" for line in lines)
    assert "+    enabledBackend: acmpca" in lines
    assert "1 Secret would be written, too" in result.stderr
    assert base.read_text() == BASE


def test_where_nothing_would_change_no_difference_is_shown(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "mesh.yaml"
    base.write_text(BASE)
    assert run("render-mesh", "--contract", outputs, "--base", base, "--output-file", base).exit_code == 0
    assert run("render-mesh", "--contract", outputs, "--base", base, "--diff").stdout == ""


def test_a_difference_of_a_values_file(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "values.yaml"
    base.write_text("kuma:\n  controlPlane:\n    mode: standalone # ours\n")
    result = run("render-zone", "--contract", outputs, "--zone", "zone-1", "--base", base, "--diff")
    assert "-    mode: standalone # ours" in result.stdout, result.stderr
    assert "+    mode: zone # ours" in result.stdout
    assert "standalone" in base.read_text()


def test_a_difference_without_a_base_is_refused(outputs: Path) -> None:
    for arguments in (
        ("--diff",),
        ("--diff", "--base", "m.yaml", "-o", "json"),
        ("--diff", "--base", "m", "--secret-file", "s"),
    ):
        result = run("render-mesh", "--contract", outputs, *arguments)
        assert result.exit_code == 2
        assert "--diff" in result.stderr


def test_long_values_of_a_diff_have_a_size_and_a_digest(outputs: Path, tmp_path: Path) -> None:
    base = tmp_path / "mesh.yaml"
    base.write_text(run("render-mesh", "--contract", outputs, "--format", "universal").stdout)
    inline = re.search(r"inline: '?([^\s']+)", base.read_text())
    assert inline
    other = base64.b64encode(b"# an older chain\n" + base64.b64decode(inline[1])[:-70]).decode()
    base.write_text(base.read_text().replace(inline[1], other))
    shown = run("render-mesh", "--contract", outputs, "--base", base, "--diff").stdout
    # As `toolkit apply` shows it.
    assert f"({show_digest(base64.b64decode(inline[1]))})" in shown
    assert f"({show_digest(base64.b64decode(other))})" in shown
    assert max(map(len, shown.splitlines())) < 120


@given(st.binary(min_size=150, max_size=400), st.integers(0, 3), st.booleans())
def test_no_change_of_a_long_value_is_hidden(value: bytes, more: int, joined: bool) -> None:
    text = base64.b64encode(value).decode()
    changed = base64.b64encode(value + bytes(more)).decode() if joined else text + "=" * more
    assert (shorten_values(f"+  inline: {text}") == shorten_values(f"+  inline: {changed}")) == (text == changed)
    pem = f'"-----BEGIN CERTIFICATE-----\\n{text}\\n-----END CERTIFICATE-----\\n'
    short = shorten_values(f"+  inlineString: {pem}")
    assert len(short) < 100
    assert short != shorten_values(f"+  inlineString: {pem[:-2]}")
    assert shorten_values(f"# {text[:150]}") == f"# {text[:150]}"
