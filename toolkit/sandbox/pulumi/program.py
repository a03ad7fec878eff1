"""Run the real Pulumi program without the Pulumi CLI.

The program runs unchanged through Pulumi's interface for tests, :func:`pulumi.runtime.set_mocks`. Behind that
interface, :mod:`toolkit.sandbox.pulumi.engine` creates each resource in the embedded AWS with boto3.
"""

from __future__ import annotations

import asyncio
import json
import logging
import runpy
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pulumi
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.settings import SETTINGS, get_root_resource
from pulumi.runtime.stack import run_pulumi_func

from toolkit.files import find_project_root
from toolkit.sandbox.pulumi.engine import Engine
from toolkit.sandbox.pulumi.prerequisites import ReferencedResources, provide
from toolkit.sandbox.pulumi.stack_file import StackConfig, read_stack
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.sandbox.server import Sandbox

_SERVICES = ("acmpca", "cloudwatch", "eks", "iam", "organizations", "ram", "s3", "scheduler", "sns", "sts")
__all__ = ["StackConfig", "make_sandbox_settings", "read_stack", "run"]
# Pulumi keeps its settings per process, so only one program can run at a time.
_only_one = threading.Lock()
_logger = logging.getLogger("pulumi-program")


def run(
    project_dir: Path,
    config: StackConfig,
    sandbox: Sandbox,
    on_resource: Callable[[str, str], None] = lambda *_: None,
) -> Object:
    """Run ``__main__.py`` as the first ``pulumi up`` of a stack would: its preview, then the creation.

    Args:
        project_dir: the directory of ``__main__.py``.
        config: the stack's configuration.
        sandbox: the AWS in which the resources are created; it has none of the stack's resources yet.
        on_resource: gets the type and the logical name of every created resource; called from several threads.

    Returns:
        The stack outputs as plain JSON values.

    Raises:
        ToolkitError: the program rejected its configuration, or AWS returned an error for a resource.
    """
    provide(config, sandbox, project_dir)
    outputs: Object = {}
    with _only_one, _drop_repeated_messages():
        for is_preview in (True, False):
            engine = Engine(sandbox, config.region, on_resource, is_preview=is_preview)
            outputs = _run_alone(
                _run(project_dir / "__main__.py", config, engine, make_sandbox_settings(sandbox)), engine
            )
    return outputs


@contextmanager
def _drop_repeated_messages() -> Iterator[None]:
    """Log each message of the program once: the creation repeats the warnings of the preview."""
    logged: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        is_repeated = text in logged
        logged.add(text)
        return not is_repeated

    _logger.addFilter(is_new)
    try:
        yield
    finally:
        _logger.removeFilter(is_new)


def rehearse(config: StackConfig, sandbox: Sandbox, directory: Path) -> Object:
    """Create a stack in an empty sandbox, with the resources outside the stack that its file refers to.

    Args:
        config: the stack's configuration.
        sandbox: an empty sandbox.
        directory: the directory that ``zonesFile`` is relative to.

    Returns:
        The stack outputs as plain JSON values.

    Raises:
        ToolkitError: the program rejected its configuration, or AWS returned an error for a resource.
    """
    if file := config.text("zonesFile"):
        # The program runs in another directory.
        path = str((directory / file).resolve())
        config = replace(config, values={**config.values, f"{config.project}:zonesFile": path})
    referenced = ReferencedResources(config, sandbox)
    referenced.make()
    outputs = run(find_project_root(), config, sandbox)
    referenced.accept_invitations()
    return outputs


def _run_alone(main: Coroutine[Value, Value, Object], engine: Engine) -> Object:
    """Run the program in a thread without an event loop and without the caller's Pulumi context."""
    executor = ThreadPoolExecutor(1, "pulumi-program")
    outcome = executor.submit(asyncio.run, main)
    executor.shutdown(wait=False)
    if (error := outcome.exception()) is not None:
        raise engine.failure or error
    return outcome.result()


def make_sandbox_settings(sandbox: Sandbox) -> dict[str, str]:
    """Return the settings that send the program's own AWS calls to the sandbox."""
    key, secret = sandbox.credentials
    endpoints = [dict.fromkeys(_SERVICES, sandbox.endpoint_url)]
    return {"aws:accessKey": key, "aws:secretKey": secret, "aws:endpoints": json.dumps(endpoints)}


async def _run(main: Path, config: StackConfig, engine: Engine, settings: Mapping[str, str]) -> Object:
    # A failed program leaves outputs of a closed loop. pulumi.runtime.test clears them in the same way.
    SETTINGS.rpc_manager.clear()
    SETTINGS.outputs.clear()
    # The first error is raised. Don't log it again for each waiting future.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    # set_mocks must run inside the loop; otherwise the program waits forever for the loop that set_mocks saw.
    pulumi_mocks.set_mocks(
        engine,
        project=config.project,
        stack=config.stack,
        preview=engine.is_preview,
        logger=_logger,
        monitor=engine,
    )
    pulumi.runtime.set_all_config({**config.values, **settings})
    await run_pulumi_func(lambda: _execute(main))
    exported = getattr(get_root_resource(), "outputs", {})
    return {name: await pulumi.Output.from_input(value).future() for name, value in exported.items()}


def _execute(main: Path) -> None:
    runpy.run_path(str(main), run_name="__main__")
