"""Renews what docs/ say of the forms: ``python -m tests.verify.report.documents``."""

from __future__ import annotations

import json

from toolkit.files import project_root, write_whole
from toolkit.verify.report.json import json_schema
from toolkit.verify.report.prometheus import GAUGES

SCHEMA = project_root() / "docs" / "verification.schema.json"
PAGE = project_root() / "docs" / "verification.md"
_BEGIN, _END = "<!-- gauges: made by `make docs` -->\n", "<!-- end of gauges -->"


def schema() -> str:
    """The JSON Schema of a report."""
    return json.dumps(json_schema(), indent=2) + "\n"


def page() -> str:
    """The page on verification with the table of gauges as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    rows = "".join(f"| `{name}` | {text} |\n" for name, text in GAUGES.items())
    return f"{before}{_BEGIN}\n| gauge | what it says |\n| --- | --- |\n{rows}\n{_END}{after}"


if __name__ == "__main__":
    write_whole(SCHEMA, schema())
    write_whole(PAGE, page())
