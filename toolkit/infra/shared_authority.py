"""Share the issuing CA with other accounts, so that their zones can use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import acmpca, ram

from toolkit.infra import policies
from toolkit.pki import arn

if TYPE_CHECKING:
    from toolkit.infra.components import StackContext
    from toolkit.infra.settings import SharingSettings

# ram/latest/userguide/security-ram-permissions.html: only end entities, with EndEntityCertificate/V1.
_DEFAULT_PERMISSION = "AWSRAMDefaultPermissionCertificateAuthority"


class SharedAuthority(pulumi.ComponentResource):
    """A CA that other accounts may issue from, through AWS RAM or through its resource policy."""

    def __init__(
        self, name: str, settings: SharingSettings, context: StackContext, authority_arn: pulumi.Output[str]
    ) -> None:
        """Share the CA.

        Args:
            name: logical name.
            settings: the accounts and the method.
            context: the stack's context.
            authority_arn: the CA, which must be active: a pending CA accepts no policy.
        """
        super().__init__("kong-mesh-pca:sharing:SharedAuthority", name, None, context.opts)
        self._inside = pulumi.ResourceOptions(parent=self)
        if settings.method == "ram":
            self._share(name, settings, context, authority_arn)
        else:
            self._put_policy(name, settings, authority_arn)
        self.register_outputs({})

    def _share(
        self, name: str, settings: SharingSettings, context: StackContext, authority_arn: pulumi.Output[str]
    ) -> None:
        default = f"arn:{context.deployment.partition}:ram::aws:permission/{_DEFAULT_PERMISSION}"
        share = ram.ResourceShare(
            name,
            allow_external_principals=settings.allow_external_accounts,
            permission_arns=[settings.permission_arn or default],
            tags=dict(context.tags),
            opts=self._inside,
        )
        ram.ResourceAssociation(
            f"{name}-authority", resource_arn=authority_arn, resource_share_arn=share.arn, opts=self._inside
        )
        organization = [settings.organization] if settings.organization else []
        for principal in (*settings.accounts, *settings.organizational_units, *organization):
            ram.PrincipalAssociation(
                f"{name}-{principal.rpartition('/')[2]}",
                principal=principal,
                resource_share_arn=share.arn,
                opts=self._inside,
            )

    def _put_policy(self, name: str, settings: SharingSettings, authority_arn: pulumi.Output[str]) -> None:
        organization = None
        if settings.organization is not None:
            organization = arn.ORGANIZATION.parse(settings.organization).resource.removeprefix("organization/")
        acmpca.Policy(
            f"{name}-policy",
            resource_arn=authority_arn,
            policy=authority_arn.apply(
                lambda authority: policies.to_json(policies.allow_sharing(authority, settings.accounts, organization))
            ),
            opts=self._inside,
        )
