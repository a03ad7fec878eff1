"""What a rule is, and what it found at one place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from toolkit.mesh.documents.wording import path_text, without_credentials

if TYPE_CHECKING:
    from toolkit.mesh.documents.typed import Document
    from toolkit.yamltext.nodes import Path


class Severity(StrEnum):
    """How bad a finding is; the words are those of SARIF 2.1.0, 3.27.10."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """Larger is worse."""
        return _RANKS[self]


_RANKS = {Severity.NOTE: 1, Severity.WARNING: 2, Severity.ERROR: 3}


@dataclass(frozen=True)
class Rule:
    """One kind of problem.

    Attributes:
        code: stable, and never used for anything else again.
        severity: of every finding of the rule.
        title: what is wrong, in a few words.
        why: what comes of it.
        fix: what to do, where a finding does not say it better.
        source: where the rule comes from.
    """

    code: str
    severity: Severity
    title: str
    why: str
    fix: str
    source: str


class Excerpt(NamedTuple):
    """The line that a finding points at, with nothing confidential in it.

    Attributes:
        line: its text, without what may be a credential, a key or a comment.
        caret: how many characters of it stand before the place.
    """

    line: str
    caret: int


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


def finding_at(document: Document, rule: Rule, path: Path, message: str, fix: str = "") -> Finding:
    """Return what a rule found at a path of a document; nothing that has the form of a credential stays in it."""
    place = document.place(path)
    shown, fix = path_text((*document.base, *path)), fix or rule.fix
    return Finding(rule, without_credentials(message), fix, document.source, place.line, place.column, shown)
