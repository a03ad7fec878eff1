"""Values as YAML text that reads as exactly those values, in YAML 1.1, which Kubernetes reads, and in YAML 1.2."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterator

_Nested: TypeAlias = "dict[str, object] | list[object] | tuple[object, ...]"

# Plain scalars that are strings in YAML 1.1 and in YAML 1.2: they begin and end with a letter or digit and hold no
# blank, so neither ': ' nor ' #' can occur.
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9._/:-]*[A-Za-z0-9])?", re.ASCII)
_PLAIN_DURATION = re.compile(r"[1-9][0-9]*(?:ms|[ywdhms])", re.ASCII)
# Words that YAML 1.1 reads as something else than a string.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_LAST_OF_THE_PLANE = "\uffff"
_SINGLE_QUOTABLE = re.compile(r"[\x20-\x7e]+")


def write_scalar(value: object) -> str:
    """One value as a YAML scalar.

    A text is plain where that is safe beyond doubt, single-quoted like Kong's examples where it is printable, in
    double quotes with JSON's escapes otherwise.

    Raises:
        TypeError: the value is no text, integer or truth value; our documents hold nothing else in a scalar.
        ValueError: the value is no text that can be encoded.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise TypeError(f"a document holds {type(value).__name__}, which is no text")
    if _PLAIN_DURATION.fullmatch(value) or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return value
    if _SINGLE_QUOTABLE.fullmatch(value):
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    """One character of a double-quoted scalar (YAML 1.2.2, 5.7).

    JSON's escapes are YAML's, but for characters beyond the basic plane: JSON writes them as two surrogates,
    which YAML reads as two characters.
    """
    # The surrogates of UTF-16.
    if "\ud800" <= character <= "\udfff":
        raise ValueError(f"U+{ord(character):04X} is half a character, which no text can hold")
    return json.dumps(character)[1:-1] if character <= _LAST_OF_THE_PLANE else f"\\U{ord(character):08X}"


# Lines that a literal block can hold in any YAML: printable, not ended by a blank, the first one not indented. PEM is
# such a text, and so is JSON.
_LITERAL = re.compile(r"[!-~](?:[ -~]*[!-~])?\n(?: *[!-~](?:[ -~]*[!-~])?\n)*", re.ASCII)


def write_literal(value: object) -> str:
    """A value below its key: a text of several plain lines as a literal block, indented by two; else a scalar.

    A block of a text that does not end with a line end is ``|-``: a ``|`` would add one. A ``|`` at the end of a
    document loses its own in ``kumactl apply``, which cuts white space off documents before it reads them
    (kumahq/kuma:pkg/util/yaml/split.go).

    Raises:
        TypeError: as of :func:`scalar`.
        ValueError: same.
    """
    if isinstance(value, str) and _LITERAL.fullmatch(value):
        return _block_scalar("|", value)
    if isinstance(value, str) and "\n" in value and _LITERAL.fullmatch(f"{value}\n"):
        return _block_scalar("|-", value)
    return write_scalar(value)


def _block_scalar(indicator: str, value: str) -> str:
    return "\n  ".join((indicator, *value.splitlines()))


def write_flow(value: object) -> str:
    """Any value on one line: ``{name: a, backends: [b]}``."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{write_scalar(key)}: {write_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(write_flow, value)) + "]"
    return write_scalar(value)


def write_json(value: object) -> str:
    """Any value on one line, as JSON that reads the same as YAML.

    Raises:
        TypeError: as of :func:`scalar`.
        ValueError: same.
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{write_json(key)}: {write_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(write_json, value)) + "]"
    if not isinstance(value, str):
        return write_scalar(value)
    # A character beyond the basic plane stands for itself: of JSON's two surrogates YAML makes two characters.
    return '"' + "".join(_escaped(c) if c <= _LAST_OF_THE_PLANE else c for c in value) + '"'


def write_block(value: _Nested, indent: int) -> str:
    """A mapping or a sequence as lines, each indented and ended with a newline.

    Args:
        value: it must not be empty: block style has no way to write that.
        indent: blanks before each line.
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
    """Whether a value takes lines of its own in block style: a mapping or sequence that is not empty."""
    return isinstance(value, dict | list | tuple) and bool(value)
