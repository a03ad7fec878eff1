"""The messages of a Mesh, of its backends' configurations and of a Secret.

Sources: kumahq/kuma:api/mesh/v1alpha1/mesh.proto, metrics.proto; api/system/v1alpha1/secret.proto, datasource.proto;
pkg/plugins/ca/{builtin,provided}/config/*.proto.
"""

from __future__ import annotations

from toolkit.control_plane.rehearsal.jsonpb import (
    BOOL,
    BOOL_VALUE,
    BYTES_VALUE,
    DOUBLE_VALUE,
    DURATION,
    STRING,
    STRING_MAP,
    STRING_VALUE,
    STRUCT,
    UINT32,
    UINT32_VALUE,
    enum,
    message,
    repeated,
)

_RULES = repeated(message({"tags": STRING_MAP}))
_MTLS_BACKEND = message(
    {
        "name": STRING,
        "type": STRING,
        "dpCert": message({"rotation": message({"expiration": STRING}), "requestTimeout": DURATION}),
        "conf": STRUCT,
        "mode": enum("STRICT", "PERMISSIVE"),
        "rootChain": message({"requestTimeout": DURATION}),
    }
)
_TRACING_BACKEND = message({"name": STRING, "sampling": DOUBLE_VALUE, "type": STRING, "conf": STRUCT})
_LOGGING_BACKEND = message({"name": STRING, "format": STRING, "type": STRING, "conf": STRUCT})
_METRICS_BACKEND = message({"name": STRING, "type": STRING, "conf": STRUCT})

MESH = message(
    {
        "mtls": message({"enabledBackend": STRING, "backends": repeated(_MTLS_BACKEND), "skipValidation": BOOL}),
        "tracing": message({"defaultBackend": STRING, "backends": repeated(_TRACING_BACKEND)}),
        "logging": message({"defaultBackend": STRING, "backends": repeated(_LOGGING_BACKEND)}),
        "metrics": message({"enabledBackend": STRING, "backends": repeated(_METRICS_BACKEND)}),
        "networking": message({"outbound": message({"passthrough": BOOL_VALUE})}),
        "routing": message(
            {
                "localityAwareLoadBalancing": BOOL,
                "zoneEgress": BOOL,
                "defaultForbidMeshExternalServiceAccess": BOOL,
            }
        ),
        "constraints": message({"dataplaneProxy": message({"requirements": _RULES, "restrictions": _RULES})}),
        "skipCreatingInitialPolicies": repeated(STRING),
        "meshServices": message({"mode": enum("Disabled", "Everywhere", "ReachableBackends", "Exclusive")}),
    }
)
SECRET = message({"data": BYTES_VALUE})
# kumahq/kuma:pkg/core/resources/model/rest/v1alpha1/meta.go.
META = message({"type": STRING, "mesh": STRING, "name": STRING, "labels": STRING_MAP})

DATA_SOURCE = message(
    {"secret": STRING, "file": STRING, "inline": BYTES_VALUE, "inlineString": STRING_VALUE}, is_oneof=True
)
PROVIDED = message({"cert": DATA_SOURCE, "key": DATA_SOURCE})
BUILTIN = message({"caCert": message({"RSAbits": UINT32_VALUE, "expiration": STRING})})

FILE_LOGGING = message({"path": STRING})
TCP_LOGGING = message({"address": STRING})
ZIPKIN = message({"url": STRING, "traceId128bit": BOOL, "apiVersion": STRING, "sharedSpanContext": BOOL_VALUE})
DATADOG = message({"address": STRING, "port": UINT32, "splitService": BOOL})
PROMETHEUS = message(
    {
        "port": UINT32,
        "path": STRING,
        "tags": STRING_MAP,
        "skipMTLS": BOOL_VALUE,
        "aggregate": repeated(
            message({"name": STRING, "path": STRING, "port": UINT32, "enabled": BOOL_VALUE, "address": STRING})
        ),
        "envoy": message({"filterRegex": STRING, "usedOnly": BOOL_VALUE}),
        "tls": message({"mode": enum("activeMTLSBackend", "providedTLS", "disabled")}),
    }
)
