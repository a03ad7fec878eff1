"""The mTLS backend ``acmpca`` of a Mesh, as a typed model.

Source of the fields: Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md; of data sources:
kumahq/kuma:api/system/v1alpha1/datasource.proto.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, field_validator, model_validator
from pydantic.alias_generators import to_camel

from toolkit.contract import DnsLabel
from toolkit.pki import arn, duration
from toolkit.pki.csr import MAX_COMMON_NAME

Mode = Literal["STRICT", "PERMISSIVE"]


class Model(BaseModel):
    """Base of everything that becomes part of a document: frozen, complete, nothing unknown."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True, strict=True)

    def to_document(self) -> dict[str, Any]:
        """The model as plain values under the names of the document; what is not set is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class DataSource(Model):
    """Where a value comes from: exactly one of the kinds.

    Attributes:
        secret: name of a mesh-scoped Secret.
        inline: the value in base64; the field is protobuf ``bytes``.
    """

    secret: str | None = None
    inline: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.secret is None) == (self.inline is None):
            raise ValueError("needs exactly one of secret and inline")
        return self


def _expiration(value: str) -> str:
    duration.parse(value)
    return value


def _authority(value: str) -> str:
    arn.certificate_authority(value)
    return value


class Rotation(Model):
    """How long a data plane certificate lives; it is renewed after four fifths of that."""

    expiration: Annotated[str, AfterValidator(_expiration)]


class DataPlaneCertificates(Model):
    """What holds for the certificates that the backend issues."""

    rotation: Rotation


def _is_balanced(template: str) -> bool:
    depth = 0
    for brace in re.findall(r"\{\{|\}\}", template):
        depth += 1 if brace == "{{" else -1
        if depth < 0:
            return False
    return depth == 0


class AcmPcaConf(Model):
    """The configuration of the ``acmpca`` plugin.

    Without ``auth`` it takes the default AWS credential chain, so IRSA, which Kong prefers.

    Attributes:
        arn: the private CA; the zone control plane calls the region that it names.
        common_name: a template such as ``{{ tag "kuma.io/service" }}.mesh``.
        ca_cert: the chain against which certificates are verified: issuing CA first, root last.
    """

    arn: Annotated[str, AfterValidator(_authority)]
    common_name: str | None = None
    ca_cert: DataSource

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


class AcmPcaBackend(Model):
    """One entry of ``mtls.backends`` that lets AWS Private CA sign."""

    name: DnsLabel
    type: Literal["acmpca"] = "acmpca"
    mode: Mode
    dp_cert: DataPlaneCertificates
    conf: AcmPcaConf
