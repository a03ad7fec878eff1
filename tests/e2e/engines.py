"""A stack under an engine, as tests see it; they say nothing that only one engine could answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tests.infra.shapes import changed, setting
from toolkit.errors import ToolkitError
from toolkit.files import project_root
from toolkit.sandbox import program
from toolkit.sandbox.engine import State

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.sandbox.program import Deployment, StackConfig


@dataclass(frozen=True)
class Result:
    """How a command of the engine ended.

    Attributes:
        changes: operation by logical name; components, and what stayed the same, left out.
        error: what the engine printed, empty when it ended well.
    """

    changes: dict[str, str] = field(default_factory=dict)
    error: str = ""


class LiveStack(Protocol):
    """One stack with its state and its configuration; every command takes settings that differ from the shape's."""

    def preview(self, **settings: object) -> Result:
        """``pulumi preview``."""

    def up(self, *, skip_preview: bool = False, **settings: object) -> Result:
        """``pulumi up``."""

    def destroy(self, *, skip_preview: bool = False) -> Result:
        """``pulumi destroy``."""

    def setting(self, key: str) -> Any:
        """A setting of the shape that is an object or a list."""

    def lose_state(self) -> None:
        """Go on as a stack of the same name whose state is empty."""

    def tear_down(self) -> None:
        """Leave nothing, whatever is protected."""


class InProcess:
    """Implements :class:`LiveStack` with the sandbox's own engine."""

    def __init__(self, aws: TestSandbox, config: StackConfig) -> None:
        self._aws, self._config, self._state = aws, config, State()
        self._lost: list[State] = []

    def preview(self, **settings: object) -> Result:
        """See :class:`LiveStack`."""
        try:
            done = program.preview(project_root(), changed(self._config, **settings), self._aws, self._state)
        except ToolkitError as error:
            return Result(error=_text(error))
        return Result(_changes(done))

    def up(self, *, skip_preview: bool = False, **settings: object) -> Result:
        """See :class:`LiveStack`."""
        config = changed(self._config, **settings)
        try:
            done = program.up(project_root(), config, self._aws, self._state, skip_preview=skip_preview)
        except ToolkitError as error:
            return Result(error=_text(error))
        return Result(_changes(done))

    def destroy(self, *, skip_preview: bool = False) -> Result:  # noqa: ARG002 - this engine never previews it
        """See :class:`LiveStack`."""
        try:
            changes = program.destroy(self._config, self._aws, self._state)
        except ToolkitError as error:
            return Result(error=_text(error))
        return Result({change.name: change.operation for change in changes})

    def setting(self, key: str) -> Any:
        """See :class:`LiveStack`."""
        return setting(self._config, key)

    def lose_state(self) -> None:
        """See :class:`LiveStack`."""
        self._lost.append(self._state)
        self._state = State()

    def tear_down(self) -> None:
        """See :class:`LiveStack`."""
        for state in (self._state, *self._lost):
            for resource in state.resources.values():
                resource.protect = False
            program.destroy(self._config, self._aws, state)


def _changes(done: Deployment) -> dict[str, str]:
    return done.of("create", "import", "update", "replace", "delete", "forget")


def _text(error: ToolkitError) -> str:
    return re.sub(r"\s+", " ", " ".join(error.lines()))
