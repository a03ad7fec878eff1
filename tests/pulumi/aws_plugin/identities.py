"""What becomes of IAM's resources, and of EKS's associations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.pulumi.aws_plugin.lifecycle import Found, Lifecycle, Setting, retagged
from toolkit.errors import ExternalError
from toolkit.sandbox.pulumi.provider.kind import Inputs, list_tags, read_tags

if TYPE_CHECKING:
    from toolkit.sandbox.pulumi.provider.clients import Aws


class Role(Lifecycle):
    """A role."""

    replaced_by = frozenset({"name", "path"})

    def read(self, aws: Aws, identifier: str) -> Found:
        """GetRole."""
        role = aws.client("iam").get_role(RoleName=identifier)["Role"]
        boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        inputs = {
            "name": identifier,
            "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"]),
            "description": role.get("Description", ""),
            "tags": read_tags(role),
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
        iam.tag_role(RoleName=identifier, Tags=list_tags(after))
        boundary = after.get("permissionsBoundary")
        if boundary:
            iam.put_role_permissions_boundary(RoleName=identifier, PermissionsBoundary=boundary)
        elif before.get("permissionsBoundary"):
            iam.delete_role_permissions_boundary(RoleName=identifier)
        return {}

    def delete(self, aws: Aws, identifier: str, _outputs: Mapping[str, Any]) -> None:
        """DeleteRole."""
        aws.client("iam").delete_role(RoleName=identifier)


class RolePolicy(Setting):
    """An inline policy of a role."""

    replaced_by = frozenset({"name", "role"})

    def read(self, aws: Aws, identifier: str) -> Found:
        """GetRolePolicy."""
        role, _, physical = identifier.partition(":")
        found = aws.client("iam").get_role_policy(RoleName=role, PolicyName=physical)
        return Found({"role": role, "name": physical, "policy": json.dumps(found["PolicyDocument"])}, {})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """PutRolePolicy, under the same name."""
        role, _, physical = identifier.partition(":")
        return super().update(aws, identifier, before, {**after, "role": role, "name": physical})

    def delete(self, aws: Aws, identifier: str, _outputs: Mapping[str, Any]) -> None:
        """DeleteRolePolicy."""
        role, _, physical = identifier.partition(":")
        aws.client("iam").delete_role_policy(RoleName=role, PolicyName=physical)


class InstanceProfile(Lifecycle):
    """What gives an EC2 instance its role."""

    replaced_by = frozenset({"name", "path"})

    def read(self, aws: Aws, identifier: str) -> Found:
        """GetInstanceProfile."""
        found = aws.client("iam").get_instance_profile(InstanceProfileName=identifier)["InstanceProfile"]
        role = next((role["RoleName"] for role in found["Roles"]), "")
        return Found({"name": identifier, "role": role, "tags": read_tags(found)}, {"arn": found["Arn"]})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """Another role in the place of the one before; its tags."""
        iam, gone = aws.client("iam"), retagged(before, after)
        if before["role"] != after["role"]:
            iam.remove_role_from_instance_profile(InstanceProfileName=identifier, RoleName=before["role"])
            iam.add_role_to_instance_profile(InstanceProfileName=identifier, RoleName=after["role"])
        if gone:
            iam.untag_instance_profile(InstanceProfileName=identifier, TagKeys=gone)
        iam.tag_instance_profile(InstanceProfileName=identifier, Tags=list_tags(after))
        return {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:
        """DeleteInstanceProfile, once it is empty."""
        iam = aws.client("iam")
        iam.remove_role_from_instance_profile(InstanceProfileName=identifier, RoleName=outputs["role"])
        iam.delete_instance_profile(InstanceProfileName=identifier)


class OpenIdConnectProvider(Lifecycle):
    """An OIDC provider."""

    replaced_by = frozenset({"url"})

    def read(self, aws: Aws, identifier: str) -> Found:
        """GetOpenIDConnectProvider, whose answer has the URL without its scheme."""
        found = aws.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=identifier)
        inputs = {"url": f"https://{found['Url']}", "clientIdLists": found["ClientIDList"], "tags": read_tags(found)}
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
        iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=identifier, Tags=list_tags(after))
        return {}

    def delete(self, aws: Aws, identifier: str, _outputs: Mapping[str, Any]) -> None:
        """DeleteOpenIDConnectProvider."""
        aws.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=identifier)


class PodIdentityAssociation(Lifecycle):
    """One service account of one cluster."""

    replaced_by = frozenset({"clusterName", "namespace", "serviceAccount"})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """UpdatePodIdentityAssociation."""
        if before.get("tags") != after.get("tags"):
            raise ExternalError("changing the tags of a Pod Identity association is not in the sandbox")
        aws.client("eks").update_pod_identity_association(
            clusterName=after["clusterName"], associationId=identifier, roleArn=after["roleArn"]
        )
        return {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:
        """DeletePodIdentityAssociation."""
        aws.client("eks").delete_pod_identity_association(clusterName=outputs["clusterName"], associationId=identifier)


LIFECYCLES: dict[str, type[Lifecycle]] = {
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": PodIdentityAssociation,
    "aws:iam/role:Role": Role,
    "aws:iam/rolePolicy:RolePolicy": RolePolicy,
    "aws:iam/instanceProfile:InstanceProfile": InstanceProfile,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": OpenIdConnectProvider,
}
