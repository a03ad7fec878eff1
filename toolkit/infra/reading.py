"""Read the stack's settings from its configuration; report all problems at once, with their config keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, get_args, get_origin

import pulumi
from pulumi.runtime import config as pulumi_config
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from toolkit.contract import list_validation_problems
from toolkit.errors import InvalidInputError, Problem
from toolkit.files import read_at_most
from toolkit.infra import rules
from toolkit.infra.settings import Settings, SettingsError
from toolkit.text import NotTextError, decode_utf8, suggest
from toolkit.values import Object, Value
from toolkit.yamltext import parsing

if TYPE_CHECKING:
    from pathlib import Path


_FIELDS = {to_camel(name): name for name in Settings.model_fields}
_ZONE = re.compile(r"^zones\[([0-9]+)\]")
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
    problems += read_zones_file(values, project_dir)
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
    own = {key.removeprefix(f"{project}:") for key in _given() if key.startswith(f"{project}:")}
    return [Problem(key, f"is not a setting. {suggest(key, _FIELDS)}".rstrip()) for key in sorted(own - set(_FIELDS))]


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
    broken = {problem.path for problem in problems}
    readable = {key: value for key, value in values.items() if key not in broken}
    if "zones" in broken or ("zonesFile" in values and "zones" not in values):
        # Either is a problem already.
        broken.add("zones")
        readable["zones"] = []
    given = readable.get("zones")
    zones = dict(enumerate(given)) if isinstance(given, list) else {}
    try:
        Settings.model_validate(readable)
    except ValidationError as error:
        problems += list_validation_problems(error)
        for key, *index in (item["loc"][:2] for item in error.errors()):
            if key == "zones" and index:
                zones.pop(int(index[0]), None)
            if key != "zones" or not zones:
                broken.add(str(key))
    readable = {key: value for key, value in readable.items() if key not in broken}
    settings = Settings.model_validate({**readable, "zones": list(zones.values())})
    unreadable = [_FIELDS[key] for key in broken if key in _FIELDS]
    problems += [_renumber(problem, list(zones)) for problem in rules.list_problems(settings, unreadable)]
    if problems:
        file = values.get("zonesFile")
        place = file if isinstance(file, str) and "zonesFile" not in broken else None
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


def _renumber(problem: Problem, indexes: Sequence[int]) -> Problem:
    """Return the problem with the zone's index in the stack file."""
    match = _ZONE.match(problem.path)
    if match is None:
        return problem
    return problem._replace(path=f"zones[{indexes[int(match[1])]}]{problem.path[match.end() :]}")


def read_zones_file(values: Object, project_dir: Path) -> list[Problem]:
    """Add the zones of ``zonesFile`` to the values, if it is set.

    Zones can be in a file of their own, because Pulumi can't pass more than 128 KiB of configuration to a program.

    Args:
        values: the stack's configuration, by key.
        project_dir: the directory that a relative path is relative to.

    Returns:
        Problems with the file itself; its zones are checked like those of the stack file.
    """
    name = values.get("zonesFile")
    if not isinstance(name, str) or not name:
        return []
    problem = ""
    if values.get("zones") is not None:
        problem = "and zones are both set; set only one of them"
    else:
        try:
            zones = parsing.load(decode_utf8(read_at_most(project_dir / name)), name)
            if isinstance(zones, list):
                values["zones"] = zones
            else:
                problem = f"{name} must be a list of zones, as zones is in the stack's file"
        except NotTextError as error:
            problem = f"{name}:{error.line}: {error}"
        except InvalidInputError as error:
            problem = "; ".join([error.message, *map(str, error.problems)])
        except (OSError, ValueError) as error:
            # ValueError: a NUL in the name.
            problem = f"{name} can't be read: {getattr(error, 'strerror', None) or error}"
    return [Problem("zonesFile", problem)] if problem else []
