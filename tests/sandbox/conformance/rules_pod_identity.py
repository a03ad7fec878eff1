"""Rules on EKS Pod Identity."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any

from tests.sandbox.conformance.world import ACCOUNT, ALLOW, OTHER, World, refused, rule

EKS = "botocore eks/2017-11-01/service-2.json"
EKS_AUTH = "botocore eks-auth/2023-11-26/service-2.json"
ROLE_DOC = "awsdocs/amazon-eks-user-guide:latest/ug/manage-access/aws-access/pod-id-role.adoc"
ABAC_DOC = "EKS user guide: pod-id-abac"
HOW_DOC = "EKS user guide: pod-identities (a role of the cluster's account)"
NAMESPACE, SERVICE_ACCOUNT = "kong-mesh-system", "kong-mesh-control-plane"
PODS = {
    "Effect": "Allow",
    "Principal": {"Service": "pods.eks.amazonaws.com"},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
}
REFUSED = "EKS does not have permissions to assume the associated role"


class Cluster:
    """An EKS cluster of the administrator's account."""

    def __init__(self, world: World) -> None:
        self.world, self.eks = world, world.client("eks")
        self.name = f"zone-{uuid.uuid4().hex[:6]}"
        network = {"subnetIds": ["subnet-1", "subnet-2"]}
        role = f"arn:aws:iam::{ACCOUNT}:role/cluster"
        made = self.eks.create_cluster(name=self.name, roleArn=role, resourcesVpcConfig=network)["cluster"]
        self.arn, self.issuer = made["arn"], made["identity"]["oidc"]["issuer"]

    def associate(self, role: str, service_account: str = SERVICE_ACCOUNT, **more: Any) -> dict[str, Any]:
        made = self.eks.create_pod_identity_association(
            clusterName=self.name, namespace=NAMESPACE, serviceAccount=service_account, roleArn=role, **more
        )
        return dict(made["association"])

    def token(self, service_account: str = SERVICE_ACCOUNT, **changes: Any) -> str:
        """What the cluster puts into a pod for Pod Identity, unsigned."""
        kubernetes = {
            "namespace": NAMESPACE,
            "serviceaccount": {"name": service_account, "uid": "1"},
            "pod": {"name": "control-plane-0", "uid": "2"},
        }
        claims = {
            "iss": self.issuer,
            "aud": ["pods.eks.amazonaws.com"],
            "exp": int(time.time()) + 600,
            "kubernetes.io": kubernetes,
            **changes,
        }

        def part(value: object) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

        return f"{part({'alg': 'RS256'})}.{part(claims)}.{part('signature')}"

    def take(self, token: str | None = None, client: Any = None) -> dict[str, Any]:
        """What the agent on a pod's node gets for the pod."""
        auth = client or self.world.client("eks-auth")
        answer = auth.assume_role_for_pod_identity(clusterName=self.name, token=token or self.token())
        return dict(answer)

    def clients(self, token: str | None = None) -> Any:
        taken = self.take(token)["credentials"]
        return self.world.taking({key[0].upper() + key[1:]: value for key, value in taken.items()})


def conditions(**values: str) -> dict[str, Any]:
    return {**PODS, "Condition": {"StringEquals": {key.replace("__", ":"): value for key, value in values.items()}}}


def tagged(**tags: str) -> dict[str, Any]:
    wanted = {f"aws:RequestTag/{key.replace('_', '-')}": value for key, value in tags.items()}
    return {**PODS, "Condition": {"StringEquals": wanted}}


@rule(
    "pod-identity.lifecycle",
    "An association can be created, listed, updated and deleted.",
    f"{EKS}: PodIdentityAssociation",
)
def _(world: World) -> None:
    cluster, eks = Cluster(world), world.client("eks")
    role, other = world.make_role(ALLOW, trust=PODS), world.make_role(ALLOW, trust=PODS)
    made = cluster.associate(role, tags={"team": "mesh"})
    named = {"clusterName": cluster.name, "associationId": made["associationId"]}
    assert made["associationArn"] == (
        f"arn:aws:eks:eu-central-1:{ACCOUNT}:podidentityassociation/{cluster.name}/{made['associationId']}"
    )
    assert (made["roleArn"], made["tags"], made["disableSessionTags"]) == (role, {"team": "mesh"}, False)
    assert eks.describe_pod_identity_association(**named)["association"] == made
    (listed,) = eks.list_pod_identity_associations(clusterName=cluster.name)["associations"]
    assert listed["associationId"] == made["associationId"]
    assert "roleArn" not in listed
    assert eks.list_pod_identity_associations(clusterName=cluster.name, namespace="default")["associations"] == []
    with refused("InvalidParameterException"):
        eks.update_pod_identity_association(**named)
    assert eks.update_pod_identity_association(**named, roleArn=other)["association"]["roleArn"] == other
    eks.delete_pod_identity_association(**named)
    with refused("ResourceNotFoundException"):
        eks.describe_pod_identity_association(**named)
    assert eks.describe_cluster(name=cluster.name)["cluster"]["arn"] == cluster.arn


@rule("pod-identity.pages", "Lists of associations have pages.", f"{EKS}: ListPodIdentityAssociationsRequest")
def _(world: World) -> None:
    cluster, role = Cluster(world), world.make_role(ALLOW, trust=PODS)
    for number in range(3):
        cluster.associate(role, f"account-{number}")
    pages = cluster.eks.get_paginator("list_pod_identity_associations").paginate(
        clusterName=cluster.name, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["associations"]) for page in pages] == [2, 1]
    with refused("ValidationException"):
        cluster.eks.list_pod_identity_associations(clusterName=cluster.name, maxResults=101)
    with refused("InvalidParameterException"):
        cluster.eks.list_pod_identity_associations(clusterName=cluster.name, nextToken="x")


@rule("pod-identity.one", "A service account has one association.", "eksctl-io/eksctl#7753 (AWS's message)")
def _(world: World) -> None:
    cluster, role = Cluster(world), world.make_role(ALLOW, trust=PODS)
    known = cluster.associate(role)["associationId"]
    with refused("ResourceInUseException", f"Association already exists: {known}"):
        cluster.associate(role)
    cluster.associate(role, "default")
    assert Cluster(world).associate(role)["associationId"] != known


@rule(
    "pod-identity.token",
    "A request that is repeated with its token creates one association.",
    f"{EKS}: clientRequestToken",
)
def _(world: World) -> None:
    cluster, role, token = Cluster(world), world.make_role(ALLOW, trust=PODS), uuid.uuid4().hex
    first = cluster.associate(role, clientRequestToken=token)
    assert cluster.associate(role, clientRequestToken=token) == first
    with refused("InvalidParameterException"):
        cluster.associate(role, "default", clientRequestToken=token)


@rule(
    "pod-identity.cluster",
    "Associations belong to a cluster, and are deleted with it.",
    f"{EKS}: ResourceNotFoundException",
)
def _(world: World) -> None:
    cluster, role = Cluster(world), world.make_role(ALLOW, trust=PODS)
    with refused("ResourceNotFoundException", "No cluster found"):
        cluster.eks.list_pod_identity_associations(clusterName="nowhere")
    cluster.associate(role)
    cluster.eks.delete_cluster(name=cluster.name)
    with refused("ResourceNotFoundException", "No cluster found"):
        cluster.take()
    network = {"subnetIds": ["subnet-1", "subnet-2"]}
    cluster.eks.create_cluster(name=cluster.name, roleArn=role, resourcesVpcConfig=network)
    assert cluster.eks.list_pod_identity_associations(clusterName=cluster.name)["associations"] == []


@rule("pod-identity.role", "The role must exist, in the cluster's account.", HOW_DOC)
def _(world: World) -> None:
    cluster = Cluster(world)
    with refused("AccessDeniedException", "Cross-account pass role is not allowed"):
        cluster.associate(world.make_role(ALLOW, trust=PODS, account=OTHER))
    for wrong in (f"arn:aws:iam::{ACCOUNT}:role/nobody", "nobody", f"arn:aws:iam::{ACCOUNT}:user/x"):
        with refused("InvalidParameterException"):
            cluster.associate(wrong)


@rule(
    "pod-identity.trust",
    "The role's trust policy must let EKS assume the role and tag the session.",
    "hashicorp/terraform-provider-aws#41483 (AWS's message)",
)
def _(world: World) -> None:
    cluster = Cluster(world)
    for trust in (
        {**PODS, "Action": "sts:AssumeRole"},
        {**PODS, "Action": "sts:TagSession"},
        {**PODS, "Principal": {"Service": "ec2.amazonaws.com"}},
        {**PODS, "Principal": {"AWS": "*"}},
    ):
        with refused("InvalidParameterException", "Trust policy of the role provided is invalid"):
            cluster.associate(world.make_role(ALLOW, trust=trust))


@rule(
    "pod-identity.names",
    "Namespace and service account must have names that are valid in Kubernetes.",
    "kubernetes.io: Object names",
)
def _(world: World) -> None:
    cluster, role = Cluster(world), world.make_role(ALLOW, trust=PODS)
    for wrong in ("Default", "*", "a_b", "-a", "x" * 254):
        with refused("InvalidParameterException", "service account"):
            cluster.associate(role, wrong)
    with refused("ValidationException", "namespace"):
        cluster.eks.create_pod_identity_association(
            clusterName=cluster.name, serviceAccount=SERVICE_ACCOUNT, roleArn=role
        )
    unmodelled: dict[str, Any] = {"policy": "{}", "targetRoleArn": role, "disableSessionTags": True}
    for name, value in unmodelled.items():
        with refused("InvalidParameterException", f"{name} of associations is not in the sandbox"):
            cluster.associate(role, **{name: value})


@rule(
    "pod-identity.allowed",
    "The caller must be allowed to pass the role.",
    "EKS user guide: pod-id-association",
)
def _(world: World) -> None:
    cluster, role = Cluster(world), world.make_role(ALLOW, trust=PODS)
    request = {"clusterName": cluster.name, "namespace": NAMESPACE, "serviceAccount": "x", "roleArn": role}
    allowed = {**ALLOW, "Action": "eks:*PodIdentityAssociation*"}
    with refused("AccessDeniedException", "iam:PassRole"):
        world.clients(allowed)("eks").create_pod_identity_association(**request)
    with refused("AccessDeniedException", "eks:CreatePodIdentityAssociation"):
        world.clients(ALLOW)("eks").create_pod_identity_association(**request)
    passing = {**ALLOW, "Action": ["iam:PassRole", "iam:GetRole"], "Resource": role}
    assert world.clients(allowed, passing)("eks").create_pod_identity_association(**request)


@rule(
    "pod-identity.credentials",
    "A pod gets its role's credentials in exchange for its token.",
    f"{EKS_AUTH}: AssumeRoleForPodIdentity",
)
def _(world: World) -> None:
    cluster, role, authority = Cluster(world), world.make_role(ALLOW, trust=PODS), world.root()
    made = cluster.associate(role)
    answer = cluster.take()
    assert answer["subject"] == {"namespace": NAMESPACE, "serviceAccount": SERVICE_ACCOUNT}
    assert answer["audience"] == "pods.eks.amazonaws.com"
    assert answer["podIdentityAssociation"]["associationId"] == made["associationId"]
    prefix = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/eks-{cluster.name}-control-plane-0-"
    assert answer["assumedRoleUser"]["arn"].startswith(prefix)
    clients = cluster.clients()
    clients("acm-pca").describe_certificate_authority(CertificateAuthorityArn=authority)
    assert clients("sts").get_caller_identity()["Account"] == ACCOUNT
    with refused("ResourceNotFoundException", "no EKS Pod Identity association"):
        cluster.take(cluster.token("default"))


@rule("pod-identity.tags", "The trust policy can require EKS's session tags.", ROLE_DOC)
def _(world: World) -> None:
    cluster = Cluster(world)
    good = {
        "eks_cluster_arn": cluster.arn,
        "eks_cluster_name": cluster.name,
        "kubernetes_namespace": NAMESPACE,
        "kubernetes_service_account": SERVICE_ACCOUNT,
        "kubernetes_pod_name": "control-plane-0",
        "kubernetes_pod_uid": "2",
    }
    cluster.associate(world.make_role(ALLOW, trust=tagged(**good)))
    assert cluster.take()
    for number, key in enumerate(good):
        account = f"account-{number}"
        cluster.associate(world.make_role(ALLOW, trust=tagged(**{key: "other"})), account)
        with refused("AccessDeniedException", REFUSED):
            cluster.take(cluster.token(account))


@rule(
    "pod-identity.source",
    "The trust policy can require the account and the cluster.",
    "awslabs/mountpoint-s3-csi-driver#781",
)
def _(world: World) -> None:
    cluster = Cluster(world)
    good = {"aws__SourceAccount": ACCOUNT, "aws__SourceArn": cluster.arn}
    cluster.associate(world.make_role(ALLOW, trust=conditions(**good)))
    assert cluster.take()
    association = f"arn:aws:eks:eu-central-1:{ACCOUNT}:podidentityassociation/{cluster.name}/a-1"
    for number, wrong in enumerate(({"aws__SourceAccount": OTHER}, {"aws__SourceArn": association})):
        cluster.associate(world.make_role(ALLOW, trust=conditions(**wrong)), f"account-{number}")
        with refused("AccessDeniedException", REFUSED):
            cluster.take(cluster.token(f"account-{number}"))


@rule("pod-identity.principal-tags", "The role's policies can require the session's tags.", ABAC_DOC)
def _(world: World) -> None:
    cluster, authority = Cluster(world), world.root()
    wanted = {"StringEquals": {"aws:PrincipalTag/kubernetes-namespace": NAMESPACE}}
    cluster.associate(world.make_role({**ALLOW, "Condition": wanted}, trust=PODS))
    cluster.clients()("acm-pca").describe_certificate_authority(CertificateAuthorityArn=authority)
    other = {"StringEquals": {"aws:PrincipalTag/kubernetes-namespace": "default"}}
    cluster.associate(world.make_role({**ALLOW, "Condition": other}, trust=PODS), "default")
    with refused("AccessDeniedException", "no identity-based policy"):
        cluster.clients(cluster.token("default"))("acm-pca").describe_certificate_authority(
            CertificateAuthorityArn=authority
        )


@rule(
    "pod-identity.bad-token",
    "Only tokens of the cluster's service accounts are accepted.",
    f"{EKS_AUTH}: InvalidTokenException",
)
def _(world: World) -> None:
    cluster = Cluster(world)
    cluster.associate(world.make_role(ALLOW, trust=PODS))
    for changes in (
        {"aud": ["sts.amazonaws.com"]},
        {"aud": None},
        {"kubernetes.io": None},
        {"kubernetes.io": {"namespace": NAMESPACE}},
        {"iss": cluster.issuer.replace("/id/", "/id/0")},
    ):
        with refused("InvalidTokenException"):
            cluster.take(cluster.token(**changes))
    with refused("InvalidTokenException"):
        cluster.take("a.b.c")
    with refused("ValidationException"):
        cluster.take("nonsense")
    with refused("ExpiredTokenException"):
        cluster.take(cluster.token(exp=int(time.time()) - 1))


@rule("pod-identity.node", "The node requests the credentials, and must be allowed to.", f"{EKS_AUTH}: sigv4")
def _(world: World) -> None:
    cluster = Cluster(world)
    cluster.associate(world.make_role(ALLOW, trust=PODS))
    with refused("MissingAuthenticationTokenException"):
        cluster.take(client=world.anonymous("eks-auth"))
    with refused("AccessDeniedException", "eks-auth:AssumeRoleForPodIdentity"):
        cluster.take(client=world.clients(ALLOW)("eks-auth"))
    node = {**ALLOW, "Action": "eks-auth:AssumeRoleForPodIdentity"}
    assert cluster.take(client=world.clients(node)("eks-auth"))
    with refused("ResourceNotFoundException", "No cluster found"):
        cluster.take(client=world.clients(node, account=OTHER)("eks-auth"))
