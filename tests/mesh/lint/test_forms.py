from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.mesh.lint.worlds import GOOD, run
from toolkit.mesh.lint import RULES, Finding, Severity
from toolkit.mesh.lint.findings import Excerpt
from toolkit.mesh.lint.forms import render_json, render_sarif, render_text, summarize

FOUND = run(GOOD.replace("mode: STRICT", "mode: STRCT").replace("expiration: 24h", "expiration: 1d12h"))
# The essential structure of docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json.
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
INDEX = {"type": "integer", "minimum": 0}
POSITIVE = {"type": "integer", "minimum": 1}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def many(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


RULE = closed(
    ["id"],
    id={"type": "string"},
    shortDescription=TEXT,
    fullDescription=TEXT,
    help=TEXT,
    defaultConfiguration=closed([], level=LEVEL),
)
LOCATION = closed(
    [],
    physicalLocation=closed(
        ["artifactLocation"],
        artifactLocation=closed([], uri={"type": "string", "pattern": r"^[A-Za-z0-9/%._~:-]+$"}),
        region=closed([], startLine=POSITIVE, startColumn=POSITIVE),
    ),
    logicalLocations=many(closed([], fullyQualifiedName={"type": "string"})),
)
RESULT = closed(
    ["message"],
    ruleId={"type": "string"},
    ruleIndex=INDEX,
    level=LEVEL,
    message=TEXT,
    locations=many(LOCATION),
)
DRIVER = closed(
    ["name"], name={"const": "toolkit lint"}, version={"type": "string"}, rules=many(RULE, uniqueItems=True)
)
RUN = closed(
    ["tool"],
    tool=closed(["driver"], driver=DRIVER),
    invocations=many(closed(["executionSuccessful"], executionSuccessful={"type": "boolean"})),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results=many(RESULT),
)
SARIF = closed(
    ["version", "runs"],
    version={"const": "2.1.0"},
    runs=many(RUN),
    **{"$schema": {"type": "string", "format": "uri"}},
)


def as_sarif(findings: list[Finding]) -> dict[str, Any]:
    written = render_sarif(findings)
    document: dict[str, Any] = json.loads(written)
    # It comes with moto.
    pytest.importorskip("jsonschema").Draft202012Validator(SARIF).validate(document)
    return document


def finding(source: str = "mesh.yaml", excerpt: Excerpt | None = None, code: str = "MESH014") -> Finding:
    return Finding(RULES[code], "it is wrong", "Do it right.", source, 7, 9, "spec.x", excerpt)


def test_text_is_like_a_compilers() -> None:
    assert render_text(FOUND).splitlines()[:8] == [
        "mesh.yaml:11:9: error MESH014 mode is 'STRCT', and must be STRICT or PERMISSIVE",
        "   11 |         mode: STRCT",
        "      |         ^",
        "  fix: Did you mean STRICT?",
        "mesh.yaml:14:13: error MESH050 '1d12h' is not a lifetime that Kuma can read",
        "   14 |             expiration: 1d12h",
        "      |             ^",
        "  fix: Write 36h.",
    ]
    assert render_text([]) == ""


def test_text_is_coloured_only_if_asked_for() -> None:
    plain, colored = render_text(FOUND), render_text(FOUND, color=True)
    assert "\x1b" not in plain
    assert "\x1b[31m\x1b[1merror\x1b[0m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == plain


@pytest.mark.parametrize("width", [0, 20, 40, 80, 500])
@pytest.mark.parametrize("caret", [0, 5, 150, 299])
@pytest.mark.parametrize("filling", ["a", "界", "é"])
def test_lines_are_cut_to_the_width_around_their_caret(width: int, caret: int, filling: str) -> None:
    line = filling * caret + "X" + filling * (300 - caret - 1)
    _, shown, pointer, _ = render_text([finding(excerpt=Excerpt(line, caret))], width=width).splitlines()
    wide = 2 if filling == "界" else 1
    columns = [(2 if each == "界" else 1) for each in shown]
    assert sum(columns) <= max(width, 20)
    at = pointer.index("^")
    before = 0
    for character, width_of in zip(shown, columns, strict=True):
        if before == at:
            assert character == "X"
            break
        before += width_of
    else:
        pytest.fail(f"the caret points past the line, which has characters of {wide} columns")


def test_names_of_files_change_nothing_on_a_terminal() -> None:
    said = render_text([finding(source="a\x1b[2J\n.yaml")])
    assert said.startswith("a\\x1b[2J\\n.yaml:7:9: error")


def test_json_has_everything() -> None:
    document = json.loads(render_json(FOUND))
    assert document["schemaVersion"] == 1
    assert document["summary"] == {"errors": 2, "warnings": 0, "notes": 0}
    assert document["findings"][0] == {
        "code": "MESH014",
        "severity": "error",
        "title": "A field does not accept its value",
        "message": "mode is 'STRCT', and must be STRICT or PERMISSIVE",
        "fix": "Did you mean STRICT?",
        "file": "mesh.yaml",
        "line": 11,
        "column": 9,
        "path": "spec.mtls.backends[0].mode",
    }


def test_sarif_has_the_structure_of_its_schema() -> None:
    run_ = as_sarif(FOUND)["runs"][0]
    rules = run_["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["MESH014", "MESH050"]
    assert [rules[result["ruleIndex"]]["id"] for result in run_["results"]] == ["MESH014", "MESH050"]
    assert run_["results"][0]["locations"][0] == {
        "physicalLocation": {
            "artifactLocation": {"uri": "mesh.yaml"},
            "region": {"startLine": 11, "startColumn": 9},
        },
        "logicalLocations": [{"fullyQualifiedName": "spec.mtls.backends[0].mode"}],
    }
    assert run_["invocations"] == [{"executionSuccessful": True}]
    assert as_sarif([])["runs"][0]["results"] == []
    assert as_sarif([finding(code="MESH001")])["runs"][0]["invocations"] == [{"executionSuccessful": False}]


@pytest.mark.parametrize(
    ("source", "uri"),
    [
        ("dir/mesh.yaml", "dir/mesh.yaml"),
        ("/tmp/a b.yaml", "file:///tmp/a%20b.yaml"),  # noqa: S108 - a name, no file
        ("c:d.yaml", "c%3Ad.yaml"),
        ("standard input", "standard%20input"),
        ("caf\u00e9\udcff.yaml", "caf%C3%A9%FF.yaml"),
    ],
)
def test_sarif_names_files_as_references(source: str, uri: str) -> None:
    (result,) = as_sarif([finding(source=source)])["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_the_summary_counts_what_there_is() -> None:
    assert summarize([]) == "nothing found"
    assert summarize(FOUND) == "2 errors"
    mixed = [finding(), finding(code="MESH025"), finding(code="MESH005"), finding(code="MESH005")]
    assert summarize(mixed) == "1 error, 1 warning, 2 notes"
    assert {each.severity for each in mixed} == set(Severity)
