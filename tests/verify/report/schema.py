"""Writes the JSON Schema of a report into docs/: ``python -m tests.verify.report.schema``."""

from __future__ import annotations

import json

from toolkit.files import project_root, write_whole
from toolkit.verify.report.json import json_schema

FILE = project_root() / "docs" / "verification.schema.json"


def text() -> str:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report of toolkit verify, schema version 1",
        "description": "What `toolkit verify --format json` writes. Fields may be added within a schema version.",
    }
    return json.dumps({**schema, **{key: part for key, part in json_schema().items() if key != "title"}}, indent=2) + "\n"


if __name__ == "__main__":
    write_whole(FILE, text())
