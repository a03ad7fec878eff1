"""Define the stack's configuration as a typed model, with the valid values of each key.

Rules on several keys together are in :mod:`toolkit.infra.rules`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import pulumi
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from toolkit.contract import (
    DEFAULT_NAMESPACE,
    DEFAULT_SERVICE_ACCOUNT,
    DnsLabel,
    Identity,
    KeyAlgorithm,
    Lifetime,
    MeshNames,
    Region,
    ServiceAccount,
    SigningAlgorithm,
    UsageMode,
)
from toolkit.errors import InvalidInputError
from toolkit.infra import fields
from toolkit.pki import arn

Topology = Literal["root", "intermediate", "under-aws-ca", "under-external-ca", "adopt"]
KeyStorage = Literal["FIPS_140_2_LEVEL_2_OR_HIGHER", "FIPS_140_2_LEVEL_3_OR_HIGHER"]


class SettingsError(InvalidInputError, pulumi.RunError):
    """The configuration is invalid; a ``RunError``, so that Pulumi prints the text without a traceback."""

    def __str__(self) -> str:
        return "\n".join(self.lines())


class _Model(BaseModel):
    # Not strict: Pulumi passes "10" for 10 and "true" for true.
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True)


class AccountSettings(_Model):
    """Say how to reach another account. Without any of these, it is the account that the stack deploys to.

    Attributes:
        account_id: Account ID, twelve digits. With ``profile``, the account that the profile must belong to.
        profile: Profile of the AWS configuration.
        assume_role_arn: ARN of a role in the other account, which the stack assumes.
        external_id: External ID for ``assumeRoleArn``. Keep it encrypted with ``pulumi config set --secret``.
    """

    account_id: fields.Account | None = None
    profile: fields.Profile | None = None
    assume_role_arn: fields.Role | None = None
    external_id: fields.ExternalId | None = None

    @property
    def is_elsewhere(self) -> bool:
        """Return whether the account needs its own provider."""
        return self.profile is not None or self.assume_role_arn is not None

    def resolve_account(self, own: str) -> str:
        """Return the account's ID.

        Args:
            own: the account that the stack deploys to.
        """
        if self.assume_role_arn is not None:
            return arn.ROLE.parse(self.assume_role_arn).account
        return self.account_id or own


class ParentSettings(AccountSettings):
    """The AWS private CA that signs the stack's CA. It may be in another account.

    Attributes:
        arn: ARN of that CA.
    """

    arn: fields.Authority


class ZoneSettings(AccountSettings):
    """One zone: where it runs, and how its control plane gets its role.

    Attributes:
        name: Name of the zone in Kong Mesh.
        region: AWS region of the zone.
        identity: ``irsa`` (web identity of a service account), ``pod-identity`` (EKS Pod Identity) or ``ambient`` (an
            EC2 instance or an ECS task).
        oidc_provider_arn: For ``irsa``: ARN of the IAM OIDC provider of the zone's EKS cluster, in the zone's account.
        oidc_issuer: For ``irsa``, instead of the provider: URL of the issuer.
        create_oidc_provider: For ``irsa``: create the provider of ``oidcIssuer``. An account has one per issuer.
        cluster_name: For ``pod-identity``: name of the EKS cluster.
        compute: For ``ambient``: ``ec2`` (the default) or ``ecs``.
        namespace: Namespace of the control plane. Kong's chart uses ``kong-mesh-system``.
        service_account: Service account of the control plane. Kong's chart uses ``kong-mesh-control-plane``.
        permissions_boundary_arn: Permissions boundary of the zone's roles. Default: the stack's.
        authority_arn: ARN of the stack's CA, for readers of the file. Any other CA is an error.
        protect: Whether Pulumi refuses to delete the zone's roles. Default: the stack's. To remove a zone, set it to
            false and run ``pulumi up`` before you remove it.
    """

    name: DnsLabel
    region: Region
    identity: Identity = "irsa"
    oidc_provider_arn: fields.OidcProvider | None = None
    oidc_issuer: fields.Issuer | None = None
    create_oidc_provider: bool = False
    cluster_name: fields.Cluster | None = None
    compute: Literal["ec2", "ecs"] | None = None
    namespace: DnsLabel = DEFAULT_NAMESPACE
    service_account: ServiceAccount = DEFAULT_SERVICE_ACCOUNT
    permissions_boundary_arn: fields.Policy | None = None
    authority_arn: fields.Authority | None = None
    protect: bool | None = None


class OcspSettings(_Model):
    """AWS answers OCSP requests for the CA's certificates.

    Attributes:
        custom_cname: Host name that clients ask, a CNAME of AWS's OCSP responder.
    """

    custom_cname: fields.Host | None = None


class CrlSettings(_Model):
    """AWS writes a certificate revocation list (CRL) into a bucket.

    Attributes:
        bucket: Existing bucket that AWS Private CA may write to. Default: the stack creates one.
        expiration_days: Days for which a CRL is valid.
        custom_cname: Host name in the certificates instead of the bucket's.
        custom_path: Path before ``crl/ID.crl``.
        kms_key_arn: KMS key that encrypts the created bucket. Default: S3's own keys.
        keep_versions_days: Days for which the created bucket keeps replaced CRLs.
        distribution_arn: CloudFront distribution that may read the created bucket.
    """

    bucket: fields.Bucket | None = None
    # botocore acm-pca: Integer1To5000.
    expiration_days: Annotated[int, Field(ge=1, le=5000)] = 7
    custom_cname: fields.Host | None = None
    custom_path: fields.CrlPath | None = None
    kms_key_arn: fields.Key | None = None
    keep_versions_days: Annotated[int, Field(ge=1, le=3650)] = 90
    distribution_arn: fields.Distribution | None = None


class RevocationSettings(_Model):
    """How clients learn that a certificate was revoked; by default not at all."""

    ocsp: Annotated[OcspSettings | None, fields.SWITCH] = None
    crl: Annotated[CrlSettings | None, fields.SWITCH] = None


class SharingSettings(_Model):
    """Other accounts that may issue from the CA.

    Attributes:
        method: ``ram`` (AWS Resource Access Manager) or ``policy`` (the CA's resource policy).
        accounts: Account IDs.
        organizational_units: ARNs of organizational units. With ``ram`` only.
        organization: ARN of the organization.
        allow_external_accounts: With ``ram``: share with accounts outside the organization. They accept an
            invitation first.
        permission_arn: With ``ram``: customer managed permission to use instead of AWS's default.
    """

    method: Literal["ram", "policy"]
    accounts: tuple[fields.Account, ...] = ()
    organizational_units: tuple[fields.Unit, ...] = ()
    organization: fields.Organization | None = None
    allow_external_accounts: bool = False
    permission_arn: fields.Permission | None = None


class AlarmSettings(_Model):
    """CloudWatch alarms on the issuing CA.

    Attributes:
        topic_arn: SNS topic to notify, in the CA's region. Default: the stack creates one.
        expiry_days: Alarm when the CA's certificate expires in fewer days.
        failures: Alarm when this many certificates fail in five minutes.
    """

    topic_arn: fields.Topic | None = None
    expiry_days: Annotated[int, Field(ge=1, le=3650)] = 90
    failures: Annotated[int, Field(ge=1)] = 1


class Settings(_Model):
    """The settings of a stack; ``Pulumi.yaml`` describes each key and has the defaults that users see."""

    topology: Topology = "intermediate"
    adopt_arn: Annotated[fields.Authority | None, fields.EMPTY_IS_NONE] = None
    issued_certificate: Annotated[fields.Bundle | None, fields.EMPTY_IS_NONE] = None
    issued_certificate_chain: Annotated[fields.Bundle | None, fields.EMPTY_IS_NONE] = None
    meshes: MeshNames = ("default",)
    data_plane_lifetime: Lifetime = "24h"
    ca_name: Annotated[fields.Name, Field(max_length=64 - len(" Issuing CA"))] = "Kong Mesh"
    organization: fields.Name = "Example Corp"
    organizational_unit: Annotated[fields.Name | None, fields.EMPTY_IS_NONE] = None
    country: Annotated[fields.Country | None, fields.EMPTY_IS_NONE] = None
    state: Annotated[fields.Place | None, fields.EMPTY_IS_NONE] = None
    locality: Annotated[fields.Place | None, fields.EMPTY_IS_NONE] = None
    key_algorithm: KeyAlgorithm = "EC_prime256v1"
    signing_algorithm: Annotated[SigningAlgorithm | None, fields.EMPTY_IS_NONE] = None
    key_storage: Annotated[KeyStorage | None, fields.EMPTY_IS_NONE] = None
    usage_mode: UsageMode = "GENERAL_PURPOSE"
    root_validity_years: Annotated[int, Field(ge=1, le=30)] = 10
    intermediate_validity_years: Annotated[int, Field(ge=1, le=30)] = 5
    intermediate_path_length: Annotated[int, Field(ge=0, le=3)] = 0
    root_generation: Annotated[int, Field(ge=1)] = 1
    issuing_generation: Annotated[int, Field(ge=1)] = 1
    deletion_window_days: Annotated[int, Field(ge=7, le=30)] = 30
    protect: bool = True
    adopt_existing: bool = False
    pinned_template: Annotated[fields.Template | None, fields.EMPTY_IS_NONE] = None
    name_prefix: Annotated[fields.NamePrefix | None, fields.EMPTY_IS_NONE] = None
    permissions_boundary_arn: Annotated[fields.Policy | None, fields.EMPTY_IS_NONE] = None
    former_authority_arns: tuple[fields.Authority, ...] = ()
    verifier_principals: tuple[fields.Principal, ...] = ()
    tags: fields.Tags = Field(default_factory=dict)
    parent: ParentSettings | None = None
    revocation: RevocationSettings = RevocationSettings()
    sharing: SharingSettings | None = None
    alarms: Annotated[AlarmSettings | None, fields.SWITCH] = None
    zones_file: Annotated[str | None, fields.EMPTY_IS_NONE] = None
    zones: tuple[ZoneSettings, ...]
