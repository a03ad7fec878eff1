"""Define the toolkit's exceptions: each has a message, a hint and the exit code of the process.

Exit codes: 0 success, 1 a check failed, 2 wrong usage or invalid input, 3 environment error (no Pulumi, no
credentials, AWS can't be reached or returned an error), 130 interrupted, 141 the reader of stdout ended first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

EXIT_CHECK_FAILED = 1
EXIT_INVALID_INPUT = 2
EXIT_ENVIRONMENT = 3
EXIT_INTERRUPTED = 130
# As a shell reports SIGPIPE, which ends kubectl here (golang/go:src/os/signal/doc.go). Python ignores the signal.
EXIT_READER_ENDED = 141


class Problem(NamedTuple):
    """One problem in an input.

    Attributes:
        path: the location as the user would write it: ``zones[1].roleArn``. Empty for the whole document.
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
        """Return the error as lines of plain text, without the traceback."""
        return [self.message, *self.details, *([f"Hint: {self.hint}"] if self.hint else [])]


class InvalidInputError(ToolkitError):
    """The user's input is not valid. The error lists every problem.

    Args:
        message: names the input and says that it is not valid.
        problems: every problem in it.
        hint: how to fix it.
    """

    exit_code = EXIT_INVALID_INPUT

    def __init__(self, message: str, problems: Iterable[Problem] = (), hint: str = "") -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)

    def lines(self) -> list[str]:
        """Return the message, one indented line for each problem, and the hint."""
        head, *rest = super().lines()
        return [head, *(f"  {problem}" for problem in self.problems), *rest]


class ExternalError(ToolkitError):
    """Pulumi, credentials, AWS or a control plane is missing, can't be reached, or rejected a request."""

    exit_code = EXIT_ENVIRONMENT


class InterruptedByUserError(ToolkitError):
    """The user asked to stop (SIGINT, SIGTERM)."""

    exit_code = EXIT_INTERRUPTED


def flatten(error: Exception | str) -> str:
    """Return an exception's message on one line, to quote in another message; its class if it has no message."""
    return " ".join(str(error).split()) or type(error).__name__
