"""The five mTLS backends of Kong Mesh, as typed models that read and write them without loss.

Sources of the fields: Kong/developer.konghq.com:app/mesh/{acm-private-ca-policy,vault,cert-manager,mutual-tls}.md;
kumahq/kuma:docs/generated/resources/other_mesh.md and pkg/plugins/ca/{builtin,provided}/config/*.proto; of data
sources kumahq/kuma:api/system/v1alpha1/datasource.proto. ``acmpca``, ``vault`` and ``certmanager`` are closed source:
a field that Kong's documentation does not name is unknown here, too.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from toolkit.pki import arn, duration
from toolkit.pki.csr import MAX_COMMON_NAME

Mode = Literal["STRICT", "PERMISSIVE"]
SourceKind = Literal["secret", "file", "inline", "inlineString"]
SOURCE_KINDS: tuple[SourceKind, ...] = ("secret", "file", "inline", "inlineString")


class Model(BaseModel):
    """Base of everything that becomes part of a document: frozen, complete, nothing unknown."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
        # A document may carry credentials; an error says where, not what.
        hide_input_in_errors=True,
        # Of all kinds of backend a command meets one or two: a model is built at first use.
        defer_build=True,
    )

    def to_document(self) -> dict[str, Any]:
        """The model as plain values under the names of the document, just what was given and no default added."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Source(NamedTuple):
    """What a data source says: its kind, and the name, path or value behind it."""

    kind: SourceKind
    value: str


class DataSource(Model):
    """Where a value comes from: exactly one of the kinds.

    Attributes:
        secret: name of a mesh-scoped Secret.
        file: a path on the host of each control plane that reads it; deprecated upstream.
        inline: the value in base64; the field is protobuf ``bytes``.
        inline_string: the value as it is.
    """

    secret: str | None = None
    file: str | None = None
    inline: str | None = Field(None, repr=False)
    inline_string: str | None = Field(None, repr=False)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [kind for kind, value in self._values() if value is not None]
        if len(given) != 1:
            many = ", ".join(given) if given else "none"
            raise ValueError(f"needs exactly one of {', '.join(SOURCE_KINDS)}; it has {many}")
        return self

    @property
    def source(self) -> Source:
        """The one kind that is set."""
        return next(Source(kind, value) for kind, value in self._values() if value is not None)

    def _values(self) -> tuple[tuple[SourceKind, str | None], ...]:
        return (
            ("secret", self.secret),
            ("file", self.file),
            ("inline", self.inline),
            ("inlineString", self.inline_string),
        )


def _expiration(value: str) -> str:
    duration.parse(value)
    return value


# google.protobuf.Duration in JSON: seconds with up to nine decimals and an s.
_PROTOBUF_DURATION = re.compile(r"\d{1,12}(?:\.\d{1,9})?s", re.ASCII)


def timeout_seconds(value: str) -> float:
    """The seconds of a protobuf duration, such as ``10s`` or ``0.5s``.

    Raises:
        ValueError: it is none.
    """
    if not _PROTOBUF_DURATION.fullmatch(value):
        raise ValueError("is not a timeout: it takes seconds and an s, such as 10s or 0.5s")
    return float(value[:-1])


def _timeout(value: str) -> str:
    if timeout_seconds(value) <= 0:
        raise ValueError("must be more than 0s")
    return value


Expiration = Annotated[str, AfterValidator(_expiration)]
Timeout = Annotated[str, AfterValidator(_timeout)]


class Rotation(Model):
    """How long a data plane certificate lives; it is renewed after four fifths of that."""

    expiration: Expiration | None = None


class DataPlaneCertificates(Model):
    """What holds for the certificates that the backend issues.

    Attributes:
        rotation: their lifetime. Kuma refuses a ``dpCert`` without it: it reads the missing text as a duration
            (kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, validateMtls).
        request_timeout: how long the control plane waits for a certificate.
    """

    rotation: Rotation | None = None
    request_timeout: Timeout | None = None

    @model_validator(mode="after")
    def _has_an_expiration(self) -> Self:
        if self.rotation is None or self.rotation.expiration is None:
            raise ValueError("needs rotation.expiration: Kuma refuses a dpCert without it")
        return self


class RootChain(Model):
    """What holds for asking the CA for its chain; 10s unless said."""

    request_timeout: Timeout | None = None


class _Backend(Model):
    """What every kind of backend has."""

    name: Annotated[str, Field(min_length=1)]
    # Each kind narrows it; it stands here for its place among the fields.
    type: str
    mode: Mode | None = None
    dp_cert: DataPlaneCertificates | None = None
    root_chain: RootChain | None = None


class BuiltinCaCert(Model):
    """The root that the control plane makes for itself."""

    rsa_bits: int | None = Field(None, alias="RSAbits", gt=0)
    expiration: Expiration | None = None


class BuiltinConf(Model):
    """Configuration of ``builtin``; all of it is optional."""

    ca_cert: BuiltinCaCert | None = None


class BuiltinBackend(_Backend):
    """The control plane makes a CA of its own."""

    type: Literal["builtin"]
    conf: BuiltinConf | None = None


class ProvidedConf(Model):
    """Configuration of ``provided``: the CA's chain and the key that signs."""

    cert: DataSource
    key: DataSource


class ProvidedBackend(_Backend):
    """The control plane signs with a key that it was given."""

    type: Literal["provided"]
    conf: ProvidedConf


class VaultTls(Model):
    """How the control plane verifies Vault."""

    skip_verify: bool | None = None
    ca_cert: DataSource | None = None
    server_name: str | None = None


class VaultClientCertificate(Model):
    """Authentication to Vault with a client certificate."""

    client_key: DataSource
    client_cert: DataSource


class VaultAws(Model):
    """Authentication to Vault with an AWS role; empty takes Vault's defaults."""

    type: Literal["IAM", "EC2"] | None = None
    role: str | None = None
    iam_server_id_header: str | None = None


class VaultAuth(Model):
    """Authentication to Vault."""

    token: DataSource | None = None
    tls: VaultClientCertificate | None = None
    aws: VaultAws | None = None


class VaultFromCp(Model):
    """The control plane talks to Vault itself."""

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


class VaultBackend(_Backend):
    """HashiCorp Vault signs."""

    type: Literal["vault"]
    conf: VaultConf


class IssuerRef(Model):
    """A cert-manager Issuer; kind and group have cert-manager's defaults."""

    name: Annotated[str, Field(min_length=1)]
    kind: str | None = None
    group: str | None = None


class CertManagerConf(Model):
    """Configuration of ``certmanager``; without ``ca_cert`` the issuer must say its CA."""

    issuer_ref: IssuerRef
    ca_cert: DataSource | None = None


class CertManagerBackend(_Backend):
    """cert-manager in the zone's cluster signs; Kubernetes only."""

    type: Literal["certmanager"]
    conf: CertManagerConf


def _is_balanced(template: str) -> bool:
    depth = 0
    for brace in re.findall(r"\{\{|\}\}", template):
        depth += 1 if brace == "{{" else -1
        if depth < 0:
            return False
    return depth == 0


class AwsCredentials(Model):
    """A long-lived access key of an IAM user; there is no field for the token of a temporary one."""

    access_key: DataSource
    access_key_secret: DataSource


class AcmPcaAuth(Model):
    """Credentials of the control planes, instead of the default AWS credential chain."""

    aws_credentials: AwsCredentials | None = None


def _authority(value: str) -> str:
    arn.certificate_authority(value)
    return value


class AcmPcaConf(Model):
    """Configuration of ``acmpca``.

    Without ``auth`` it takes the default AWS credential chain, so IRSA, which Kong prefers.

    Attributes:
        arn: the private CA; the zone control plane calls the region that it names.
        common_name: a template such as ``{{ tag "kuma.io/service" }}.mesh``.
        ca_cert: the chain against which certificates are verified: issuing CA first, root last.
        auth: credentials, where the control planes have no role.
    """

    arn: Annotated[str, AfterValidator(_authority)]
    common_name: str | None = None
    ca_cert: DataSource
    auth: AcmPcaAuth | None = None

    @field_validator("common_name")
    @classmethod
    def _common_name_can_work(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.strip():
            raise ValueError("is empty; leave it out for certificates without a common name")
        if lone := next((character for character in value if "\ud800" <= character <= "\udfff"), None):
            # A byte of the command line that is not UTF-8 arrives as one.
            raise ValueError(f"holds U+{ord(lone):04X}, half a character, which no document can carry")
        if not _is_balanced(value):
            raise ValueError("has a '{{' without its '}}', or the other way round")
        if "{{" not in value and len(value) > MAX_COMMON_NAME:
            raise ValueError(f"has {len(value)} characters; a common name has at most {MAX_COMMON_NAME} (RFC 5280)")
        return value


class AcmPcaBackend(_Backend):
    """AWS Private CA signs."""

    type: Literal["acmpca"]
    conf: AcmPcaConf


Backend = Annotated[
    BuiltinBackend | ProvidedBackend | VaultBackend | AcmPcaBackend | CertManagerBackend, Field(discriminator="type")
]
BACKEND_TYPES = ("builtin", "provided", "vault", "acmpca", "certmanager")
