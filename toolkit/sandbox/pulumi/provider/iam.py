"""IAM and STS."""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any

from toolkit.sandbox.pulumi.provider.kind import Aws, Created, Found, Inputs, Kind, retagged, tag_list, tags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def automatic(name: str) -> str:
    """Pulumi's automatic names: the logical name, a hyphen, seven hexadecimal digits."""
    return f"{name}-{secrets.token_hex(4)[:7]}"


class Role(Kind):
    """A role."""

    replaced_by = frozenset({"name", "path"})
    changed_by = frozenset({"assumeRolePolicy", "description", "permissionsBoundary", "tags"})
    is_regional = False

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:
        """CreateRole."""
        physical = inputs.get("name") or automatic(name)
        boundary = inputs.get("permissionsBoundary")
        role = aws.client("iam").create_role(
            RoleName=physical,
            Path=inputs.get("path", "/"),
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Description=inputs.get("description", ""),
            Tags=tag_list(inputs),
            **({"PermissionsBoundary": boundary} if boundary else {}),
        )["Role"]
        return physical, {"arn": role["Arn"], "name": physical, "uniqueId": role["RoleId"]}

    def read(self, aws: Aws, identifier: str) -> Found:
        """GetRole."""
        role = aws.client("iam").get_role(RoleName=identifier)["Role"]
        boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        inputs = {
            "name": identifier,
            "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"]),
            "description": role.get("Description", ""),
            "tags": tags_of(role),
            **({"permissionsBoundary": boundary} if boundary else {}),
        }
        return Found(inputs, {"arn": role["Arn"], "uniqueId": role["RoleId"]})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """Each part has a call of its own."""
        iam = aws.client("iam")
        iam.update_assume_role_policy(RoleName=identifier, PolicyDocument=after["assumeRolePolicy"])
        iam.update_role_description(RoleName=identifier, Description=after.get("description", ""))
        gone = retagged(before, after)
        if gone:
            iam.untag_role(RoleName=identifier, TagKeys=gone)
        iam.tag_role(RoleName=identifier, Tags=tag_list(after))
        boundary = after.get("permissionsBoundary")
        if boundary:
            iam.put_role_permissions_boundary(RoleName=identifier, PermissionsBoundary=boundary)
        elif before.get("permissionsBoundary"):
            iam.delete_role_permissions_boundary(RoleName=identifier)
        return {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the name says it
        """DeleteRole."""
        aws.client("iam").delete_role(RoleName=identifier)


class RolePolicy(Kind):
    """An inline policy of a role."""

    replaced_by = frozenset({"name", "role"})
    changed_by = frozenset({"policy"})
    is_regional = False

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:
        """PutRolePolicy, under an automatic name."""
        physical = inputs.get("name") or automatic(name)
        self._put(aws, inputs["role"], physical, inputs["policy"])
        return f"{inputs['role']}:{physical}", {"name": physical}

    def read(self, aws: Aws, identifier: str) -> Found:
        """GetRolePolicy."""
        role, _, physical = identifier.partition(":")
        found = aws.client("iam").get_role_policy(RoleName=role, PolicyName=physical)
        return Found({"role": role, "name": physical, "policy": json.dumps(found["PolicyDocument"])}, {})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:  # noqa: ARG002 - the policy counts
        """PutRolePolicy, under the same name."""
        role, _, physical = identifier.partition(":")
        self._put(aws, role, physical, after["policy"])
        return {}

    def _put(self, aws: Aws, role: str, physical: str, policy: str) -> None:
        aws.client("iam").put_role_policy(RoleName=role, PolicyName=physical, PolicyDocument=policy)

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the ID says it
        """DeleteRolePolicy."""
        role, _, physical = identifier.partition(":")
        aws.client("iam").delete_role_policy(RoleName=role, PolicyName=physical)


class InstanceProfile(Kind):
    """What gives an EC2 instance its role."""

    replaced_by = frozenset({"name", "path"})
    changed_by = frozenset({"role", "tags"})
    is_regional = False

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:
        """CreateInstanceProfile, with its role."""
        iam, physical = aws.client("iam"), inputs.get("name") or automatic(name)
        made = iam.create_instance_profile(
            InstanceProfileName=physical, Path=inputs.get("path", "/"), Tags=tag_list(inputs)
        )["InstanceProfile"]
        iam.add_role_to_instance_profile(InstanceProfileName=physical, RoleName=inputs["role"])
        return physical, {"arn": made["Arn"], "name": physical}

    def read(self, aws: Aws, identifier: str) -> Found:
        """GetInstanceProfile."""
        found = aws.client("iam").get_instance_profile(InstanceProfileName=identifier)["InstanceProfile"]
        role = next((role["RoleName"] for role in found["Roles"]), "")
        return Found({"name": identifier, "role": role, "tags": tags_of(found)}, {"arn": found["Arn"]})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """Another role in the place of the one before; its tags."""
        iam, gone = aws.client("iam"), retagged(before, after)
        if before["role"] != after["role"]:
            iam.remove_role_from_instance_profile(InstanceProfileName=identifier, RoleName=before["role"])
            iam.add_role_to_instance_profile(InstanceProfileName=identifier, RoleName=after["role"])
        if gone:
            iam.untag_instance_profile(InstanceProfileName=identifier, TagKeys=gone)
        iam.tag_instance_profile(InstanceProfileName=identifier, Tags=tag_list(after))
        return {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:
        """DeleteInstanceProfile, once it is empty."""
        iam = aws.client("iam")
        iam.remove_role_from_instance_profile(InstanceProfileName=identifier, RoleName=outputs["role"])
        iam.delete_instance_profile(InstanceProfileName=identifier)


class OpenIdConnectProvider(Kind):
    """An OIDC provider."""

    replaced_by = frozenset({"url"})
    changed_by = frozenset({"clientIdLists", "tags"})
    is_regional = False

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:  # noqa: ARG002 - its URL is its name
        """CreateOpenIDConnectProvider; AWS looks the thumbprint up where none is given."""
        made = aws.client("iam").create_open_id_connect_provider(
            Url=inputs["url"], ClientIDList=inputs["clientIdLists"], Tags=tag_list(inputs)
        )
        return made["OpenIDConnectProviderArn"], {"arn": made["OpenIDConnectProviderArn"]}

    def read(self, aws: Aws, identifier: str) -> Found:
        """GetOpenIDConnectProvider, whose answer has the URL without its scheme."""
        found = aws.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=identifier)
        inputs = {"url": f"https://{found['Url']}", "clientIdLists": found["ClientIDList"], "tags": tags_of(found)}
        return Found(inputs, {"arn": identifier})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """Its audiences, one by one, and its tags."""
        iam, gone = aws.client("iam"), retagged(before, after)
        named, old, new = {"OpenIDConnectProviderArn": identifier}, before["clientIdLists"], after["clientIdLists"]
        for audience in (audience for audience in new if audience not in old):
            iam.add_client_id_to_open_id_connect_provider(**named, ClientID=audience)
        for audience in (audience for audience in old if audience not in new):
            iam.remove_client_id_from_open_id_connect_provider(**named, ClientID=audience)
        if gone:
            iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=identifier, TagKeys=gone)
        iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=identifier, Tags=tag_list(after))
        return {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the ARN says it
        """DeleteOpenIDConnectProvider."""
        aws.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=identifier)


def _get_caller_identity(aws: Aws, args: Inputs) -> dict[str, Any]:  # noqa: ARG001 - it has none
    identity = aws.client("sts").get_caller_identity()
    account = identity["Account"]
    return {"accountId": account, "arn": identity["Arn"], "userId": identity["UserId"], "id": account}


def _get_region(aws: Aws, args: Inputs) -> dict[str, Any]:  # noqa: ARG001 - same
    return {"region": aws.region, "id": aws.region, "description": "", "endpoint": "", "name": aws.region}


def _get_open_id_connect_provider(aws: Aws, args: Inputs) -> dict[str, Any]:
    arn = args["arn"]
    found = aws.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    return {
        "arn": arn,
        "id": arn,
        "url": found["Url"],
        "clientIdLists": found["ClientIDList"],
        "thumbprintLists": found["ThumbprintList"],
        "tags": tags_of(found),
    }


def _get_roles(aws: Aws, args: Inputs) -> dict[str, Any]:
    """By a regular expression that the bridged provider looks for in the list of roles (iam/roles_data_source.go)."""
    pages = aws.client("iam").get_paginator("list_roles").paginate()
    found = [role for page in pages for role in page["Roles"] if re.search(args["nameRegex"], role["RoleName"])]
    names, arns = ([role[key] for role in found] for key in ("RoleName", "Arn"))
    return {"id": aws.region, "names": names, "arns": arns, "nameRegex": args["nameRegex"]}


def _get_role(aws: Aws, args: Inputs) -> dict[str, Any]:
    role = aws.client("iam").get_role(RoleName=args["name"])["Role"]
    shown = {"arn": role["Arn"], "id": args["name"], "name": args["name"], "uniqueId": role["RoleId"]}
    return {**shown, "tags": tags_of(role), "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"])}


def _get_instance_profile(aws: Aws, args: Inputs) -> dict[str, Any]:
    found = aws.client("iam").get_instance_profile(InstanceProfileName=args["name"])["InstanceProfile"]
    role = next(iter(found["Roles"]), {"RoleName": "", "Arn": ""})
    return {
        "arn": found["Arn"],
        "id": args["name"],
        "name": args["name"],
        "roleName": role["RoleName"],
        "roleArn": role["Arn"],
    }


KINDS: dict[str, Kind] = {
    "aws:iam/role:Role": Role(),
    "aws:iam/rolePolicy:RolePolicy": RolePolicy(),
    "aws:iam/instanceProfile:InstanceProfile": InstanceProfile(),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": OpenIdConnectProvider(),
}
FUNCTIONS: dict[str, Callable[[Aws, Inputs], dict[str, Any]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _get_caller_identity,
    "aws:index/getRegion:getRegion": _get_region,
    "aws:iam/getInstanceProfile:getInstanceProfile": _get_instance_profile,
    "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": _get_open_id_connect_provider,
    "aws:iam/getRole:getRole": _get_role,
    "aws:iam/getRoles:getRoles": _get_roles,
}
