"""Typed models that all mTLS backends of a Mesh share: data sources, lifetimes, timeouts.

Sources: kumahq/kuma:docs/generated/resources/other_mesh.md and api/system/v1alpha1/datasource.proto.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from toolkit.pki import duration
from toolkit.pki.dns_label import check_dns_label
from toolkit.values import Object


class ProtobufEnum:
    """Mark a Literal as an enum of protobuf: a document may also contain a value's number, counted from 0."""


class ProtobufWrapper:
    """Mark a field of google.protobuf.BoolValue or DoubleValue: false and 0 differ from a missing value."""


class ProtobufDuration:
    """Mark a field of google.protobuf.Duration."""


class KubernetesDuration:
    """Mark a field of metav1.Duration, which Go parses: 24h is valid, 1d is not."""


PROTOBUF_ENUM, PROTOBUF_WRAPPER, PROTOBUF_DURATION = ProtobufEnum(), ProtobufWrapper(), ProtobufDuration()
GO_DURATION = KubernetesDuration()
Mode = Literal["STRICT", "PERMISSIVE"]
SourceKind = Literal["secret", "file", "inline", "inlineString"]
# The name of a mesh, a zone or a namespace.
DnsLabel = Annotated[str, AfterValidator(check_dns_label)]
SOURCE_KINDS: tuple[SourceKind, ...] = ("secret", "file", "inline", "inlineString")


class Model(BaseModel):
    """Base of all models of documents: frozen, strict, and without unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
        # A document may contain credentials, so errors must not show the value.
        hide_input_in_errors=True,
        # A command uses one or two types of backend, so each model is built at first use.
        defer_build=True,
    )

    def to_document(self) -> Object:
        """Return the model as plain values with the names of the document, without defaults that were not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class GoStruct(Model):
    """Base of models that Kuma reads into a Go struct, which keeps each given field, even if it is empty.

    ``matchLabels: {}`` selects every proxy. The other models are protobuf messages, which omit zero values.

    Attributes:
        schema_defaults: the values that Kuma's schema sets, by the names of the fields in documents.
    """

    schema_defaults: ClassVar[Mapping[str, str]] = {}


class Source(NamedTuple):
    """The kind of a data source, and its name, path or value."""

    kind: SourceKind
    value: str


class DataSource(Model):
    """The source of a value: exactly one of these kinds.

    Attributes:
        secret: name of a mesh-scoped Secret.
        file: a path on the host of each control plane that reads it; deprecated by Kuma.
        inline: the value in base64; the field is protobuf ``bytes``.
        inline_string: the value as text.
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
        """Return the kind that is set."""
        return next(Source(kind, value) for kind, value in self._values() if value is not None)

    def _values(self) -> tuple[tuple[SourceKind, str | None], ...]:
        return (
            ("secret", self.secret),
            ("file", self.file),
            ("inline", self.inline),
            ("inlineString", self.inline_string),
        )


class Credential(DataSource):
    """A data source of a credential or a private key, which only the control plane may read."""


def _expiration(value: str) -> str:
    duration.parse(value)
    return value


# google.protobuf.Duration in JSON: seconds with up to nine decimals and an s.
_PROTOBUF_DURATION = r"(?a)\d{1,12}(?:\.\d{1,9})?s"


def parse_timeout(value: str) -> float:
    """Return the seconds of a protobuf duration, such as ``10s`` or ``0.5s``.

    Raises:
        ValueError: it is not a duration.
    """
    if not re.fullmatch(_PROTOBUF_DURATION, value):
        raise ValueError("is not a timeout: it takes seconds and an s, such as 10s or 0.5s")
    return float(value[:-1])


def _timeout(value: str) -> str:
    if parse_timeout(value) <= 0:
        raise ValueError("must be more than 0s")
    return value


Expiration = Annotated[str, AfterValidator(_expiration)]
Timeout = Annotated[str, AfterValidator(_timeout), PROTOBUF_DURATION]


class Rotation(Model):
    """The lifetime of data plane certificates. They are renewed after four fifths of it."""

    expiration: Expiration | None = None


class DataPlaneCertificates(Model):
    """Settings of the certificates that the backend issues.

    Attributes:
        rotation: their lifetime. Kuma rejects a ``dpCert`` without it, because it parses the missing text as a duration
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
    """Settings of the request for the CA's chain. The default timeout is 10s."""

    request_timeout: Timeout | None = None


class BackendModel(Model):
    """Fields of every type of backend."""

    name: Annotated[str, Field(min_length=1)]
    # Each type of backend narrows it. It is declared here to keep its position among the fields.
    type: str
    mode: Annotated[Mode, PROTOBUF_ENUM] | None = None
    dp_cert: DataPlaneCertificates | None = None
    root_chain: RootChain | None = None


def refuse_names(enabled: str | None, backends: Sequence[BackendModel]) -> None:
    """Reject names of backends that a control plane rejects.

    Source: kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, validateMtls.

    Raises:
        ValueError: two backends have the same name, or the enabled one does not exist.
    """
    names = [backend.name for backend in backends]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"backends: names must be unique; more than one is named {_sayable(', '.join(repeated))}")
    if enabled and enabled not in names:
        raise ValueError(f"enabledBackend: {_sayable(enabled)} is not among the backends")


def _sayable(text: str) -> str:
    r"""Return the text with lone surrogates escaped, which YAML's ``\ud800`` can produce and UTF-8 can't encode."""
    return text.encode(errors="backslashreplace").decode()
