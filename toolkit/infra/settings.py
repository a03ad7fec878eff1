"""The stack's configuration as a typed model: what each key may hold by itself.

What several keys together make impossible is in :mod:`toolkit.infra.rules`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pulumi
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from toolkit.contract import (
    AccountId,
    DnsLabel,
    Identity,
    KeyAlgorithm,
    Lifetime,
    MeshNames,
    Region,
    SigningAlgorithm,
    UsageMode,
    distinct_zones,
)
from toolkit.errors import InvalidInputError
from toolkit.pki import arn, pem, templates

if TYPE_CHECKING:
    from collections.abc import Callable

Topology = Literal["root", "intermediate", "under-aws-ca", "under-external-ca", "adopt"]
KeyStorage = Literal["FIPS_140_2_LEVEL_2_OR_HIGHER", "FIPS_140_2_LEVEL_3_OR_HIGHER"]
# AWS tags its own things so; a CA has at most 50 tags (botocore acm-pca: TagList), two of which are ours.
_MAX_TAGS = 48
_TWELVE_DIGITS = 10**11
_OWN_TAGS = ("managed-by", "kong-mesh-zone")
_PRINCIPAL = re.compile(r"root|(?:role|user|assumed-role)/[^*?]+")


class SettingsError(InvalidInputError, pulumi.RunError):
    """The configuration is not valid; a ``RunError``, so Pulumi prints the text and no traceback."""

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _arn(parse: Callable[[str], arn.Arn]) -> AfterValidator:
    """Take the text as it is, if it is an ARN of that kind."""

    def check(value: str) -> str:
        parse(value)
        return value

    return AfterValidator(check)


def _principal(value: str) -> str:
    # IAM user guide, "AWS JSON policy elements: Principal": groups can't be one, nor can a part of an ARN be open.
    parsed = arn.Arn.parse(value)
    if (parsed.service, bool(_PRINCIPAL.fullmatch(parsed.resource))) not in {("iam", True), ("sts", True)}:
        raise ValueError(f"{arn.shown(value)} is not the ARN of an IAM principal: an account's root, a role or a user")
    return value


def _bundle(value: str) -> str:
    pem.load_certificates(value)
    return value


def _template(value: str) -> str:
    if value not in templates.DATA_PLANE:
        raise ValueError(
            f"{arn.shown(value)} makes no data plane certificates, which are for servers and clients alike; "
            f"{', '.join(templates.DATA_PLANE)} do"
        )
    return value


def _issuer(value: str) -> str:
    # Trust policies and provider ARNs carry the issuer without its scheme; it is taken off once, here. A principal
    # made from anything else is a MalformedPolicyDocument (pulumi/pulumi-eks#871).
    bare = value.removeprefix("https://").rstrip("/")
    if "://" in bare:
        raise ValueError(f"{arn.shown(value)} does not begin with https://, as the URL of an OIDC issuer does")
    # What can stand in the ARN of a provider (IAM API reference, CreateOpenIDConnectProvider: Url).
    arn.oidc_provider(f"arn:aws:iam::000000000000:oidc-provider/{bare}")
    return bare


def _tags(value: dict[str, str]) -> dict[str, str]:
    if len(value) > _MAX_TAGS:
        raise ValueError(f"has {len(value)} tags; a private CA has at most 50, and two are the toolkit's own")
    taken = set(_OWN_TAGS)
    for key, text in value.items():
        if key.lower().startswith("aws:"):
            raise ValueError(f"{arn.shown(key)}: keys that begin with aws: are reserved")
        # IAM's keys are the same whatever their case (IAM user guide, "Rules for tagging in IAM and AWS STS").
        if key.lower() in taken:
            raise ValueError(f"{arn.shown(key)} is there already: the toolkit's own, or the same in another case")
        taken.add(key.lower())
        # botocore acm-pca: TagKey and TagValue.
        strange = [c for c in key + text if not (c.isalnum() or c.isspace() or c in "_.:/=+-@")]
        if strange:
            raise ValueError(f"{arn.shown(key)} has {arn.shown(strange[0])} in it, which tags can't have")
    return value


def _text(value: Any) -> Any:  # noqa: ANN401 - before validation it can be anything
    """``pulumi config set --path tags.cost 4711`` makes a number of it."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _empty_is_none(value: Any) -> Any:  # noqa: ANN401 - before validation it can be anything
    """Pulumi's typed configuration wants a default for every key, so text that is not set is empty."""
    return None if value == "" else value


def _switch(value: Any) -> Any:  # noqa: ANN401 - same
    """``true`` for all defaults, ``false`` for nothing."""
    return {} if value is True else None if value is False else value


def _account(value: Any) -> Any:  # noqa: ANN401 - same
    """Twelve digits without quotes are a number in YAML; one that lost a leading zero is left to be refused."""
    return str(value) if isinstance(value, int) and value >= _TWELVE_DIGITS else value


_ANY_NAME = r"^[\x20-\x7e]+$"
# X.520's upper bounds (RFC 5280, appendix A.1); AWS takes these characters in all of them (botocore acm-pca:
# ASN1Subject).
_Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_ANY_NAME)]
_Place = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_ANY_NAME)]
_Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
_ServiceAccount = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9.-]+$")]
_Authority = Annotated[str, _arn(arn.certificate_authority)]
_Role = Annotated[str, _arn(arn.role)]
_Policy = Annotated[str, _arn(arn.policy)]
_Bundle = Annotated[str, AfterValidator(_bundle)]
_Optional = BeforeValidator(_empty_is_none)
# botocore acm-pca: CnameString, without a scheme (CrlConfiguration.CustomCname); here a host and nothing else.
_Host = Annotated[str, StringConstraints(max_length=253, pattern=r"^[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?$")]
# S3 user guide, "Bucket naming rules"; no dots, with which TLS does not work.
_BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")]
_CrlPath = Annotated[str, StringConstraints(max_length=253, pattern=r"^[-a-zA-Z0-9_.~]+(?:/[-a-zA-Z0-9_.~]+)*$")]
_ClusterName = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$")]
_Profile = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[\x21-\x7e]+$")]
_Issuer = Annotated[str, AfterValidator(_issuer)]
_Account = Annotated[AccountId, BeforeValidator(_account)]


_TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_TagValue = Annotated[Annotated[str, StringConstraints(max_length=256)], BeforeValidator(_text)]


class _Model(BaseModel):
    # Not strict: Pulumi hands over "10" for 10 and "true" for true.
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True)


class AccountSettings(_Model):
    """How to reach another account; nothing of it means the account that the stack deploys to.

    Attributes:
        account_id: twelve digits; with a profile they make sure that it is the account that is meant.
        profile: of the AWS configuration.
        assume_role_arn: a role to take, from the profile or from the stack's own credentials.
        external_id: for a role that asks for one.
    """

    account_id: _Account | None = None
    profile: _Profile | None = None
    assume_role_arn: _Role | None = None
    external_id: Annotated[str, StringConstraints(min_length=2, max_length=1224)] | None = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether a provider of its own is needed."""
        return self.profile is not None or self.assume_role_arn is not None

    def account(self, own: str) -> str:
        """The account that is meant.

        Args:
            own: the one that the stack deploys to.
        """
        if self.assume_role_arn is not None:
            return arn.role(self.assume_role_arn).account
        return self.account_id or own


class ParentSettings(AccountSettings):
    """The AWS private CA that signs the stack's own; its account may be another one.

    Attributes:
        arn: of that CA.
    """

    arn: _Authority


class ZoneSettings(AccountSettings):
    """One zone: where it runs and how its control plane becomes its role.

    Attributes:
        identity: ``irsa`` (web identity of a service account), ``pod-identity`` (EKS Pod Identity), ``ambient``
            (an EC2 instance or an ECS task).
        oidc_provider_arn: irsa: the IAM OIDC provider of the zone's cluster.
        oidc_issuer: irsa, instead: the issuer's URL.
        create_oidc_provider: irsa: make the provider for that issuer; an account can have one for each.
        cluster_name: pod-identity: the EKS cluster.
        compute: ambient: what the control plane runs on.
        namespace: of the control plane; Kong's chart uses ``kong-mesh-system``.
        service_account: of the control plane; Kong's chart uses ``kong-mesh-control-plane``.
        permissions_boundary_arn: of the zone's roles; the stack's unless given.
        authority_arn: only for saying which CA is meant; it must be the stack's.
    """

    name: DnsLabel
    region: Region
    identity: Identity = "irsa"
    oidc_provider_arn: Annotated[str, _arn(arn.oidc_provider)] | None = None
    oidc_issuer: _Issuer | None = None
    create_oidc_provider: bool = False
    cluster_name: _ClusterName | None = None
    compute: Literal["ec2", "ecs"] | None = None
    namespace: DnsLabel = "kong-mesh-system"
    service_account: _ServiceAccount = "kong-mesh-control-plane"
    permissions_boundary_arn: _Policy | None = None
    authority_arn: _Authority | None = None


class OcspSettings(_Model):
    """AWS answers for the CA's certificates.

    Attributes:
        custom_cname: the name under which clients ask, a CNAME of AWS's.
    """

    custom_cname: _Host | None = None


class CrlSettings(_Model):
    """AWS writes a certificate revocation list into a bucket.

    Attributes:
        bucket: an existing bucket that AWS Private CA may write to; one is made unless given.
        expiration_days: for how long a list is valid.
        custom_cname: the name in the certificates instead of the bucket's.
        custom_path: before ``crl/<id>.crl``.
        kms_key_arn: encrypts the bucket that is made; S3's own keys do unless given.
        keep_versions_days: for how long the bucket that is made keeps lists that were replaced.
        distribution_arn: the CloudFront distribution that may read from the bucket that is made.
    """

    bucket: _BucketName | None = None
    # botocore acm-pca: Integer1To5000.
    expiration_days: Annotated[int, Field(ge=1, le=5000)] = 7
    custom_cname: _Host | None = None
    custom_path: _CrlPath | None = None
    kms_key_arn: Annotated[str, _arn(arn.key)] | None = None
    keep_versions_days: Annotated[int, Field(ge=1, le=3650)] = 90
    distribution_arn: Annotated[str, _arn(arn.distribution)] | None = None


class RevocationSettings(_Model):
    """How clients learn that a certificate was revoked; by default not at all."""

    ocsp: Annotated[OcspSettings | None, BeforeValidator(_switch)] = None
    crl: Annotated[CrlSettings | None, BeforeValidator(_switch)] = None


class SharingSettings(_Model):
    """Who else may issue from the CA.

    Attributes:
        method: ``ram`` (AWS Resource Access Manager) or ``policy`` (the CA's own resource policy).
        accounts: twelve digits each.
        organizational_units: ARNs; with ``ram`` only.
        organization: the ARN of the organization.
        allow_external_accounts: with ``ram``: accounts outside the organization, which accept an invitation first.
        permission_arn: with ``ram``: a customer managed permission instead of AWS's default one.
    """

    method: Literal["ram", "policy"]
    accounts: tuple[_Account, ...] = ()
    organizational_units: tuple[Annotated[str, _arn(arn.organizational_unit)], ...] = ()
    organization: Annotated[str, _arn(arn.organization)] | None = None
    allow_external_accounts: bool = False
    permission_arn: Annotated[str, _arn(arn.permission)] | None = None


class AlarmSettings(_Model):
    """CloudWatch alarms on the issuing CA.

    Attributes:
        topic_arn: the SNS topic that is told, in the CA's region; one is made unless given.
        expiry_days: alarm when the CA's certificate has fewer days left.
        failures: alarm when as many issuances fail in five minutes.
    """

    topic_arn: Annotated[str, _arn(arn.topic)] | None = None
    expiry_days: Annotated[int, Field(ge=1, le=3650)] = 90
    failures: Annotated[int, Field(ge=1)] = 1


class Settings(_Model):
    """What a stack may ask for; ``Pulumi.yaml`` describes each key and holds the defaults users see."""

    topology: Topology = "intermediate"
    adopt_arn: Annotated[_Authority | None, _Optional] = None
    issued_certificate: Annotated[_Bundle | None, _Optional] = None
    issued_certificate_chain: Annotated[_Bundle | None, _Optional] = None
    meshes: MeshNames = ("default",)
    data_plane_lifetime: Lifetime = "24h"
    ca_name: Annotated[_Name, Field(max_length=64 - len(" Issuing CA"))] = "Kong Mesh"
    organization: _Name = "Example Corp"
    organizational_unit: Annotated[_Name | None, _Optional] = None
    country: Annotated[_Country | None, _Optional] = None
    state: Annotated[_Place | None, _Optional] = None
    locality: Annotated[_Place | None, _Optional] = None
    key_algorithm: KeyAlgorithm = "EC_prime256v1"
    signing_algorithm: Annotated[SigningAlgorithm | None, _Optional] = None
    key_storage: Annotated[KeyStorage | None, _Optional] = None
    usage_mode: UsageMode = "GENERAL_PURPOSE"
    root_validity_years: Annotated[int, Field(ge=1, le=30)] = 10
    intermediate_validity_years: Annotated[int, Field(ge=1, le=30)] = 5
    intermediate_path_length: Annotated[int, Field(ge=0, le=3)] = 0
    root_generation: Annotated[int, Field(ge=1)] = 1
    issuing_generation: Annotated[int, Field(ge=1)] = 1
    deletion_window_days: Annotated[int, Field(ge=7, le=30)] = 30
    protect: bool = True
    pinned_template: Annotated[Annotated[str, AfterValidator(_template)] | None, _Optional] = None
    # IAM names (IAM user guide, "IAM and AWS STS quotas"); what follows it is "verifier-<zone>".
    name_prefix: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@-]{1,40}$")] | None, _Optional
    ] = None
    permissions_boundary_arn: Annotated[_Policy | None, _Optional] = None
    former_authority_arns: tuple[_Authority, ...] = ()
    verifier_principals: tuple[Annotated[str, AfterValidator(_principal)], ...] = ()
    tags: Annotated[dict[_TagKey, _TagValue], AfterValidator(_tags)] = Field(default_factory=dict)
    parent: ParentSettings | None = None
    revocation: RevocationSettings = RevocationSettings()
    sharing: SharingSettings | None = None
    alarms: Annotated[AlarmSettings | None, BeforeValidator(_switch)] = None
    zones: Annotated[tuple[ZoneSettings, ...], AfterValidator(distinct_zones)]
