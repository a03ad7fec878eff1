from __future__ import annotations

import json
from typing import Any

import pytest

from tests.verify.report import samples, schema
from toolkit.verify.report.compact import CompactForm
from toolkit.verify.report.json import JsonForm, json_schema

jsonschema = pytest.importorskip("jsonschema")


def strict(part: Any) -> Any:
    """A schema that knows no fields but those it lists."""
    if isinstance(part, list):
        return [strict(item) for item in part]
    if not isinstance(part, dict):
        return part
    closed = {key: strict(value) for key, value in part.items()}
    if isinstance(part.get("properties"), dict) and "type" in part:
        closed["additionalProperties"] = False
    return closed


@pytest.mark.parametrize("kind", samples.ALL)
def test_the_schema_describes_every_field_that_is_written(kind: str) -> None:
    document = json.loads(JsonForm().render(samples.ALL[kind]()))
    jsonschema.Draft202012Validator.check_schema(json_schema())
    checker = jsonschema.Draft202012Validator(
        strict(json_schema()), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    checker.validate(document)
    assert list(document) == list(json_schema()["properties"])
    jsonschema.validate(json.loads(CompactForm().render(samples.ALL[kind]())), json_schema())


def test_the_document_is_what_the_code_says() -> None:
    assert schema.FILE.read_text() == schema.text(), "run: make docs"
