"""EKS: the link from a service account to a role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.errors import ExternalError
from toolkit.sandbox.pulumi.provider.kind import Aws, Created, Inputs, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping


class PodIdentityAssociation(Kind):
    """One service account of one cluster."""

    replaced_by = frozenset({"clusterName", "namespace", "serviceAccount"})
    changed_by = frozenset({"roleArn", "tags"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:  # noqa: ARG002 - an association has no name
        """CreatePodIdentityAssociation."""
        made = aws.client("eks").create_pod_identity_association(
            clusterName=inputs["clusterName"],
            namespace=inputs["namespace"],
            serviceAccount=inputs["serviceAccount"],
            roleArn=inputs["roleArn"],
            tags=inputs.get("tags") or {},
        )["association"]
        return made["associationId"], {"associationId": made["associationId"], "associationArn": made["associationArn"]}

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


KINDS: dict[str, Kind] = {"aws:eks/podIdentityAssociation:PodIdentityAssociation": PodIdentityAssociation()}
