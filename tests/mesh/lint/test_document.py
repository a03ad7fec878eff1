from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from click.testing import CliRunner

from tests.mesh.lint.document import PART, TITLES
from tests.mesh.lint.worlds import GOOD
from toolkit.cli.lint import command
from toolkit.mesh.lint import RULES
from toolkit.mesh.lint.forms import JSON_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TEXT = PART.text


def test_the_tables_are_made_from_the_rules() -> None:
    assert PART.renewed == TEXT, "run `make docs`"
    assert re.findall(r"^\| (MESH\d+) \|", TEXT, re.MULTILINE) == list(RULES)
    assert {code[4:6] for code in RULES} == set(TITLES)


def test_every_option_is_in_the_document() -> None:
    documented = TEXT.partition("## Exit codes")[0]
    for parameter in command.params:
        for name in parameter.opts:
            # FILE, and what every command has.
            is_common = getattr(parameter, "group", "") == "Common"
            assert not name.startswith("--") or f"`{name}" in documented or is_common or name == "--output", name


def test_the_example_is_what_the_command_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = TEXT.partition("```console\n$ toolkit lint mesh.yaml secret.yaml\n")[2].partition("```")[0]
    mesh, _, secrets = GOOD.replace("        mode: STRICT\n", "").partition("---\n")
    (tmp_path / "mesh.yaml").write_text(mesh.replace("24h", "1d12h"))
    (tmp_path / "secret.yaml").write_text(secrets)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, ["mesh.yaml", "secret.yaml"])
    assert result.stdout + result.stderr == example
    found = json.loads(CliRunner().invoke(command, ["mesh.yaml", "secret.yaml", "-o", "json"]).stdout)
    assert found == json.loads(TEXT.partition("```json\n")[2].partition("```")[0])
    assert found["schemaVersion"] == JSON_VERSION
