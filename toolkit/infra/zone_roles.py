"""Create the roles of a zone: one for its control plane, and one for the verifier."""

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
        elif has_profile(zone) and claims.profile.adopted_arn is None:
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
