"""Files that can't be read as YAML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.mesh.lint.findings import Finding, Rule, Severity

if TYPE_CHECKING:
    from toolkit.errors import InvalidInputError

UNREADABLE = Rule(
    "MESH001",
    Severity.ERROR,
    "A file can't be read, or is no YAML",
    "Nothing in it was looked at.",
    "Correct the file; the place is where the reader gave up.",
    "YAML 1.2.2",
)
RULES = (UNREADABLE,)

_WHERE = re.compile(r":(\d+):(\d+)$")


def unreadable(source: str, error: InvalidInputError) -> Finding:
    """What to report of a file that can't be read, beside what others hold."""
    problem = error.problems[0] if error.problems else None
    match = _WHERE.search(problem.path) if problem else None
    line, column = (int(match[1]), int(match[2])) if match else (1, 1)
    message = f"{error.message}: {problem.message}" if problem else error.message
    return Finding(UNREADABLE, message, UNREADABLE.fix, source, line, column, "")
