"""Writes the JSON Schema of a report into docs/: ``python -m tests.verify.report.schema``."""

from __future__ import annotations

import json

from toolkit.files import project_root, write_whole
from toolkit.verify.report.json import json_schema

FILE = project_root() / "docs" / "verification.schema.json"


def text() -> str:
    return json.dumps(json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    write_whole(FILE, text())
