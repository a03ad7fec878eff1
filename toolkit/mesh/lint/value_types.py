"""Check whether a field accepts a value and its type.

Kuma reads a Mesh with the jsonpb package: numbers may be in quotes, and enum values may be given as numbers. The kinds
with a spec on Universal, such as MeshIdentity, have neither numbers nor such enums.
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import has_half_characters, join_words, name_kind, show, show_path
from toolkit.mesh.lint.catalogue import RULES
from toolkit.mesh.lint.findings import report
from toolkit.mesh.schema.backends import VaultFromCp
from toolkit.mesh.schema.field_types import read_annotation
from toolkit.text import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeGuard

    from toolkit.mesh.documents.typed import MeshDocument, ScopedDocument
    from toolkit.mesh.lint.findings import Finding
    from toolkit.mesh.schema.field_types import FieldType, Spot
    from toolkit.mesh.schema.model import Model
    from toolkit.yamltext.nodes import Path

WRONG_TYPE = RULES["MESH012"]
UNKNOWN_VALUE = RULES["MESH014"]
EMPTY_FIELD = RULES["MESH015"]
OUT_OF_RANGE = RULES["MESH016"]
BY_NUMBER = RULES["MESH029"]

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE_NUMBER = re.compile(r"-?\d+", re.ASCII)
_MAX_ENUM = 2**31
_WORDS: dict[type, str] = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}
# The models don't require them, but Vault can't be called without them (Kong/developer.konghq.com:app/mesh/vault.md).
_NEEDED: dict[type[Model], tuple[str, ...]] = {VaultFromCp: ("address", "pki", "role")}


def check_type(document: MeshDocument | ScopedDocument, spot: Spot) -> Iterator[Finding]:
    """Yield the findings about values of the wrong type."""
    field_type, value = spot.field_type, spot.value
    if field_type.model or field_type.variants or field_type.kind is dict:
        fits, expected = isinstance(value, dict), "a mapping"
    elif field_type.kind is tuple:
        fits, expected = isinstance(value, list), "a list"
        for index, item in enumerate(value) if fits else ():
            if item is None:
                yield report_type(
                    document, _at(document, (*spot.path, index)), _expected(read_annotation(field_type.inner)), item
                )
    else:
        fits, expected = _fits(field_type, value), _expected(field_type)
    if value is not None and not fits:
        yield report_type(document, _at(document, spot.path), expected, value)


def _fits(field_type: FieldType, value: object) -> bool:
    if field_type.is_enum and isinstance(value, int) and not isinstance(value, bool):
        return -_MAX_ENUM <= value < _MAX_ENUM
    if field_type.choices or field_type.kind is str:
        return isinstance(value, str) and not has_half_characters(value)
    if field_type.kind in (int, float):
        if isinstance(value, str):
            return (_WHOLE_NUMBER if field_type.kind is int else _NUMBER).fullmatch(value) is not None
        return _is_number(value) and (field_type.kind is float or value == value // 1)
    return isinstance(value, field_type.kind)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _expected(field_type: FieldType) -> str:
    return "a text" if field_type.choices else _WORDS.get(field_type.kind, "a mapping")


def report_type(document: MeshDocument | ScopedDocument, path: Path, expected: str, value: object) -> Finding:
    """Return the finding about a value of the wrong type."""
    fix = ""
    if expected == "a text" and not isinstance(value, dict | list | str):
        fix = "Put the value in quotes."
    elif expected == "true or false" and isinstance(value, str):
        fix = "Write true or false, without quotes."
    return report(document, WRONG_TYPE, path, f"{show_end(path)} must be {expected}; it is {name_kind(value)}", fix)


def show_end(path: Path) -> str:
    """Return the last part of a path: a key, or an item with the key of its list."""
    return show_path(path[-1:] if isinstance(path[-1], str) else path[-2:])


def check_limits(document: MeshDocument | ScopedDocument, spot: Spot) -> Iterator[Finding]:
    """Yield the findings about invalid values of the right type."""
    field_type, value, path = spot.field_type, spot.value, _at(document, spot.path)
    name = str(spot.path[-1])
    if field_type.choices:
        yield from _choice(document, path, field_type, value)
    elif value in ("", []):
        needed = spot.owners and name in _NEEDED.get(spot.owners[-1][1], ())
        if needed or any(getattr(each, "min_length", None) for each in field_type.metadata):
            yield report(document, EMPTY_FIELD, path, f"{name} is empty")
    elif field_type.kind in (int, float) and _fits(field_type, value):
        number = float(value) if isinstance(value, str) else value
        bounds = _bounds(field_type.metadata)
        if not all(test(number, bound) for _, test, bound in bounds):
            words = join_words([f"{word} {bound:.15g}" for word, _, bound in bounds])
            yield report(document, OUT_OF_RANGE, path, f"{name} must be {words}")


def _choice(
    document: MeshDocument | ScopedDocument, path: Path, field_type: FieldType, value: object
) -> Iterator[Finding]:
    name, choices = path[-1], [choice for choice in field_type.choices if choice]
    if isinstance(value, str) and value not in field_type.choices:
        message = f"{name} is {show(value)}, and must be {' or '.join(choices)}"
        yield report(document, UNKNOWN_VALUE, path, message, suggest(value, choices))
    elif field_type.is_enum and _fits(field_type, value) and isinstance(value, int):
        is_known = 0 <= value < len(choices)
        meaning = f", which stands for {choices[value]}" if is_known else f"; no value of {name} has that number"
        fix = f"Write {choices[value]}." if is_known else f"Write {' or '.join(choices)}."
        yield report(document, BY_NUMBER, path, f"{name} is {value}{meaning}", fix)


def _bounds(metadata: tuple[object, ...]) -> list[tuple[str, Callable[[float, float], bool], float]]:
    """Return the range of a number in a pydantic model."""
    tests = (("gt", "more than", operator.gt), ("ge", "at least", operator.ge), ("le", "at most", operator.le))
    bounds = [(word, test, getattr(each, name, None)) for each in metadata for name, word, test in tests]
    return [(word, test, bound) for word, test, bound in bounds if bound is not None]


def _at(document: MeshDocument | ScopedDocument, path: Path) -> Path:
    return (*document.spec_path, *path)
