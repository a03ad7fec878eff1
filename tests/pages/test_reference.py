"""The pages of docs/reference/ that repeat the code say what the code does."""

from __future__ import annotations

import json
import re

from tests.infra.document import PART
from tests.pages.markdown import ROOT
from toolkit import errors
from toolkit.contract.json_schema import build_json_schema

REFERENCE = ROOT / "docs" / "reference"
# What looks like a variable of the environment and is none.
NO_VARIABLES = {"AWS_MANAGED", "AWS_QUOTAS"}
_VARIABLE = re.compile(
    r"\b(?:(?:TOOLKIT|AWS|PULUMI|KUMA)_[A-Z]+(?:_[A-Z]+)*|NO_COLOR|FORCE_COLOR|SSLKEYLOGFILE|[A-Z]+_PROXY)\b(?!\.)"
)


def read_page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_settings_are_those_of_the_program() -> None:
    assert PART.text == PART.renewed, "make docs"


def test_exit_codes_are_those_of_the_errors() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", read_page("exit-codes.md"), re.MULTILINE)} == codes | {0}


def test_the_schema_of_the_contract_is_what_the_command_prints() -> None:
    assert json.loads(read_page("contract.schema.json")) == build_json_schema()


def test_every_variable_that_the_code_names_is_described() -> None:
    page = set(_VARIABLE.findall(read_page("environment.md")))
    code = {
        name
        for file in (ROOT / "toolkit").rglob("*.py")
        for name in re.findall(rf"(?<=[\"'`]){_VARIABLE.pattern}(?=[\"'`=])", file.read_text(encoding="utf-8"))
    }
    assert len(code) > 20
    assert code - page - NO_VARIABLES == set()
