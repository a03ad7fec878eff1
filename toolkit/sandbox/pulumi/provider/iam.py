"""Create IAM resources."""

from __future__ import annotations

from toolkit.sandbox.pulumi.provider.kind import Aws, Created, Inputs, Kind, choose_name, list_tags


def _create_role(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical = choose_name(name, inputs)
    boundary = inputs.get("permissionsBoundary")
    role = aws.client("iam").create_role(
        RoleName=physical,
        Path=inputs.get("path", "/"),
        AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
        Description=inputs.get("description", ""),
        Tags=list_tags(inputs),
        **({"PermissionsBoundary": boundary} if boundary else {}),
    )["Role"]
    return physical, {"arn": role["Arn"], "name": physical, "uniqueId": role["RoleId"]}


def _create_role_policy(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical, role = choose_name(name, inputs), inputs["role"]
    aws.client("iam").put_role_policy(RoleName=role, PolicyName=physical, PolicyDocument=inputs["policy"])
    return f"{role}:{physical}", {"name": physical}


def _create_instance_profile(aws: Aws, name: str, inputs: Inputs) -> Created:
    iam, physical = aws.client("iam"), choose_name(name, inputs)
    made = iam.create_instance_profile(
        InstanceProfileName=physical, Path=inputs.get("path", "/"), Tags=list_tags(inputs)
    )["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName=physical, RoleName=inputs["role"])
    return physical, {"arn": made["Arn"], "name": physical}


def _create_oidc_provider(aws: Aws, _name: str, inputs: Inputs) -> Created:
    # AWS determines the thumbprint if none is given.
    made = aws.client("iam").create_open_id_connect_provider(
        Url=inputs["url"], ClientIDList=inputs["clientIdLists"], Tags=list_tags(inputs)
    )
    return made["OpenIDConnectProviderArn"], {"arn": made["OpenIDConnectProviderArn"]}


_ROLE = {"name", "path", "assumeRolePolicy", "description", "permissionsBoundary", "tags"}
KINDS = {
    "aws:iam/role:Role": Kind(_create_role, frozenset(_ROLE), is_regional=False),
    "aws:iam/rolePolicy:RolePolicy": Kind(
        _create_role_policy, frozenset({"name", "role", "policy"}), is_regional=False
    ),
    "aws:iam/instanceProfile:InstanceProfile": Kind(
        _create_instance_profile, frozenset({"name", "path", "role", "tags"}), is_regional=False
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Kind(
        _create_oidc_provider, frozenset({"url", "clientIdLists", "tags"}), is_regional=False
    ),
}
