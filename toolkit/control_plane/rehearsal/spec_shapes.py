"""Define the specs of MeshIdentity, MeshTrust, MeshTLS and MeshTrafficPermission.

Source: the CustomResourceDefinitions of Kuma 2.14.3 (kumahq/kuma:deployments/charts/kuma/crds). Kuma validates with the
same schemas on Universal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.control_plane.rehearsal.go_structs import Choice, ListOf, Shape, Simple, Struct, Text

if TYPE_CHECKING:
    from toolkit.mesh.schema.scoped import ScopedKind

_TEXT, _BOOLEAN = Simple.TEXT, Simple.BOOLEAN
_SOURCE = Struct(
    {
        "type": Choice(("File", "Secret", "EnvVar", "InsecureInline")),
        "file": Struct({"path": _TEXT}, ("path",)),
        "secretRef": Struct({"kind": Choice(("Secret",)), "name": _TEXT}, ("kind", "name")),
        "envVar": Struct({"name": _TEXT}, ("name",)),
        "insecureInline": Struct({"value": _TEXT}, ("value",)),
    },
    ("type",),
)
_BUNDLED = Struct(
    {
        "meshTrustCreation": Choice(("Enabled", "Disabled")),
        "insecureAllowSelfSigned": _BOOLEAN,
        "certificateParameters": Struct({"expiry": Simple.DURATION}),
        "autogenerate": Struct({"enabled": _BOOLEAN}),
        "ca": Struct({"certificate": _SOURCE, "privateKey": _SOURCE}),
    }
)
_PROVIDER = Struct(
    {
        "type": Choice(("Bundled", "Spire", "Extension")),
        "bundled": _BUNDLED,
        "spire": Struct({"agent": Struct({"timeout": Simple.DURATION})}),
        "extension": Struct({"name": _TEXT, "config": Simple.ANY}, ("name",)),
    },
    ("type",),
)
_TARGET_REF = Struct(
    {
        "kind": Choice(
            (
                "Mesh",
                "MeshSubset",
                "MeshGateway",
                "MeshService",
                "MeshExternalService",
                "MeshMultiZoneService",
                "MeshServiceSubset",
                "MeshHTTPRoute",
                "Dataplane",
            )
        ),
        "name": _TEXT,
        "namespace": _TEXT,
        "mesh": _TEXT,
        "sectionName": _TEXT,
        "tags": Simple.TEXT_MAP,
        "labels": Simple.TEXT_MAP,
        "proxyTypes": ListOf(Choice(("Sidecar", "Gateway"))),
    },
    ("kind",),
)
_VERSION = Choice(("TLSAuto", "TLS10", "TLS11", "TLS12", "TLS13"), "TLSAuto")
_CIPHER = Choice(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-CHACHA20-POLY1305",
    )
)
_TLS = Struct(
    {
        "mode": Choice(("Permissive", "Strict")),
        "tlsVersion": Struct({"min": _VERSION, "max": _VERSION}),
        "tlsCiphers": ListOf(_CIPHER),
    }
)
_MATCHES = ListOf(
    Struct(
        {
            "spiffeID": Struct({"type": Choice(("Exact", "Prefix")), "value": _TEXT}, ("type", "value")),
            "sni": Struct({"type": Choice(("Exact",)), "value": _TEXT}, ("type", "value")),
        }
    )
)
_PERMISSION = Struct({"allow": _MATCHES, "allowWithShadowDeny": _MATCHES, "deny": _MATCHES})
_ACTION = Struct({"action": Choice(("Allow", "Deny", "AllowWithShadowDeny"))})

SHAPES: dict[ScopedKind, Shape] = {
    "MeshIdentity": Struct(
        {
            "selector": Struct({"dataplane": Struct({"matchLabels": Simple.TEXT_MAP})}),
            "spiffeID": Struct({"trustDomain": _TEXT, "path": _TEXT}),
            "provider": _PROVIDER,
        }
    ),
    "MeshTrust": Struct(
        {
            "trustDomain": Text(253),
            "caBundles": ListOf(
                Struct({"type": Choice(("Pem",)), "pem": Struct({"value": _TEXT}, ("value",))}, ("type",)), at_least=1
            ),
            "origin": Struct({"kri": _TEXT}),
        },
        ("trustDomain", "caBundles"),
    ),
    "MeshTLS": Struct(
        {
            "targetRef": _TARGET_REF,
            "from": ListOf(Struct({"targetRef": _TARGET_REF, "default": _TLS}, ("targetRef",))),
            "rules": ListOf(Struct({"default": _TLS})),
        }
    ),
    "MeshTrafficPermission": Struct(
        {
            "targetRef": _TARGET_REF,
            "from": ListOf(Struct({"targetRef": _TARGET_REF, "default": _ACTION}, ("targetRef",))),
            "rules": ListOf(Struct({"default": _PERMISSION}, ("default",))),
        }
    ),
}
