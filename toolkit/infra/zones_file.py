"""Read zones from their own file, because Pulumi can't pass more than 128 KiB of configuration to a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError, Problem
from toolkit.files import read_at_most
from toolkit.text import NotTextError, decode_utf8
from toolkit.yamltext import parsing

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.values import Object

_KEY = "zonesFile"


def read_into(values: Object, project_dir: Path) -> list[Problem]:
    """Add the zones of ``zonesFile`` to the values, if it is set.

    Args:
        values: the stack's configuration, by key.
        project_dir: the directory that a relative path is relative to.

    Returns:
        Problems with the file itself; its zones are checked like those of the stack file.
    """
    name = values.get(_KEY)
    if not isinstance(name, str) or not name:
        return []
    if values.get("zones") is not None:
        return [Problem(_KEY, "and zones are both set; set only one of them")]
    try:
        zones = _load(project_dir / name, name)
    except ValueError as error:
        return [Problem(_KEY, str(error))]
    if not isinstance(zones, list):
        return [Problem(_KEY, f"{name} must be a list of zones, as zones is in the stack's file")]
    values["zones"] = zones
    return []


def _load(path: Path, name: str) -> object:
    """Return the value of a YAML file.

    Raises:
        ValueError: the file can't be read.
    """
    try:
        return parsing.load(decode_utf8(read_at_most(path)), name)
    except OSError as error:
        raise ValueError(f"{name} can't be read: {error.strerror or error}") from error
    except NotTextError as error:
        raise ValueError(f"{name}:{error.line}: {error}") from error
    except InvalidInputError as error:
        raise ValueError("; ".join([error.message, *map(str, error.problems)])) from None
