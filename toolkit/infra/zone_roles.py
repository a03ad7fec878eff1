"""The identities of one zone: the role of its control plane, and the role that verifies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import eks, iam

from toolkit.errors import Problem
from toolkit.infra import policies
from toolkit.infra.fields import ZONE
from toolkit.infra.reading import build_error
from toolkit.pki import templates

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.infra.claims import Claim, ZoneClaims
    from toolkit.infra.eks_associations import Association
    from toolkit.infra.settings import ZoneSettings
    from toolkit.infra.stack_context import StackContext
    from toolkit.values import Object


def has_profile(zone: ZoneSettings) -> bool:
    """Return whether a zone's control plane gets its role through an instance profile, as on EC2."""
    return zone.identity == "ambient" and zone.compute != "ecs"


class ZoneAccess(pulumi.ComponentResource):
    """What one zone has in IAM, and the link to its control plane.

    Attributes:
        role_arn: of the role that the zone's control plane takes.
        verifier_role_arn: of the role that asks for a certificate in the zone's place.
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
            context: of the stack.
            zone: its name is the component's, so other zones never change with it.
            claims: what of it exists already.
            authority_arn: the issuing CA, active.
            oidc_provider_arn: of the zone's cluster, for identity irsa.
            opts: resource options of the component; its provider says which account is meant.
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
        elif has_profile(zone) and claims.profile.adopted_arn is None:
            # An instance takes a role through a profile; it has the role's name, as the console makes it.
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
        """Return the template with which the control plane may issue; None leaves it open."""
        settings = self._context.settings
        owner, _ = self._context.deployment.locate_authority(settings)
        is_shared = self._account != owner and settings.sharing and settings.sharing.permission_arn is None
        # What is shared with the account is this template alone, so the role needs no other.
        return settings.pinned_template or (templates.END_ENTITY if is_shared else None)

    def _trust(self, oidc_provider_arn: pulumi.Input[str] | None) -> pulumi.Input[str]:
        """Return who may assume the zone's role, as JSON."""
        zone, account, partition = self._zone, self._account, self._context.deployment.partition
        if zone.identity == "pod-identity":
            cluster = f"arn:{partition}:eks:{zone.region}:{account}:cluster/{zone.cluster_name}"
            return policies.to_json(policies.trust_pod_identity(cluster, zone.namespace, zone.service_account))
        if zone.identity == "ambient":
            return policies.to_json(policies.trust_compute(zone.compute or "ec2", zone.region, account, partition))
        # Built where the ARN is known, from that ARN alone: a principal made from anything else is no valid one
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
        """Return a role's name and ARN. Of an adopted one neither trust nor permissions are touched."""
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
            # Of the role alone, so it needs no other name; a role that is imported keeps one policy, not two.
            name="private-ca",
            role=role.name,
            policy=self._authority_arn.apply(lambda authority: policies.to_json(policy(authority))),
            opts=self._inside,
        )
        # Known only when the policy is attached: a role exported earlier could be used and found powerless.
        return role.name, pulumi.Output.all(role.arn, attached.id).apply(lambda values: str(values[0]))

    def _associate(self, existing: Association | None) -> None:
        """Bring the role to the control plane; a service account's annotation is not AWS's."""
        zone = self._zone
        if existing is not None and existing.is_adopted:
            return
        eks.PodIdentityAssociation(
            # By what it links and not by the zone's name: a service account has one association, so a zone that is
            # renamed changes its own instead of making another first.
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
        """Return the role's ARN, if the association that exists can be the stack's own.

        It is where it links this very role, or that of a zone which had another name. Otherwise the stack's state was
        lost: this is a second role of the same zone, and AWS would refuse a second association.
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
