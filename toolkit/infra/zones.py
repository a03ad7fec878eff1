"""Where the zones' identities are made: their accounts, and the OIDC providers of their clusters."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import iam

from toolkit.infra import accounts, identities, lookups, policies
from toolkit.infra.claims import Claim, ZoneClaims
from toolkit.infra.zone_roles import ZoneAccess, ZoneAccessArgs, has_profile
from toolkit.pki import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pulumi_aws as aws

    from toolkit.errors import Problem
    from toolkit.infra.claims import Claims
    from toolkit.infra.deployment_account import Home
    from toolkit.infra.settings import Settings, ZoneSettings


class Zones:
    """All zones of a stack."""

    def __init__(
        self,
        settings: Settings,
        home: Home,
        tags: Mapping[str, str],
        claims: Claims,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Open the way into every zone's account; nothing is made there yet.

        Args:
            settings: the stack's.
            home: where it deploys to.
            tags: of everything that takes some.
            claims: looks for what exists already.
            opts: resource options of the components.
        """
        self._settings = settings
        self._home = home
        self._tags = tags
        self._opts = opts
        self._providers = {
            zone.name: accounts.provider(f"zone-{zone.name}", zone, zone.region, opts) for zone in settings.zones
        }
        self._created: dict[tuple[str, str], pulumi.Input[str]] = {}
        self._issuers: dict[tuple[str, str], Claim] = {}
        self._claims = claims
        self._claimed: dict[str, ZoneClaims] = {}

    def account(self, zone: ZoneSettings) -> str:
        """The account in which the zone's roles are made."""
        return zone.account(self._home.account)

    def problems(self) -> list[Problem]:
        """Return what zones count on and AWS does not show; each thing is asked for once."""
        known: dict[str, list[Problem]] = {}
        for index, zone in enumerate(self._settings.zones):
            for name, look in self._counted_on(f"zones[{index}]", zone):
                if name not in known:
                    known[name] = look()
            self._claim(f"zones[{index}]", zone)
        for warning in identities.warnings(self._settings.zones):
            pulumi.log.warn(str(warning))
        return [problem for found in known.values() for problem in found]

    def _claim(self, path: str, zone: ZoneSettings) -> None:
        """Look for what the zone's identities would be made of."""
        claims, way = self._claims, self._providers[zone.name]
        account, prefix = self.account(zone), self._settings.name_prefix
        issuer = (account, str(zone.oidc_issuer))
        if zone.create_oidc_provider and issuer not in self._issuers:
            key = f"{path}.createOidcProvider"
            self._issuers[issuer] = claims.oidc_provider(key, self._known_provider(zone), way)
        role = verifier = profile = Claim()
        if prefix:
            role = claims.role("namePrefix", f"{prefix}zone-{zone.name}", prefix, account, way)
            verifier = claims.role("namePrefix", f"{prefix}verifier-{zone.name}", prefix, account, way)
            if has_profile(zone):
                profile = claims.profile("namePrefix", f"{prefix}zone-{zone.name}", role, way)
        association = claims.association(path, zone, role, way) if zone.identity == "pod-identity" else None
        self._claimed[zone.name] = ZoneClaims(role, verifier, profile, association)

    def _counted_on(self, path: str, zone: ZoneSettings) -> Iterator[tuple[str, Callable[[], list[Problem]]]]:
        """What a zone names of what is there, and how it is looked up."""
        way = self._providers[zone.name]
        if zone.identity == "irsa" and not self._is_created(zone):
            provider = self._known_provider(zone)
            key = "oidcProviderArn" if zone.oidc_provider_arn else "oidcIssuer"
            yield provider, partial(lookups.oidc_problems, f"{path}.{key}", provider, way)
        if zone.identity == "pod-identity":
            name = f"{self.account(zone)} {zone.region} {zone.cluster_name}"
            yield name, partial(lookups.cluster_problems, f"{path}.clusterName", zone, way)
        boundary = zone.permissions_boundary_arn or self._settings.permissions_boundary_arn
        if boundary:
            key = f"{path}.permissionsBoundaryArn" if zone.permissions_boundary_arn else "permissionsBoundaryArn"
            yield boundary, partial(lookups.boundary_problems, key, boundary, way)

    def access(self, zone: ZoneSettings, authority_arn: pulumi.Output[str], owner: str) -> ZoneAccess:
        """Make a zone's identities.

        Args:
            zone: the zone.
            authority_arn: the issuing CA, active.
            owner: the CA's account.
        """
        settings, home, account = self._settings, self._home, self.account(zone)
        template = settings.pinned_template
        if template is None and account != owner and settings.sharing and settings.sharing.permission_arn is None:
            # What is shared with the account is this template alone, so the role needs no other.
            template = templates.END_ENTITY
        args = ZoneAccessArgs(
            zone=zone,
            path=f"zones[{settings.zones.index(zone)}]",
            account=account,
            partition=home.partition,
            authority_arn=authority_arn,
            template=template,
            former_authority_arns=settings.former_authority_arns,
            oidc_provider_arn=self._oidc_provider(zone) if zone.identity == "irsa" else None,
            verifier_trust=policies.verifier_trust(
                settings.verifier_principals, [account, home.account], home.partition
            ),
            name_prefix=settings.name_prefix,
            permissions_boundary_arn=zone.permissions_boundary_arn or settings.permissions_boundary_arn,
            tags=self._tags,
            claims=self._claimed[zone.name],
            protect=settings.protect if zone.protect is None else zone.protect,
        )
        provider = self._providers[zone.name]
        own = pulumi.ResourceOptions(providers={"aws": provider}) if provider else None
        return ZoneAccess(args, opts=pulumi.ResourceOptions.merge(self._opts, own))

    def _known_provider(self, zone: ZoneSettings) -> str:
        return zone.oidc_provider_arn or (
            f"arn:{self._home.partition}:iam::{self.account(zone)}:oidc-provider/{zone.oidc_issuer}"
        )

    def _is_created(self, zone: ZoneSettings) -> bool:
        """Whether this zone, or another one of the same account and issuer, has the stack make the provider."""
        return any(
            other.create_oidc_provider
            and (other.oidc_issuer, self.account(other)) == (zone.oidc_issuer, self.account(zone))
            for other in self._settings.zones
        )

    def _oidc_provider(self, zone: ZoneSettings) -> pulumi.Input[str]:
        """The ARN of the zone's OIDC provider; an account has one for each issuer, so zones may share it."""
        if not self._is_created(zone):
            return self._known_provider(zone)
        key = (self.account(zone), str(zone.oidc_issuer))
        if key not in self._created:
            self._created[key] = self._create(zone, *key)
        return self._created[key]

    def _create(self, zone: ZoneSettings, account: str, issuer: str) -> pulumi.Input[str]:
        claim = self._issuers[account, issuer]
        if claim.adopted_arn is not None:
            return claim.adopted_arn
        # Neither the provider nor its way into the account bears a zone's name: zones come and go.
        name = f"oidc-{account}-{hashlib.sha256(issuer.encode()).hexdigest()[:8]}"
        way: aws.Provider | None = accounts.provider(name, zone, zone.region, self._opts)
        # All of the cluster's workloads may live by it, not our zone alone.
        kept = pulumi.ResourceOptions(provider=way, retain_on_delete=True, import_=claim.import_id)
        return iam.OpenIdConnectProvider(
            name,
            url=f"https://{issuer}",
            client_id_lists=["sts.amazonaws.com"],
            # No thumbprints: AWS checks EKS issuers with its own CA library, and a wrong one has locked users out
            # (aws/aws-cdk#8607).
            tags=dict(self._tags),
            opts=pulumi.ResourceOptions.merge(self._opts, kept),
        ).arn
