"""Findings for people, in the form of a compiler: the place, what is wrong there, the line, and what to do."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import click

from toolkit.mesh.lint.findings import Severity
from toolkit.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.mesh.lint.findings import Excerpt, Finding

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_CUT = "…"
_MIN_WIDTH = 20


class TextForm:
    """Implements :class:`toolkit.mesh.lint.forms.Form`.

    Args:
        color: whether to colour the text; for terminals.
        width: columns of the terminal; lines of the source are cut to it, messages are not.
    """

    def __init__(self, *, color: bool = False, width: int = 100) -> None:
        self._color = color
        self._width = max(width, _MIN_WIDTH)

    def render(self, findings: Sequence[Finding]) -> str:
        """The findings, each on two to four lines."""
        return "".join(f"{line}\n" for finding in findings for line in self._lines(finding))

    def _lines(self, finding: Finding) -> list[str]:
        place = self._style(f"{printable(finding.source)}:{finding.line}:{finding.column}:", bold=True)
        severity = self._style(finding.severity, fg=_COLORS[finding.severity], bold=True)
        lines = [f"{place} {severity} {finding.code} {printable(finding.message)}"]
        if finding.excerpt:
            lines += self._excerpt(finding.line, finding.excerpt)
        return [*lines, f"  fix: {printable(finding.fix)}"]

    def _excerpt(self, number: int, excerpt: Excerpt) -> list[str]:
        margin = f"{number:>5} | "
        line, caret = _window(excerpt.line, excerpt.caret, self._width - len(margin))
        indent = " " * sum(map(_columns, line[:caret]))
        pointer = " " * (len(margin) - 2) + "| " + indent + self._style("^", fg="green", bold=True)
        return [margin + line, pointer]

    def _style(self, text: str, *, fg: str | None = None, bold: bool = False) -> str:
        return click.style(text, fg=fg, bold=bold) if self._color else text


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
