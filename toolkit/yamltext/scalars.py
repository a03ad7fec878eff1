"""Write values as YAML text that is parsed to the same values by YAML 1.1 (Kubernetes) and YAML 1.2 parsers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import TypeAlias, TypeGuard

_Nested: TypeAlias = "dict[str, object] | list[object] | tuple[object, ...]"

# Plain scalars that are strings in YAML 1.1 and in YAML 1.2. They begin and end with a letter or digit and contain no
# blank, so ': ' and ' #' can't occur.
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9._/:-]*[A-Za-z0-9])?", re.ASCII)
_PLAIN_DURATION = re.compile(r"[1-9][0-9]*(?:ms|[ywdhms])", re.ASCII)
# Words that are not strings in YAML 1.1.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_LAST_OF_THE_PLANE = "\uffff"
_SINGLE_QUOTABLE = re.compile(r"[\x20-\x7e]+")


def write_scalar(value: object) -> str:
    """Return a value as a YAML scalar.

    A text is written plain if that is certainly safe, in single quotes (like Kong's examples) if it is printable, and
    otherwise in double quotes with JSON's escapes.

    Raises:
        TypeError: the value is not a text, integer or boolean. Our documents have no other scalars.
        ValueError: the text contains a lone surrogate, which can't be encoded.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise TypeError(f"a document can't contain a value of type {type(value).__name__}")
    if _PLAIN_DURATION.fullmatch(value) or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return value
    if _SINGLE_QUOTABLE.fullmatch(value):
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    """Return a character for a double-quoted scalar (YAML 1.2.2, 5.7).

    JSON's escapes are valid in YAML except for characters outside the basic plane: JSON writes these as two surrogates,
    which YAML parses as two characters.
    """
    if "\ud800" <= character <= "\udfff":
        raise ValueError(f"U+{ord(character):04X} is half a character, which a text can't contain")
    return json.dumps(character)[1:-1] if character <= _LAST_OF_THE_PLANE else f"\\U{ord(character):08X}"


# Texts that are safe in a literal block in any YAML version: printable lines without trailing blanks, the first one not
# indented. PEM and JSON are such texts.
_LITERAL = re.compile(r"[!-~](?:[ -~]*[!-~])?\n(?: *[!-~](?:[ -~]*[!-~])?\n)*", re.ASCII)


def write_literal(value: object) -> str:
    """Return a mapping's value: a text of several lines as a literal block, indented by two, else a scalar.

    A text without a final line end is written with ``|-``, because ``|`` would add one. At the end of a document, a
    text with ``|`` loses its final line end in ``kumactl apply``, which trims documents before it parses them
    (kumahq/kuma:pkg/util/yaml/split.go).

    Raises:
        TypeError: see :func:`write_scalar`.
        ValueError: see :func:`write_scalar`.
    """
    if isinstance(value, str) and _LITERAL.fullmatch(value):
        return _block_scalar("|", value)
    if isinstance(value, str) and "\n" in value and _LITERAL.fullmatch(f"{value}\n"):
        return _block_scalar("|-", value)
    return write_scalar(value)


def _block_scalar(indicator: str, value: str) -> str:
    return "\n  ".join((indicator, *value.splitlines()))


def write_flow(value: object, *, as_json: bool = False) -> str:
    """Return a value on one line, in flow style: ``{name: a, backends: [b]}``.

    Args:
        value: the value.
        as_json: whether to write JSON, which a YAML parser reads as the same value.

    Raises:
        TypeError: see :func:`write_scalar`.
        ValueError: see :func:`write_scalar`.
    """
    write = partial(write_flow, as_json=as_json)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{write(key)}: {write(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(write, value)) + "]"
    if as_json and isinstance(value, str):
        # A character outside the basic plane is not escaped: YAML would parse JSON's two surrogates as two characters.
        return '"' + "".join(_escaped(c) if c <= _LAST_OF_THE_PLANE else c for c in value) + '"'
    return write_scalar(value)


def write_block(value: _Nested, indent: int) -> str:
    """Return a mapping or a sequence in block style: indented lines that end with a newline.

    Args:
        value: must not be empty, because block style can't represent an empty value.
        indent: number of spaces before each line.
    """
    return "".join(f"{' ' * indent}{line}\n" for line in _lines(value))


def _lines(value: _Nested) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _entry(f"{write_scalar(key)}:", inner)
    else:
        for item in value:
            if not is_nested(item):
                yield f"- {write_flow(item)}"
                continue
            lines = list(_lines(item))
            yield f"- {lines[0]}"
            yield from (f"  {line}" for line in lines[1:])


def _entry(key: str, value: object) -> Iterator[str]:
    if is_nested(value):
        yield key
        yield from ("  " + line for line in _lines(value))
    elif isinstance(value, str):
        yield from f"{key} {write_literal(value)}".split("\n")
    else:
        yield f"{key} {write_flow(value)}"


def is_nested(value: object) -> TypeGuard[_Nested]:
    """Return whether a value is a mapping or sequence with entries, which has its own lines in block style."""
    return isinstance(value, dict | list | tuple) and bool(value)
