"""The identities of one zone: the role of its control plane, and the role that verifies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import iam

from toolkit.infra import policies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolkit.infra.policies import Document
    from toolkit.infra.settings import ZoneSettings


class ZoneAccess(pulumi.ComponentResource):
    """What one zone has in IAM.

    Attributes:
        role_arn: of the role that the zone's control plane takes through its service account (IRSA).
        verifier_role_arn: of the role that asks for a certificate in the zone's place.
    """

    role_arn: pulumi.Output[str]
    verifier_role_arn: pulumi.Output[str]

    def __init__(
        self,
        zone: ZoneSettings,
        *,
        authority_arn: pulumi.Output[str],
        verifier_trust: Document,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create both roles.

        Args:
            zone: the zone; its name is the component's, so other zones never change with it.
            authority_arn: the issuing CA, active.
            verifier_trust: who may assume the verifier role.
            tags: of both roles.
            opts: resource options of the component.
        """
        super().__init__("kong-mesh-pca:access:ZoneAccess", zone.name, None, opts)
        self._tags = {**tags, "kong-mesh-zone": zone.name}
        self._authority_arn = authority_arn
        trust = policies.irsa_trust(zone.oidc_provider_arn, zone.namespace, zone.service_account)
        self.role_arn = self._role(
            f"zone-{zone.name}", f"Kong Mesh zone {zone.name}: issues certificates", trust, policies.issuer_policy
        )
        self.verifier_role_arn = self._role(
            f"verifier-{zone.name}",
            f"Proves that Kong Mesh zone {zone.name} gets certificates",
            verifier_trust,
            policies.verifier_policy,
        )
        self.register_outputs({"roleArn": self.role_arn, "verifierRoleArn": self.verifier_role_arn})

    def _role(
        self, name: str, description: str, trust: Document, policy: Callable[[str], Document]
    ) -> pulumi.Output[str]:
        role = iam.Role(
            name,
            description=description,
            assume_role_policy=policies.to_json(trust),
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        attached = iam.RolePolicy(
            f"{name}-private-ca",
            role=role.name,
            policy=self._authority_arn.apply(lambda authority: policies.to_json(policy(authority))),
            opts=pulumi.ResourceOptions(parent=self),
        )
        # Known only when the policy is attached: a role exported earlier could be used and found powerless.
        return pulumi.Output.all(role.arn, attached.id).apply(lambda values: str(values[0]))
