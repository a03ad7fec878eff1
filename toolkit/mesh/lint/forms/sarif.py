"""Render findings as SARIF 2.1.0, which code hosts and editors show beside the source.

Source: docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from toolkit import __version__
from toolkit.mesh.lint.findings import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.mesh.lint.catalogue import Rule
    from toolkit.mesh.lint.findings import Finding
    from toolkit.values import Object

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(findings: Sequence[Finding]) -> str:
    """Return the findings as a log of one run, with the rules that have findings."""
    rules = {finding.code: finding.rule for finding in sorted(findings, key=lambda finding: finding.code)}
    numbers = {code: number for number, code in enumerate(rules)}
    driver = {"name": "toolkit lint", "version": __version__, "rules": [_rule(rule) for rule in rules.values()]}
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": UNREADABLE.code not in rules}],
        # Columns count characters, as in Python, not UTF-16 units.
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, numbers[finding.code]) for finding in findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> Object:
    return {
        "id": rule.code,
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.fix}\nSource: {rule.source}"},
        "defaultConfiguration": {"level": str(rule.severity)},
    }


def _result(finding: Finding, number: int) -> Object:
    place: Object = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(finding.source)},
            "region": {"startLine": finding.line, "startColumn": finding.column},
        }
    }
    if finding.path:
        place["logicalLocations"] = [{"fullyQualifiedName": finding.path}]
    return {
        "ruleId": finding.code,
        "ruleIndex": number,
        "level": str(finding.severity),
        "message": {"text": f"{finding.message}. {finding.fix}"},
        "locations": [place],
    }


def _uri(source: str) -> str:
    """Return a file's URI: relative to the command's directory, or absolute (RFC 3986, RFC 8089)."""
    # A byte of a file's name that is not UTF-8 is read as a lone surrogate.
    path = quote(Path(source).as_posix(), safe="/", errors="surrogateescape")
    return f"file://{path}" if path.startswith("/") else path
