"""Emulate EKS Pod Identity: associate service accounts with roles, and issue credentials to pods.

moto has the clusters, but no Pod Identity. Sources: botocore eks/2017-11-01 and eks-auth/2023-11-26, and the EKS user
guide, "EKS Pod Identities" (pod-id-role, pod-id-abac).
"""

from __future__ import annotations

import re
import secrets
import string
import uuid
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from moto.eks.models import eks_backends

from toolkit.pki import arn as arns
from toolkit.sandbox import principals
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.services import Caller, RestService, page
from toolkit.values import MotoObject, Object

_PRINCIPAL = "pods.eks.amazonaws.com"
_LETTERS = string.ascii_lowercase + string.digits
_ACTIONS = ("sts:AssumeRole", "sts:TagSession")
# Kubernetes, "Object Names and IDs": a namespace is a label, a service account a subdomain name.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL)
_SERVICE_ACCOUNT = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
# botocore, ListPodIdentityAssociationsMaxResults
_PAGE = 100
_MAX_TAGS = 50


@dataclass
class Association:
    """A service account and its role.

    Attributes:
        cluster: moto's cluster object; a later cluster with the same name is a different one.
        account: the cluster's account.
        identifier: ``a-...``.
        role: the role's ARN.
    """

    cluster: MotoObject
    account: str
    namespace: str
    service_account: str
    role: str
    created: datetime
    modified: datetime
    tags: dict[str, str] = field(default_factory=dict)
    identifier: str = field(default_factory=lambda: "a-" + "".join(secrets.choice(_LETTERS) for _ in range(17)))

    @property
    def arn(self) -> str:
        """Return the association's ARN."""
        return _make_arn(self.cluster, self.identifier)

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
            "disableSessionTags": False,
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


class PodIdentity:
    """All associations of all clusters; each public method that is named after a botocore operation is that operation.

    Args:
        clock: returns the current time with a time zone.

    Attributes:
        services: the two services, EKS and EKS Auth.
        associations: by identifier.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.associations: MutableMapping[str, Association] = {}
        self.services = tuple(
            RestService(name, self, mismatch="InvalidParameterException") for name in ("eks", "eks-auth")
        )

    def create_pod_identity_association(self, caller: Caller, params: Object) -> Object:
        """Associate a role with a service account that has no role yet."""
        cluster = _cluster(caller, params["clusterName"])
        caller.authorize("eks:CreatePodIdentityAssociation", cluster.arn, {})
        namespace, service_account = params["namespace"], params["serviceAccount"]
        if not _NAMESPACE.fullmatch(namespace):
            raise _invalid(f"{namespace!r} is not the name of a namespace.")
        if not _SERVICE_ACCOUNT.fullmatch(service_account):
            raise _invalid(f"{service_account!r} is not the name of a service account.")
        _refuse_unmodelled(params)
        _require_role(caller, params["roleArn"])
        known = self._find_for(cluster, namespace, service_account)
        if known is not None:
            # AWS's message: eksctl-io/eksctl#7753
            raise AwsError("ResourceInUseException", f"Association already exists: {known.identifier}", 409)
        now = self._clock()
        made = Association(
            cluster,
            caller.account,
            namespace,
            service_account,
            role=params["roleArn"],
            created=now,
            modified=now,
            tags=_tags(params.get("tags", {})),
        )
        self.associations[made.identifier] = made
        return {"association": made.describe()}

    def describe_pod_identity_association(self, caller: Caller, params: Object) -> Object:
        """Return an association."""
        return {"association": self._find(caller, "Describe", params).describe()}

    def list_pod_identity_associations(self, caller: Caller, params: Object) -> Object:
        """Return the associations of a cluster."""
        cluster = _cluster(caller, params["clusterName"])
        caller.authorize("eks:ListPodIdentityAssociations", cluster.arn, {})
        summaries = [
            known.summarize()
            for known in self._of(cluster)
            if params.get("namespace", known.namespace) == known.namespace
            and params.get("serviceAccount", known.service_account) == known.service_account
        ]
        return page(summaries, params, _PAGE, "associations", "InvalidParameterException")

    def update_pod_identity_association(self, caller: Caller, params: Object) -> Object:
        """Change the role; the service account can't be changed (botocore, UpdatePodIdentityAssociation)."""
        association = self._find(caller, "Update", params)
        _refuse_unmodelled(params)
        if "roleArn" not in params:
            raise _invalid("In the sandbox only the role can be changed.")
        _require_role(caller, params["roleArn"])
        association.role = params["roleArn"]
        association.modified = self._clock()
        return {"association": association.describe()}

    def delete_pod_identity_association(self, caller: Caller, params: Object) -> Object:
        """Delete an association: new pods get no credentials; issued credentials are valid until they expire."""
        association = self._find(caller, "Delete", params)
        del self.associations[association.identifier]
        return {"association": association.describe()}

    def assume_role_for_pod_identity(self, caller: Caller, params: Object) -> Object:
        """Return credentials for a pod, as its node's agent requests them."""
        cluster = _cluster(caller, params["clusterName"])
        caller.authorize("eks-auth:AssumeRoleForPodIdentity", cluster.arn, {})
        pod = _read_token(params["token"], cluster, self._clock())
        association = self._find_for(cluster, pod.namespace, pod.service_account)
        if association is None:
            raise AwsError("ResourceNotFoundException", "The service account has no EKS Pod Identity association.", 404)
        session = _open_session(association, pod, caller.region)
        return {
            "subject": {"namespace": association.namespace, "serviceAccount": association.service_account},
            "audience": _PRINCIPAL,
            "podIdentityAssociation": {"associationArn": association.arn, "associationId": association.identifier},
            "assumedRoleUser": {"arn": session.arn, "assumeRoleId": session.user_id},
            "credentials": {
                "accessKeyId": session.access_key_id,
                "secretAccessKey": session.secret_access_key,
                "sessionToken": session.session_token,
                "expiration": session.expiration.replace(tzinfo=UTC),
            },
        }

    def _find(self, caller: Caller, verb: str, params: Object) -> Association:
        cluster, identifier = _cluster(caller, params["clusterName"]), params["associationId"]
        association = next((known for known in self._of(cluster) if known.identifier == identifier), None)
        arn = association.arn if association else _make_arn(cluster, "*")
        caller.authorize(f"eks:{verb}PodIdentityAssociation", arn, {})
        if association is None:
            raise AwsError("ResourceNotFoundException", f"No association found for ID: {identifier}", 404)
        return association

    def _find_for(self, cluster: MotoObject, namespace: str, service_account: str) -> Association | None:
        wanted = (namespace, service_account)
        return next((known for known in self._of(cluster) if (known.namespace, known.service_account) == wanted), None)

    def _of(self, cluster: MotoObject) -> list[Association]:
        return [known for known in self.associations.values() if known.cluster is cluster]


def _make_arn(cluster: MotoObject, identifier: str) -> str:
    return f"{cluster.arn.rpartition(':')[0]}:podidentityassociation/{cluster.name}/{identifier}"


def _cluster(caller: Caller, name: str) -> MotoObject:
    cluster = eks_backends[caller.account][caller.region].clusters.get(name)
    if cluster is None:
        raise AwsError("ResourceNotFoundException", f"No cluster found for name: {name}.", 404)
    return cluster


def _require_role(caller: Caller, role_arn: str) -> None:
    """Check that the role is in the cluster's account, that the caller may pass it, and that it trusts Pod Identity."""
    try:
        account = arns.ROLE.parse(role_arn).account
    except ValueError as error:
        raise _invalid(str(error)) from error
    # EKS user guide, pod-id-association: the caller needs iam:PassRole and iam:GetRole.
    caller.authorize("iam:PassRole", role_arn, {})
    caller.authorize("iam:GetRole", role_arn, {})
    if account != caller.account:
        # EKS user guide, pod-id-how-it-works: the role is in the cluster's account. The message is AWS's general one
        # for passing a role of another account.
        raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
    if not principals.has_role(role_arn):
        raise _invalid(f"Role {role_arn} does not exist.")
    if not principals.is_meant_for(_PRINCIPAL, role_arn, *_ACTIONS):
        # AWS's message: hashicorp/terraform-provider-aws#41483
        raise _invalid(
            "Trust policy of the role provided is invalid. Follow the official documentation to resolve the issue."
        )


def _read_token(token: str, cluster: MotoObject, now: datetime) -> Pod:
    """Return the pod of a service account token; the signature is not checked, because nothing signs for the sandbox.

    Raises:
        AwsError: ``InvalidTokenException`` or ``ExpiredTokenException``.
    """
    try:
        claims = principals.read_claims(token)
        kubernetes = claims["kubernetes.io"]
        namespace, service_account = kubernetes["namespace"], kubernetes["serviceaccount"]["name"]
        pod = kubernetes.get("pod", {})
        owner = Pod(namespace, service_account, pod.get("name"), pod.get("uid"))
    except (AwsError, KeyError, TypeError, AttributeError) as error:
        raise _invalid_token("it is not a service account's") from error
    audience = claims.get("aud")
    if _PRINCIPAL not in (audience if isinstance(audience, list) else [audience]):
        raise _invalid_token(f"its audience is not {_PRINCIPAL}")
    # Other clusters sign tokens with other keys.
    issuer = cluster.identity["oidc"]["issuer"]
    if claims.get("iss", issuer) != issuer:
        raise _invalid_token("it is of another cluster")
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires <= now.timestamp():
        raise AwsError("ExpiredTokenException", "The service account token has expired.")
    return owner


def _open_session(association: Association, pod: Pod, region: str) -> MotoObject:
    """Return credentials of the association's role.

    Raises:
        AwsError: ``AccessDeniedException``.
    """
    tags = _session_tags(association, pod)
    # aws:SourceArn is the cluster's, not the association's (awslabs/mountpoint-s3-csi-driver#781).
    context = {"aws:SourceAccount": association.account, "aws:SourceArn": association.cluster.arn}
    name = f"eks-{association.cluster.name}-{pod.name or pod.service_account}-{uuid.uuid4()}"
    try:
        principals.check_service(_PRINCIPAL, association.role, context, tags)
        return principals.open_session(association.role, name, region, tags)
    except AwsError as error:
        # AWS's message, which does not name the missing permission: eksworkshop and the issues of
        # aws/eks-pod-identity-agent.
        message = "Unauthorized Exception! EKS does not have permissions to assume the associated role."
        raise AwsError("AccessDeniedException", message) from error


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


def _refuse_unmodelled(params: Object) -> None:
    for name in ("policy", "targetRoleArn", "disableSessionTags"):
        if params.get(name):
            raise _invalid(f"{name} of associations is not in the sandbox; AWS itself has it.")


def _tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > _MAX_TAGS or any(not key or key.lower().startswith("aws:") for key in tags):
        raise _invalid(f"There can be at most {_MAX_TAGS} tags, and keys that begin with aws: are reserved.")
    return tags


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def _invalid_token(why: str) -> AwsError:
    return AwsError("InvalidTokenException", f"The token can't be accepted: {why}.")
