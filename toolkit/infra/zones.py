"""Create the identities of the zones: their providers, roles and the OIDC providers of their clusters."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from toolkit.infra import accounts, identities, lookups
from toolkit.infra.claims import Claim, ZoneClaims
from toolkit.infra.zone_roles import ZoneAccess, has_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolkit.errors import Problem
    from toolkit.infra.settings import ZoneSettings
    from toolkit.infra.stack_context import StackContext


class Zones:
    """All zones of a stack."""

    def __init__(self, context: StackContext) -> None:
        """Create the providers for the zones' accounts, but no resources there.

        Args:
            context: the stack's context.
        """
        self._context, self._settings, self._claims = context, context.settings, context.claims
        self._providers = {
            zone.name: accounts.create_provider(f"zone-{zone.name}", zone, zone.region, context.opts)
            for zone in context.settings.zones
        }
        self._created: dict[tuple[str, str], pulumi.Input[str]] = {}
        self._issuers: dict[tuple[str, str], Claim] = {}
        self._claimed: dict[str, ZoneClaims] = {}

    def look_up(self) -> list[Problem]:
        """Claim existing resources, and return the missing ones that zones need; each is looked up once."""
        known: dict[str, list[Problem]] = {}
        for index, zone in enumerate(self._settings.zones):
            for name, look in self._counted_on(f"zones[{index}]", zone):
                if name not in known:
                    known[name] = look()
            self._claim(f"zones[{index}]", zone)
        for warning in identities.list_warnings(self._settings.zones):
            pulumi.log.warn(str(warning))
        return [problem for problems in known.values() for problem in problems]

    def _account(self, zone: ZoneSettings) -> str:
        return zone.resolve_account(self._context.deployment.account)

    def _claim(self, path: str, zone: ZoneSettings) -> None:
        """Look up the existing resources of the zone's identities."""
        claims, provider = self._claims, self._providers[zone.name]
        account, prefix = self._account(zone), self._settings.name_prefix
        issuer = (account, str(zone.oidc_issuer))
        if zone.create_oidc_provider and issuer not in self._issuers:
            key = f"{path}.createOidcProvider"
            self._issuers[issuer] = claims.claim_oidc_provider(key, self._known_provider(zone), provider)
        role = verifier = profile = Claim()
        if prefix:
            role = claims.claim_role("namePrefix", f"{prefix}zone-{zone.name}", prefix, account, provider)
            verifier = claims.claim_role("namePrefix", f"{prefix}verifier-{zone.name}", prefix, account, provider)
            if has_profile(zone):
                profile = claims.claim_profile("namePrefix", f"{prefix}zone-{zone.name}", role, provider)
        association = claims.find_association(path, zone, role, provider) if zone.identity == "pod-identity" else None
        self._claimed[zone.name] = ZoneClaims(role, verifier, profile, association)

    def _counted_on(self, path: str, zone: ZoneSettings) -> Iterator[tuple[str, Callable[[], list[Problem]]]]:
        """Yield the existing resources that a zone needs, each with a function that looks it up."""
        provider = self._providers[zone.name]
        options = pulumi.InvokeOptions(provider=provider)
        if zone.identity == "irsa" and not self._is_created(zone):
            provider_arn = self._known_provider(zone)
            key = "oidcProviderArn" if zone.oidc_provider_arn else "oidcIssuer"
            yield provider_arn, partial(lookups.check_oidc_provider, f"{path}.{key}", provider_arn, provider)
        if zone.identity == "pod-identity":
            name = zone.cluster_name or ""
            ask = partial(aws.eks.get_cluster, name=name, region=zone.region, opts=options)
            full = f"{self._account(zone)} {zone.region} {name}"
            yield full, partial(lookups.list_missing, f"{path}.clusterName", name, ask)
        boundary = zone.permissions_boundary_arn or self._settings.permissions_boundary_arn
        if boundary:
            key = f"{path}.permissionsBoundaryArn" if zone.permissions_boundary_arn else "permissionsBoundaryArn"
            get_policy = partial(aws.iam.get_policy, arn=boundary, opts=options)
            yield boundary, partial(lookups.list_missing, key, boundary, get_policy)

    def create(self, zone: ZoneSettings, authority_arn: pulumi.Output[str]) -> ZoneAccess:
        """Create a zone's identities.

        Args:
            zone: the zone.
            authority_arn: the issuing CA, active.
        """
        issuer = self._oidc_provider(zone) if zone.identity == "irsa" else None
        provider = self._providers[zone.name]
        own = pulumi.ResourceOptions(providers={"aws": provider}) if provider else None
        opts = pulumi.ResourceOptions.merge(self._context.opts, own)
        return ZoneAccess(self._context, zone, self._claimed[zone.name], authority_arn, issuer, opts)

    def _known_provider(self, zone: ZoneSettings) -> str:
        return zone.oidc_provider_arn or (
            f"arn:{self._context.deployment.partition}:iam::{self._account(zone)}:oidc-provider/{zone.oidc_issuer}"
        )

    def _is_created(self, zone: ZoneSettings) -> bool:
        """Return whether the stack creates the provider, for this zone or another with the same account and issuer."""
        return any(
            other.create_oidc_provider
            and (other.oidc_issuer, self._account(other)) == (zone.oidc_issuer, self._account(zone))
            for other in self._settings.zones
        )

    def _oidc_provider(self, zone: ZoneSettings) -> pulumi.Input[str]:
        """Return the ARN of the zone's OIDC provider; zones with the same account and issuer share one."""
        if not self._is_created(zone):
            return self._known_provider(zone)
        key = (self._account(zone), str(zone.oidc_issuer))
        if key not in self._created:
            self._created[key] = self._create_issuer(zone, *key)
        return self._created[key]

    def _create_issuer(self, zone: ZoneSettings, account: str, issuer: str) -> pulumi.Input[str]:
        claim = self._issuers[account, issuer]
        if claim.adopted_arn is not None:
            return claim.adopted_arn
        # Neither the OIDC provider nor its Pulumi provider has a zone's name, because zones are added and removed.
        name = f"oidc-{account}-{hashlib.sha256(issuer.encode()).hexdigest()[:8]}"
        provider = accounts.create_provider(name, zone, zone.region, self._context.opts)
        # Keep it on deletion, because other workloads of the cluster may use it.
        kept = pulumi.ResourceOptions(provider=provider, retain_on_delete=True, import_=claim.import_id)
        return aws.iam.OpenIdConnectProvider(
            name,
            url=f"https://{issuer}",
            client_id_lists=["sts.amazonaws.com"],
            # No thumbprints: AWS checks EKS issuers with its own CA library, and a wrong thumbprint has locked users
            # out (aws/aws-cdk#8607).
            tags=dict(self._context.tags),
            opts=pulumi.ResourceOptions.merge(self._context.opts, kept),
        ).arn
