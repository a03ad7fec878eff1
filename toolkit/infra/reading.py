"""Read the stack's settings from its configuration; report all problems at once, with their config keys."""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, get_args, get_origin

import pulumi
from pulumi.runtime import config as pulumi_config
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from toolkit.contract import list_validation_problems
from toolkit.errors import Problem
from toolkit.infra import rules, zones_file
from toolkit.infra.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from toolkit.values import Object, Value

_FIELDS = {to_camel(name): name for name in Settings.model_fields}
_ZONE = re.compile(r"^zones\[([0-9]+)\]")
# Replaces a zone that could not be read, so that the other settings can be checked.
_STAND_IN = {"name": "stand-in", "region": "us-east-1", "identity": "ambient"}
# Settings whose externalId may be encrypted.
_WITH_SECRETS = frozenset({"zones", "parent"})
_MAX_CONFIG = 100 * 1024
FIX = "Correct stacks/Pulumi.<stack>.yaml or use pulumi config set; Pulumi.yaml describes every key."


def read_settings(config: pulumi.Config, project_dir: Path) -> Settings:
    """Read the stack's configuration.

    Args:
        config: the project's configuration.
        project_dir: the directory that `zonesFile` is relative to.

    Raises:
        SettingsError: the configuration is invalid.
    """
    problems = [*_unknown_keys(config.name), *_public_secrets(config), *_too_large(config)]
    values: Object = {}
    for key, name in _FIELDS.items():
        try:
            value = config.get_object(key) if is_structured(name) else config.get(key)
        except pulumi.ConfigTypeError:
            # A value that is not JSON stays text; the model reports the expected type.
            value = config.get(key)
        if value is not None:
            values[key] = value
    problems += zones_file.read_into(values, project_dir)
    return check_settings(values, config.name, problems)


def _given() -> dict[str, str]:
    """Return the whole configuration by full key, as Pulumi passes it to the program."""
    return {**pulumi_config.get_config_env(), **pulumi_config.CONFIG.get()}


def _public_secrets(config: pulumi.Config) -> list[Problem]:
    """Reject encrypted values that the state and the outputs would contain in plain text.

    For a list or an object, Pulumi only tells that something in it is encrypted.
    """
    return [
        Problem(
            key, "is encrypted, but the stack's state and outputs contain it in plain text; set it without --secret"
        )
        for key in _FIELDS
        if key not in _WITH_SECRETS and pulumi.runtime.is_config_secret(config.full_key(key))
    ]


def _too_large(config: pulumi.Config) -> list[Problem]:
    """Reject a configuration that is close to the size limit of an environment variable.

    Pulumi passes it to the program as PULUMI_CONFIG (pulumi/runtime/config.py), and Linux starts no program with a
    variable over 128 KiB (execve(2), MAX_ARG_STRLEN).
    """
    given = _given()
    size = len(json.dumps(given).encode())
    if size <= _MAX_CONFIG:
        return []
    largest = max(given, key=lambda key: len(given[key])).removeprefix(f"{config.name}:")
    return [
        Problem(
            largest,
            f"makes the configuration {size // 1024} KiB long, and above 128 KiB Pulumi can't start the program; "
            "write the zones into a file and name it with zonesFile",
        )
    ]


def _unknown_keys(project: str) -> list[Problem]:
    """Return problems for unknown keys of this project; Pulumi itself ignores a misspelled ``protct: true``."""
    own = [key.removeprefix(f"{project}:") for key in _given() if key.startswith(f"{project}:")]
    problems = []
    for key in sorted(set(own) - set(_FIELDS)):
        close = difflib.get_close_matches(key, _FIELDS, 1)
        problems.append(Problem(key, "is not a setting" + (f"; did you mean {close[0]}?" if close else "")))
    return problems


def is_structured(name: str) -> bool:
    """Return whether a setting is a list or an object, which Pulumi stores as JSON."""
    annotation = Settings.model_fields[name].annotation
    kinds = [annotation, *get_args(annotation)]
    return any(
        get_origin(kind) in (tuple, dict) or (isinstance(kind, type) and issubclass(kind, BaseModel)) for kind in kinds
    )


def check_settings(values: Mapping[str, Value], project: str, known: Iterable[Problem] = ()) -> Settings:
    """Convert configuration values to settings.

    Args:
        values: by key, without the project's name.
        project: the prefix of every key in the stack file.
        known: problems found while reading; their keys are not checked again.

    Raises:
        SettingsError: a value is invalid.
    """
    problems = list(known)
    readable = _Readable(values, [problem.path for problem in problems])
    while isinstance(settings := readable.validate(), ValidationError):
        problems += readable.set_aside(settings)
    problems += [readable.renumber(problem) for problem in rules.list_problems(settings, readable.unreadable)]
    if problems:
        file = values.get("zonesFile")
        place = file if isinstance(file, str) else None
        raise build_error("the stack's configuration is not valid", problems, FIX, project, place)
    return settings


def build_error(
    what: str, problems: Sequence[Problem], hint: str, project: str = "", zones_file: str | None = None
) -> SettingsError:
    """Return the error for problems with settings.

    Args:
        what: a summary of the problems.
        problems: the problems, with their paths.
        hint: how to fix them.
        project: the prefix of each key in the stack file; by default the program's own project.
        zones_file: the prefix of the zones' paths, if the zones come from a file.
    """
    project = project or pulumi.get_project()
    full = [
        Problem(f"{zones_file if zones_file and path.startswith('zones[') else project}:{path}", message)
        for path, message in problems
    ]
    count = "1 problem" if len(full) == 1 else f"{len(full)} problems"
    return SettingsError(f"{what}: {count}", full, hint)


class _Readable:
    """The readable part of the values, so that one wrong value does not hide problems of others."""

    def __init__(self, values: Mapping[str, Value], broken: Iterable[str]) -> None:
        self._values = {key: value for key, value in values.items() if key not in set(broken)}
        self.unreadable = {_FIELDS[key] for key in broken if key in _FIELDS}
        self._positions: list[int] | None = None
        if "zones_file" in self.unreadable and "zones" not in self._values:
            self.unreadable.add("zones")
        if "zones" in self.unreadable:
            self._values["zones"] = [_STAND_IN]

    def validate(self) -> Settings | ValidationError:
        """Return the settings, or the error of the values that can't be read."""
        try:
            return Settings.model_validate(self._values)
        except ValidationError as error:
            return error

    def set_aside(self, error: ValidationError) -> list[Problem]:
        """Remove the values that can't be read, and return their problems."""
        problems = list_validation_problems(error)
        zones = {int(match[1]) for problem in problems if (match := _ZONE.match(problem.path))}
        named = [self.renumber(problem) for problem in problems]
        for problem in problems:
            key = re.split(r"[.\[]", problem.path, maxsplit=1)[0]
            if problem.path == "zones" and (repeated := _repeated(self._values.get("zones"))):
                zones |= repeated
            elif not _ZONE.match(problem.path):
                self._remove(key)
        if zones and "zones" not in self.unreadable:
            self._remove_zones(zones)
        return named

    def renumber(self, problem: Problem) -> Problem:
        """Return the problem with the zone's index in the stack file."""
        match = _ZONE.match(problem.path)
        if match is None or self._positions is None:
            return problem
        return problem._replace(path=f"zones[{self._positions[int(match[1])]}]{problem.path[match.end() :]}")

    def _remove(self, key: str) -> None:
        self._values.pop(key, None)
        if key in _FIELDS:
            self.unreadable.add(_FIELDS[key])
        if key == "zones":
            self._values["zones"] = [_STAND_IN]
            self._positions = None

    def _remove_zones(self, broken: set[int]) -> None:
        positions = self._positions or list(range(len(self._values["zones"])))
        kept = [number for number in range(len(positions)) if number not in broken]
        if not kept:
            self._remove("zones")
            return
        self._values["zones"] = [self._values["zones"][number] for number in kept]
        self._positions = [positions[number] for number in kept]


def _repeated(zones: object) -> set[int]:
    """Return the indexes of zones with the same name as an earlier zone."""
    names = [zone.get("name") for zone in zones if isinstance(zone, dict)] if isinstance(zones, list) else []
    return {number for number, name in enumerate(names) if name in names[:number]}
