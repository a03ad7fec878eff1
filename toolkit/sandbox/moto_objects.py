"""The type of moto's own objects."""

from __future__ import annotations

from typing import Any, TypeAlias

# A bucket, role, session or cluster of moto. moto's annotations are partial and mypy does not read them
# (pyproject.toml), so these objects have no type.
MotoObject: TypeAlias = Any
