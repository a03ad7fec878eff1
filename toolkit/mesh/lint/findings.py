"""Define a finding: a problem at one position."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from toolkit.mesh.documents.wording import hide_credentials, show_path
from toolkit.mesh.lint.catalogue import RULES

if TYPE_CHECKING:
    from toolkit.errors import InvalidInputError
    from toolkit.mesh.documents.typed import Document
    from toolkit.mesh.lint.catalogue import Rule, Severity
    from toolkit.yamltext.nodes import Path

UNREADABLE = RULES["MESH001"]
_PLACE = re.compile(r":(\d+):(\d+)$")


class Excerpt(NamedTuple):
    """The line that a finding points at, without confidential values.

    Attributes:
        line: its text, without credentials, keys and comments.
        caret: the number of characters before the position.
    """

    line: str
    caret: int


_NAME_A_FILE = "Name a file that is there and that you may read."


@dataclass(frozen=True)
class Finding:
    """A problem that a rule found.

    Attributes:
        rule: the rule.
        message: what is wrong; never contains the value of a credential or a key.
        fix: what to do.
        source: the file.
        line: from 1.
        column: from 1.
        path: within the document, the way the user would write it: ``spec.mtls.backends[0].conf.arn``.
        excerpt: the line; None if it can't be shown.
    """

    rule: Rule
    message: str
    fix: str
    source: str
    line: int
    column: int
    path: str
    excerpt: Excerpt | None = None

    @property
    def code(self) -> str:
        """Return the rule's code."""
        return self.rule.code

    @property
    def severity(self) -> Severity:
        """Return the rule's severity."""
        return self.rule.severity

    @property
    def order(self) -> tuple[str, int, int, str, str, str]:
        """Return the key to sort findings by file, line, column and code."""
        return (self.source, self.line, self.column, self.code, self.path, self.message)


def report(document: Document, rule: Rule, path: Path, message: str, fix: str = "") -> Finding:
    """Return a finding at a path of a document, without anything in its texts that looks like a credential."""
    place = document.find_place(path)
    shown, fix = show_path((*document.base, *path)), fix or rule.fix
    return Finding(rule, hide_credentials(message), fix, document.source, place.line, place.column, shown)


def report_unreadable(source: str, error: InvalidInputError) -> Finding:
    """Return the finding about a file that can't be read."""
    problem = error.problems[0] if error.problems else None
    match = _PLACE.search(problem.path) if problem else None
    line, column = (int(match[1]), int(match[2])) if match else (1, 1)
    message = f"{error.message}: {problem.message}" if problem else error.message
    # Without a position there is no text, for example because the file is missing.
    fix = UNREADABLE.fix if problem else _NAME_A_FILE
    return Finding(UNREADABLE, message, fix, source, line, column, "")
