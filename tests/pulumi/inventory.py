"""What a mesh needs from AWS: roles, policies, OIDC providers, CAs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.conformance.world import World

if TYPE_CHECKING:
    from tests.conftest import TestSandbox


def inventory(aws: TestSandbox, account: str | None = None) -> dict[str, Any]:
    """Return the roles with their policies, the instance profiles, the OIDC providers and the CAs of an account."""
    iam = World(aws).iam(account) if account else World(aws).iam()
    names = [role["RoleName"] for role in _all(iam, "list_roles", "Roles")]
    policies = {
        name: {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in _all(iam, "list_role_policies", "PolicyNames", RoleName=name)
        }
        for name in names
    }
    authorities, now = aws.private_ca.registry.authorities, aws.clock()
    return {
        "policies": policies,
        "profiles": sorted(
            found["InstanceProfileName"] for found in _all(iam, "list_instance_profiles", "InstanceProfiles")
        ),
        "providers": sorted(
            found["Arn"] for found in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        ),
        "authorities": {arn: found.status(now) for arn, found in authorities.items()},
        "certificates": {arn: len(found.issued) for arn, found in authorities.items()},
    }


def _all(iam: Any, operation: str, key: str, **parameters: str) -> list[Any]:
    """Return the items of all pages of a list."""
    return [item for page in iam.get_paginator(operation).paginate(**parameters) for item in page[key]]
