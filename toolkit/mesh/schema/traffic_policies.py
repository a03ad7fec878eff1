"""The parts of MeshTLS and MeshTrafficPermission that a move to MeshIdentity needs.

Sources: kumahq/kuma:pkg/plugins/policies/meshtls/api/v1alpha1/meshtls.go and
kumahq/kuma:pkg/plugins/policies/meshtrafficpermission/api/v1alpha1/meshtrafficpermission.go (release-2.14).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from toolkit.mesh.schema.model import GoStruct
from toolkit.mesh.schema.scoped import ScopedKind, ScopedResource

DEFAULT_TLS_VERSION = "TLSAuto"
_Strings = Annotated[tuple[str, ...], Field(strict=False)]


class TargetRef(GoStruct):
    """The data plane proxies, services or routes that a policy applies to."""

    kind: str
    name: str | None = None
    namespace: str | None = None
    mesh: str | None = None
    section_name: str | None = None
    tags: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    proxy_types: _Strings | None = None


class SpiffeIdMatch(GoStruct):
    """Clients by their SPIFFE ID. A prefix doesn't end with a slash."""

    type: Literal["Exact", "Prefix"]
    value: str


class SniMatch(GoStruct):
    """Clients by the server name (SNI) that they request."""

    type: Literal["Exact"]
    value: str


class Match(GoStruct):
    """One condition on clients."""

    spiffe_id: SpiffeIdMatch | None = Field(None, alias="spiffeID")
    sni: SniMatch | None = None


class PermissionRule(GoStruct):
    """The allowed and denied clients."""

    allow: Annotated[tuple[Match, ...], Field(strict=False)] | None = None
    allow_with_shadow_deny: Annotated[tuple[Match, ...], Field(strict=False)] | None = None
    deny: Annotated[tuple[Match, ...], Field(strict=False)] | None = None


class PermissionRules(GoStruct):
    """An entry of ``rules``."""

    default: PermissionRule


class PermissionAction(GoStruct):
    """The action of an entry of ``from``."""

    action: Literal["Allow", "Deny", "AllowWithShadowDeny"] | None = None


class PermissionFrom(GoStruct):
    """An entry of ``from``, which names clients by their tags."""

    target_ref: TargetRef
    default: PermissionAction | None = None


class MeshTrafficPermissionSpec(GoStruct):
    """The spec of a permission, with ``rules`` or ``from``; Kuma rejects one with both."""

    target_ref: TargetRef | None = None
    from_: Annotated[tuple[PermissionFrom, ...], Field(strict=False)] | None = Field(None, alias="from")
    rules: Annotated[tuple[PermissionRules, ...], Field(strict=False)] | None = None


class MeshTrafficPermission(ScopedResource):
    """The clients that may send requests to data plane proxies."""

    kind: ClassVar[ScopedKind] = "MeshTrafficPermission"

    spec: MeshTrafficPermissionSpec


class TlsVersion(GoStruct):
    """The versions of TLS."""

    schema_defaults: ClassVar[Mapping[str, str]] = {"min": DEFAULT_TLS_VERSION, "max": DEFAULT_TLS_VERSION}

    min: str | None = None
    max: str | None = None


class TlsConf(GoStruct):
    """The TLS mode and versions of inbound listeners."""

    mode: Literal["Strict", "Permissive"] | None = None
    tls_version: TlsVersion | None = None
    tls_ciphers: _Strings | None = None


class TlsRule(GoStruct):
    """An entry of ``rules``."""

    default: TlsConf | None = None


class TlsFrom(GoStruct):
    """An entry of ``from``."""

    target_ref: TargetRef
    default: TlsConf | None = None


class MeshTlsSpec(GoStruct):
    """The TLS mode of inbound traffic, which replaces ``mtls.backends[].mode``."""

    target_ref: TargetRef | None = None
    from_: Annotated[tuple[TlsFrom, ...], Field(strict=False)] | None = Field(None, alias="from")
    rules: Annotated[tuple[TlsRule, ...], Field(strict=False)] | None = None


class MeshTls(ScopedResource):
    """The TLS settings of a mesh."""

    kind: ClassVar[ScopedKind] = "MeshTLS"

    spec: MeshTlsSpec
