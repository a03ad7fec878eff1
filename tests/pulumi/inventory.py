"""What the sandbox has, as far as a mesh lives by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.conformance.world import World

if TYPE_CHECKING:
    from tests.conftest import TestSandbox


def inventory(aws: TestSandbox, account: str | None = None) -> dict[str, Any]:
    """Return the roles with their policies, the instance profiles, the OIDC providers and the CAs of an account."""
    iam = World(aws).iam(account) if account else World(aws).iam()
    names = [role["RoleName"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
    policies = {
        name: {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        for name in names
    }
    authorities, now = aws.private_ca.registry.authorities, aws.clock()
    return {
        "policies": policies,
        "profiles": sorted(found["InstanceProfileName"] for found in iam.list_instance_profiles()["InstanceProfiles"]),
        "providers": sorted(
            found["Arn"] for found in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        ),
        "authorities": {arn: found.status(now) for arn, found in authorities.items()},
        "certificates": {arn: len(found.issued) for arn, found in authorities.items()},
    }
