"""Render findings as a compiler does: the position, the message, the line, and the fix."""

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
