"""Errors that list the writes that were made, and tell whether the same command finishes the job."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from toolkit.control_plane.client import ControlPlaneError
from toolkit.errors import ExternalError, InterruptedByUserError, InvalidInputError, ToolkitError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ONLY_WHAT_DIFFERS = "it writes only what still differs."
_AGAIN = f"The same command finishes the job: {_ONLY_WHAT_DIFFERS}"
_AFTER_A_FIX = f"Once that is fixed, the same command finishes the job: {_ONLY_WHAT_DIFFERS}"
_AFTER_A_CHANGE = f"Correct the document and run the command again: {_ONLY_WHAT_DIFFERS}"
# Answers after which the same command can work without any change.
_MAY_PASS = frozenset({HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.TOO_MANY_REQUESTS})


class _HalfwayError(ToolkitError):
    """An error that also lists the writes that were made."""

    progress: Sequence[str] = ()

    def lines(self) -> list[str]:
        """Return the error's own lines, with the progress before the hint."""
        lines = super().lines()
        place = len(lines) - bool(self.hint)
        return [*lines[:place], *self.progress, *lines[place:]]


class HalfwayInputError(_HalfwayError, InvalidInputError):
    """The control plane rejected a document while the plan was carried out."""


class HalfwayExternalError(_HalfwayError, ExternalError):
    """The environment failed while the plan was carried out."""


class HalfwayInterruptedError(_HalfwayError, InterruptedByUserError):
    """The user stopped while the plan was carried out."""


def with_progress(error: ToolkitError, done: Sequence[object], unsure: object, rest: Sequence[object]) -> ToolkitError:
    """Return an error that lists what was written and what was not.

    Args:
        error: what happened.
        done: the writes that were made.
        unsure: the write that may have been made; None where there is none.
        rest: the writes that were not made.
    """
    if not done and unsure is None:
        progress = ["Nothing was written."]
    else:
        progress = [f"Written: {'; '.join(map(str, done))}."] if done else []
        progress += [f"May have been written: {unsure}."] if unsure is not None else []
        progress += [f"Not written: {'; '.join(map(str, rest))}."] if rest else []
        progress += [advice] if (advice := _advice(error)) else []
    made: _HalfwayError
    if isinstance(error, InvalidInputError):
        made = HalfwayInputError(error.message, error.problems, error.hint)
    elif isinstance(error, InterruptedByUserError):
        made = HalfwayInterruptedError(error.message, error.hint)
    else:
        made = HalfwayExternalError(error.message, error.hint)
    made.progress = progress
    return made


def _advice(error: ToolkitError) -> str:
    """Return what the same command does next; empty where the error's own hint tells it."""
    if isinstance(error, InvalidInputError):
        return _AFTER_A_CHANGE
    if isinstance(error, InterruptedByUserError):
        return _AGAIN
    if not isinstance(error, ControlPlaneError):
        return ""
    may_pass = error.status is None or error.status in _MAY_PASS or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return _AGAIN if may_pass else _AFTER_A_FIX
