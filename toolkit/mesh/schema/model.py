"""What all mTLS backends of a Mesh have in common, as typed models: data sources, lifetimes, timeouts.

Sources: kumahq/kuma:docs/generated/resources/other_mesh.md and api/system/v1alpha1/datasource.proto.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from toolkit.pki import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.values import Object


class ProtobufEnum:
    """Mark a Literal as an enum of protobuf: a document may give a value by its number, counted from 0."""


class ProtobufWrapper:
    """Mark a field of google.protobuf.BoolValue or DoubleValue: false and 0 differ from nothing."""


class ProtobufDuration:
    """Mark a field of google.protobuf.Duration."""


PROTOBUF_ENUM, PROTOBUF_WRAPPER, PROTOBUF_DURATION = ProtobufEnum(), ProtobufWrapper(), ProtobufDuration()
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

    def to_document(self) -> Object:
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


class Credential(DataSource):
    """A data source of a credential or a private key, which only the control plane may read."""


def _expiration(value: str) -> str:
    duration.parse(value)
    return value


# google.protobuf.Duration in JSON: seconds with up to nine decimals and an s.
_PROTOBUF_DURATION = re.compile(r"\d{1,12}(?:\.\d{1,9})?s", re.ASCII)


def parse_timeout(value: str) -> float:
    """The seconds of a protobuf duration, such as ``10s`` or ``0.5s``.

    Raises:
        ValueError: it is none.
    """
    if not _PROTOBUF_DURATION.fullmatch(value):
        raise ValueError("is not a timeout: it takes seconds and an s, such as 10s or 0.5s")
    return float(value[:-1])


def _timeout(value: str) -> str:
    if parse_timeout(value) <= 0:
        raise ValueError("must be more than 0s")
    return value


Expiration = Annotated[str, AfterValidator(_expiration)]
Timeout = Annotated[str, AfterValidator(_timeout), PROTOBUF_DURATION]


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


class BackendModel(Model):
    """What every kind of backend has."""

    name: Annotated[str, Field(min_length=1)]
    # Each kind narrows it; it stands here for its place among the fields.
    type: str
    mode: Annotated[Mode, PROTOBUF_ENUM] | None = None
    dp_cert: DataPlaneCertificates | None = None
    root_chain: RootChain | None = None


def refuse_names(enabled: str | None, backends: Sequence[BackendModel]) -> None:
    """Refuse names of backends that a control plane refuses.

    Source: kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, validateMtls.

    Raises:
        ValueError: two have one name, or the enabled one is not there.
    """
    names = [backend.name for backend in backends]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"backends: names must be unique; more than one is named {_sayable(', '.join(repeated))}")
    if enabled and enabled not in names:
        raise ValueError(f"enabledBackend: {_sayable(enabled)} is not among the backends")


def _sayable(text: str) -> str:
    r"""The text without lone surrogates, which YAML's ``\ud800`` brings in and no message can carry."""
    return text.encode(errors="backslashreplace").decode()
