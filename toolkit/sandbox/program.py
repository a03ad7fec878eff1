"""Runs the real Pulumi program without the Pulumi CLI.

The program runs unchanged through Pulumi's own seam for tests, :func:`pulumi.runtime.set_mocks`; what stands
behind the seam here is no mock, it creates each resource in the embedded AWS with boto3.
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
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from toolkit.errors import InvalidInputError, Problem
from toolkit.pki import arn
from toolkit.sandbox.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from toolkit.sandbox.server import Sandbox

# Pulumi keeps its settings per process, so only one program can run at a time.
_only_one = threading.Lock()


@dataclass(frozen=True)
class StackConfig:
    """A stack as its files describe it.

    Attributes:
        project: the project's name, from ``Pulumi.yaml``.
        stack: the stack's name.
        values: configuration by full key (``aws:region``), as strings; lists and objects as JSON.
    """

    project: str
    stack: str
    values: Mapping[str, str]

    @property
    def region(self) -> str:
        """Where the stack's CAs live.

        Raises:
            InvalidInputError: the stack names no region.
        """
        try:
            return self.values["aws:region"]
        except KeyError:
            raise InvalidInputError(
                f"stack {self.stack} names no region", [Problem("aws:region", "is missing")]
            ) from None


def read_stack(project_dir: Path, stack: str) -> StackConfig:
    """Read ``Pulumi.yaml`` and the stack's file the way the Pulumi CLI does, defaults included.

    Raises:
        InvalidInputError: a file is missing, is no YAML, or holds an encrypted value.
    """
    project_file = project_dir / "Pulumi.yaml"
    project = _read_yaml(project_file)
    name = str(project["name"])
    stack_file = project_dir / str(project.get("stackConfigDir") or ".") / f"Pulumi.{stack}.yaml"
    config = _read_yaml(stack_file).get("config") or {}
    values = {
        _full_key(name, key): _as_text(declared["default"])
        for key, declared in (project.get("config") or {}).items()
        if isinstance(declared, dict) and "default" in declared
    }
    for key, value in config.items():
        if isinstance(value, dict) and set(value) == {"secure"}:
            raise InvalidInputError(
                f"{stack_file.name} holds an encrypted value",
                [Problem(key, "can't be decrypted without the Pulumi CLI")],
                "Use a stack without secrets for a rehearsal.",
            )
        values[_full_key(name, key)] = _as_text(value)
    return StackConfig(project=name, stack=stack, values=values)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInputError(f"can't read {path}: {error.strerror or error}") from error
    except YAMLError as error:
        raise InvalidInputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InvalidInputError(f"{path} is not a YAML mapping")
    return content


def _full_key(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def run(
    project_dir: Path, config: StackConfig, sandbox: Sandbox, on_resource: Callable[[str, str], None] | None = None
) -> dict[str, Any]:
    """Run ``__main__.py`` once, as the first ``pulumi up`` of an empty stack would.

    Args:
        project_dir: holds ``__main__.py``.
        config: the stack's configuration.
        sandbox: the AWS in which the resources appear.
        on_resource: is told the type and the name of every resource once it exists; called from several threads.

    Returns:
        The stack outputs as plain JSON values.

    Raises:
        ToolkitError: the program refused its configuration, or AWS refused a resource.
    """
    provider = Provider(sandbox, config.region, on_resource or (lambda *_: None))
    _provide_clusters(config, sandbox)
    # A thread of its own has no event loop and none of the caller's Pulumi context.
    outcome: list[dict[str, Any] | BaseException] = []

    def work() -> None:
        try:
            outcome.append(asyncio.run(_run(project_dir / "__main__.py", config, provider)))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            outcome.append(error)

    with _only_one:
        thread = threading.Thread(target=work, name="pulumi-program")
        thread.start()
        thread.join()
    result = outcome[0]
    if isinstance(result, BaseException):
        raise provider.failure or result
    return result


def _provide_clusters(config: StackConfig, sandbox: Sandbox) -> None:
    """The OIDC providers that a stack counts on: on AWS they came with the zones' EKS clusters."""
    session: Any = sandbox.session(config.region)
    iam = session.client("iam", endpoint_url=sandbox.endpoint_url)
    known = {provider["Arn"] for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]}
    try:
        zones = json.loads(config.values.get(f"{config.project}:zones", "[]"))
        wanted = {zone["oidcProviderArn"] for zone in zones}
        issuers = [arn.oidc_provider(provider).resource.removeprefix("oidc-provider/") for provider in wanted - known]
    except (ValueError, TypeError, KeyError):
        # Not a stack that the program will take; it says so itself, and better.
        return
    for issuer in issuers:
        iam.create_open_id_connect_provider(Url=f"https://{issuer}", ClientIDList=["sts.amazonaws.com"])


async def _run(main: Path, config: StackConfig, provider: Provider) -> dict[str, Any]:
    # What an earlier program that failed left behind belongs to a loop that is closed; pulumi.runtime.test
    # clears it in the same way.
    SETTINGS.rpc_manager.clear()
    SETTINGS.outputs.clear()
    # Inside the running loop: set outside, the program waits for ever for the loop that set_mocks saw.
    pulumi_mocks.set_mocks(provider, project=config.project, stack=config.stack, preview=False)
    pulumi.runtime.set_all_config(dict(config.values))
    await run_pulumi_func(lambda: _execute(main))
    root = get_root_resource()
    outputs = pulumi.Output.from_input(dict(getattr(root, "outputs", {})))
    return dict(await outputs.future() or {})


def _execute(main: Path) -> None:
    runpy.run_path(str(main), run_name="__main__")
