"""A Mesh as the protobuf message that Kuma keeps it as, with protobuf's own JSON.

So that what comes back of a document is not what somebody thought comes back. Source:
kumahq/kuma:api/mesh/v1alpha1/mesh.proto; the options are those of kumahq/kuma:pkg/util/proto/proto.go.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

# protobuf has no types of its own.
_descriptors: Any = importlib.import_module("google.protobuf.descriptor_pb2")
_pools: Any = importlib.import_module("google.protobuf.descriptor_pool")
_factory: Any = importlib.import_module("google.protobuf.message_factory")
_json: Any = importlib.import_module("google.protobuf.json_format")
_FIELD: Any = _descriptors.FieldDescriptorProto

for _name in ("struct", "duration", "wrappers"):
    importlib.import_module(f"google.protobuf.{_name}_pb2")

_PACKAGE = "standin"
_ENUMS = {
    "MtlsMode": ("STRICT", "PERMISSIVE"),
    "MeshServicesMode": ("Disabled", "Everywhere", "ReachableBackends", "Exclusive"),
}
# A field's type; in square brackets it is repeated, and the tags are a map of texts.
_MESSAGES: dict[str, dict[str, str]] = {
    "Mesh": {
        "mtls": "Mtls",
        "tracing": "Tracing",
        "logging": "Logging",
        "metrics": "Metrics",
        "networking": "Networking",
        "routing": "Routing",
        "constraints": "Constraints",
        "skipCreatingInitialPolicies": "[string]",
        "meshServices": "MeshServices",
    },
    "Mtls": {"enabledBackend": "string", "backends": "[CertificateAuthorityBackend]", "skipValidation": "bool"},
    "CertificateAuthorityBackend": {
        "name": "string",
        "type": "string",
        "dpCert": "DpCert",
        "conf": ".google.protobuf.Struct",
        "mode": "MtlsMode",
        "rootChain": "RootChain",
    },
    "DpCert": {"rotation": "Rotation", "requestTimeout": ".google.protobuf.Duration"},
    "Rotation": {"expiration": "string"},
    "RootChain": {"requestTimeout": ".google.protobuf.Duration"},
    "Tracing": {"defaultBackend": "string", "backends": "[TracingBackend]"},
    "TracingBackend": {
        "name": "string",
        "sampling": ".google.protobuf.DoubleValue",
        "type": "string",
        "conf": ".google.protobuf.Struct",
    },
    "Logging": {"defaultBackend": "string", "backends": "[LoggingBackend]"},
    "LoggingBackend": {"name": "string", "format": "string", "type": "string", "conf": ".google.protobuf.Struct"},
    "Metrics": {"enabledBackend": "string", "backends": "[MetricsBackend]"},
    "MetricsBackend": {"name": "string", "type": "string", "conf": ".google.protobuf.Struct"},
    "Networking": {"outbound": "Outbound"},
    "Outbound": {"passthrough": ".google.protobuf.BoolValue"},
    "Routing": {
        "localityAwareLoadBalancing": "bool",
        "zoneEgress": "bool",
        "defaultForbidMeshExternalServiceAccess": "bool",
    },
    "Constraints": {"dataplaneProxy": "DataplaneProxy"},
    "DataplaneProxy": {"requirements": "[Rules]", "restrictions": "[Rules]"},
    "Rules": {"tags": "map"},
    "MeshServices": {"mode": "MeshServicesMode"},
    "PrometheusConf": {
        "port": "uint32",
        "path": "string",
        "tags": "map",
        "tls": "PrometheusTls",
        "skipMTLS": ".google.protobuf.BoolValue",
        "aggregate": "[PrometheusAggregate]",
        "envoy": "PrometheusEnvoy",
    },
    "PrometheusAggregate": {
        "name": "string",
        "port": "uint32",
        "path": "string",
        "enabled": ".google.protobuf.BoolValue",
        "address": "string",
    },
    "PrometheusEnvoy": {"filterRegex": "string", "usedOnly": ".google.protobuf.BoolValue"},
    "PrometheusTls": {"mode": "PrometheusTlsMode"},
}
_ENUMS["PrometheusTlsMode"] = ("activeMTLSBackend", "providedTLS", "disabled")
_SCALARS = {"string": _FIELD.TYPE_STRING, "bool": _FIELD.TYPE_BOOL, "uint32": _FIELD.TYPE_UINT32}


class NoMessageError(ValueError):
    """A document does not fit the message."""


def round_trip(document: dict[str, Any], message: str = "Mesh") -> dict[str, Any]:
    """What comes back of a document.

    Raises:
        NoMessageError: a field has another type.
    """
    parsed = _class(message)()
    try:
        _json.ParseDict(document, parsed, ignore_unknown_fields=True)
    except (_json.ParseError, ValueError, TypeError) as error:
        raise NoMessageError(str(error)) from error
    return dict(_json.MessageToDict(parsed))


@cache
def _class(message: str) -> Any:
    return _factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{message}"))


@cache
def _pool() -> Any:
    pool = _pools.DescriptorPool()
    for name in ("struct", "duration", "wrappers"):
        known = importlib.import_module(f"google.protobuf.{name}_pb2")
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    file = _descriptors.FileDescriptorProto(name="standin.proto", package=_PACKAGE, syntax="proto3")
    file.dependency.extend(f"google/protobuf/{name}.proto" for name in ("struct", "duration", "wrappers"))
    for name, values in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            # The names of one file's enums share a scope.
            enum.value.add(name=value, number=number)
    for name, fields in _MESSAGES.items():
        _add(file.message_type.add(name=name), fields)
    pool.Add(file)
    return pool


def _add(message: Any, fields: dict[str, str]) -> None:
    for number, (name, kind) in enumerate(fields.items(), start=1):
        field = message.field.add(name=name, json_name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
        if kind.startswith("["):
            field.label = _FIELD.LABEL_REPEATED
        kind = kind.strip("[]")  # noqa: PLW2901 - the type of one entry
        if kind == "map":
            entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
            entry.options.map_entry = True
            _add(entry, {"key": "string", "value": "string"})
            field.label = _FIELD.LABEL_REPEATED
            kind = f".{_PACKAGE}.{message.name}.{entry.name}"  # noqa: PLW2901 - same
        if kind in _SCALARS:
            field.type = _SCALARS[kind]
            continue
        field.type = _FIELD.TYPE_ENUM if kind in _ENUMS else _FIELD.TYPE_MESSAGE
        field.type_name = kind if kind.startswith(".") else f".{_PACKAGE}.{kind}"
