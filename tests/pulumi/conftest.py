from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shapes_world import prepared
from tests.judges import go_programs
from tests.pulumi.command_line import Pulumi, Stack, programs

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.sandbox.pulumi.stack_file import StackConfig


@pytest.fixture(scope="session")
def pulumi(
    request: pytest.FixtureRequest, running_sandbox: TestSandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pulumi]:
    with go_programs.building(request):
        executables = programs()
    with Pulumi(executables, running_sandbox, tmp_path_factory.mktemp("pulumi")) as running:
        yield running


@pytest.fixture
def new_stack(pulumi: Pulumi, tmp_path: Path, aws: TestSandbox) -> Iterator[Callable[[str | StackConfig], Stack]]:
    """Make a stack, by the name of its shape or by its configuration; whatever it makes is deleted at the end."""
    with ExitStack() as made:

        def make(shape: str | StackConfig) -> Stack:
            config = prepared(aws, shape) if isinstance(shape, str) else shape
            stack = Stack(pulumi, config, Path(mkdtemp(dir=tmp_path)))
            made.callback(stack.tear_down)
            return stack

        yield make
