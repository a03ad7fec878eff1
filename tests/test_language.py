"""Words that people read twice stay out of what users see: texts of the toolkit, templates and documents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from toolkit.files import find_project_root

if TYPE_CHECKING:
    from pathlib import Path

ROOT = find_project_root()
HEAVY = re.compile(
    r"\b(anew|mend(s|ed)?|bought|buys|surroundings)\b|\bnobody has\b|\bthere are: none\b|\bis none of\b", re.IGNORECASE
)
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("templates/**/*.*"), *ROOT.glob("toolkit/**/*.json")]
)
MODULES = sorted(ROOT.glob("toolkit/**/*.py"))


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def texts(module: ast.Module) -> Iterator[tuple[int, str]]:
    """The strings of a module that may reach a user, each with its line: all but the docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body[0] for node in ast.walk(module) if isinstance(node, documented) and node.body]
    docstrings = {id(first.value) for first in bodies if isinstance(first, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def heavy(text: str) -> list[str]:
    return [match[0].lower() for match in HEAVY.finditer(text)]


@pytest.mark.parametrize("file", DOCUMENTS, ids=name)
def test_documents_are_said_plainly(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [f"{number}: {word}" for number, line in enumerate(lines, 1) for word in heavy(line)] == []


@pytest.mark.parametrize("file", MODULES, ids=name)
def test_texts_of_the_toolkit_are_said_plainly(file: Path) -> None:
    found = [f"{line}: {word}" for line, text in texts(ast.parse(file.read_text())) for word in heavy(text)]
    assert found == []


def test_the_words_are_found() -> None:
    assert len(heavy("It is bought anew, and nobody has it; a is none of b. There are: none. Mended.")) == 6
    assert heavy("amend, commends, rebought: none") == []
    assert len(MODULES) > 200
