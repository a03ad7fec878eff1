"""The Pulumi CLI on a stack, with a home, a project and a state of its own."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ruamel.yaml import YAML

from tests.infra.shapes import changed, setting
from tests.judges import go_programs
from tests.pulumi.aws_plugin import serving
from tests.pulumi.language_host import LanguageHost
from tests.sandbox.programs import write_program, write_project
from toolkit.files import find_project_root
from toolkit.sandbox.pulumi.prerequisites import provide
from toolkit.sandbox.pulumi.program import make_sandbox_settings

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.sandbox.pulumi.stack_file import StackConfig

MODULE = Path(__file__).with_name("programs")
AWS_VERSION = importlib.metadata.version("pulumi-aws")
_PULUMI = "github.com/pulumi/pulumi/pkg/v3"
_CLI, _EXECUTOR = "pulumi", "pulumi-language-python-exec"
# A provider that hangs would otherwise keep CI until its own end.
_PATIENCE = 600
_YAML = YAML(typ="safe")
# The steps of a replacement; it counts as one (pulumi/pulumi, pkg/resource/deploy/step.go).
_REPLACEMENT = {"create-replacement", "replace", "delete-replaced", "discard-replaced"}


def programs() -> dict[str, Path]:
    """Return the executables, building them if they are not in the cache."""
    version = (
        f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={go_programs.required_version(MODULE, _PULUMI)}"
    )
    return go_programs.build(
        MODULE,
        {_CLI: f"{_PULUMI}/cmd/pulumi"},
        ("-ldflags", f"-s -w {version}"),
        files={_EXECUTOR: ("github.com/pulumi/pulumi/sdk/v3", f"python/cmd/{_EXECUTOR}")},
    )


@dataclass(frozen=True)
class Result:
    """How a command ended.

    Attributes:
        attempted: operation by logical name; components, providers, and what stayed the same are left out. Where
            resources of several types have one name, the type stands behind it: `name (Role)`.
        error: what the CLI printed, in one line; empty if the command succeeded.
    """

    attempted: dict[str, str] = field(default_factory=dict)
    error: str = ""

    @property
    def changes(self) -> dict[str, str]:
        """What was done, or found by a preview, of a command that succeeded."""
        assert not self.error, self.error
        return self.attempted


class Pulumi:
    """The CLI with the plugins that it needs, for any number of stacks.

    Args:
        executables: of :func:`programs`.
        aws: where resources are made.
        directory: for all that the CLI keeps.
    """

    def __init__(self, executables: dict[str, Path], aws: TestSandbox, directory: Path) -> None:
        self._cli = executables[_CLI]
        self.aws = aws
        self.directory = directory
        self._plugins = serving.PluginServer(aws, AWS_VERSION)
        # Nothing of the caller's environment but where programs are: neither credentials nor proxies.
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            # Tests change a program within a second. Python would take the bytecode of the one before, because it
            # compares seconds and sizes (PEP 3147).
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._host = LanguageHost(executables[_EXECUTOR], AWS_VERSION, self._environment)
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self._running.enter_context(self._host)
        self._running.enter_context(self._plugins)
        serving.install(self.directory, AWS_VERSION)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def run(self, project: Path, state: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run one command."""
        environment = {
            **self._environment,
            "PULUMI_HOME": str(self.directory),
            "PULUMI_BACKEND_URL": state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "sandbox",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # The program reads its own stack's outputs. The file backend writes the state after each resource, and in
            # place: what is read at that moment is half a file ("failed to load checkpoint: EOF").
            "PULUMI_EXPERIMENTAL": "true",
            "PULUMI_SKIP_CHECKPOINTS": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            # Shows --event-log, of which the changes are read.
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_DEBUG_LANGUAGES": f"python:{self._host.port}",
            serving.ADDRESS: self._plugins.address,
        }
        return subprocess.run(
            [self._cli, *map(str, words), "--non-interactive", "--color", "never"],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )


class Stack:
    """One stack; every command takes settings that differ from its configuration.

    Args:
        pulumi: the CLI.
        config: the stack's configuration.
        directory: for its project and its state.
    """

    def __init__(self, pulumi: Pulumi, config: StackConfig, directory: Path) -> None:
        self._pulumi, self._config = pulumi, config
        self._directory = directory
        self._project, self._state = directory / "project", directory / "state"
        self._written: StackConfig | None = None
        (self._project / "stacks").mkdir(parents=True)
        self._lay_out()
        # Pulumi.yaml names it; the program is run by what runs this.
        (self._project / ".venv").symlink_to(sys.prefix)
        self._write({})
        self._begin()

    def setting(self, key: str) -> Any:
        """Return a setting of the configuration that is an object or a list."""
        return setting(self._config, key)

    def configure(self, **settings: object) -> None:
        """Change the stack's configuration for all later commands."""
        self._config = changed(self._config, **settings)

    def preview(self, **settings: object) -> Result:
        """Run ``pulumi preview``."""
        return self._change("preview", settings)

    def up(self, *options: str, skip_preview: bool = False, **settings: object) -> Result:
        """Run ``pulumi up``."""
        return self._change("up", settings, "--yes", *options, *(["--skip-preview"] if skip_preview else []))

    def refresh(self, **settings: object) -> Result:
        """Run ``pulumi refresh``, without a preview."""
        return self._change("refresh", settings, "--yes", "--skip-preview")

    def destroy(self, *, skip_preview: bool = False, **settings: object) -> Result:
        """Run ``pulumi destroy``."""
        return self._change("destroy", settings, "--yes", *(["--skip-preview"] if skip_preview else []))

    def set_secret(self, path: str, value: str) -> None:
        """Run ``pulumi config set --secret --path`` for one of the program's own settings."""
        self._must("config", "set", "--secret", "--path", f"{self._config.project}:{path}", value)

    def outputs(self) -> dict[str, Any]:
        """Return the stack outputs."""
        outputs: dict[str, Any] = json.loads(self._must("stack", "output", "--json", "--show-secrets"))
        return outputs

    def exported(self) -> str:
        """Return the state as ``pulumi stack export`` prints it."""
        return self._must("stack", "export")

    def resources(self) -> dict[str, str]:
        """Return the ID of every resource in the state, by its logical name."""
        found = json.loads(self.exported())["deployment"].get("resources", ())
        return {item["urn"].rpartition("::")[2]: item["id"] for item in found if _is_real(item["type"], item)}

    def output(self, name: str, key: str) -> Any:
        """Return an output of a resource, by its logical name."""
        resources = json.loads(self.exported())["deployment"]["resources"]
        (found,) = [item for item in resources if item["custom"] and item["urn"].rpartition("::")[2] == name]
        return found["outputs"][key]

    def lose_state(self) -> None:
        """Go on as a stack of the same name whose state is empty."""
        self._state = self._state.with_name(f"{self._state.name}-again")
        self._begin()

    def unprotect(self) -> None:
        """Run ``pulumi state unprotect`` for every resource."""
        self._must("state", "unprotect", "--all", "--yes")

    def tear_down(self) -> None:
        """Delete the resources of the stack, protected or not, but a bucket that contains a CRL."""
        self.unprotect()
        error = self.destroy(skip_preview=True).error
        assert not error or "BucketNotEmpty" in error, error

    def _lay_out(self) -> None:
        for name in ("Pulumi.yaml", "__main__.py"):
            shutil.copy(find_project_root() / name, self._project)

    def _begin(self) -> None:
        self._state.mkdir()
        done = self._pulumi.run(self._project, self._state, "stack", "init", self._config.stack)
        assert done.returncode == 0, done.stderr

    def _must(self, *words: str) -> str:
        done = self._pulumi.run(self._project, self._state, *words, "--stack", self._config.stack)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _change(self, command: str, settings: dict[str, object], *options: str) -> Result:
        self._write(settings)
        log = self._directory / "events.json"
        log.unlink(missing_ok=True)
        done = self._pulumi.run(
            self._project, self._state, command, *options, "--stack", self._config.stack, "--event-log", log
        )
        error = " ".join((done.stdout + done.stderr).split()) if done.returncode else ""
        return Result(_changes(log), error)

    def _write(self, settings: dict[str, object]) -> None:
        """Write the stack's file, unless it has these settings already; what the CLI added to it stays."""
        config = changed(self._config, **settings)
        if config == self._written:
            return
        provide(config, self._pulumi.aws, self._project)
        self._written = config
        file = self._project / "stacks" / f"Pulumi.{config.stack}.yaml"
        before = _YAML.load(file) if file.exists() else {}
        settings_of_aws = make_sandbox_settings(self._pulumi.aws)
        values = {name: _structured(text) for name, text in {**config.values, **settings_of_aws}.items()}
        _YAML.dump({**before, "config": values}, file)


class SmallStack(Stack):
    """A stack whose program is written by the test."""

    def run(self, body: str, **settings: object) -> Result:
        """Run ``pulumi up`` with another program."""
        write_program(self._project, body)
        return self.up(skip_preview=True, **settings)

    def look(self, body: str) -> Result:
        """Run ``pulumi preview`` with another program."""
        write_program(self._project, body)
        return self.preview()

    def _lay_out(self) -> None:
        write_project(self._project)
        write_program(self._project, "")


def _structured(text: str) -> Any:
    """Return a setting as people write it: objects and lists as YAML, not as JSON in a string."""
    return json.loads(text) if text[:1] in {"[", "{"} else text


def _changes(log: Path) -> dict[str, str]:
    if not log.exists():
        return {}
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    by_name: dict[str, dict[str, str]] = {}
    for event in events:
        metadata = event.get("resourcePreEvent", {}).get("metadata")
        if metadata is None or metadata["op"] in {"same", "refresh", "read"}:
            continue
        state = metadata.get("old") or metadata.get("new") or {}
        if _is_real(metadata["type"], state):
            name, type_ = metadata["urn"].rpartition("::")[2], metadata["type"].rpartition(":")[2]
            # An update is preceded by its preview, with the same operations.
            by_name.setdefault(name, {}).setdefault(type_, _operation(metadata["op"], state))
    return {
        name if len(by_type) == 1 else f"{name} ({type_})": operation
        for name, by_type in by_name.items()
        for type_, operation in by_type.items()
    }


def _operation(step: str, state: dict[str, Any]) -> str:
    """Return the operation of a step; a deletion that leaves the resource in AWS is `forget`."""
    if step in _REPLACEMENT:
        return "replace"
    return "forget" if step == "delete" and state.get("retainOnDelete") else step


def _is_real(type_: str, state: dict[str, Any]) -> bool:
    """Tell whether a resource is something in AWS, and not a component, a provider or another stack."""
    return bool(state.get("custom")) and not type_.startswith("pulumi:")
