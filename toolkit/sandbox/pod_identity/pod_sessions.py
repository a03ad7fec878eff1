"""What an EKS Pod Identity association is, and what a pod gets for its token.

Source: EKS user guide, "EKS Pod Identities" (pod-id-role, pod-id-abac), and botocore eks-auth/2023-11-26.
"""

from __future__ import annotations

import secrets
import string
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolkit.sandbox import principals, web_tokens
from toolkit.sandbox.aws_error import AwsError

if TYPE_CHECKING:
    from datetime import datetime

    from toolkit.sandbox.moto_objects import MotoObject
    from toolkit.values import Object

PRINCIPAL = "pods.eks.amazonaws.com"
_LETTERS = string.ascii_lowercase + string.digits


@dataclass
class Association:
    """A service account and its role.

    Attributes:
        cluster: moto's own; one of the same name that is made later is another.
        account: of the cluster.
        identifier: ``a-...``.
        role: the ARN of its role.
        target: the ARN of the role that this one takes for the pods, if any; it may be of another account.
        external_id: what the target's trust policy may ask for.
        tagging: whether the session has the tags that EKS gives.
    """

    cluster: MotoObject
    account: str
    namespace: str
    service_account: str
    role: str
    target: str | None
    tagging: bool
    created: datetime
    modified: datetime
    tags: dict[str, str] = field(default_factory=dict)
    external_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    identifier: str = field(default_factory=lambda: "a-" + "".join(secrets.choice(_LETTERS) for _ in range(17)))

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"{self.cluster.arn.rpartition(':')[0]}:podidentityassociation/{self.cluster.name}/{self.identifier}"

    def is_for(self, pod: Pod) -> bool:
        """Return whether it is that of the pod's service account."""
        return (self.namespace, self.service_account) == (pod.namespace, pod.service_account)

    def summarize(self) -> Object:
        """Return it as ListPodIdentityAssociations shows it."""
        return {
            "clusterName": self.cluster.name,
            "namespace": self.namespace,
            "serviceAccount": self.service_account,
            "associationArn": self.arn,
            "associationId": self.identifier,
        }

    def describe(self) -> Object:
        """Return it as DescribePodIdentityAssociation shows it."""
        return self.summarize() | {
            "roleArn": self.role,
            "targetRoleArn": self.target,
            "externalId": self.external_id if self.target else None,
            "disableSessionTags": not self.tagging,
            "tags": self.tags,
            "createdAt": self.created,
            "modifiedAt": self.modified,
        }


@dataclass(frozen=True)
class Pod:
    """Who a token is for. A token may leave out the pod's own name and UID."""

    namespace: str
    service_account: str
    name: str | None
    uid: str | None


def read_token(token: str, cluster: MotoObject, now: datetime) -> Pod:
    """Return whom a service account's token is for; nobody signs for the sandbox, so its signature is not checked.

    Raises:
        AwsError: ``InvalidTokenException`` or ``ExpiredTokenException``.
    """
    try:
        claims = web_tokens.read_claims(token)
        kubernetes = claims["kubernetes.io"]
        namespace, service_account = kubernetes["namespace"], kubernetes["serviceaccount"]["name"]
        pod = kubernetes.get("pod", {})
        owner = Pod(namespace, service_account, pod.get("name"), pod.get("uid"))
    except (AwsError, KeyError, TypeError, AttributeError) as error:
        raise _invalid_token("it is not a service account's") from error
    audience = claims.get("aud")
    if PRINCIPAL not in (audience if isinstance(audience, list) else [audience]):
        raise _invalid_token(f"its audience is not {PRINCIPAL}")
    # Another cluster's tokens are signed with another key.
    issuer = cluster.identity["oidc"]["issuer"]
    if claims.get("iss", issuer) != issuer:
        raise _invalid_token("it is of another cluster")
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires <= now.timestamp():
        raise AwsError("ExpiredTokenException", "The service account token has expired.")
    return owner


def open_session(association: Association, pod: Pod, region: str) -> MotoObject:
    """Return credentials of the association's role, or of its target, which that role assumes.

    Raises:
        AwsError: ``AccessDeniedException``.
    """
    tags = _session_tags(association, pod) if association.tagging else {}
    # aws:SourceArn is the cluster's, not the association's (awslabs/mountpoint-s3-csi-driver#781).
    context = {"aws:SourceAccount": association.account, "aws:SourceArn": association.cluster.arn}
    name = f"eks-{association.cluster.name}-{pod.name or pod.service_account}-{uuid.uuid4()}"
    try:
        principals.check_service(PRINCIPAL, association.role, context, tags)
        taken = principals.open_session(association.role, name, region, tags)
        if association.target is None:
            return taken
        caller = principals.Principal(taken.account_id, taken.arn, association.role, tags)
        parameters = {"RoleArn": association.target, "ExternalId": association.external_id}
        principals.check_assume_role(caller, parameters)
    except AwsError as error:
        # AWS's words, which do not say what is missing: eksworkshop and the issues of aws/eks-pod-identity-agent.
        message = "Unauthorized Exception! EKS does not have permissions to assume the associated role."
        raise AwsError("AccessDeniedException", message) from error
    return principals.open_session(association.target, name, region, tags)


def _session_tags(association: Association, pod: Pod) -> dict[str, str]:
    """What EKS says about a pod (pod-id-abac, "List of session tags added by EKS Pod Identity")."""
    tags = {
        "eks-cluster-arn": association.cluster.arn,
        "eks-cluster-name": association.cluster.name,
        "kubernetes-namespace": pod.namespace,
        "kubernetes-service-account": pod.service_account,
        "kubernetes-pod-name": pod.name,
        "kubernetes-pod-uid": pod.uid,
    }
    return {key: value for key, value in tags.items() if value}


def _invalid_token(why: str) -> AwsError:
    return AwsError("InvalidTokenException", f"The token can not be accepted: {why}.")
