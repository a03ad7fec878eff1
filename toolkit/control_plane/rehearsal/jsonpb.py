"""Read JSON as Kuma's protobuf library does, and return it as that library writes it.

Kuma reads and writes Meshes and Secrets with golang/protobuf's ``jsonpb`` (kumahq/kuma:pkg/util/proto/proto.go). It
ignores unknown fields, omits zero values, and handles durations and base64 differently from newer libraries.

Source: golang/protobuf:jsonpb/decode.go and jsonpb/encode.go, version 1.5.
"""

from __future__ import annotations

import base64
import math
import re
from typing import TYPE_CHECKING

from toolkit.control_plane.rehearsal.messages import OneOf, Scalar
from toolkit.mesh.schema.go_base64 import decode
from toolkit.mesh.schema.go_duration import write_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolkit.control_plane.rehearsal.messages import Type
    from toolkit.values import Object, Value

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_MAX_UINT32, _MAX_INT32 = 2**32 - 1, 2**31 - 1
# golang/go:src/encoding/json/encode.go, floatEncoder: larger numbers are written with an exponent.
_EXPONENT_FROM = 1e21


class MessageError(ValueError):
    """JSON does not match a message type.

    Args:
        message: the problem. It does not quote the value, which may be a secret.
    """


def read_message(fields: Mapping[str, Type], value: object) -> Object:
    """Read an object as a message with these fields, and return it as the library writes it.

    Raises:
        MessageError: the object does not match the message type.
    """
    given, message = _object(value), {}
    is_oneof = isinstance(fields, OneOf)
    for name, kind in fields.items():
        if given.get(name) is None:
            continue
        entry = _within(name, kind, given[name])
        if is_oneof or not _is_zero(kind, entry):
            message[name] = entry
    # jsonpb keeps the last field. A rehearsal rejects such an ambiguous document.
    if is_oneof and len(message) > 1:
        raise MessageError(f"only one of {', '.join(message)} can be set")
    return message


def _is_zero(kind: Type, entry: object) -> bool:
    """Return whether a value is a zero value, which is omitted. A message never is."""
    if isinstance(kind, dict):
        return False
    zero = [] if isinstance(kind, list) else kind[0] if isinstance(kind, tuple) else _ZEROS.get(kind)
    return zero is not None and entry == zero


def _read(kind: Type, value: object) -> Value:
    if isinstance(kind, dict):
        return read_message(kind, value)
    if isinstance(kind, list):
        return _read_list(kind[0], value)
    return _read_enum(kind, value) if isinstance(kind, tuple) else _SCALARS[kind](value)


def _read_list(kind: Type, value: object) -> list[Value]:
    if not isinstance(value, list):
        raise MessageError("is not a list")
    empty = {} if isinstance(kind, dict) else ""
    return [empty if entry is None else _within(f"[{index}]", kind, entry) for index, entry in enumerate(value)]


def _read_map(value: object) -> dict[str, str]:
    entries = _object(value).items()
    return {name: "" if entry is None else _within(name, Scalar.STRING, entry) for name, entry in sorted(entries)}


def _read_enum(names: tuple[str, ...], value: object) -> str | int:
    """Return the name of an enum's value. Unknown numbers are kept."""
    if isinstance(value, str) and value in names:
        return value
    if type(value) is not int or abs(value) > _MAX_INT32:
        raise MessageError(f"is not one of {', '.join(names)}")
    return names[value] if 0 <= value < len(names) else value


def _within(name: str, kind: Type, value: object) -> Value:
    try:
        return _read(kind, value)
    except MessageError as error:
        raise MessageError(f"{name}{'' if str(error).startswith(('[', '.')) else ' '}{error}") from None


def _object(value: object) -> Object:
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
    """Return base64 in its canonical form."""
    content = decode(_read_string(value))
    if content is None:
        raise MessageError("is not base64")
    return base64.b64encode(content).decode()


def _read_duration(value: object) -> str:
    try:
        return write_seconds(_read_string(value))
    except MessageError:
        raise
    except ValueError as error:
        raise MessageError("is not a duration") from error


def _read_struct(value: object) -> Object:
    return {name: _read_json(entry) for name, entry in sorted(_object(value).items())}


def _read_json(value: object) -> Value:
    if isinstance(value, dict):
        return _read_struct(value)
    if isinstance(value, list):
        return [_read_json(entry) for entry in value]
    return value if value is None or isinstance(value, (str, bool)) else _number(value)


def _number(value: object) -> float:
    """Return a number after its conversion to a double."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MessageError("is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MessageError("is not a number that a double can hold")
    return int(number) if number.is_integer() and abs(number) < _EXPONENT_FROM else number


_SCALARS: Mapping[Scalar, Callable[[object], Value]] = {
    Scalar.STRING: _read_string,
    Scalar.BOOL: _read_bool,
    Scalar.UINT32: _read_uint32,
    Scalar.STRING_MAP: _read_map,
    Scalar.STRING_VALUE: _read_string,
    Scalar.BOOL_VALUE: _read_bool,
    Scalar.UINT32_VALUE: _read_uint32,
    Scalar.DOUBLE_VALUE: _read_double,
    Scalar.BYTES_VALUE: _read_bytes,
    Scalar.DURATION: _read_duration,
    Scalar.STRUCT: _read_struct,
}
_ZEROS: Mapping[Scalar, object] = {Scalar.STRING: "", Scalar.BOOL: False, Scalar.UINT32: 0, Scalar.STRING_MAP: {}}
