"""Convert documents to the form that a control plane keeps, so that two documents can be compared.

A control plane reads a Mesh or a Secret into a protobuf message and returns that message as JSON. Zero values are left
out, enums are returned by name, a Duration in seconds, and the conf of a backend unchanged. The one exception is the
conf of a Prometheus backend, which gets its defaults. Sources: kumahq/kuma:api/mesh/v1alpha1/mesh.proto and
metrics.proto (the fields), kumahq/kuma:pkg/util/proto/proto.go (golang/protobuf's jsonpb, with AllowUnknownFields) and
kumahq/kuma:pkg/core/resources/apis/mesh/mesh_defaulter.go.

It reads a MeshIdentity, MeshTrust, MeshTLS or MeshTrafficPermission into a Go struct, and keeps each given field, even
if it is empty: ``matchLabels: {}`` selects every proxy. Sources: kumahq/kuma:pkg/core/resources/model/rest/
unmarshaller.go (defaults of the schema, unknown fields), kubernetes/apimachinery:pkg/apis/meta/v1/duration.go.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeAlias

from toolkit.mesh.documents.typed import find_spec_model
from toolkit.mesh.schema.field_types import FieldType, Spec, list_fields, read_annotation
from toolkit.mesh.schema.go_base64 import decode
from toolkit.mesh.schema.go_duration import write_seconds, write_text
from toolkit.mesh.schema.mesh import ADDED_BY_SERVER
from toolkit.mesh.schema.model import GO_DURATION, PROTOBUF_DURATION, PROTOBUF_WRAPPER, Model
from toolkit.mesh.schema.scoped import SCOPED_KINDS
from toolkit.mesh.schema.telemetry import Metrics, MetricsBackend, PrometheusConf
from toolkit.text import take_line
from toolkit.values import Object
from toolkit.yamltext.plain import items, mapping


class Kind(Enum):
    """The type of a field that is neither a message nor a list."""

    PLAIN = auto()
    NUMBER = auto()
    # google.protobuf.BoolValue and DoubleValue: false and 0 differ from a missing value.
    WRAPPER = auto()
    DURATION = auto()
    # metav1.Duration of Kubernetes.
    GO_DURATION = auto()
    # map<string, string>: entries with an empty value are kept.
    MAP = auto()
    # google.protobuf.Struct: any JSON, unchanged.
    STRUCT = auto()


# A message (its fields), a list (its item type), an enum (its names, the zero value first), or a kind.
Type: TypeAlias = "dict[str, Type] | list[Type] | tuple[str, ...] | Kind"


class GoFields(dict[str, Type]):
    """The fields of a Go struct, which keeps empty values. Other messages are protobuf messages, which omit them."""


def _type_of(field_type: FieldType) -> Type:
    marks = {PROTOBUF_WRAPPER: Kind.WRAPPER, PROTOBUF_DURATION: Kind.DURATION, GO_DURATION: Kind.GO_DURATION}
    if field_type.is_enum:
        return field_type.choices
    if kinds := [kind for mark, kind in marks.items() if mark in field_type.metadata]:
        return kinds[0]
    if field_type.kind is tuple:
        return [_type_of(read_annotation(field_type.inner))]
    if field_type.variants and field_type.common:
        return {**_message(field_type.common), "type": Kind.PLAIN, "conf": Kind.STRUCT}
    if field_type.model:
        return _message(field_type.model)
    return {dict: Kind.MAP, int: Kind.NUMBER}.get(field_type.kind, Kind.PLAIN)


def _message(model: type[Model]) -> dict[str, Type]:
    """Return the types of a model's fields. A control plane keeps any JSON in a backend's conf."""
    types = {
        name: _type_of(read_annotation(field.annotation, tuple(field.metadata)))
        for name, field in list_fields(model).items()
    }
    return types | ({"conf": Kind.STRUCT} if "conf" in types else {})


_HEAD: dict[str, Type] = {"type": Kind.PLAIN, "name": Kind.PLAIN, "labels": Kind.MAP}
# A separate object, because _known compares it by identity.
_METRICS_BACKEND = _message(MetricsBackend)
SECRET: dict[str, Type] = {**_HEAD, "mesh": Kind.PLAIN, "data": Kind.PLAIN}
MESH: dict[str, Type] = {**_HEAD, **_message(Spec)}
MESH["metrics"] = {**_message(Metrics), "backends": [_METRICS_BACKEND]}


def _go_fields(kind: Type) -> Type:
    """Return the type of a message and of all messages in it as Go structs."""
    if isinstance(kind, dict):
        return GoFields({name: _go_fields(below) for name, below in kind.items()})
    return [_go_fields(kind[0])] if isinstance(kind, list) else kind


_SCOPED: dict[str, dict[str, Type]] = {
    kind: {**_HEAD, "mesh": Kind.PLAIN, "spec": _go_fields(_message(find_spec_model(kind)))} for kind in SCOPED_KINDS
}
_TYPES: dict[str, dict[str, Type]] = {"Secret": SECRET, **_SCOPED}
_TLS_AUTO = "TLSAuto"
_PROMETHEUS = _message(PrometheusConf)
_PROMETHEUS_DEFAULTS = {"port": 5670, "path": "/metrics", "tags": {"kuma.io/service": "dataplane-metrics"}}
# A quoted number is read as a number.
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)


def normalize(document: Object) -> Object:
    """Return a document as the control plane keeps it, without the fields that the control plane adds.

    Fields that Kuma does not know stay: a newer control plane may know them.
    """
    kept = {name: value for name, value in document.items() if name not in ADDED_BY_SERVER}
    if (kind := kept.get("type")) in _SCOPED:
        return _scoped(kept, _SCOPED[kind])
    if kind == "Secret":
        return {**mapping(_value(kept, SECRET)), "data": _canonical(kept.get("data") or "")}
    # A Mesh has no field mesh.
    kept.pop("mesh", None)
    made = mapping(_value(kept, MESH))
    for backend in list_backends(made, "mtls"):
        # STRICT is the zero value, but is shown: a change from PERMISSIVE must not look like a removal.
        backend.setdefault("mode", "STRICT")
    for backend in list_backends(made, "metrics"):
        if backend.get("type") == "prometheus" and isinstance(conf := backend.get("conf", {}), dict):
            backend["conf"] = _prometheus(conf)
    return made


def list_backends(document: Object, section: str) -> list[Object]:
    """Return the backends of a section of a Mesh."""
    entries = mapping(document.get(section)).get("backends")
    return [backend for backend in (entries if isinstance(entries, list) else []) if isinstance(backend, dict)]


def drop_unknown(document: Object, current: Object) -> tuple[Object, list[str]]:
    """Return a document without the fields that Kuma drops, and the paths of these fields.

    Args:
        document: in the normal form.
        current: the control plane's document in the normal form. The control plane knows each field in it.
    """
    unknown: list[str] = []
    kind = _TYPES.get(str(document.get("type")), MESH)
    return mapping(_known(document, current, kind, "", unknown)), unknown


def _known(value: object, current: object, kind: Type, path: str, unknown: list[str]) -> object:
    if isinstance(kind, list) and isinstance(value, list):
        there = [*(current if isinstance(current, list) else [])]
        pairs = zip(value, [*there, *[None] * len(value)], strict=False)
        return [_known(one, other, kind[0], f"{path}[{at}]", unknown) for at, (one, other) in enumerate(pairs)]
    if not isinstance(kind, dict) or not isinstance(value, dict):
        return value
    made: dict[str, object] = {}
    for name, entry in value.items():
        place = f"{path}.{take_line(name)}" if path else take_line(name)
        if name in kind:
            below = kind[name]
            if kind is _METRICS_BACKEND and name == "conf" and value.get("type") == "prometheus":
                below = _PROMETHEUS
            made[name] = _known(entry, mapping(current).get(name), below, place, unknown)
            if made[name] == {} and entry and not isinstance(below, GoFields):
                # A message with only unknown fields is empty.
                del made[name]
        elif name in mapping(current):
            made[name] = entry
        else:
            unknown.append(place)
    return made


def _value(value: object, kind: Type) -> object:
    """Return a value as its field keeps it. The message above it omits None and empty values."""
    if isinstance(kind, list):
        return [_value(entry, kind[0]) for entry in value] if isinstance(value, list) else value
    if isinstance(kind, tuple):
        return _enum(value, kind)
    if isinstance(kind, Kind):
        return _scalar(value, kind)
    if not isinstance(value, dict):
        return value
    made = {name: _value(entry, kind.get(name, Kind.PLAIN)) for name, entry in value.items()}
    return {
        name: entry
        for name, entry in made.items()
        if entry or (entry is not None and (isinstance(kind, GoFields) or _keeps_empty(kind.get(name))))
    }


def _keeps_empty(kind: Type | None) -> bool:
    """Return whether a field keeps an empty value."""
    return kind is Kind.WRAPPER or isinstance(kind, GoFields)


def _scalar(value: object, kind: Kind) -> object:
    if kind is Kind.STRUCT:
        return _struct(value)
    if kind is Kind.MAP:
        return dict(value) if isinstance(value, dict) else value
    if isinstance(value, str):
        if kind in (Kind.DURATION, Kind.GO_DURATION):
            return _duration(value, write_seconds if kind is Kind.DURATION else write_text)
        if kind in (Kind.NUMBER, Kind.WRAPPER) and _NUMBER.fullmatch(value):
            return _number(float(value))
    return _struct(value)


def _enum(value: object, names: tuple[str, ...]) -> object:
    """Return the name of an enum's value; None for the zero value. Numbers without a name stay numbers."""
    name = names[value] if type(value) is int and 0 <= value < len(names) else value
    return None if name == names[0] else name


def _duration(value: str, write: Callable[[str], str]) -> str:
    """Return a Duration in one form: ``1m`` and ``60s`` are equal. Text that Go can't parse stays unchanged."""
    try:
        return write(value)
    except ValueError:
        return value


def _struct(value: object) -> object:
    if isinstance(value, dict):
        return {name: _struct(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_struct(entry) for entry in value]
    return _number(value)


def _number(value: object) -> object:
    """Return a number as a double, and whole numbers as integers."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    try:
        number = float(value)
    except OverflowError:
        return value
    return int(number) if number.is_integer() else number


def _scoped(document: Object, kind: Type) -> Object:
    """Return a resource of a mesh with the defaults of its schema."""
    made = mapping(_value(document, kind))
    if document["type"] == "MeshTLS":
        spec = mapping(made.get("spec"))
        for entry in (*items(spec.get("from")), *items(spec.get("rules"))):
            if isinstance(versions := mapping(mapping(entry).get("default")).get("tlsVersion"), dict):
                versions |= {"min": versions.get("min", _TLS_AUTO), "max": versions.get("max", _TLS_AUTO)}
    return made


def _prometheus(conf: Object) -> Object:
    """Return the conf of a Prometheus backend with the defaults that Kuma writes into it."""
    made = mapping(_value(conf, _PROMETHEUS))
    skips = made.get("skipMTLS")
    if skips is True and not isinstance(conf.get("tls"), dict):
        made["tls"] = {"mode": "disabled"}
    if skips is not None and mapping(made.get("tls")).get("mode") == "providedTLS":
        del made["skipMTLS"]
    return {**_PROMETHEUS_DEFAULTS, **made}


def _canonical(data: object) -> object:
    decoded = decode(data) if isinstance(data, str) else None
    return data if decoded is None else base64.b64encode(decoded).decode()
