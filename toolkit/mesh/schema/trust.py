"""MeshTrust: the CAs that may issue certificates of one trust domain.

Source: kumahq/kuma:pkg/core/resources/apis/meshtrust/api/v1alpha1/meshtrust.go (release-2.14).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from toolkit.mesh.schema.model import GoStruct
from toolkit.mesh.schema.scoped import ScopedKind, ScopedResource
from toolkit.mesh.schema.spiffe_id import MAX_KUMA_TRUST_DOMAIN


class Pem(GoStruct):
    """Certificates in PEM."""

    value: str


class CaBundle(GoStruct):
    """CA certificates. Envoy's SPIFFE validator needs the root among them."""

    type: Literal["Pem"]
    pem: Pem | None = None


class Origin(GoStruct):
    """The MeshIdentity for which a control plane made the MeshTrust; deprecated in favor of its status."""

    kri: str | None = None


class MeshTrustSpec(GoStruct):
    """The spec of a MeshTrust. Kuma joins the CAs of all MeshTrusts of one trust domain."""

    trust_domain: Annotated[str, Field(min_length=1, max_length=MAX_KUMA_TRUST_DOMAIN)]
    ca_bundles: Annotated[tuple[CaBundle, ...], Field(min_length=1, strict=False)]
    origin: Origin | None = None


class MeshTrust(ScopedResource):
    """A trust domain with its CAs."""

    kind: ClassVar[ScopedKind] = "MeshTrust"

    spec: MeshTrustSpec
