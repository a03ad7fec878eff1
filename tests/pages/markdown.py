"""The project's pages, and what is in their code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from toolkit.files import find_project_root

if TYPE_CHECKING:
    from pathlib import Path

ROOT = find_project_root()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(?<![`\\])`([^`\n]+)`(?!`)")


class Code(NamedTuple):
    """Code in a page.

    Attributes:
        page: relative to the repository.
        line: of the page.
        text: the code.
    """

    page: str
    line: int
    text: str


def read_prose(text: str) -> str:
    """Return a page with its fenced blocks blanked, so that lines keep their numbers."""
    return _FENCE.sub(lambda found: "\n" * found.group().count("\n"), text)


def read_spans(page: Path) -> Iterator[Code]:
    """Return the code spans of a page."""
    text = read_prose(page.read_text(encoding="utf-8"))
    for found in _SPAN.finditer(text):
        yield Code(str(page.relative_to(ROOT)), text.count("\n", 0, found.start()) + 1, found[1].replace("\\|", "|"))


def read_command_lines(page: Path) -> Iterator[Code]:
    """Return the lines of a page's shell blocks, each joined with those that continue it."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        if found[1] in {"sh", "console", "bash", "yaml"}:
            first = text.count("\n", 0, found.start(2)) + 1
            for line in re.sub(r"\\\n *", " ", found[2]).splitlines():
                yield Code(str(page.relative_to(ROOT)), first, line.strip().removeprefix("$ "))
