"""Open sessions for pods from EKS Pod Identity associations and service account tokens.

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
        cluster: moto's cluster object; a later cluster with the same name is a different one.
        account: the cluster's account.
        identifier: ``a-...``.
        role: the role's ARN.
        target: the ARN of the role that this role assumes for the pods, if any; it may be in another account.
        external_id: the external ID that the target's trust policy may require.
        tagging: whether the session has EKS's session tags.
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
        """Return the association's ARN."""
        return f"{self.cluster.arn.rpartition(':')[0]}:podidentityassociation/{self.cluster.name}/{self.identifier}"

    def is_for(self, pod: Pod) -> bool:
        """Return whether the association is for the pod's service account."""
        return (self.namespace, self.service_account) == (pod.namespace, pod.service_account)

    def summarize(self) -> Object:
        """Return the association as ListPodIdentityAssociations shows it."""
        return {
            "clusterName": self.cluster.name,
            "namespace": self.namespace,
            "serviceAccount": self.service_account,
            "associationArn": self.arn,
            "associationId": self.identifier,
        }

    def describe(self) -> Object:
        """Return the association as DescribePodIdentityAssociation shows it."""
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
    """The pod that a token is for. A token may leave out the pod's own name and UID."""

    namespace: str
    service_account: str
    name: str | None
    uid: str | None


def read_token(token: str, cluster: MotoObject, now: datetime) -> Pod:
    """Return the pod of a service account token; the signature is not checked, because nothing signs for the sandbox.

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
    # Other clusters sign tokens with other keys.
    issuer = cluster.identity["oidc"]["issuer"]
    if claims.get("iss", issuer) != issuer:
        raise _invalid_token("it is of another cluster")
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires <= now.timestamp():
        raise AwsError("ExpiredTokenException", "The service account token has expired.")
    return owner


def open_session(association: Association, pod: Pod, region: str) -> MotoObject:
    """Return credentials of the association's role, or of the target role that it assumes.

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
        # AWS's message, which does not name the missing permission: eksworkshop and the issues of
        # aws/eks-pod-identity-agent.
        message = "Unauthorized Exception! EKS does not have permissions to assume the associated role."
        raise AwsError("AccessDeniedException", message) from error
    return principals.open_session(association.target, name, region, tags)


def _session_tags(association: Association, pod: Pod) -> dict[str, str]:
    """Return EKS's session tags for a pod (pod-id-abac, "List of session tags added by EKS Pod Identity")."""
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
