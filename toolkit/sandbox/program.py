"""Runs the real Pulumi program without the Pulumi CLI.

The program runs unchanged through Pulumi's own seam for tests, :func:`pulumi.runtime.set_mocks`; what stands
behind the seam here is no mock, it brings each resource about in the embedded AWS with boto3.
"""

from __future__ import annotations

import asyncio
import json
import runpy
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.settings import SETTINGS, get_root_resource
from pulumi.runtime.stack import run_pulumi_func

from toolkit.sandbox.engine import Change, Engine, Operation, State
from toolkit.sandbox.provider import Cloud
from toolkit.sandbox.stack_file import StackConfig, read_stack
from toolkit.sandbox.surroundings import provide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from toolkit.sandbox.server import Sandbox

_SERVICES = ("acmpca", "cloudwatch", "eks", "iam", "organizations", "ram", "s3", "scheduler", "sns", "sts")
__all__ = ["Deployment", "StackConfig", "destroy", "preview", "read_stack", "run", "up"]
# Pulumi keeps its settings per process, so only one program can run at a time.
_only_one = threading.Lock()


@dataclass(frozen=True)
class Deployment:
    """What came of one run.

    Attributes:
        outputs: the stack outputs as plain JSON values.
        changes: what was done or, in a preview, would be done.
    """

    outputs: dict[str, Any]
    changes: tuple[Change, ...]

    def of(self, *operations: Operation) -> dict[str, str]:
        """The changes of those kinds: operation by logical name; a replacement counts as one, not as a deletion too."""
        wanted = [change for change in self.changes if change.operation in operations]
        return {change.name: change.operation for change in reversed(wanted)}


def run(
    project_dir: Path, config: StackConfig, sandbox: Sandbox, on_resource: Callable[[str, str], None] | None = None
) -> dict[str, Any]:
    """Run ``__main__.py`` as the first ``pulumi up`` of an empty stack would; see :func:`up`."""
    told = on_resource or (lambda *_: None)
    return up(project_dir, config, sandbox, State(), lambda change: told(change.type, change.name)).outputs


def up(
    project_dir: Path,
    config: StackConfig,
    sandbox: Sandbox,
    state: State,
    on_change: Callable[[Change], None] = lambda _: None,
    *,
    skip_preview: bool = False,
) -> Deployment:
    """Preview, and if that finds nothing wrong bring the stack to what the program says: ``pulumi up``.

    Args:
        project_dir: holds ``__main__.py``.
        config: the stack's configuration.
        sandbox: the AWS in which the resources appear.
        state: what the stack consists of; changed by what is done, also when it fails halfway.
        on_change: is told of every resource once it is as it should be; called from several threads.
        skip_preview: whether to do without a preview, as the Automation API does.

    Raises:
        ToolkitError: the program refused its configuration, or AWS refused a resource.
    """
    provide(config, sandbox, project_dir)
    if not skip_preview:
        preview(project_dir, config, sandbox, state)
    return _deploy(project_dir / "__main__.py", config, sandbox, state, preview=False, on_change=on_change)


def preview(project_dir: Path, config: StackConfig, sandbox: Sandbox, state: State) -> Deployment:
    """What an update would do; nothing is changed.

    Raises:
        ToolkitError: the program refused its configuration, or the update would be refused.
    """
    return _deploy(project_dir / "__main__.py", config, sandbox, state, preview=True, on_change=lambda _: None)


def destroy(config: StackConfig, sandbox: Sandbox, state: State) -> tuple[Change, ...]:
    """Delete the whole stack: ``pulumi destroy``.

    Raises:
        ToolkitError: something is protected, or AWS refuses.
    """
    engine = Engine(Cloud(sandbox, config.region), state, preview=False, on_change=lambda _: None)
    engine.finish()
    state.outputs = {}
    return tuple(engine.changes)


def _deploy(
    main: Path,
    config: StackConfig,
    sandbox: Sandbox,
    state: State,
    *,
    preview: bool,
    on_change: Callable[[Change], None],
) -> Deployment:
    engine = Engine(Cloud(sandbox, config.region), state, preview=preview, on_change=on_change)
    # A thread of its own has no event loop and none of the caller's Pulumi context.
    outcome: list[dict[str, Any] | BaseException] = []

    def work() -> None:
        try:
            outcome.append(asyncio.run(_run(main, config, engine, _sandbox_settings(sandbox), preview=preview)))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            outcome.append(error)

    with _only_one:
        thread = threading.Thread(target=work, name="pulumi-program")
        thread.start()
        thread.join()
    result = outcome[0]
    if isinstance(result, BaseException):
        raise engine.failure or result
    engine.finish()
    if not preview:
        state.outputs = result
    return Deployment(result, tuple(engine.changes))


def _sandbox_settings(sandbox: Sandbox) -> dict[str, str]:
    """Settings that keep in the sandbox whatever the program calls without the engine."""
    key, secret = sandbox.credentials
    endpoints = [dict.fromkeys(_SERVICES, sandbox.endpoint_url)]
    return {"aws:accessKey": key, "aws:secretKey": secret, "aws:endpoints": json.dumps(endpoints)}


async def _run(
    main: Path, config: StackConfig, engine: Engine, settings: Mapping[str, str], *, preview: bool
) -> dict[str, Any]:
    # What an earlier program that failed left behind belongs to a loop that is closed; pulumi.runtime.test
    # clears it in the same way.
    SETTINGS.rpc_manager.clear()
    SETTINGS.outputs.clear()
    # What fails is raised; the futures of all that waited for it would say it again, each with a traceback.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    # Inside the running loop: set outside, the program waits for ever for the loop that set_mocks saw.
    pulumi_mocks.set_mocks(engine.mocks, project=config.project, stack=config.stack, preview=preview, monitor=engine)
    pulumi.runtime.set_all_config({**config.values, **settings})
    await run_pulumi_func(lambda: _execute(main))
    exported = getattr(get_root_resource(), "outputs", {})
    outputs = {name: pulumi.Output.from_input(value) for name, value in exported.items()}
    # In a preview some are not known, and what is not known is no output yet.
    return {name: await output.future() for name, output in outputs.items() if await output.is_known()}


def _execute(main: Path) -> None:
    runpy.run_path(str(main), run_name="__main__")
