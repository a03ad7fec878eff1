"""Update the schema and the table of gauges in docs/: ``python -m tests.verify.report.documents``."""

from __future__ import annotations

import json

from tests.documentation import Part
from toolkit.files import find_project_root, write_whole
from toolkit.verify.report.json import make_json_schema
from toolkit.verify.report.prometheus import GAUGES

SCHEMA = find_project_root() / "docs" / "reference" / "verification.schema.json"


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
