"""Name values whose types the program can't know: what JSON, YAML or a library without annotations contains."""

from __future__ import annotations

from typing import Any, TypeAlias

# Any value of JSON or YAML. Check its type before you use it.
Value: TypeAlias = Any
# An object of JSON or a mapping of YAML with text keys.
Object: TypeAlias = dict[str, Any]
# boto3 makes the classes of its clients at run time, so a client has no type to name.
Client: TypeAlias = Any
# moto's annotations are partial and mypy does not read them (pyproject.toml), so its buckets, roles, sessions and
# clusters have no type.
MotoObject: TypeAlias = Any


def without_nulls(value: Value) -> Value:
    """Return a value without the fields that are null, which count as missing."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value
