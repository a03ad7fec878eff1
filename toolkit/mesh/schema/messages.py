"""Read the JSON of resources as a control plane does, and return it in the form that the control plane keeps.

Kuma reads and writes Meshes and Secrets with golang/protobuf's ``jsonpb`` (kumahq/kuma:pkg/util/proto/proto.go). It
ignores unknown fields, omits zero values, and handles durations and base64 differently from newer libraries. It reads
the specs of other resources into Go structs (:class:`toolkit.mesh.schema.model.GoStruct`), after it has validated them
and set the defaults of their schema.

There are two ways to read. The stand-in control plane rejects a value that does not fit its field, and drops unknown
fields. A comparison keeps both, because a newer control plane may know them.

The models have the fields of the messages (kumahq/kuma:api/mesh/v1alpha1/mesh.proto, metrics.proto;
api/system/v1alpha1/secret.proto, datasource.proto; pkg/plugins/ca/{builtin,provided}/config/*.proto).

Sources: golang/protobuf:jsonpb/decode.go and jsonpb/encode.go, version 1.5; kumahq/kuma:pkg/core/resources/model/rest/
unmarshaller.go; kubernetes/apimachinery:pkg/apis/meta/v1/duration.go.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from pydantic import create_model

from toolkit.mesh.schema.field_types import FieldType, Spec, list_fields, read_annotation
from toolkit.mesh.schema.go_base64 import decode
from toolkit.mesh.schema.go_duration import write_seconds, write_text
from toolkit.mesh.schema.model import GO_DURATION, PROTOBUF_DURATION, PROTOBUF_WRAPPER, DataSource, GoStruct, Model
from toolkit.mesh.schema.scoped import SCOPED_KINDS
from toolkit.mesh.schema.telemetry import PrometheusConf
from toolkit.values import Object, Value
from toolkit.yamltext.plain import items, mapping

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_MAX_UINT32, _MAX_INT32 = 2**32 - 1, 2**31 - 1
# golang/go:src/encoding/json/encode.go, floatEncoder: larger numbers are written with an exponent.
_EXPONENT_FROM = 1e21
# google.protobuf.Struct: an object with any JSON.
_STRUCT = FieldType(object)
# The type of unknown fields.
_JSON = FieldType(dict, Value)
_DURATIONS = {PROTOBUF_DURATION: write_seconds, GO_DURATION: write_text}
_PROMETHEUS_DEFAULTS = {"port": 5670, "path": "/metrics", "tags": {"kuma.io/service": "dataplane-metrics"}}


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


@cache
def find_spec_model(kind: str) -> type[Model]:
    """Return the model of the spec of a kind of :data:`toolkit.mesh.schema.scoped.SCOPED_KINDS`."""
    # Most documents have no such resource, and the models are slow to make.
    from toolkit.mesh.schema import identity_spec, traffic_policies, trust  # noqa: PLC0415

    models: dict[str, type[Model]] = {
        "MeshIdentity": identity_spec.MeshIdentitySpec,
        "MeshTrust": trust.MeshTrustSpec,
        "MeshTLS": traffic_policies.MeshTlsSpec,
        "MeshTrafficPermission": traffic_policies.MeshTrafficPermissionSpec,
    }
    return models[kind]


@cache
def find_resource_model(kind: str) -> type[Model]:
    """Return the model of a resource with its metadata, in the form of Universal: a Mesh unless it is another kind."""
    if kind in SCOPED_KINDS:
        return create_model(kind, __base__=Meta, spec=(find_spec_model(kind), ...))
    return create_model("Resource", __base__=(Meta, Secret if kind == "Secret" else Spec))


def read_message(model: type[Model], value: object, *, is_lenient: bool = False) -> Object:
    """Read an object as the message with a model's fields, and return it as a control plane keeps it.

    Args:
        model: has the fields.
        value: the object.
        is_lenient: for comparisons: keep unknown fields, and values that do not fit. Omit empty protobuf messages,
            because Kuma treats them as missing ones.

    Raises:
        MessageError: the object does not match the message type.
    """
    return _Reader(is_lenient).read(model, value)


@cache
def list_message_types(model: type[Model]) -> dict[str, FieldType]:
    """Return the types of a message's fields by their names. Two of them are other ones than in the model."""
    # Kuma's plugins read the conf of a backend later.
    own = {"conf": _STRUCT}
    if issubclass(model, DataSource):
        own["inline"] = FieldType(bytes)
    fields = list_fields(model).items()
    return {name: own.get(name) or read_annotation(field.annotation, tuple(field.metadata)) for name, field in fields}


def find_message(kind: FieldType) -> type[Model] | None:
    """Return the model of a message. Backends of all types have the same fields, apart from ``conf``."""
    return kind.model or next(iter(kind.variants.values()), None)


def is_go_struct(model: type[Model] | None) -> bool:
    """Return whether Kuma reads a message into a Go struct."""
    return model is not None and issubclass(model, GoStruct)


def list_backends(document: Object, section: str) -> list[Object]:
    """Return the backends of a section of a Mesh."""
    backends = items(mapping(document.get(section)).get("backends"))
    return [backend for backend in backends if isinstance(backend, dict)]


def add_defaults(mesh: Object, *, is_lenient: bool = False) -> None:
    """Add the settings that Kuma adds to the Prometheus backends of a Mesh that was read as a message.

    Source: kumahq/kuma:pkg/core/resources/apis/mesh/mesh_defaulter.go.
    """
    for backend in list_backends(mesh, "metrics"):
        given = backend.get("conf", {})
        if backend.get("type") == "prometheus" and isinstance(given, dict):
            conf = read_message(PrometheusConf, given, is_lenient=is_lenient)
            if conf.get("skipMTLS") is True:
                conf.setdefault("tls", {"mode": "disabled"})
            elif not is_lenient:
                conf.setdefault("tls", {})
            if mapping(conf.get("tls")).get("mode") == "providedTLS":
                conf.pop("skipMTLS", None)
            backend["conf"] = {**_PROMETHEUS_DEFAULTS, **conf}


@dataclass(frozen=True)
class _Reader:
    """Read messages.

    Attributes:
        is_lenient: see :func:`read_message`.
    """

    is_lenient: bool

    def read(self, model: type[Model], value: object) -> Object:
        given, types = _object(value), list_message_types(model)
        message: Object = dict(model.schema_defaults) if issubclass(model, GoStruct) else {}
        # A oneof in protobuf: the field that is set is written even if it has its zero value.
        is_oneof = issubclass(model, DataSource)
        for name in given if self.is_lenient else types:
            if given.get(name) is None:
                continue
            kind = types.get(name, _JSON)
            entry = self._within(name, kind, given[name])
            if entry or is_oneof or is_go_struct(model) or self._keeps_zero(kind):
                message[name] = entry
        # jsonpb keeps the last field. A rehearsal rejects such an ambiguous document.
        if is_oneof and len(message) > 1:
            raise MessageError(f"only one of {', '.join(message)} can be set")
        return message

    def _keeps_zero(self, kind: FieldType) -> bool:
        """Return whether a field of a protobuf message is written even if it has its zero value."""
        message = find_message(kind)
        is_written = message is not None or kind is _STRUCT
        return PROTOBUF_WRAPPER in kind.metadata or is_go_struct(message) or (is_written and not self.is_lenient)

    def _read_field(self, kind: FieldType, value: object) -> Value:
        if kind.is_enum:
            return _read_enum(kind.choices, value)
        if kind.kind is tuple:
            return self._read_list(read_annotation(kind.inner), value)
        if kind.kind is dict and kind.inner is str:
            return self._read_map(value)
        if model := find_message(kind):
            return self.read(model, value)
        for mark, write in _DURATIONS.items():
            if mark in kind.metadata:
                return _read_duration(value, write)
        return _READERS.get(kind.kind, _read_string)(value)

    def _read_list(self, kind: FieldType, value: object) -> list[Value]:
        if not isinstance(value, list):
            raise MessageError("is not a list")
        empty = "" if find_message(kind) is None else {}
        return [empty if entry is None else self._within(f"[{at}]", kind, entry) for at, entry in enumerate(value)]

    def _read_map(self, value: object) -> dict[str, str]:
        entries = _sort(value)
        return {name: "" if entry is None else self._within(name, FieldType(str), entry) for name, entry in entries}

    def _within(self, name: str, kind: FieldType, value: object) -> Value:
        try:
            return self._read_field(kind, value)
        except MessageError as error:
            if self.is_lenient:
                return value
            raise MessageError(f"{name}{'' if str(error).startswith(('[', '.')) else ' '}{error}") from None


def _read_enum(names: tuple[str, ...], value: Value) -> str | int:
    """Return the name of an enum's value; empty for the zero value, which is omitted. Unknown numbers are kept."""
    if type(value) is int and abs(value) <= _MAX_INT32:
        value = names[value] if 0 <= value < len(names) else value
    elif value not in names:
        raise MessageError(f"is not one of {', '.join(names)}")
    return "" if value == names[0] else value


def _object(value: object) -> Object:
    if not isinstance(value, dict):
        raise MessageError("is not an object")
    return value


def _sort(value: object) -> list[tuple[str, Value]]:
    """Return the entries of an object, sorted. In YAML, a key may be a number or another value."""
    return sorted(_object(value).items(), key=lambda entry: str(entry[0]))


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


def _read_duration(value: object, write: Callable[[str], str]) -> str:
    text = _read_string(value)
    try:
        return write(text)
    except ValueError as error:
        raise MessageError("is not a duration") from error


def _read_struct(value: object) -> Object:
    return {name: _read_json(entry) for name, entry in _sort(value)}


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
    dict: _read_json,
    bytes: _read_bytes,
    object: _read_struct,
}
