"""The identities of one zone: the role of its control plane, and the role that verifies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import eks, iam

from toolkit.errors import Problem
from toolkit.infra import policies
from toolkit.infra.reading import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toolkit.infra.claims import Claim, ZoneClaims
    from toolkit.infra.eks_associations import Association
    from toolkit.infra.policies import Document
    from toolkit.infra.settings import ZoneSettings


@dataclass(frozen=True)
class ZoneAccessArgs:
    """What a zone's identities are made from.

    Attributes:
        zone: the zone.
        path: of the zone among the settings.
        account: that its roles are made in.
        partition: of that account.
        authority_arn: the issuing CA, active.
        template: the one with which the control plane may issue; None leaves it open.
        former_authority_arns: CAs that the zone's meshes still use, while they are moved to this one.
        oidc_provider_arn: of the zone's cluster, for identity irsa.
        verifier_trust: who may assume the verifier role.
        name_prefix: with which all names in IAM begin; without one Pulumi makes them unique.
        permissions_boundary_arn: of both roles.
        tags: of everything that takes some.
        claims: what of it exists already.
        protect: whether Pulumi refuses to delete what the control plane lives by.
    """

    zone: ZoneSettings
    path: str
    account: str
    partition: str
    authority_arn: pulumi.Output[str]
    template: str | None
    former_authority_arns: Sequence[str]
    oidc_provider_arn: pulumi.Input[str] | None
    verifier_trust: Document
    name_prefix: str | None
    permissions_boundary_arn: str | None
    tags: Mapping[str, str]
    claims: ZoneClaims
    protect: bool


def has_profile(zone: ZoneSettings) -> bool:
    """Whether a zone's control plane gets its role through an instance profile, as on EC2."""
    return zone.identity == "ambient" and zone.compute != "ecs"


class ZoneAccess(pulumi.ComponentResource):
    """What one zone has in IAM, and the link to its control plane.

    Attributes:
        role_arn: of the role that the zone's control plane takes.
        verifier_role_arn: of the role that asks for a certificate in the zone's place.
    """

    role_arn: pulumi.Output[str]
    verifier_role_arn: pulumi.Output[str]

    def __init__(self, args: ZoneAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create both roles.

        Args:
            args: the zone's name is the component's, so other zones never change with it.
            opts: resource options of the component; its provider says which account is meant.
        """
        super().__init__("kong-mesh-pca:access:ZoneAccess", args.zone.name, None, opts)
        self._args = args
        self._tags = {**args.tags, "kong-mesh-zone": args.zone.name}
        self._inside = pulumi.ResourceOptions(parent=self, protect=args.protect)
        zone, claims = args.zone, args.claims
        name, self.role_arn = self._role(
            f"zone-{zone.name}",
            claims.role,
            f"Kong Mesh zone {zone.name}: issues certificates",
            self._trust(),
            lambda authority: policies.issuer_policy(authority, args.template, args.former_authority_arns),
        )
        _, self.verifier_role_arn = self._role(
            f"verifier-{zone.name}",
            claims.verifier_role,
            f"Proves that Kong Mesh zone {zone.name} gets certificates",
            policies.to_json(args.verifier_trust),
            policies.verifier_policy,
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

    def _trust(self) -> pulumi.Input[str]:
        """Who may take the zone's role, as JSON."""
        zone, args = self._args.zone, self._args
        if zone.identity == "pod-identity":
            cluster = f"arn:{args.partition}:eks:{zone.region}:{args.account}:cluster/{zone.cluster_name}"
            return policies.to_json(policies.pod_identity_trust(cluster, zone.namespace, zone.service_account))
        if zone.identity == "ambient":
            compute = zone.compute or "ec2"
            return policies.to_json(policies.ambient_trust(compute, zone.region, args.account, args.partition))
        # Built where the ARN is known, from that ARN alone: a principal made from anything else is no valid one
        # (pulumi/pulumi-eks#871).
        return pulumi.Output.from_input(args.oidc_provider_arn).apply(
            lambda provider: policies.to_json(policies.irsa_trust(str(provider), zone.namespace, zone.service_account))
        )

    def _role(
        self,
        name: str,
        claim: Claim,
        description: str,
        trust: pulumi.Input[str],
        policy: Callable[[str], Document],
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """Return a role's name and ARN. Of an adopted one neither trust nor permissions are touched."""
        prefix = self._args.name_prefix
        if claim.adopted_arn is not None:
            adopted = pulumi.Output.from_input(claim.adopted_arn)
            return adopted.apply(lambda arn: arn.rpartition("/")[2]), adopted
        role = iam.Role(
            name,
            name=f"{prefix}{name}" if prefix else None,
            description=description,
            assume_role_policy=trust,
            permissions_boundary=self._args.permissions_boundary_arn,
            tags=self._tags,
            opts=pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(import_=claim.import_id)),
        )
        attached = iam.RolePolicy(
            f"{name}-private-ca",
            # Of the role alone, so it needs no other name; a role that is imported keeps one policy, not two.
            name="private-ca",
            role=role.name,
            policy=self._args.authority_arn.apply(lambda authority: policies.to_json(policy(authority))),
            opts=self._inside,
        )
        # Known only when the policy is attached: a role exported earlier could be used and found powerless.
        return role.name, pulumi.Output.all(role.arn, attached.id).apply(lambda values: str(values[0]))

    def _associate(self, existing: Association | None) -> None:
        """Bring the role to the control plane; a service account's annotation is not AWS's."""
        zone = self._args.zone
        if existing is not None and existing.is_adopted:
            return
        eks.PodIdentityAssociation(
            # By what it links and not by the zone's name: a service account has one association, so a zone that is
            # renamed changes its own instead of making another first.
            f"pod-{self._args.account}-{zone.region}-{zone.cluster_name}-{zone.namespace}-{zone.service_account}",
            cluster_name=zone.cluster_name or "",
            namespace=zone.namespace,
            service_account=zone.service_account,
            role_arn=self.role_arn if existing is None else self._same_role(existing),
            region=zone.region,
            tags=dict(self._args.tags),
            opts=self._inside,
        )

    def _same_role(self, existing: Association) -> pulumi.Output[str]:
        """Return the role's ARN, if the association that exists can be the stack's own.

        It is where it links this very role, or that of a zone which had another name. Otherwise the stack's state was
        lost: this is a second role of the same zone, and AWS would refuse a second association.
        """
        zone, role_arn = self._args.zone, self.role_arn

        async def check() -> str:
            known = await role_arn.future() if await role_arn.is_known() else None
            if existing.zone == zone.name and known != existing.role_arn:
                raise refusal(
                    "a service account has a role already",
                    [
                        Problem(
                            f"{self._args.path}.serviceAccount",
                            f"{zone.namespace}/{zone.service_account} in cluster {zone.cluster_name} is associated "
                            f"with {existing.role_arn} already ({existing.identifier}), which is a role of another "
                            "stack, or of this one before its state was lost",
                        )
                    ],
                    pulumi.get_project(),
                    "Delete that association and its role, or import both into the stack's state.",
                )
            return "checked"

        checked: pulumi.Output[str] = pulumi.Output.from_input(check())
        return pulumi.Output.all(role_arn, checked).apply(lambda both: str(both[0]))
