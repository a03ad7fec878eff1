"""Render findings as text, as JSON and as SARIF."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import click

from toolkit import __version__
from toolkit.mesh.lint.findings import UNREADABLE, Finding, Rule, Severity
from toolkit.text import escape
from toolkit.values import Object

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_CUT = "…"
_MIN_WIDTH = 20
JSON_VERSION = 1
_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def _count(findings: Sequence[Finding]) -> dict[Severity, int]:
    return {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}


def summarize(findings: Sequence[Finding]) -> str:
    """Return the number of findings as text, such as ``2 errors, 1 note``."""
    many = [f"{number} {severity}{'s'[: number != 1]}" for severity, number in _count(findings).items() if number]
    return ", ".join(many) or "nothing found"


# Text, as a compiler shows it: the position, the message, the line, and the fix.


def render_text(findings: Sequence[Finding], *, color: bool = False, width: int = 100) -> str:
    """Return the findings as text, each on two to four lines.

    Args:
        findings: in their order.
        color: whether to color the text; for terminals.
        width: columns of the terminal; source lines are cut to it, messages are not.
    """
    width = max(width, _MIN_WIDTH)
    lines = [line for finding in findings for line in _lines(finding, width)]
    return "".join(f"{line if color else click.unstyle(line)}\n" for line in lines)


def _lines(finding: Finding, width: int) -> list[str]:
    place = click.style(f"{escape(finding.source)}:{finding.line}:{finding.column}:", bold=True)
    severity = click.style(finding.severity, fg=_COLORS[finding.severity], bold=True)
    lines = [f"{place} {severity} {finding.code} {escape(finding.message)}"]
    if finding.excerpt:
        margin = f"{finding.line:>5} | "
        line, caret = _window(finding.excerpt.line, finding.excerpt.caret, width - len(margin))
        indent = " " * (len(margin) - 2) + "| " + " " * sum(map(_columns, line[:caret]))
        lines += [margin + line, indent + click.style("^", fg="green", bold=True)]
    return [*lines, f"  fix: {escape(finding.fix)}"]


def _window(line: str, caret: int, width: int) -> tuple[str, int]:
    """Return the part of a line around its caret that fits the width."""
    if sum(map(_columns, line)) <= width:
        return line, caret
    # Most characters take one column. With characters of two columns, a part of the width stays unused.
    room = max((width - 2) // max(map(_columns, line)), 4)
    start = 0 if caret < room - 1 else caret - room // 2
    cut = line[start : start + room]
    before, after = (_CUT if start else ""), (_CUT if start + room < len(line) else "")
    return f"{before}{cut}{after}", caret - start + len(before)


def _columns(character: str) -> int:
    """Return the number of terminal columns of a character."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


# JSON and SARIF.


def render_json(findings: Sequence[Finding]) -> str:
    """Return the findings as JSON, keys in camelCase; ``docs/reference/lint.md`` describes the schema."""
    document = {
        "schemaVersion": JSON_VERSION,
        "summary": {f"{severity}s": number for severity, number in _count(findings).items()},
        "findings": [_entry(finding) for finding in findings],
    }
    return json.dumps(document, indent=2) + "\n"


def _entry(finding: Finding) -> dict[str, str | int]:
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


def render_sarif(findings: Sequence[Finding]) -> str:
    """Return the findings as a log of one run, with the rules that have findings.

    Code hosts and editors show SARIF 2.1.0 beside the source. Source:
    docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
    """
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
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


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
