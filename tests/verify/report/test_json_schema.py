from __future__ import annotations

import json
from typing import Any

import pytest

from tests.verify.report import documents, samples
from tests.verify.report.documents import make_json_schema
from toolkit.errors import InvalidInputError
from toolkit.verify.report.compact import render as render_compact
from toolkit.verify.report.json import parse
from toolkit.verify.report.json import render as render_json

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
    document = json.loads(render_json(samples.ALL[kind]()))
    jsonschema.Draft202012Validator.check_schema(make_json_schema())
    checker = jsonschema.Draft202012Validator(
        strict(make_json_schema()), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    checker.validate(document)
    assert list(document) == list(make_json_schema()["properties"])
    jsonschema.validate(json.loads(render_compact(samples.ALL[kind]())), make_json_schema())


def test_the_documents_are_what_the_code_says() -> None:
    assert documents.SCHEMA.read_text(encoding="utf-8") == documents.schema(), "run: make docs"
    assert documents.PART.renewed == documents.PART.text, "run `make docs`"


def test_the_example_in_the_docs_is_a_report() -> None:
    text = documents.PART.text
    example = text[text.index("```json\n") + 8 :]
    document = json.loads(example[: example.index("```")])
    jsonschema.validate(document, strict(make_json_schema()))
    parse(json.dumps(document), "the example")


def test_reports_of_version_1_are_read() -> None:
    """They called what was issued bought, and did not list the requests."""
    report = samples.report((samples.good(), samples.refused()))
    document = json.loads(render_json(report))
    document["schemaVersion"] = 1
    document["certificatesBought"] = document.pop("certificatesIssued")
    for zone in document["zones"]:
        zone["certificatesBought"] = zone.pop("certificatesIssued")
        del zone["requests"]
    again = parse(json.dumps(document), "old.json")
    assert again.schema_version == 2
    assert [zone.certificates_issued for zone in again.zones] == [zone.certificates_issued for zone in report.zones]
    assert (again.passed, again.certificates_issued) == (report.passed, report.certificates_issued)


@pytest.mark.parametrize("version", [0, 3, "1", None, True])
def test_another_version_is_refused(version: object) -> None:
    document = json.loads(render_json(samples.report((samples.good(),)))) | {"schemaVersion": version}
    with pytest.raises(InvalidInputError, match="is not a report of toolkit verify"):
        parse(json.dumps(document), "x.json")
