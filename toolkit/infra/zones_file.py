"""Zones from a file of their own: Pulumi can't hand a program more than 128 KiB of configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from toolkit.errors import Problem, one_line

if TYPE_CHECKING:
    from pathlib import Path

_KEY = "zonesFile"


def read_into(values: dict[str, Any], project_dir: Path) -> list[Problem]:
    """Put the zones of ``zonesFile`` among the values, if that is set.

    Args:
        values: of the stack's configuration, by key.
        project_dir: from where a relative path is found.

    Returns:
        What is wrong with the file as such; its zones are judged like those of the stack's file.
    """
    name = values.get(_KEY)
    if not isinstance(name, str) or not name:
        return []
    if values.get("zones") is not None:
        return [Problem(_KEY, "and zones are both set; zones come from one of them")]
    try:
        values["zones"] = _load(project_dir / name, name)
    except ValueError as error:
        return [Problem(_KEY, str(error))]
    return []


def _load(path: Path, name: str) -> list[Any]:
    """Return the zones of a file.

    Raises:
        ValueError: the file can't be read, or is not a list in YAML.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{name} can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ValueError(f"{place} is not YAML: {error.problem}") from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"{name} is not YAML: {one_line(error)}") from error
    if not isinstance(content, list):
        raise ValueError(f"{name} must be a list of zones, as zones is in the stack's file")  # noqa: TRY004 - see Raises
    return content
