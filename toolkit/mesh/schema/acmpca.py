"""The mTLS backend ``acmpca``: AWS Private CA signs.

It has a module of its own because every rendering needs this backend, and no rendering needs the others.

Source: Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md; the plugin is closed source.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, field_validator

from toolkit.mesh.schema.model import BackendModel, Credential, DataSource, Model
from toolkit.pki import arn
from toolkit.pki.common_name import MAX_COMMON_NAME, is_balanced

# The name of the mTLS backend, and of Kong Mesh's provider for a MeshIdentity.
ACMPCA = "acmpca"


class AwsCredentials(Model):
    """A long-lived access key of an IAM user. The backend has no field for a session token."""

    access_key: Credential
    access_key_secret: Credential


class AcmPcaAuth(Model):
    """Credentials of the control planes, instead of the default AWS credential chain."""

    aws_credentials: AwsCredentials | None = None


def _authority(value: str) -> str:
    arn.PRIVATE_CA.parse(value)
    return value


class AcmPcaConf(Model):
    """Configuration of ``acmpca``.

    Without ``auth`` the control plane uses the default AWS credential chain, such as IRSA, which Kong recommends.

    Attributes:
        arn: the private CA; the zone control plane calls AWS in the region of this ARN.
        common_name: a template such as ``{{ tag "kuma.io/service" }}.mesh``.
        ca_cert: the chain that verifies certificates: issuing CA first, root last.
        auth: credentials of control planes that have no role.
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
            # Python reads a byte of the command line that is not UTF-8 as a lone surrogate.
            raise ValueError(f"holds U+{ord(lone):04X}, half a character, which no document can carry")
        if not is_balanced(value):
            raise ValueError("has a '{{' without its '}}', or the other way round")
        if "{{" not in value and len(value) > MAX_COMMON_NAME:
            raise ValueError(f"has {len(value)} characters; a common name has at most {MAX_COMMON_NAME} (RFC 5280)")
        return value


class AcmPcaBackend(BackendModel):
    """AWS Private CA signs."""

    type: Literal["acmpca"]
    conf: AcmPcaConf
