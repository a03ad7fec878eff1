"""What a rule finds at one place."""

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
    """The line that a finding points at, with nothing confidential in it.

    Attributes:
        line: its text, without what may be a credential, a key or a comment.
        caret: how many characters of it stand before the place.
    """

    line: str
    caret: int


_NAME_A_FILE = "Name a file that is there and that you may read."


@dataclass(frozen=True)
class Finding:
    """What a rule found.

    Attributes:
        rule: that found it.
        message: what is wrong there; never the value of a credential or a key.
        fix: what to do about it.
        source: the file.
        line: from 1.
        column: from 1.
        path: within the document, the way the user would write it: ``spec.mtls.backends[0].conf.arn``.
        excerpt: None where the line can't be shown.
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
        """The rule's code."""
        return self.rule.code

    @property
    def severity(self) -> Severity:
        """The rule's severity."""
        return self.rule.severity

    @property
    def order(self) -> tuple[str, int, int, str, str, str]:
        """By file, line, column and code."""
        return (self.source, self.line, self.column, self.code, self.path, self.message)


def report(document: Document, rule: Rule, path: Path, message: str, fix: str = "") -> Finding:
    """Return what a rule found at a path of a document; nothing that has the form of a credential stays in it."""
    place = document.find_place(path)
    shown, fix = show_path((*document.base, *path)), fix or rule.fix
    return Finding(rule, hide_credentials(message), fix, document.source, place.line, place.column, shown)


def report_unreadable(source: str, error: InvalidInputError) -> Finding:
    """Return what to report of a file that can't be read, beside what others hold."""
    problem = error.problems[0] if error.problems else None
    match = _PLACE.search(problem.path) if problem else None
    line, column = (int(match[1]), int(match[2])) if match else (1, 1)
    message = f"{error.message}: {problem.message}" if problem else error.message
    # Without a problem in the text there is no text: the file is missing, say.
    fix = UNREADABLE.fix if problem else _NAME_A_FILE
    return Finding(UNREADABLE, message, fix, source, line, column, "")
