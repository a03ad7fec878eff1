"""Define the protobuf messages of a Mesh, of its backends' configurations and of a Secret.

Sources: kumahq/kuma:api/mesh/v1alpha1/mesh.proto, metrics.proto; api/system/v1alpha1/secret.proto, datasource.proto;
pkg/plugins/ca/{builtin,provided}/config/*.proto.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TypeAlias


class Scalar(Enum):
    """The type of a field that is neither a message, a list nor an enum."""

    STRING = auto()
    BOOL = auto()
    UINT32 = auto()
    # map<string, string>: entries with an empty value are kept.
    STRING_MAP = auto()
    # Wrappers of google.protobuf: false and 0 are different from a missing value.
    STRING_VALUE = auto()
    BOOL_VALUE = auto()
    UINT32_VALUE = auto()
    DOUBLE_VALUE = auto()
    BYTES_VALUE = auto()
    DURATION = auto()
    # Any JSON.
    STRUCT = auto()


class OneOf(dict[str, "Type"]):
    """A message with at most one field set. The field is written even if it has its zero value."""


# One of: a message (its fields in the order of their numbers), a list of one type, an enum (its names; the first one is
# the zero value), or a scalar.
Type: TypeAlias = "dict[str, Type] | list[Type] | tuple[str, ...] | Scalar"
_STRING, _BOOL, _UINT32, _STRING_MAP = Scalar.STRING, Scalar.BOOL, Scalar.UINT32, Scalar.STRING_MAP

_RULES: list[Type] = [{"tags": _STRING_MAP}]
_MTLS_BACKEND: dict[str, Type] = {
    "name": _STRING,
    "type": _STRING,
    "dpCert": {"rotation": {"expiration": _STRING}, "requestTimeout": Scalar.DURATION},
    "conf": Scalar.STRUCT,
    "mode": ("STRICT", "PERMISSIVE"),
    "rootChain": {"requestTimeout": Scalar.DURATION},
}
_TRACING_BACKEND: dict[str, Type] = {
    "name": _STRING,
    "sampling": Scalar.DOUBLE_VALUE,
    "type": _STRING,
    "conf": Scalar.STRUCT,
}
_LOGGING_BACKEND: dict[str, Type] = {"name": _STRING, "format": _STRING, "type": _STRING, "conf": Scalar.STRUCT}
METRICS_BACKEND: dict[str, Type] = {"name": _STRING, "type": _STRING, "conf": Scalar.STRUCT}

MESH: dict[str, Type] = {
    "mtls": {"enabledBackend": _STRING, "backends": [_MTLS_BACKEND], "skipValidation": _BOOL},
    "tracing": {"defaultBackend": _STRING, "backends": [_TRACING_BACKEND]},
    "logging": {"defaultBackend": _STRING, "backends": [_LOGGING_BACKEND]},
    "metrics": {"enabledBackend": _STRING, "backends": [METRICS_BACKEND]},
    "networking": {"outbound": {"passthrough": Scalar.BOOL_VALUE}},
    "routing": {
        "localityAwareLoadBalancing": _BOOL,
        "zoneEgress": _BOOL,
        "defaultForbidMeshExternalServiceAccess": _BOOL,
    },
    "constraints": {"dataplaneProxy": {"requirements": _RULES, "restrictions": _RULES}},
    "skipCreatingInitialPolicies": [_STRING],
    "meshServices": {"mode": ("Disabled", "Everywhere", "ReachableBackends", "Exclusive")},
}
SECRET: dict[str, Type] = {"data": Scalar.BYTES_VALUE}
# kumahq/kuma:pkg/core/resources/model/rest/v1alpha1/meta.go.
META: dict[str, Type] = {"type": _STRING, "mesh": _STRING, "name": _STRING, "labels": _STRING_MAP}

DATA_SOURCE = OneOf(secret=_STRING, file=_STRING, inline=Scalar.BYTES_VALUE, inlineString=Scalar.STRING_VALUE)
PROVIDED: dict[str, Type] = {"cert": DATA_SOURCE, "key": DATA_SOURCE}
BUILTIN: dict[str, Type] = {"caCert": {"RSAbits": Scalar.UINT32_VALUE, "expiration": _STRING}}

FILE_LOGGING: dict[str, Type] = {"path": _STRING}
TCP_LOGGING: dict[str, Type] = {"address": _STRING}
ZIPKIN: dict[str, Type] = {
    "url": _STRING,
    "traceId128bit": _BOOL,
    "apiVersion": _STRING,
    "sharedSpanContext": Scalar.BOOL_VALUE,
}
DATADOG: dict[str, Type] = {"address": _STRING, "port": _UINT32, "splitService": _BOOL}
PROMETHEUS: dict[str, Type] = {
    "port": _UINT32,
    "path": _STRING,
    "tags": _STRING_MAP,
    "skipMTLS": Scalar.BOOL_VALUE,
    "aggregate": [
        {"name": _STRING, "path": _STRING, "port": _UINT32, "enabled": Scalar.BOOL_VALUE, "address": _STRING}
    ],
    "envoy": {"filterRegex": _STRING, "usedOnly": Scalar.BOOL_VALUE},
    "tls": {"mode": ("activeMTLSBackend", "providedTLS", "disabled")},
}
