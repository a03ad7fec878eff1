"""Update the schema and the table of gauges in docs/: ``python -m tests.verify.report.documents``."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from tests.documentation import Part
from toolkit.files import find_project_root, write_whole
from toolkit.verify.report.json import RECORD, REPORT_KEYS, ZONE_KEYS, order
from toolkit.verify.report.prometheus import GAUGES

SCHEMA = find_project_root() / "docs" / "reference" / "verification.schema.json"


class Untitled(GenerateJsonSchema):
    """A generator without titles: pydantic would title ``usageMode`` "Usagemode"."""

    def field_title_should_be_set(self, schema: object) -> bool:
        del schema
        return False


def make_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a report."""
    schema = RECORD.json_schema(by_alias=True, mode="serialization", schema_generator=Untitled)
    parts = schema.pop("$defs")
    parts["ZoneResult"]["properties"] = order(parts["ZoneResult"]["properties"], ZONE_KEYS)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **schema,
        "title": "Report of toolkit verify",
        "description": "The output of toolkit verify -o json.",
        "properties": order(schema["properties"], REPORT_KEYS),
        "$defs": parts,
    }


def schema() -> str:
    """The JSON Schema of a report."""
    return json.dumps(make_json_schema(), indent=2) + "\n"


def gauges() -> str:
    """The table of gauges."""
    rows = "\n".join(f"| `{name}` | {text} |" for name, text in GAUGES.items())
    return f"| gauge | what it says |\n| --- | --- |\n{rows}"


PART = Part("reference/verification.md", "<!-- gauges: made by `make docs` -->", "<!-- end of gauges -->", gauges)

if __name__ == "__main__":
    write_whole(SCHEMA, schema())
    PART.write()
