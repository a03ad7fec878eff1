"""MeshIdentity: which data plane proxies get certificates, with which SPIFFE ID, and who issues them.

Sources: kumahq/kuma:pkg/core/resources/apis/meshidentity/api/v1alpha1/meshidentity.go (release-2.14), and for the
extension of Kong Mesh Kong/developer.konghq.com@67a9fa390:app/mesh/acm-private-ca-policy, branch
add-meshidentity-plugins. That branch is not released documentation, so everything based on it is experimental.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from toolkit.mesh.schema.go_duration import parse_nanoseconds
from toolkit.mesh.schema.model import GO_DURATION, GoStruct
from toolkit.mesh.schema.scoped import ScopedKind, ScopedResource
from toolkit.mesh.schema.secure_data_source import SecureDataSource
from toolkit.values import Object

ProviderType = Literal["Bundled", "Spire", "Extension"]
MeshTrustCreation = Literal["Enabled", "Disabled"]


def _go_duration(value: str) -> str:
    if parse_nanoseconds(value) <= 0:
        raise ValueError("must be more than 0s")
    return value


GoDuration = Annotated[str, AfterValidator(_go_duration), GO_DURATION]


class DataplaneSelector(GoStruct):
    """Labels of data plane proxies; ``{}`` selects all of them."""

    match_labels: dict[str, str] | None = None


class Selector(GoStruct):
    """The selected data plane proxies; without ``dataplane`` none."""

    dataplane: DataplaneSelector | None = None


class SpiffeId(GoStruct):
    """Go templates of the SPIFFE ID: see :mod:`toolkit.mesh.schema.spiffe_id`."""

    trust_domain: str | None = None
    path: str | None = None


class CertificateParameters(GoStruct):
    """Parameters of issued certificates."""

    expiry: GoDuration | None = None


class BundledCa(GoStruct):
    """A CA that the user provides."""

    certificate: SecureDataSource | None = None
    private_key: SecureDataSource | None = None


class Autogenerate(GoStruct):
    """Whether the control plane creates a self-signed CA."""

    enabled: bool | None = None


class Bundled(GoStruct):
    """Certificates that the control plane issues itself."""

    mesh_trust_creation: MeshTrustCreation | None = None
    insecure_allow_self_signed: bool | None = None
    certificate_parameters: CertificateParameters | None = None
    autogenerate: Autogenerate | None = None
    ca: BundledCa | None = None


class SpireAgent(GoStruct):
    """The SPIRE agent on the proxy's host."""

    timeout: GoDuration | None = None


class Spire(GoStruct):
    """Certificates that a SPIRE agent delivers."""

    agent: SpireAgent | None = None


class AcmPcaConfig(GoStruct):
    """The ``config`` of Kong Mesh's extension ``acmpca``. Experimental: see the module's sources.

    It has no credentials, ``commonName``, ``caCert``, timeouts or template.

    Attributes:
        arn: the CA's ARN, which includes the region.
        certificate_parameters: ``expiry`` is 24h by default.
        mesh_trust_creation: whether the control plane reads the CA's chain from AWS and creates the MeshTrust;
            ``Enabled`` by default.
    """

    arn: str
    certificate_parameters: CertificateParameters | None = None
    mesh_trust_creation: MeshTrustCreation | None = None


class Extension(GoStruct):
    """A provider that is not part of open-source Kuma.

    Attributes:
        config: any value for Kuma; the provider validates it.
    """

    name: Annotated[str, Field(min_length=1)]
    config: Object | None = None


class Provider(GoStruct):
    """The issuer of the certificates. Each type has a block with the type's name."""

    type: ProviderType
    bundled: Bundled | None = None
    spire: Spire | None = None
    extension: Extension | None = None

    @model_validator(mode="after")
    def _has_its_block(self) -> Self:
        if getattr(self, self.type.lower()) is None:
            raise ValueError(f"type is {self.type}, so {self.type.lower()} must be set")
        return self


class MeshIdentitySpec(GoStruct):
    """The spec of a MeshIdentity. Without a provider, it publishes SPIFFE IDs and issues no certificates."""

    selector: Selector | None = None
    spiffe_id: SpiffeId | None = Field(None, alias="spiffeID")
    provider: Provider | None = None


class MeshIdentity(ScopedResource):
    """The identities of a mesh's data plane proxies."""

    kind: ClassVar[ScopedKind] = "MeshIdentity"

    spec: MeshIdentitySpec
