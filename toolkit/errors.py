"""One tree of exceptions; each knows what to say, what to do about it, and how the process ends.

Exit codes: 0 good, 1 a check failed, 2 wrong usage or invalid input, 3 environment error (no Pulumi, no
credentials, AWS unreachable or rejecting), 130 interrupted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

EXIT_CHECK_FAILED = 1
EXIT_INVALID_INPUT = 2
EXIT_ENVIRONMENT = 3
EXIT_INTERRUPTED = 130


class Problem(NamedTuple):
    """One thing wrong with an input, at one place.

    Attributes:
        path: where, the way the user would write it: ``zones[1].roleArn``. Empty for the whole document.
        message: what is wrong there.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ToolkitError(Exception):
    """Base of every error the toolkit raises on purpose.

    Args:
        message: one line saying what is wrong.
        hint: one line saying what to do about it; may be empty when the message says both.

    Attributes:
        details: further lines, shown before the hint.
    """

    details: tuple[str, ...] = ()
    exit_code: ClassVar[int] = EXIT_ENVIRONMENT

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def lines(self) -> list[str]:
        """The error as lines of plain text, without the traceback."""
        return [self.message, *self.details, *([f"Hint: {self.hint}"] if self.hint else [])]


class InvalidInputError(ToolkitError):
    """Something the user gave is not valid; every problem is listed, none is fixed silently.

    Args:
        message: what was read and that it is refused.
        problems: everything wrong with it.
        hint: what to do.
    """

    exit_code = EXIT_INVALID_INPUT

    def __init__(self, message: str, problems: Iterable[Problem] = (), hint: str = "") -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)

    def lines(self) -> list[str]:
        """The message, then one indented line a problem, then the hint."""
        head, *rest = super().lines()
        return [head, *(f"  {problem}" for problem in self.problems), *rest]


class ExternalError(ToolkitError):
    """Pulumi, credentials, AWS or a control plane is missing, unreachable, or rejects what was asked."""

    exit_code = EXIT_ENVIRONMENT


class InterruptedByUserError(ToolkitError):
    """The user asked to stop (SIGINT, SIGTERM)."""

    exit_code = EXIT_INTERRUPTED


def flatten(error: Exception | str) -> str:
    """What an exception says, for a message of ours: on one line, and never nothing."""
    return " ".join(str(error).split()) or type(error).__name__
