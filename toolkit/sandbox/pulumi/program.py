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
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pulumi
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.settings import SETTINGS, get_root_resource
from pulumi.runtime.stack import run_pulumi_func

from toolkit.errors import InvalidInputError, flatten
from toolkit.files import PRIVATE, find_project_root, write_whole
from toolkit.sandbox.pulumi.engine import Deployed, Engine
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
    deployed: Deployed | None = None,
) -> Object:
    """Run ``__main__.py`` as ``pulumi up`` does: its preview, then the update.

    Args:
        project_dir: the directory of ``__main__.py``.
        config: the stack's configuration.
        sandbox: the AWS in which the resources are created.
        deployed: what earlier updates of the stack have created there; nothing by default. The update adds to it.
        on_resource: gets the type and the logical name of every created resource; called from several threads.

    Returns:
        The stack outputs as plain JSON values.

    Raises:
        ToolkitError: the program rejected its configuration, or AWS returned an error for a resource.
    """
    provide(config, sandbox, project_dir)
    deployed = deployed or Deployed()
    outputs: Object = {}
    with _only_one, _drop_repeated_messages():
        for is_preview in (True, False):
            engine = Engine(sandbox, config.region, deployed, on_resource, is_preview=is_preview)
            outputs = _run_alone(
                _run(project_dir / "__main__.py", config, engine, make_sandbox_settings(sandbox)), engine
            )
            engine.refuse_deletion()
    deployed.outputs = outputs
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


def rehearse(config: StackConfig, sandbox: Sandbox, directory: Path, state: Path | None = None) -> Object:
    """Create or update a stack in a sandbox, with the resources outside the stack that its file refers to.

    Args:
        config: the stack's configuration.
        sandbox: a sandbox without other stacks.
        directory: the directory that ``zonesFile`` is relative to.
        state: the directory of the sandbox's state, which also gets the stack's own; None for an empty sandbox.

    Returns:
        The stack outputs as plain JSON values.

    Raises:
        ToolkitError: the program rejected its configuration, or AWS returned an error for a resource.
        InvalidInputError: the stack's state can't be read.
    """
    if file := config.text("zonesFile"):
        # The program runs in another directory.
        path = str((directory / file).resolve())
        config = replace(config, values={**config.values, f"{config.project}:zonesFile": path})
    referenced = ReferencedResources(config, sandbox)
    referenced.make()
    kept = find_state(state, config) if state else None
    deployed = _read_deployed(kept) if kept and kept.exists() else Deployed()
    try:
        outputs = run(find_project_root(), config, sandbox, deployed=deployed)
    finally:
        if kept:
            write_whole(kept, json.dumps(asdict(deployed)), PRIVATE)
    referenced.accept_invitations()
    return outputs


def find_state(directory: Path, config: StackConfig) -> Path:
    """Return the file of the stack's own state in a sandbox's state directory."""
    return directory / f"stack-{config.stack}.json"


def _read_deployed(file: Path) -> Deployed:
    try:
        return Deployed(**json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInputError(f"can't read the stack's state in {file}: {flatten(error)}") from error


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
