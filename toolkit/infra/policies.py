"""Build IAM documents: who may assume a role, and what the role may do with the private CA.

Sources: AWS Private CA user guide, "Identity-based policies" and `pca-rbp.md`. The least privilege of an issuer is the
one that cert-manager/aws-privateca-issuer and SPIRE's aws_pca plugin document.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from toolkit.pki import arn, templates
from toolkit.values import Object

_VERSION = "2012-10-17"
_READING = [
    "acm-pca:DescribeCertificateAuthority",
    "acm-pca:GetCertificate",
    "acm-pca:GetCertificateAuthorityCertificate",
]
_SHARED_READING = [*_READING, "acm-pca:ListPermissions", "acm-pca:ListTags"]
# EC2 has its own principal in China (docs.amazonaws.cn, "Getting Started with Amazon Web Services in China": IAM;
# hashicorp/terraform-provider-aws#47141). ECS tasks don't (mapbox/cloudfriend#56).
_EC2 = {"aws-cn": "ec2.amazonaws.com.cn"}
_ZONE, _WITH_TAGS = "ZoneControlPlane", ["sts:AssumeRole", "sts:TagSession"]
_ECS_TASKS = "ecs-tasks.amazonaws.com"


def trust_web_identity(oidc_provider_arn: str, namespace: str, service_account: str) -> Object:
    """Return a zone role's trust policy for one service account of one cluster.

    Both conditions are needed. Without ``sub``, every pod of the cluster could assume the role. Without ``aud``, a
    token for another service could be used (EKS user guide, "Assign IAM roles to service accounts").

    Args:
        oidc_provider_arn: the provider's ARN, which contains the issuer without ``https://``.
        namespace: the service account's namespace.
        service_account: the service account's name.
    """
    issuer = arn.read_issuer(oidc_provider_arn)
    wanted = {
        f"{issuer}:aud": "sts.amazonaws.com",
        f"{issuer}:sub": f"system:serviceaccount:{namespace}:{service_account}",
    }
    return _trust(_ZONE, {"Federated": oidc_provider_arn}, "sts:AssumeRoleWithWebIdentity", {"StringEquals": wanted})


def trust_pod_identity(cluster_arn: str, namespace: str, service_account: str) -> Object:
    """Return a zone role's trust policy for EKS Pod Identity: one service account of one cluster.

    EKS itself assumes the role and sends session tags with the service account. Without the conditions, any association
    in the account could use the role (EKS user guide, pod-id-role.html and pod-id-abac.html).

    Args:
        cluster_arn: the EKS cluster's ARN.
        namespace: the service account's namespace.
        service_account: the service account's name.
    """
    wanted = {
        "aws:RequestTag/eks-cluster-arn": cluster_arn,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": service_account,
    }
    return _trust(_ZONE, {"Service": "pods.eks.amazonaws.com"}, _WITH_TAGS, {"StringEquals": wanted})


def trust_compute(compute: Literal["ec2", "ecs"], region: str, account: str, partition: str) -> Object:
    """Return a zone role's trust policy for a control plane outside Kubernetes.

    For ECS, the policy pins account and region, as the ECS user guide recommends ("Amazon ECS task IAM role", confused
    deputy). EC2 sends no such context; there, iam:PassRole protects the role.

    Args:
        compute: what the control plane runs on.
        region: the zone's region.
        account: the zone's account.
        partition: the account's partition.
    """
    if compute == "ec2":
        return _trust(_ZONE, {"Service": _EC2.get(partition, "ec2.amazonaws.com")}, "sts:AssumeRole")
    condition = {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {"aws:SourceArn": f"arn:{partition}:ecs:{region}:{account}:*"},
    }
    return _trust(_ZONE, {"Service": _ECS_TASKS}, "sts:AssumeRole", condition)


def trust_verifiers(principals: Sequence[str], accounts: Sequence[str], partition: str) -> Object:
    """Return the trust policy of a verifier role.

    Args:
        principals: ARNs; if empty, the accounts themselves, so that their own IAM policies decide.
        accounts: the role's account, and the account that the stack deploys to.
        partition: the accounts' partition.
    """
    trusted = list(principals) or [f"arn:{partition}:iam::{account}:root" for account in dict.fromkeys(accounts)]
    # EKS Pod Identity's session tags are transitive, so the next role needs TagSession (EKS user guide,
    # pod-id-abac.html).
    return _trust("Verifiers", {"AWS": trusted}, _WITH_TAGS)


def allow_issuing(authority_arn: str, template: str | None = None, former: Sequence[str] = ()) -> Object:
    """Return the policy of a zone control plane: issue from the stack's CA, and get the issued certificates.

    Both permissions are needed. With IssueCertificate alone, a mesh requests certificates in a loop, because it can
    never get one (kumahq/kuma#17448, cert-manager/aws-privateca-issuer#479). Templates for CAs, OCSP responders and
    code signing are denied explicitly.

    Args:
        authority_arn: the issuing CA.
        template: the only template that may be used. Kong does not document the template of its control plane, so by
            default none is pinned. If the control plane names no template, AWS rejects its requests where it requires
            the condition key.
        former: CAs that the zone's meshes still use during a move to this one.
    """
    authorities = [authority_arn, *former]
    use: Object = {"Effect": "Allow", "Resource": authorities if former else authority_arn}
    if template is None:
        allowed = [{"Sid": "IssueDataPlaneCertificates", **use, "Action": [*_READING, "acm-pca:IssueCertificate"]}]
    else:
        allowed = [
            {"Sid": "FetchDataPlaneCertificates", **use, "Action": _READING},
            {**_issue_with(authority_arn, template, "IssueDataPlaneCertificates"), "Resource": use["Resource"]},
        ]
    return _document(*allowed, _only_data_planes())


def allow_verifying(authority_arn: str) -> Object:
    """Return the policy of the verifier: the zone's calls with one template, and reading the CA's chain.

    Args:
        authority_arn: the issuing CA.
    """
    return _document(
        {"Sid": "ReadTheAuthority", "Effect": "Allow", "Action": _READING, "Resource": authority_arn},
        _issue_with(authority_arn, templates.END_ENTITY, "IssueEndEntitiesOnly"),
        _only_data_planes(),
    )


def allow_sharing(authority_arn: str, accounts: Sequence[str], organization: str | None) -> Object:
    """Return the CA's own resource policy, in the form that "must be followed precisely" (user guide, pca-rbp.md).

    It has two statements per principal: reading, and issuing with the one template for end entities.

    Args:
        authority_arn: the issuing CA.
        accounts: twelve digits each.
        organization: ID of an organization (``o-...``), for all its accounts.
    """
    named: list[tuple[object, dict[str, str]]] = [({"AWS": account}, {}) for account in accounts]
    if organization is not None:
        named.append(("*", {"aws:PrincipalOrgID": organization}))
    statements = []
    for number, (principal, context) in enumerate(named, start=1):
        issuing = _issue_with(authority_arn, templates.END_ENTITY, f"Issue{number}")
        issuing["Condition"]["StringEquals"].update(context)
        reading = {"Sid": f"Read{number}", "Effect": "Allow", "Action": _SHARED_READING, "Resource": authority_arn}
        condition = {"Condition": {"StringEquals": context}} if context else {}
        statements += [{**reading, "Principal": principal, **condition}, {**issuing, "Principal": principal}]
    return _document(*statements)


def allow_crl_writing(bucket_arn: str, account: str, distribution_arn: str | None = None) -> Object:
    """Return the bucket policy that AWS Private CA needs to write a CRL (user guide, crl-planning.md).

    It allows all CAs of the account. It can't name the CA (``aws:SourceArn``), because AWS checks the policy while it
    creates the CA.

    Args:
        bucket_arn: the bucket's ARN.
        account: the account of the CAs.
        distribution_arn: the CloudFront distribution through which clients read the CRLs, if any (CloudFront developer
            guide, "Restrict access to an Amazon S3 origin").
    """
    both = [bucket_arn, f"{bucket_arn}/*"]
    readers: Object = {
        "Sid": "ClientsReadThroughCloudFront",
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Resource": f"{bucket_arn}/*",
        "Condition": {"StringEquals": {"aws:SourceArn": distribution_arn}},
    }
    return _document(
        *([readers] if distribution_arn is not None else []),
        {
            "Sid": "PrivateCaWritesLists",
            "Effect": "Allow",
            "Principal": {"Service": "acm-pca.amazonaws.com"},
            "Action": ["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:PutObject", "s3:PutObjectAcl"],
            "Resource": both,
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        },
        {
            "Sid": "NothingUnencrypted",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": both,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )


def trust_scheduler(account: str, region: str, partition: str) -> Object:
    """Return the trust policy of a schedule's role: EventBridge Scheduler, for the default group of one region.

    The ARN must be that of a group (EventBridge Scheduler user guide, "Confused deputy prevention").

    Args:
        account: twelve digits.
        region: the schedule's region.
        partition: the account's partition.
    """
    group = f"arn:{partition}:scheduler:{region}:{account}:schedule-group/default"
    wanted = {"aws:SourceAccount": account, "aws:SourceArn": group}
    return _trust("Scheduler", {"Service": "scheduler.amazonaws.com"}, "sts:AssumeRole", {"StringEquals": wanted})


def allow_metrics(namespace: str) -> Object:
    """Return a policy to write the metrics of one namespace.

    PutMetricData has no resource (service authorization reference).

    Args:
        namespace: the CloudWatch namespace.
    """
    return _document(
        {
            "Sid": "PutTheMetric",
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": namespace}},
        }
    )


def _trust(sid: str, principal: Object, action: str | list[str], condition: Object | None = None) -> Object:
    """Return a trust policy with one statement."""
    statement = {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action}
    return _document({**statement, "Condition": condition} if condition else statement)


def _issue_with(authority_arn: str, template: str, sid: str) -> Object:
    partition = arn.PRIVATE_CA.parse(authority_arn).partition
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": "acm-pca:IssueCertificate",
        "Resource": authority_arn,
        "Condition": {"StringEquals": {"acm-pca:TemplateArn": templates.build_arn(template, partition)}},
    }


def _only_data_planes() -> Object:
    # An explicit Deny overrides every Allow, including later ones. It covers every CA and partition.
    denied = (templates.CA_MINTING_PATTERN, *templates.SIGNER_PATTERNS)
    return {
        "Sid": "NeverForAuthoritiesAndSigners",
        "Effect": "Deny",
        "Action": "acm-pca:IssueCertificate",
        "Resource": "*",
        "Condition": {
            "StringLike": {"acm-pca:TemplateArn": [templates.build_arn(pattern, partition="*") for pattern in denied]}
        },
    }


def _document(*statements: Object) -> Object:
    return {"Version": _VERSION, "Statement": list(statements)}


def to_json(document: Object) -> str:
    """Return the document as JSON for IAM; keys keep their order, so the same settings never show a diff."""
    return json.dumps(document)
