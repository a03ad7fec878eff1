"""Create the identities of the zones: their providers, roles and the OIDC providers of their clusters."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi_aws import eks, iam

from toolkit.errors import Problem
from toolkit.infra import accounts, lookups, policies, rules
from toolkit.infra.claims import CREATE, Association, Claim, ZoneClaims
from toolkit.infra.fields import ZONE
from toolkit.infra.reading import build_error
from toolkit.pki import templates
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.infra.components import StackContext
    from toolkit.infra.settings import ZoneSettings


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
        # The accounts and issuers whose OIDC providers the stack creates, for these zones and others.
        self._own_issuers = {self._issuer(zone) for zone in context.settings.zones if zone.create_oidc_provider}
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
        for warning in rules.list_issuer_warnings(self._settings.zones):
            pulumi.log.warn(str(warning))
        return [problem for problems in known.values() for problem in problems]

    def _account(self, zone: ZoneSettings) -> str:
        return zone.resolve_account(self._context.deployment.account)

    def _issuer(self, zone: ZoneSettings) -> tuple[str, str]:
        return self._account(zone), str(zone.oidc_issuer)

    def _claim(self, path: str, zone: ZoneSettings) -> None:
        """Look up the existing resources of the zone's identities."""
        claims, provider = self._claims, self._providers[zone.name]
        account, issuer = self._account(zone), self._issuer(zone)
        if zone.create_oidc_provider and issuer not in self._issuers:
            key = f"{path}.createOidcProvider"
            self._issuers[issuer] = claims.claim_oidc_provider(key, self._known_provider(zone), provider)
        role = claims.claim_role(f"zone-{zone.name}", account, provider)
        verifier = claims.claim_role(f"verifier-{zone.name}", account, provider)
        profile = claims.claim_profile(f"zone-{zone.name}", role, provider) if _has_profile(zone) else CREATE
        association = claims.find_association(path, zone, role, provider) if zone.identity == "pod-identity" else None
        self._claimed[zone.name] = ZoneClaims(role, verifier, profile, association)

    def _counted_on(self, path: str, zone: ZoneSettings) -> Iterator[tuple[str, Callable[[], list[Problem]]]]:
        """Yield the existing resources that a zone needs, each with a function that looks it up."""
        provider = self._providers[zone.name]
        if zone.identity == "irsa" and self._issuer(zone) not in self._own_issuers:
            provider_arn = self._known_provider(zone)
            key = "oidcProviderArn" if zone.oidc_provider_arn else "oidcIssuer"
            yield provider_arn, partial(lookups.check_oidc_provider, f"{path}.{key}", provider_arn, provider)
        if zone.identity == "pod-identity":
            name = zone.cluster_name or ""
            look = partial(lookups.list_missing, f"{path}.clusterName", name, aws.eks.get_cluster, provider)
            yield f"{self._account(zone)} {zone.region} {name}", partial(look, name=name, region=zone.region)
        boundary = zone.permissions_boundary_arn or self._settings.permissions_boundary_arn
        if boundary:
            key = f"{path}.permissionsBoundaryArn" if zone.permissions_boundary_arn else "permissionsBoundaryArn"
            yield boundary, partial(lookups.list_missing, key, boundary, aws.iam.get_policy, provider, arn=boundary)

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

    def _oidc_provider(self, zone: ZoneSettings) -> pulumi.Input[str]:
        """Return the ARN of the zone's OIDC provider; zones with the same account and issuer share one."""
        issuer = self._issuer(zone)
        if issuer not in self._own_issuers:
            return self._known_provider(zone)
        if issuer not in self._created:
            self._created[issuer] = self._create_issuer(zone, *issuer)
        return self._created[issuer]

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


def _has_profile(zone: ZoneSettings) -> bool:
    """Return whether a zone's control plane gets its role through an instance profile, as on EC2."""
    return zone.identity == "ambient" and zone.compute != "ecs"


class ZoneAccess(pulumi.ComponentResource):
    """A zone's IAM resources, and their association with its control plane.

    Attributes:
        role_arn: the role that the zone's control plane assumes.
        verifier_role_arn: the role with which the verifier issues a certificate for the zone.
    """

    role_arn: pulumi.Output[str]
    verifier_role_arn: pulumi.Output[str]

    def __init__(
        self,
        context: StackContext,
        zone: ZoneSettings,
        claims: ZoneClaims,
        authority_arn: pulumi.Output[str],
        oidc_provider_arn: pulumi.Input[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create both roles.

        Args:
            context: the stack's context.
            zone: the zone; the component has its name, so it does not change with other zones.
            claims: existing resources of the zone.
            authority_arn: the issuing CA, active.
            oidc_provider_arn: the OIDC provider of the zone's cluster, for identity irsa.
            opts: resource options of the component; its provider determines the account.
        """
        super().__init__("kong-mesh-pca:access:ZoneAccess", zone.name, None, opts)
        settings, deployment = context.settings, context.deployment
        self._context, self._zone, self._authority_arn = context, zone, authority_arn
        self._account = zone.resolve_account(deployment.account)
        self._tags = {**context.tags, ZONE: zone.name}
        protect = settings.protect if zone.protect is None else zone.protect
        self._inside = pulumi.ResourceOptions(parent=self, protect=protect)
        template = self._template()
        name, self.role_arn = self._role(
            f"zone-{zone.name}",
            claims.role,
            f"Kong Mesh zone {zone.name}: issues certificates",
            self._trust(oidc_provider_arn),
            lambda authority: policies.allow_issuing(authority, template, settings.former_authority_arns),
        )
        accounts = [self._account, deployment.account]
        verifiers = policies.trust_verifiers(settings.verifier_principals, accounts, deployment.partition)
        _, self.verifier_role_arn = self._role(
            f"verifier-{zone.name}",
            claims.verifier_role,
            f"Proves that Kong Mesh zone {zone.name} gets certificates",
            policies.to_json(verifiers),
            policies.allow_verifying,
        )
        if zone.identity == "pod-identity":
            self._associate(claims.association)
        elif _has_profile(zone) and claims.profile.adopted_arn is None:
            # An instance gets a role through a profile. The profile has the role's name, as in the console.
            own = pulumi.ResourceOptions(import_=claims.profile.import_id)
            iam.InstanceProfile(
                f"zone-{zone.name}-profile",
                name=name,
                role=name,
                tags=self._tags,
                opts=pulumi.ResourceOptions.merge(self._inside, own),
            )
        self.register_outputs({"roleArn": self.role_arn, "verifierRoleArn": self.verifier_role_arn})

    def _template(self) -> str | None:
        """Return the only template with which the control plane may issue; None allows all."""
        settings = self._context.settings
        owner, _ = self._context.deployment.locate_authority(settings)
        is_shared = self._account != owner and settings.sharing and settings.sharing.permission_arn is None
        # Only this template is shared with the account, so the role needs no other.
        return settings.pinned_template or (templates.END_ENTITY if is_shared else None)

    def _trust(self, oidc_provider_arn: pulumi.Input[str] | None) -> pulumi.Input[str]:
        """Return the trust policy of the zone's role as JSON."""
        zone, account, partition = self._zone, self._account, self._context.deployment.partition
        if zone.identity == "pod-identity":
            cluster = f"arn:{partition}:eks:{zone.region}:{account}:cluster/{zone.cluster_name}"
            return policies.to_json(policies.trust_pod_identity(cluster, zone.namespace, zone.service_account))
        if zone.identity == "ambient":
            return policies.to_json(policies.trust_compute(zone.compute or "ec2", zone.region, account, partition))
        # Built when the ARN is known, from the ARN alone: IAM rejects a principal in any other form
        # (pulumi/pulumi-eks#871).
        return pulumi.Output.from_input(oidc_provider_arn).apply(
            lambda provider: policies.to_json(
                policies.trust_web_identity(str(provider), zone.namespace, zone.service_account)
            )
        )

    def _role(
        self,
        name: str,
        claim: Claim,
        description: str,
        trust: pulumi.Input[str],
        policy: Callable[[str], Object],
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """Return a role's name and ARN. Trust and permissions of an adopted role are not changed."""
        settings = self._context.settings
        if claim.adopted_arn is not None:
            adopted = pulumi.Output.from_input(claim.adopted_arn)
            return adopted.apply(lambda arn: arn.rpartition("/")[2]), adopted
        role = iam.Role(
            name,
            name=f"{settings.name_prefix}{name}" if settings.name_prefix else None,
            description=description,
            assume_role_policy=trust,
            permissions_boundary=self._zone.permissions_boundary_arn or settings.permissions_boundary_arn,
            tags=self._tags,
            opts=pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(import_=claim.import_id)),
        )
        attached = iam.RolePolicy(
            f"{name}-private-ca",
            # The policy belongs to the role, so a fixed name is enough. An imported role then keeps one policy instead
            # of two.
            name="private-ca",
            role=role.name,
            policy=self._authority_arn.apply(lambda authority: policies.to_json(policy(authority))),
            opts=self._inside,
        )
        # Known only when the policy is attached: otherwise the exported role could be used before it has permissions.
        return role.name, pulumi.Output.all(role.arn, attached.id).apply(lambda values: str(values[0]))

    def _associate(self, existing: Association | None) -> None:
        """Associate the role with the service account; an annotation of the service account is not an AWS resource."""
        zone = self._zone
        if existing is not None and existing.is_adopted:
            return
        eks.PodIdentityAssociation(
            # Named after what it associates, not after the zone: a service account has one association, so a renamed
            # zone updates it instead of creating a second one first.
            f"pod-{self._account}-{zone.region}-{zone.cluster_name}-{zone.namespace}-{zone.service_account}",
            cluster_name=zone.cluster_name or "",
            namespace=zone.namespace,
            service_account=zone.service_account,
            role_arn=self.role_arn if existing is None else self._same_role(existing),
            region=zone.region,
            tags=dict(self._context.tags),
            opts=self._inside,
        )

    def _same_role(self, existing: Association) -> pulumi.Output[str]:
        """Return the role's ARN, if the existing association can be the stack's own.

        It is the stack's own if it associates this role, or that of a zone under its earlier name. Otherwise the
        stack's state was lost: this is a second role of the same zone, and AWS would reject a second association.
        """
        zone, role_arn = self._zone, self.role_arn

        async def check() -> str:
            known = await role_arn.future() if await role_arn.is_known() else None
            if existing.zone == zone.name and known != existing.role_arn:
                path = f"zones[{self._context.settings.zones.index(zone)}]"
                raise build_error(
                    "a service account has a role already",
                    [
                        Problem(
                            f"{path}.serviceAccount",
                            f"{zone.namespace}/{zone.service_account} in cluster {zone.cluster_name} is associated "
                            f"with {existing.role_arn} already ({existing.identifier}), which is a role of another "
                            "stack, or of this one before its state was lost",
                        )
                    ],
                    "Delete that association and its role, or import both into the stack's state.",
                )
            return "checked"

        checked: pulumi.Output[str] = pulumi.Output.from_input(check())
        return pulumi.Output.all(role_arn, checked).apply(lambda both: str(both[0]))
