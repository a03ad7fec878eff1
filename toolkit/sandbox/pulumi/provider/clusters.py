"""Create EKS Pod Identity associations: the link from a service account to a role."""

from __future__ import annotations

from toolkit.sandbox.pulumi.provider.kind import Aws, Created, Inputs, Kind


def _create_association(aws: Aws, _name: str, inputs: Inputs) -> Created:
    made = aws.client("eks").create_pod_identity_association(
        clusterName=inputs["clusterName"],
        namespace=inputs["namespace"],
        serviceAccount=inputs["serviceAccount"],
        roleArn=inputs["roleArn"],
        tags=inputs.get("tags") or {},
    )["association"]
    return made["associationId"], {"associationId": made["associationId"], "associationArn": made["associationArn"]}


KINDS = {
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Kind(
        _create_association, frozenset({"clusterName", "namespace", "serviceAccount", "roleArn", "tags"})
    )
}
