"""Findings for people, in the form of a compiler: the place, what is wrong there, the line, and what to do."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import click

from toolkit.mesh.lint.catalogue import Severity
from toolkit.text import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.mesh.lint.findings import Finding

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_CUT = "…"
_MIN_WIDTH = 20


def render(findings: Sequence[Finding], *, color: bool = False, width: int = 100) -> str:
    """Return the findings, each on two to four lines.

    Args:
        findings: in their order.
        color: whether to color the text; for terminals.
        width: columns of the terminal; lines of the source are cut to it, messages are not.
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
    """As much of a line as fits around its caret."""
    if sum(map(_columns, line)) <= width:
        return line, caret
    # Most characters take one column, and those that take two leave some of the width unused.
    room = max((width - 2) // max(map(_columns, line)), 4)
    start = 0 if caret < room - 1 else caret - room // 2
    cut = line[start : start + room]
    before, after = (_CUT if start else ""), (_CUT if start + room < len(line) else "")
    return f"{before}{cut}{after}", caret - start + len(before)


def _columns(character: str) -> int:
    """How many columns of a terminal a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
