"""Findings for programs; ``docs/lint.md`` describes the schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toolkit.mesh.lint.forms import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.mesh.lint.findings import Finding

SCHEMA_VERSION = 1


class JsonForm:
    """Implements :class:`toolkit.mesh.lint.forms.Form`."""

    def render(self, findings: Sequence[Finding]) -> str:
        """The findings as JSON, keys in camelCase."""
        document = {
            "schemaVersion": SCHEMA_VERSION,
            "summary": {f"{severity}s": number for severity, number in counted(findings).items()},
            "findings": [_finding(finding) for finding in findings],
        }
        return json.dumps(document, indent=2) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
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
