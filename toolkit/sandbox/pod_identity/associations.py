"""Emulate EKS Pod Identity: associate service accounts with roles, and issue credentials to pods.

moto has the clusters, but no Pod Identity. Sources: botocore eks/2017-11-01 and eks-auth/2023-11-26, and the EKS user
guide, "EKS Pod Identities" (pod-id-role, pod-id-abac).
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING

from moto.eks.models import eks_backends

from toolkit.pki import arn as arns
from toolkit.sandbox import paging, principals
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.pod_identity import pod_sessions
from toolkit.sandbox.pod_identity.pod_sessions import Association
from toolkit.sandbox.services import RestService

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from datetime import datetime

    from toolkit.sandbox.moto_objects import MotoObject
    from toolkit.sandbox.services import Caller
    from toolkit.values import Object


_ACTIONS = ("sts:AssumeRole", "sts:TagSession")
# Kubernetes, "Object Names and IDs": a namespace is a label, a service account a subdomain name.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL)
_SERVICE_ACCOUNT = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
# botocore, ListPodIdentityAssociationsMaxResults
_PAGE = 100
_MAX_TAGS = 50


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
        _require_names(namespace, service_account)
        _refuse_policy(params)
        _require_role(caller, params["roleArn"])
        for known in self._of(cluster):
            if (known.namespace, known.service_account) == (namespace, service_account):
                # AWS's message: eksctl-io/eksctl#7753
                raise AwsError("ResourceInUseException", f"Association already exists: {known.identifier}", 409)
        now = self._clock()
        made = Association(
            cluster,
            caller.account,
            namespace,
            service_account,
            role=params["roleArn"],
            target=_target(caller, params.get("targetRoleArn")),
            tagging=not params.get("disableSessionTags", False),
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
        return paging.page(summaries, params, _PAGE, "associations", "InvalidParameterException")

    def update_pod_identity_association(self, caller: Caller, params: Object) -> Object:
        """Change the role; the service account can't be changed (botocore, UpdatePodIdentityAssociation)."""
        association = self._find(caller, "Update", params)
        _refuse_policy(params)
        if not {"roleArn", "targetRoleArn", "disableSessionTags"} & set(params):
            raise _invalid("Change the role, the target role, or whether session tags are disabled.")
        role, target = params.get("roleArn", association.role), params.get("targetRoleArn", association.target)
        _require_role(caller, role)
        association.target = _target(caller, target)
        association.role = role
        association.tagging = not params.get("disableSessionTags", not association.tagging)
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
        pod = pod_sessions.read_token(params["token"], cluster, self._clock())
        association = next((known for known in self._of(cluster) if known.is_for(pod)), None)
        if association is None:
            raise AwsError("ResourceNotFoundException", "The service account has no EKS Pod Identity association.", 404)
        session = pod_sessions.open_session(association, pod, caller.region)
        return {
            "subject": {"namespace": association.namespace, "serviceAccount": association.service_account},
            "audience": pod_sessions.PRINCIPAL,
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
        arn = (
            association.arn
            if association
            else f"{cluster.arn.rpartition(':')[0]}:podidentityassociation/{cluster.name}/*"
        )
        caller.authorize(f"eks:{verb}PodIdentityAssociation", arn, {})
        if association is None:
            raise AwsError("ResourceNotFoundException", f"No association found for ID: {identifier}", 404)
        return association

    def _of(self, cluster: MotoObject) -> list[Association]:
        return [known for known in self.associations.values() if known.cluster is cluster]


def _cluster(caller: Caller, name: str) -> MotoObject:
    cluster = eks_backends[caller.account][caller.region].clusters.get(name)
    if cluster is None:
        raise AwsError("ResourceNotFoundException", f"No cluster found for name: {name}.", 404)
    return cluster


def _require_names(namespace: str, service_account: str) -> None:
    if not _NAMESPACE.fullmatch(namespace):
        raise _invalid(f"{namespace!r} is not the name of a namespace.")
    if not _SERVICE_ACCOUNT.fullmatch(service_account):
        raise _invalid(f"{service_account!r} is not the name of a service account.")


def _require_role(caller: Caller, role_arn: str) -> None:
    """Check that the role is in the cluster's account, that the caller may pass it, and that it trusts Pod Identity."""
    try:
        parsed = arns.ROLE.parse(role_arn)
    except ValueError as error:
        raise _invalid(str(error)) from error
    # EKS user guide, pod-id-association: the caller needs iam:PassRole and iam:GetRole.
    caller.authorize("iam:PassRole", role_arn, {})
    caller.authorize("iam:GetRole", role_arn, {})
    if parsed.account != caller.account:
        # EKS user guide, pod-id-how-it-works: the role is in the cluster's account. The message is AWS's general one
        # for passing a role of another account.
        raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
    if not principals.has_role(role_arn):
        raise _invalid(f"Role {role_arn} does not exist.")
    if not principals.is_meant_for(pod_sessions.PRINCIPAL, role_arn, *_ACTIONS):
        # AWS's message: hashicorp/terraform-provider-aws#41483
        raise _invalid(
            "Trust policy of the role provided is invalid. Follow the official documentation to resolve the issue."
        )


def _target(caller: Caller, role_arn: str | None) -> str | None:
    """Return the ARN of a target role; whether it can be assumed is checked when a pod requests credentials."""
    if role_arn is None:
        return None
    try:
        arns.ROLE.parse(role_arn)
    except ValueError as error:
        raise _invalid(str(error)) from error
    caller.authorize("iam:PassRole", role_arn, {})
    return role_arn


def _refuse_policy(params: Object) -> None:
    if "policy" in params:
        raise _invalid("Policies of associations are not in the sandbox; AWS itself has them.")


def _tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > _MAX_TAGS or any(not key or key.lower().startswith("aws:") for key in tags):
        raise _invalid(f"There can be at most {_MAX_TAGS} tags, and keys that begin with aws: are reserved.")
    return tags


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
