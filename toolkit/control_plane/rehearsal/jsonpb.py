"""Read JSON as Kuma's protobuf library does, and return it as that library writes it.

Kuma reads and writes Meshes and Secrets with golang/protobuf's ``jsonpb`` (kumahq/kuma:pkg/util/proto/proto.go). It
ignores unknown fields, omits zero values, and handles durations and base64 differently from newer libraries.

The models of :mod:`toolkit.mesh.schema` have the fields of the messages (kumahq/kuma:api/mesh/v1alpha1/mesh.proto,
metrics.proto; api/system/v1alpha1/secret.proto, datasource.proto; pkg/plugins/ca/{builtin,provided}/config/*.proto).

Source: golang/protobuf:jsonpb/decode.go and jsonpb/encode.go, version 1.5.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated

from toolkit.mesh.schema.field_types import FieldType, list_fields, read_annotation
from toolkit.mesh.schema.go_base64 import decode
from toolkit.mesh.schema.go_duration import write_seconds
from toolkit.mesh.schema.model import PROTOBUF_DURATION, PROTOBUF_WRAPPER, DataSource, Model
from toolkit.values import Object, Value

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_MAX_UINT32, _MAX_INT32 = 2**32 - 1, 2**31 - 1
# golang/go:src/encoding/json/encode.go, floatEncoder: larger numbers are written with an exponent.
_EXPONENT_FROM = 1e21


class Meta(Model):
    """Metadata of every resource (kumahq/kuma:pkg/core/resources/model/rest/v1alpha1/meta.go)."""

    type: str
    mesh: str
    name: str
    labels: dict[str, str]


class Secret(Model):
    """A Secret without its metadata."""

    data: Annotated[bytes, PROTOBUF_WRAPPER]


class MessageError(ValueError):
    """JSON does not match a message type.

    Args:
        message: the problem. It does not quote the value, which may be a secret.
    """


def read_message(model: type[Model], value: object) -> Object:
    """Read an object as the message with a model's fields, and return it as the library writes it.

    Raises:
        MessageError: the object does not match the message type.
    """
    given, message = _object(value), {}
    # A oneof in protobuf: the field that is set is written even if it has its zero value.
    is_oneof = issubclass(model, DataSource)
    for name, kind in _list_message_types(model).items():
        if given.get(name) is None:
            continue
        entry = _within(name, kind, given[name])
        if entry or is_oneof or _keeps_zero(kind):
            message[name] = entry
    # jsonpb keeps the last field. A rehearsal rejects such an ambiguous document.
    if is_oneof and len(message) > 1:
        raise MessageError(f"only one of {', '.join(message)} can be set")
    return message


@cache
def _list_message_types(model: type[Model]) -> dict[str, FieldType]:
    """Return the types of a message's fields by their names. Two of them are other ones than in the model."""
    # google.protobuf.Struct: any JSON.
    own = {"conf": FieldType(object, metadata=(PROTOBUF_WRAPPER,))}
    if issubclass(model, DataSource):
        own["inline"] = FieldType(bytes)
    fields = list_fields(model).items()
    return {name: own.get(name) or read_annotation(field.annotation, tuple(field.metadata)) for name, field in fields}


def _find_message(kind: FieldType) -> type[Model] | None:
    """Return the model of a message. Backends of all types have the same fields, apart from ``conf``."""
    return kind.model or next(iter(kind.variants.values()), None)


def _keeps_zero(kind: FieldType) -> bool:
    """Return whether a field is written even if it has its zero value, as messages and google.protobuf's wrappers."""
    return PROTOBUF_WRAPPER in kind.metadata or _find_message(kind) is not None


def _read(kind: FieldType, value: object) -> Value:
    if kind.is_enum:
        return _read_enum(kind.choices, value)
    if kind.kind is tuple:
        return _read_list(read_annotation(kind.inner), value)
    if model := _find_message(kind):
        return read_message(model, value)
    if PROTOBUF_DURATION in kind.metadata:
        return _read_duration(value)
    return _READERS.get(kind.kind, _read_string)(value)


def _read_list(kind: FieldType, value: object) -> list[Value]:
    if not isinstance(value, list):
        raise MessageError("is not a list")
    empty = "" if _find_message(kind) is None else {}
    return [empty if entry is None else _within(f"[{index}]", kind, entry) for index, entry in enumerate(value)]


def _read_map(value: object) -> dict[str, str]:
    entries = _object(value).items()
    return {name: "" if entry is None else _within(name, FieldType(str), entry) for name, entry in sorted(entries)}


def _read_enum(names: tuple[str, ...], value: Value) -> str | int:
    """Return the name of an enum's value; empty for the zero value, which is omitted. Unknown numbers are kept."""
    if type(value) is int and abs(value) <= _MAX_INT32:
        value = names[value] if 0 <= value < len(names) else value
    elif value not in names:
        raise MessageError(f"is not one of {', '.join(names)}")
    return "" if value == names[0] else value


def _within(name: str, kind: FieldType, value: object) -> Value:
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


_READERS: Mapping[object, Callable[[object], Value]] = {
    bool: _read_bool,
    int: _read_uint32,
    float: _read_double,
    dict: _read_map,
    bytes: _read_bytes,
    object: _read_struct,
}
