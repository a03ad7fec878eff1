"""Read untrusted plain values without assumptions on their types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from toolkit.values import Value

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Path

# A mapping from YAML, with keys of any type.
AnyMapping: TypeAlias = "dict[Value, Value]"
# Much more than a Mesh has, which is about ten levels and a hundred values.
_MAX_DEPTH = 64
_MAX_VALUES = 100_000


def mapping(value: object) -> AnyMapping:
    """Return the value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Value]:
    """Return the value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """Return the value if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def at(value: object, path: Path) -> object:
    """Return the value at a path; None if the path does not exist."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def is_tame(value: object) -> bool:
    """Return whether a recursive function can process the value: with YAML's aliases, a value may contain itself."""
    level, seen = [value], 0
    for _ in range(_MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        seen += len(level)
        if not level or seen > _MAX_VALUES:
            break
    return not level


def _children(parent: object) -> Iterable[object]:
    if isinstance(parent, dict):
        return parent.values()
    return parent if isinstance(parent, list) else ()
