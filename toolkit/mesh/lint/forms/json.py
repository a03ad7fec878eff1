"""Render findings as JSON; ``docs/reference/lint.md`` describes the schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from toolkit.mesh.lint.forms import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.mesh.lint.findings import Finding

SCHEMA_VERSION = 1


def render(findings: Sequence[Finding]) -> str:
    """Return the findings as JSON, keys in camelCase."""
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "summary": {f"{severity}s": number for severity, number in count(findings).items()},
        "findings": [_finding(finding) for finding in findings],
    }
    return json.dumps(document, indent=2) + "\n"


def _finding(finding: Finding) -> dict[str, str | int]:
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "title": finding.rule.title,
        "message": finding.message,
        "fix": finding.fix,
        "file": finding.source,
        "line": finding.line,
        "column": finding.column,
        "path": finding.path,
    }
