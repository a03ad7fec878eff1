"""A name for moto's own objects."""

from __future__ import annotations

from typing import Any, TypeAlias

# A bucket, a role, a session, a cluster of moto's. Its annotations are partial, and mypy does not read them
# (pyproject.toml), so its objects have no type to name.
MotoObject: TypeAlias = Any
