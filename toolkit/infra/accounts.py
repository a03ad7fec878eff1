"""The way into other accounts: a provider for each that is not the stack's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from toolkit.infra.settings import AccountSettings


def provider(
    name: str, access: AccountSettings, region: str, opts: pulumi.ResourceOptions | None = None
) -> aws.Provider | None:
    """A provider for an account that is reached in its own way; None where the stack's own does.

    Args:
        name: logical name of the provider.
        access: how the account is reached.
        region: in which it works.
        opts: resource options of the provider.
    """
    if not access.is_elsewhere:
        return None
    role = access.assume_role_arn
    account = access.account("")
    return aws.Provider(
        name,
        region=region,
        # Pulumi gives a provider of our own nothing of the stack's aws:* settings; whose role is taken starts there.
        profile=access.profile or pulumi.Config("aws").get("profile"),
        assume_roles=(
            [aws.ProviderAssumeRoleArgs(role_arn=role, external_id=access.external_id, session_name="kong-mesh-pca")]
            if role is not None
            else None
        ),
        # A profile that was changed to another account does nothing there.
        allowed_account_ids=[account] if account else None,
        opts=opts,
    )
