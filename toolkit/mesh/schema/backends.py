"""The five mTLS backends of Kong Mesh, as typed models that read and write them without loss.

Sources of the fields: Kong/developer.konghq.com:app/mesh/{vault,cert-manager,mutual-tls}.md and
kumahq/kuma:pkg/plugins/ca/{builtin,provided}/config/*.proto. ``vault`` and ``certmanager`` are closed source, as
``acmpca`` is. Their models reject each field that Kong does not document.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from toolkit.mesh.schema.acmpca import AcmPcaBackend
from toolkit.mesh.schema.model import BackendModel, Credential, DataSource, Expiration, Model, refuse_names


class BuiltinCaCert(Model):
    """The root CA that the control plane creates."""

    # 0 is Kuma's default (kumahq/kuma:pkg/plugins/ca/builtin/manager.go, newRootCa).
    rsa_bits: int | None = Field(None, alias="RSAbits", ge=0, le=2**32 - 1)
    expiration: Expiration | None = None


class BuiltinConf(Model):
    """Configuration of ``builtin``; every field is optional."""

    ca_cert: BuiltinCaCert | None = None


class BuiltinBackend(BackendModel):
    """The control plane creates a CA and signs with it."""

    type: Literal["builtin"]
    conf: BuiltinConf | None = None


class ProvidedConf(Model):
    """Configuration of ``provided``: the CA's chain and its private key."""

    cert: DataSource
    key: Credential


class ProvidedBackend(BackendModel):
    """The control plane signs with a key that the operator provides."""

    type: Literal["provided"]
    conf: ProvidedConf


class VaultTls(Model):
    """TLS settings with which the control plane verifies Vault."""

    skip_verify: bool | None = None
    ca_cert: DataSource | None = None
    server_name: str | None = None


class VaultClientCertificate(Model):
    """Authentication to Vault with a client certificate."""

    client_key: Credential
    client_cert: DataSource


class VaultAws(Model):
    """Authentication to Vault with an AWS role; if empty, Vault's defaults apply."""

    type: Literal["IAM", "EC2"] | None = None
    role: str | None = None
    iam_server_id_header: str | None = None


class VaultAuth(Model):
    """Authentication to Vault."""

    token: Credential | None = None
    tls: VaultClientCertificate | None = None
    aws: VaultAws | None = None


class VaultFromCp(Model):
    """The control plane connects to Vault itself."""

    address: str
    agent_address: str | None = None
    namespace: str | None = None
    pki: str
    role: str
    common_name: str | None = None
    tls: VaultTls | None = None
    auth: VaultAuth | None = None


class VaultConf(Model):
    """Configuration of ``vault``."""

    from_cp: VaultFromCp


class VaultBackend(BackendModel):
    """HashiCorp Vault signs."""

    type: Literal["vault"]
    conf: VaultConf


class IssuerRef(Model):
    """A cert-manager Issuer. Kind and group have cert-manager's defaults."""

    name: Annotated[str, Field(min_length=1)]
    kind: str | None = None
    group: str | None = None


class CertManagerConf(Model):
    """Configuration of ``certmanager``. Without ``ca_cert`` the issuer must return its CA."""

    issuer_ref: IssuerRef
    ca_cert: DataSource | None = None


class CertManagerBackend(BackendModel):
    """cert-manager in the zone's cluster signs; Kubernetes only."""

    type: Literal["certmanager"]
    conf: CertManagerConf


Backend = Annotated[
    BuiltinBackend | ProvidedBackend | VaultBackend | AcmPcaBackend | CertManagerBackend, Field(discriminator="type")
]
# The field of each backend type that has its CA chain. Vault stores its own; that of builtin is in a Secret.
CHAIN_FIELDS: dict[str, str] = {"acmpca": "caCert", "certmanager": "caCert", "provided": "cert"}
BACKEND_TYPES = ("builtin", "provided", "vault", "acmpca", "certmanager")


class Mtls(Model):
    """The mTLS section: the CAs that a mesh trusts, and the backend that signs.

    Attributes:
        enabled_backend: name of the backend that signs. If it is missing or empty, mTLS is off.
        backends: all of them are trusted. Kong Mesh accepts several, open-source Kuma one.
        skip_validation: whether the control plane skips the check of the backends when the Mesh is applied.
    """

    enabled_backend: str | None = None
    backends: Annotated[tuple[Backend, ...], Field(strict=False)] = ()
    skip_validation: bool | None = None

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        refuse_names(self.enabled_backend, self.backends)
        return self
