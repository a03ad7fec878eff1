"""Read JSON as the protobuf library of Kuma does, and return it as that library writes it.

Kuma reads and writes Meshes and Secrets with golang/protobuf's ``jsonpb`` (kumahq/kuma:pkg/util/proto/proto.go). It
skips unknown fields, leaves zero values out, and differs from newer libraries in durations and base64.

Source: golang/protobuf:jsonpb/decode.go and jsonpb/encode.go, version 1.5.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.mesh.schema.go_duration import write_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_MAX_UINT32, _MAX_INT32 = 2**32 - 1, 2**31 - 1
# golang/go:src/encoding/json/encode.go, floatEncoder: from here on a number has an exponent.
_EXPONENT_FROM = 1e21


class MessageError(ValueError):
    """JSON that does not fit a message.

    Args:
        message: what is wrong; it does not repeat the value, which may be a secret.
    """


@dataclass(frozen=True)
class Kind:
    """The type of a field.

    Attributes:
        read: returns a value as it is written, or raises :class:`MessageError`.
        zero: the value that is left out; None if every value is written.
        empty: the entry that null is read as in a list.
    """

    read: Callable[[object], Any]
    zero: Any = None
    empty: Any = None


def message(fields: Mapping[str, Kind], *, is_oneof: bool = False) -> Kind:
    """Return the kind of a message.

    Args:
        fields: by their names in JSON, in the order of their numbers.
        is_oneof: at most one field may be set, and is written also if it has its zero value.
    """

    def read(value: object) -> dict[str, Any]:
        found = {}
        for name, kind in fields.items():
            given = _object(value).get(name)
            if given is None:
                continue
            entry = _within(name, kind.read, given)
            if is_oneof or kind.zero is None or entry != kind.zero:
                found[name] = entry
        # jsonpb keeps the last one; a rehearsal rather refuses a document that means two things.
        if is_oneof and len(found) > 1:
            raise MessageError(f"only one of {', '.join(found)} can be set")
        return found

    return Kind(read, empty={})


def repeated(kind: Kind) -> Kind:
    """Return the kind of a list."""

    def read(value: object) -> list[Any]:
        if not isinstance(value, list):
            raise MessageError("is not a list")
        return [
            kind.empty if entry is None else _within(f"[{index}]", kind.read, entry)
            for index, entry in enumerate(value)
        ]

    return Kind(read, zero=[])


def _read_map(value: object) -> dict[str, str]:
    entries = _object(value).items()
    return {name: "" if entry is None else _within(name, _read_string, entry) for name, entry in sorted(entries)}


def enum(*names: str) -> Kind:
    """Return the kind of an enum; the first name has the zero value. Unknown numbers are kept."""

    def read(value: object) -> str | int:
        if isinstance(value, str) and value in names:
            return value
        if type(value) is not int or abs(value) > _MAX_INT32:
            raise MessageError(f"is not one of {', '.join(names)}")
        return names[value] if 0 <= value < len(names) else value

    return Kind(read, zero=names[0])


def _within(name: str, read: Callable[[object], Any], value: object) -> Any:  # noqa: ANN401 - any JSON
    try:
        return read(value)
    except MessageError as error:
        raise MessageError(f"{name}{'' if str(error).startswith(('[', '.')) else ' '}{error}") from None


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MessageError("is not an object")
    return value


def _read_string(value: object) -> str:
    if not isinstance(value, str):
        raise MessageError("is not a string")
    return value


def _read_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise MessageError("is not true or false")
    return value


def _read_uint32(value: object) -> int:
    text = value if isinstance(value, str) else str(value)
    if isinstance(value, (bool, float)) or not _INTEGER.fullmatch(text) or not 0 <= int(text[:12]) <= _MAX_UINT32:
        raise MessageError(f"is not a number from 0 to {_MAX_UINT32}")
    return int(text)


def _read_double(value: object) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return _number(float(value))
    return _number(value)


def _read_bytes(value: object) -> str:
    """Return base64 in its canonical form. Go skips line ends, and nothing else."""
    plain = _read_string(value).replace("\r", "").replace("\n", "")
    try:
        if _BASE64.fullmatch(plain):
            return base64.b64encode(base64.b64decode(plain, validate=True)).decode()
    except binascii.Error:
        pass
    raise MessageError("is not base64")


def _read_duration(value: object) -> str:
    try:
        return write_seconds(_read_string(value))
    except MessageError:
        raise
    except ValueError as error:
        raise MessageError("is not a duration") from error


def _read_struct(value: object) -> dict[str, Any]:
    return {name: _any(entry) for name, entry in sorted(_object(value).items())}


def _any(value: object) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return _read_struct(value)
    if isinstance(value, list):
        return [_any(entry) for entry in value]
    return value if value is None or isinstance(value, (str, bool)) else _number(value)


def _number(value: object) -> float:
    """Return a number as it is after it was a double."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MessageError("is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MessageError("is not a number that a double can hold")
    return int(number) if number.is_integer() and abs(number) < _EXPONENT_FROM else number


STRING = Kind(_read_string, zero="", empty="")
BOOL = Kind(_read_bool, zero=False)
UINT32 = Kind(_read_uint32, zero=0)
STRING_MAP = Kind(_read_map, zero={})
# google.protobuf: with a message around it, false and 0 are not the same as nothing.
STRING_VALUE = Kind(_read_string)
BOOL_VALUE = Kind(_read_bool)
UINT32_VALUE = Kind(_read_uint32)
DOUBLE_VALUE = Kind(_read_double)
BYTES_VALUE = Kind(_read_bytes)
DURATION = Kind(_read_duration)
STRUCT = Kind(_read_struct)
