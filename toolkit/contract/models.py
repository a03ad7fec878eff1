"""What a stack exports, as pydantic models. The writer and all readers use them, so a rule stands here once."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel

from toolkit.pki import arn, chain, duration

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA_VERSION: Literal[1] = 1
SHORT_LIVED_MAX = timedelta(days=7)
DEFAULT_DATA_PLANE_LIFETIME = "24h"
_REQUEST = re.compile(r"\s*-----BEGIN CERTIFICATE REQUEST-----\s[^-]*-----END CERTIFICATE REQUEST-----\s*")
_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


def _dns_label(value: str) -> str:
    if not _DNS_LABEL.fullmatch(value):
        raise ValueError("must be 1 to 63 lower-case letters, digits and hyphens, not starting or ending with a hyphen")
    return value


def _region(value: str) -> str:
    if not arn.REGION.fullmatch(value):
        raise ValueError(f"{arn.shown(value)} is not an AWS region")
    return value


def _role(value: str) -> str:
    arn.role(value)
    return value


def _authority(value: str) -> str:
    arn.certificate_authority(value)
    return value


def _region_of_the_arn(value: str, info: ValidationInfo) -> str:
    # kuma-cp calls the CA's own region, which it takes from the ARN (Kong/kong-mesh#3101).
    if "arn" in info.data and (expected := arn.certificate_authority(info.data["arn"]).region) != value:
        raise ValueError(f"is {value}, but the CA's ARN says {expected}")
    return value


def _signing_request(value: str) -> str:
    # The label is that of RFC 7468, section 7. The older one with NEW in it is not what AWS Private CA writes.
    if not _REQUEST.fullmatch(value):
        raise ValueError("is not one PEM request (-----BEGIN CERTIFICATE REQUEST-----)")
    try:
        valid = x509.load_pem_x509_csr(value.encode()).is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("is a PEM request that can't be read; it was cut off or changed") from error
    if not valid:
        raise ValueError("its signature is not that of its own key; it was changed, or is not from AWS")
    return value


def _lifetime(value: str) -> str:
    if duration.parse(value) <= timedelta(0):
        raise ValueError(_TOO_SHORT)
    return value


def _rfc3339(value: AwareDatetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _distinct(names: Iterable[str]) -> None:
    # pydantic's own min_length would also complain of a list whose items were all refused.
    counted = Counter(names)
    if not counted:
        raise ValueError("must name at least one")
    repeated = sorted(name for name, times in counted.items() if times > 1)
    if repeated:
        raise ValueError(f"names {', '.join(repeated)} more than once")


def _distinct_meshes(value: tuple[str, ...]) -> tuple[str, ...]:
    _distinct(value)
    return value


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Zones = TypeVar("_Zones", bound="tuple[_Named, ...]")


def distinct_zones(value: _Zones) -> _Zones:
    """Refuse no zone at all, and zones of one name; for lists of anything that has one.

    Raises:
        ValueError: as pydantic expects it of a validator.
    """
    _distinct(zone.name for zone in value)
    return value


# Kuma takes mesh and zone names that are DNS labels (facts: mesh name at most 63 characters).
DnsLabel = Annotated[str, AfterValidator(_dns_label)]
Region = Annotated[str, AfterValidator(_region)]
RoleArn = Annotated[str, AfterValidator(_role)]
MeshNames = Annotated[tuple[DnsLabel, ...], AfterValidator(_distinct_meshes)]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
KeyAlgorithm = Literal["RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]
SigningAlgorithm = Literal[
    "SHA256WITHRSA", "SHA384WITHRSA", "SHA512WITHRSA", "SHA256WITHECDSA", "SHA384WITHECDSA", "SHA512WITHECDSA"
]
UsageMode = Literal["GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE"]
Identity = Literal["irsa", "pod-identity", "ambient"]


# A duration of Kuma's that is more than 0, such as 24h.
Lifetime = Annotated[str, AfterValidator(_lifetime)]

_TOO_SHORT = "must be more than 0: a certificate that ends at once is of no use"


def mode_problem(usage_mode: UsageMode, lifetime: timedelta) -> str | None:
    """Why a CA in that mode could at no time issue a certificate of that lifetime; None when it could.

    AWS refuses more than 7 days in short-lived mode (privateca/latest/userguide/short-lived-certificates.html).
    """
    if lifetime <= timedelta(0):
        return _TOO_SHORT
    if usage_mode == "SHORT_LIVED_CERTIFICATE" and lifetime > SHORT_LIVED_MAX:
        return "is more than the 7 days that a CA in short-lived mode issues for"
    return None


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )


class CertificateAuthority(_Model):
    """The private CA that issues for the meshes: the intermediate, or the root of a stack that has only one."""

    arn: Annotated[str, AfterValidator(_authority)]
    type: Literal["ROOT", "SUBORDINATE"]
    region: Annotated[Region, AfterValidator(_region_of_the_arn)]
    usage_mode: UsageMode
    key_algorithm: KeyAlgorithm
    signing_algorithm: SigningAlgorithm
    not_after: Annotated[AwareDatetime, PlainSerializer(_rfc3339)]

    def lifetime_problem(self, lifetime: timedelta) -> str | None:
        """Why the CA can't issue a certificate of that lifetime now; None when it can.

        AWS refuses what ends after the CA (user guide, PCATsExceptions.md), and what :func:`mode_problem` names.
        """
        if problem := mode_problem(self.usage_mode, lifetime):
            return problem
        if lifetime > self.not_after - datetime.now(UTC):
            return f"goes beyond the end of the CA's own certificate on {self.not_after:%Y-%m-%d}"
        return None

    @field_validator("signing_algorithm")
    @classmethod
    def _signature_fits_the_key(cls, value: str, info: ValidationInfo) -> str:
        key = info.data.get("key_algorithm")
        if key and not value.endswith("RSA" if key.startswith("RSA") else "ECDSA"):
            raise ValueError(f"{value} can't be made with a key of {key}")
        return value


class Zone(_Model):
    """One zone of the mesh and the identities it has in AWS."""

    name: DnsLabel
    region: Region
    account_id: AccountId
    namespace: DnsLabel
    service_account: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9.-]+$")]
    identity: Identity
    role_arn: RoleArn
    verifier_role_arn: RoleArn

    @field_validator("role_arn", "verifier_role_arn")
    @classmethod
    def _role_is_in_the_zones_account(cls, value: str, info: ValidationInfo) -> str:
        account = info.data.get("account_id")
        if account and (found := arn.role(value).account) != account:
            raise ValueError(f"is in account {found}, but the zone is in {account}")
        return value


class _Exports(_Model):
    # Further outputs beside these are somebody else's and are passed over.
    model_config = ConfigDict(extra="ignore")

    schema_version: Literal[1]

    def to_exports(self) -> dict[str, Any]:
        """The contract as plain JSON values under the names of the stack outputs."""
        return self.model_dump(mode="json", by_alias=True)

    def to_json(self) -> str:
        """The contract as ``pulumi stack output --json`` prints it: sorted keys, two blanks, a final newline."""
        return json.dumps(self.to_exports(), indent=2, sort_keys=True) + "\n"


class StackOutputs(_Exports):
    """Everything that a stack exports whose CA can issue."""

    certificate_authority: CertificateAuthority
    certificate_chain: str
    root_certificate: str
    meshes: MeshNames
    data_plane_lifetime: Lifetime = DEFAULT_DATA_PLANE_LIFETIME
    zones: Annotated[tuple[Zone, ...], AfterValidator(distinct_zones)]

    @field_validator("certificate_chain")
    @classmethod
    def _chain_is_in_order(cls, value: str, info: ValidationInfo) -> str:
        certificates = chain.load_bundle(value)
        problems = chain.order_problems(certificates)
        authority: CertificateAuthority | None = info.data.get("certificate_authority")
        if authority and (authority.type == "ROOT") != (len(certificates) == 1):
            problems.append(f"has {len(certificates)} certificates, which a CA of type {authority.type} can't have")
        if authority and not problems and certificates[0].not_valid_after_utc != authority.not_after:
            problems.append(
                f"its first certificate ends {_rfc3339(certificates[0].not_valid_after_utc)}, "
                f"but certificateAuthority.notAfter says {_rfc3339(authority.not_after)}"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return value

    @field_validator("root_certificate")
    @classmethod
    def _root_ends_the_chain(cls, value: str, info: ValidationInfo) -> str:
        root = chain.load_certificate(value)
        bundle = info.data.get("certificate_chain")
        if bundle and chain.load_bundle(bundle)[-1] != root:
            raise ValueError("is not the last certificate of certificateChain")
        return value

    @field_validator("data_plane_lifetime")
    @classmethod
    def _authority_may_issue_for_so_long(cls, value: str, info: ValidationInfo) -> str:
        # Not compared with notAfter: a contract must stay readable when its CA nears its end.
        authority: CertificateAuthority | None = info.data.get("certificate_authority")
        if authority and (problem := mode_problem(authority.usage_mode, duration.parse(value))):
            raise ValueError(f"{value} {problem}")
        return value


class PendingCertificateAuthority(_Model):
    """A CA below a root outside of AWS, which has made its key and waits for its certificate."""

    arn: Annotated[str, AfterValidator(_authority)]
    region: Annotated[Region, AfterValidator(_region_of_the_arn)]
    certificate_signing_request: Annotated[str, AfterValidator(_signing_request)]


class PendingStack(_Exports):
    """Everything that a stack exports while its CA waits: the request to be signed, and nothing to use yet."""

    pending_certificate_authority: PendingCertificateAuthority
