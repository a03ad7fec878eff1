"""Read a stack file as the Pulumi CLI does, and find the accounts that it names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError, Problem
from toolkit.files import find_project_root, read_text
from toolkit.pki import arn
from toolkit.values import Object, Value
from toolkit.yamltext import parsing

if TYPE_CHECKING:
    from pathlib import Path


# moto's default account, for stacks that name no account.
DEFAULT_ACCOUNT = "123456789012"


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
        """Return the region of the stack's CAs.

        Raises:
            InvalidInputError: the stack sets no region.
        """
        try:
            return self.values["aws:region"]
        except KeyError:
            raise InvalidInputError(
                f"stack {self.stack} sets no region", [Problem("aws:region", "is missing")]
            ) from None

    def text(self, key: str) -> str:
        """Return one of the project's own settings as Pulumi stores it; empty if it is not set."""
        return self.values.get(f"{self.project}:{key}", "")

    def objects(self, key: str) -> Iterator[Object]:
        """Yield the objects of a setting that is an object or a list; skip other values."""
        try:
            value = json.loads(self.text(key) or "[]")
        except ValueError:
            return
        yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict))


def read_stack(project_dir: Path, stack: str) -> StackConfig:
    """Read ``Pulumi.yaml`` and the stack file as the Pulumi CLI does, defaults included.

    Args:
        project_dir: the directory of ``Pulumi.yaml``.
        stack: the stack's name.

    Raises:
        InvalidInputError: a file is missing, is not YAML, or has an encrypted value.
    """
    project = _read_yaml(project_dir / "Pulumi.yaml")
    folder = project_dir / str(project.get("stackConfigDir") or ".")
    return _read(project, folder / f"Pulumi.{stack}.yaml", stack)


def read_stack_file(file: Path) -> StackConfig:
    """Read a stack file in any directory, with the toolkit's own ``Pulumi.yaml``.

    Args:
        file: the file, named ``Pulumi.<stack>.yaml``.

    Raises:
        InvalidInputError: the file has another name, is missing, is not YAML, or has an encrypted value.
    """
    prefix, _, stack = file.name.removesuffix(".yaml").partition(".")
    if prefix != "Pulumi" or not stack or file.suffix != ".yaml":
        raise InvalidInputError(f"{file} is not a stack's file: its name must be Pulumi.<stack>.yaml")
    return _read(_read_yaml(find_project_root() / "Pulumi.yaml"), file, stack)


def find_account(config: StackConfig) -> str:
    """Return the account that a stack deploys to, as far as its settings name it.

    Args:
        config: the stack's configuration.
    """
    for zone in config.objects("zones"):
        if not zone.get("profile") and not zone.get("assumeRoleArn"):
            account = zone.get("accountId") or _account(zone.get("oidcProviderArn"))
            if account:
                return str(account)
    named = [config.text("permissionsBoundaryArn")]
    named += [item.get("topicArn", "") for item in config.objects("alarms")]
    return next((account for text in named if (account := _account(text))), DEFAULT_ACCOUNT)


def _account(text: object) -> str | None:
    try:
        return arn.Arn.parse(str(text)).account or None
    except ValueError:
        return None


def _read(project: Mapping[str, Value], stack_file: Path, stack: str) -> StackConfig:
    name = str(project["name"])
    config = _read_yaml(stack_file).get("config") or {}
    if not isinstance(config, dict):
        raise InvalidInputError(f"{stack_file} is not a stack's file", [Problem("config", "must be a mapping of keys")])
    values = {
        _full_key(name, key): _as_text(declared["default"])
        for key, declared in (project.get("config") or {}).items()
        if isinstance(declared, dict) and "default" in declared
    }
    for key, value in config.items():
        if isinstance(value, dict) and set(value) == {"secure"}:
            raise InvalidInputError(
                f"{stack_file.name} has an encrypted value",
                [Problem(key, "can't be decrypted without the Pulumi CLI")],
                "Use a stack without secrets for a rehearsal.",
            )
        values[_full_key(name, key)] = _as_text(value)
    return StackConfig(project=name, stack=stack, values=values)


def _read_yaml(path: Path) -> Object:
    content = parsing.load(read_text(str(path)), str(path))
    if not isinstance(content, dict):
        raise InvalidInputError(f"{path} is not a YAML mapping")
    return content


def _full_key(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
