"""Zones from a file of their own: Pulumi can't hand a program more than 128 KiB of configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.errors import InvalidInputError, Problem
from toolkit.text import NotTextError, from_utf8
from toolkit.yamltext import parsing

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
        content = parsing.load(from_utf8(path.read_bytes()), name)
    except OSError as error:
        raise ValueError(f"{name} can't be read: {error.strerror or error}") from error
    except NotTextError as error:
        raise ValueError(f"{name}:{error.line}: {error}") from error
    except InvalidInputError as error:
        raise ValueError("; ".join([error.message, *map(str, error.problems)])) from None
    if not isinstance(content, list):
        raise ValueError(f"{name} must be a list of zones, as zones is in the stack's file")  # noqa: TRY004 - see Raises
    return content
