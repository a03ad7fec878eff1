"""Define a stack's outputs as pydantic models, which the writer and all readers use."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Protocol

from cryptography import x509
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.alias_generators import to_camel

from toolkit.pki import algorithms, arn, chain, dns_label, duration, judging, pem, spiffe
from toolkit.pki.algorithms import KeyAlgorithm, SigningAlgorithm
from toolkit.pki.authority import AWS, IN_A_MESH, Needs
from toolkit.pki.dns_label import check_dns_label
from toolkit.pki.usage_mode import TOO_SHORT, UsageMode, check_mode
from toolkit.values import Object

SCHEMA_VERSION: Literal[1] = 1
DEFAULT_DATA_PLANE_LIFETIME = "24h"
# Kong Mesh on EKS: the defaults of the Helm chart.
DEFAULT_NAMESPACE = "kong-mesh-system"
DEFAULT_SERVICE_ACCOUNT = "kong-mesh-control-plane"
DEFAULT_IDENTITY: Identity = "irsa"
_ACCOUNT = re.compile(r"[0-9]{12}")
_SERVICE_ACCOUNT = re.compile(r"[a-z0-9.-]{1,253}")


def require_form(form: re.Pattern[str], words: str) -> AfterValidator:
    """Return a validator for a regular expression; its error describes the valid values in words."""

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(f"must be {words}")
        return value

    return AfterValidator(check)


def require_arn(parse: Callable[[str], arn.Arn]) -> AfterValidator:
    """Return a validator that accepts the ARN of one kind of resource, unchanged."""

    def check(value: str) -> str:
        parse(value)
        return value

    return AfterValidator(check)


def _region(value: str) -> str:
    if not arn.REGION.fullmatch(value):
        raise ValueError(f"{arn.quote(value)} is not an AWS region")
    return value


def check_region(value: str, info: ValidationInfo) -> str:
    """Return the region of a CA if it is that of its ARN.

    Raises:
        ValueError: it is another.
    """
    # kuma-cp calls AWS in the CA's own region, which it takes from the ARN (Kong/kong-mesh#3101).
    if "arn" in info.data and (expected := arn.PRIVATE_CA.parse(info.data["arn"]).region) != value:
        raise ValueError(f"is {value}, but the CA's ARN says {expected}")
    return value


def _version(value: object) -> object:
    # To Python, true equals 1.
    if value is True:
        raise ValueError(f"must be {SCHEMA_VERSION}, as a number")
    return value


def _lifetime(value: str) -> str:
    if duration.parse(value) <= timedelta(0):
        raise ValueError(TOO_SHORT)
    return value


def _find_key_algorithm(certificate: x509.Certificate) -> KeyAlgorithm | None:
    """Return the algorithm of a key; None for a key that no AWS CA has, which the chain rules report."""
    try:
        return algorithms.read_key_algorithm(certificate)
    except ValueError:
        return None


def _rfc3339(value: AwareDatetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _distinct(names: Iterable[str]) -> None:
    # pydantic's own min_length would also reject a list whose items were all rejected.
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


def check_distinct_zones(value: Sequence[_Named]) -> Sequence[_Named]:
    """Reject an empty list of zones, and duplicate names; for lists of any objects with a name.

    Raises:
        ValueError: as pydantic expects it of a validator.
    """
    _distinct(zone.name for zone in value)
    return value


def _pattern(form: re.Pattern[str]) -> WithJsonSchema:
    """Return the pattern for the JSON Schema; the validator reports invalid values."""
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{form.pattern})$"})


# Kuma accepts mesh and zone names that are DNS labels (facts: mesh name at most 63 characters).
DnsLabel = Annotated[str, AfterValidator(check_dns_label), _pattern(dns_label.FORM)]
Region = Annotated[str, AfterValidator(_region), _pattern(arn.REGION)]
AuthorityArn = Annotated[str, require_arn(arn.PRIVATE_CA.parse)]
RoleArn = Annotated[str, require_arn(arn.ROLE.parse)]
MeshNames = Annotated[
    tuple[DnsLabel, ...],
    AfterValidator(_distinct_meshes),
    Field(json_schema_extra={"minItems": 1, "uniqueItems": True}),
]
AccountId = Annotated[str, require_form(_ACCOUNT, "12 digits"), _pattern(_ACCOUNT)]
# DNS subdomains, as Kubernetes requires for service accounts.
ServiceAccount = Annotated[
    str,
    require_form(_SERVICE_ACCOUNT, "1 to 253 lower-case letters, digits, hyphens and dots"),
    _pattern(_SERVICE_ACCOUNT),
]
Identity = Literal["irsa", "pod-identity", "ambient"]


# A positive duration in Kuma's format, such as 24h.
Lifetime = Annotated[str, AfterValidator(_lifetime)]


class Model(BaseModel):
    """Base of all models of the contract: frozen, strict, and without unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        # A command that reads a contract needs only some of these models, so each is built at first use.
        defer_build=True,
    )


class CertificateAuthority(Model):
    """The private CA that issues for the meshes: the intermediate, or the root of a stack that has only one."""

    arn: AuthorityArn = Field(description="The CA that issues.")
    type: Literal["ROOT", "SUBORDINATE"] = Field(description="SUBORDINATE below a root, ROOT when it is the only CA.")
    region: Annotated[Region, AfterValidator(check_region)] = Field(description="The region of the ARN.")
    usage_mode: UsageMode | None = Field(
        None,
        description="A CA in short-lived mode issues for 7 days at most. Default for prices: GENERAL_PURPOSE.",
    )
    key_algorithm: KeyAlgorithm = Field(description="The algorithm of the CA's key.")
    signing_algorithm: SigningAlgorithm = Field(
        description="The algorithm with which the CA signs. It must match the type of the key."
    )
    not_after: AwareDatetime = Field(
        description="When the CA's certificate expires, RFC 3339: the notAfter of the chain's first certificate."
    )

    @property
    def priced_mode(self) -> UsageMode:
        """Return the usage mode for prices: the more expensive mode if it is unknown."""
        return self.usage_mode or "GENERAL_PURPOSE"

    def check_lifetime(self, lifetime: timedelta) -> str | None:
        """Return why the CA can't currently issue a certificate with a lifetime; None if it can.

        AWS rejects a certificate that expires after the CA (user guide, PCATsExceptions.md), and those that
        :func:`check_mode` describes.
        """
        if problem := check_mode(self.usage_mode, lifetime):
            return problem
        if lifetime > self.not_after - datetime.now(UTC):
            return f"lasts longer than the CA's own certificate, which expires on {self.not_after:%Y-%m-%d}"
        return None

    @field_validator("signing_algorithm")
    @classmethod
    def _signature_fits_the_key(cls, value: SigningAlgorithm, info: ValidationInfo) -> SigningAlgorithm:
        key = info.data.get("key_algorithm")
        if key and not algorithms.fits(value, key):
            raise ValueError(f"{value} can't be made with a key of {key}")
        return value


class Zone(Model):
    """One zone of the mesh and the identities it has in AWS."""

    name: DnsLabel = Field(description="The zone's name in Kong Mesh, a DNS label, different for every zone.")
    region: Region = Field(description="Where the zone runs; the CA may be in another region.")
    account_id: AccountId = Field(description="The AWS account of the zone's roles.")
    namespace: DnsLabel = Field(DEFAULT_NAMESPACE, description="The namespace of the zone's control plane.")
    service_account: ServiceAccount = Field(
        DEFAULT_SERVICE_ACCOUNT, description="The service account of the zone's control plane."
    )
    identity: Identity = Field(DEFAULT_IDENTITY, description="How the control plane gets the role.")
    role_arn: RoleArn = Field(description="The role with which the zone's control plane requests certificates.")
    verifier_role_arn: RoleArn | None = Field(
        None,
        description="The role that toolkit verify assumes. Default: roleArn.",
    )

    @property
    def verifying_role_arn(self) -> str:
        """Return the role that toolkit verify assumes: the verifier role, or the zone's own role if it has none."""
        return self.verifier_role_arn or self.role_arn

    @property
    def role_arns(self) -> tuple[str, ...]:
        """Return the zone's roles: its control plane's, and the verifier's if it has one."""
        return tuple(role for role in (self.role_arn, self.verifier_role_arn) if role)

    @field_validator("role_arn", "verifier_role_arn")
    @classmethod
    def _role_is_in_the_zones_account(cls, value: str | None, info: ValidationInfo) -> str | None:
        account = info.data.get("account_id")
        if value and account and (own := arn.ROLE.parse(value).account) != account:
            raise ValueError(f"is in account {own}, but the zone is in {account}")
        return value


class Exports(Model):
    """What a stack exports. Other outputs of the stack are ignored."""

    model_config = ConfigDict(extra="ignore")

    schema_version: Annotated[Literal[1], BeforeValidator(_version)] = Field(
        description="1; a reader rejects other versions."
    )

    def to_exports(self) -> Object:
        """Return the contract as plain JSON values under the names of the outputs, without unknown values."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_json(self) -> str:
        """Return the contract as ``pulumi stack output --json`` prints it: sorted keys, 2 spaces, a final newline."""
        return json.dumps(self.to_exports(), indent=2, sort_keys=True) + "\n"


class StackOutputs(Exports):
    """The outputs of a stack whose CA can issue."""

    certificate_authority: CertificateAuthority
    certificate_chain: str = Field(description="PEM, the issuing CA first, the root last: the caCert of a Mesh.")
    root_certificate: str = Field(description="PEM of the root alone, the last certificate of the chain.")
    meshes: MeshNames = Field(description="The meshes that use the CA; at least one, no duplicates.")
    data_plane_lifetime: Lifetime = Field(
        DEFAULT_DATA_PLANE_LIFETIME,
        description="The lifetime of data plane certificates that the stack was checked for: a Kuma duration, one "
        "number and one unit of y, w, d, h, m, s, ms. Default: 24h.",
    )
    zones: Annotated[tuple[Zone, ...], AfterValidator(check_distinct_zones)] = Field(
        description="The zones of the meshes; at least one.", json_schema_extra={"minItems": 1}
    )

    @field_validator("certificate_chain")
    @classmethod
    def _chain_is_in_order(cls, value: str, info: ValidationInfo) -> str:
        certificates = pem.load_certificates(value)
        # Lifetimes are not checked: a contract must stay readable when its CA expires.
        problems = judging.list_problems(certificates, Needs(), {AWS, *IN_A_MESH})
        authority: CertificateAuthority | None = info.data.get("certificate_authority")
        if authority and (authority.type == "ROOT") != (len(certificates) == 1):
            problems.append(f"has {len(certificates)} certificates, which a CA of type {authority.type} can't have")
        if authority and not problems and certificates[0].not_valid_after_utc != authority.not_after:
            problems.append(
                f"its first certificate expires {_rfc3339(certificates[0].not_valid_after_utc)}, "
                f"but certificateAuthority.notAfter is {_rfc3339(authority.not_after)}"
            )
        key = _find_key_algorithm(certificates[0]) if authority and not problems else None
        if authority and key and key != authority.key_algorithm:
            problems.append(
                f"its first certificate has a key of {key}, but certificateAuthority.keyAlgorithm is "
                f"{authority.key_algorithm}"
            )
        if problems:
            raise ValueError("; ".join(problems))
        # Documents made from a contract must not contain comments or other line ends of its PEM text.
        return pem.rewrite(value)

    @field_validator("root_certificate")
    @classmethod
    def _root_ends_the_chain(cls, value: str, info: ValidationInfo) -> str:
        root = pem.load_certificate(value)
        bundle = info.data.get("certificate_chain")
        if bundle and pem.load_certificates(bundle)[-1] != root:
            raise ValueError("is not the last certificate of certificateChain")
        return pem.rewrite(value)

    @field_validator("meshes")
    @classmethod
    def _names_are_permitted(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        bundle = info.data.get("certificate_chain")
        certificates = pem.load_certificates(bundle) if bundle else ()
        if any(chain.find_extension(certificate, x509.NameConstraints) for certificate in certificates):
            uris = tuple(uri for mesh in value for uri in spiffe.build_typical_uris(mesh))
            if problems := judging.list_problems(certificates, Needs(uris)):
                raise ValueError("; ".join(problems))
        return value

    @field_validator("data_plane_lifetime")
    @classmethod
    def _authority_may_issue_for_so_long(cls, value: str, info: ValidationInfo) -> str:
        # Not compared with notAfter: a contract must stay readable when its CA is about to expire.
        authority: CertificateAuthority | None = info.data.get("certificate_authority")
        if authority and (problem := check_mode(authority.usage_mode, duration.parse(value))):
            raise ValueError(f"{value} {problem}")
        return value
