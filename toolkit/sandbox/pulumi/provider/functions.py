"""Call AWS for the functions that a program invokes; some are only called for their errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from toolkit.errors import ExternalError
from toolkit.sandbox.pulumi.provider.kind import Inputs, read_tags
from toolkit.sandbox.pulumi.provider.private_ca import read_certificate
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.sandbox.pulumi.provider.clients import Aws


def _get_bucket(aws: Aws, args: Inputs) -> Object:
    aws.client("s3").head_bucket(Bucket=args["bucket"])
    return {"bucket": args["bucket"], "id": args["bucket"]}


def _get_caller_identity(aws: Aws, _: Inputs) -> Object:
    identity = aws.client("sts").get_caller_identity()
    account = identity["Account"]
    return {"accountId": account, "arn": identity["Arn"], "userId": identity["UserId"], "id": account}


def _get_certificate_authority(aws: Aws, args: Inputs) -> Object:
    """Return the data source; the CSR of a CA in another account can't be read and stays empty (#39952)."""
    client, arn = aws.client("acm-pca"), args["arn"]
    described = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    try:
        csr = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDeniedException", "InvalidStateException"):
            raise
        csr = ""
    known = {"id": arn, "arn": arn, "certificateSigningRequest": csr, "status": described["Status"]}
    return known | read_certificate(client, arn, described)


def _get_cluster(aws: Aws, args: Inputs) -> Object:
    cluster = aws.client("eks").describe_cluster(name=args["name"])["cluster"]
    return {"name": args["name"], "id": args["name"], "arn": cluster["arn"], "status": cluster["status"]}


def _get_instance_profile(aws: Aws, args: Inputs) -> Object:
    profile = aws.client("iam").get_instance_profile(InstanceProfileName=args["name"])["InstanceProfile"]
    role = profile["Roles"][0]["RoleName"] if profile["Roles"] else ""
    return {"arn": profile["Arn"], "id": args["name"], "name": args["name"], "roleName": role}


def _get_open_id_connect_provider(aws: Aws, args: Inputs) -> Object:
    arn = args["arn"]
    provider = aws.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    audiences = provider["ClientIDList"]
    return {"arn": arn, "id": arn, "url": provider["Url"], "clientIdLists": audiences, "tags": read_tags(provider)}


def _get_organization(aws: Aws, _: Inputs) -> Object:
    """Return the organization, with its members if they may be listed (organizations/organization_data_source.go)."""
    client = aws.client("organizations")
    organization = client.describe_organization()["Organization"]
    try:
        accounts = [{"id": account["Id"]} for account in client.list_accounts()["Accounts"]]
    except ClientError:
        accounts = []
    return {"id": organization["Id"], "arn": organization["Arn"], "accounts": accounts}


def _get_policy(aws: Aws, args: Inputs) -> Object:
    policy = aws.client("iam").get_policy(PolicyArn=args["arn"])["Policy"]
    return {"arn": args["arn"], "id": args["arn"], "name": policy["PolicyName"]}


def _get_region(aws: Aws, _: Inputs) -> Object:
    return {"region": aws.region, "id": aws.region, "description": "", "endpoint": "", "name": aws.region}


def _get_role(aws: Aws, args: Inputs) -> Object:
    role = aws.client("iam").get_role(RoleName=args["name"])["Role"]
    shown = {"arn": role["Arn"], "id": args["name"], "name": args["name"], "uniqueId": role["RoleId"]}
    return {**shown, "tags": read_tags(role), "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"])}


def _get_roles(aws: Aws, args: Inputs) -> Object:
    """Return the roles whose name matches a regular expression, as the provider does (iam/roles_data_source.go)."""
    pages = aws.client("iam").get_paginator("list_roles").paginate()
    matching = [role for page in pages for role in page["Roles"] if re.search(args["nameRegex"], role["RoleName"])]
    return {"names": [role["RoleName"] for role in matching], "arns": [role["Arn"] for role in matching]}


def _get_topic(aws: Aws, args: Inputs) -> Object:
    """Return the topic of a name, found in the list of topics as the provider does (sns/topic_data_source.go)."""
    topics = [topic["TopicArn"] for topic in aws.client("sns").list_topics()["Topics"]]
    arn = next((topic for topic in topics if topic.rpartition(":")[2] == args["name"]), None)
    if arn is None:
        raise ExternalError(f"no topic is named {args['name']}")
    return {"arn": arn, "id": arn, "name": args["name"]}


FUNCTIONS: dict[str, Callable[[Aws, Inputs], Object]] = {
    "aws:acmpca/getCertificateAuthority:getCertificateAuthority": _get_certificate_authority,
    "aws:eks/getCluster:getCluster": _get_cluster,
    "aws:iam/getInstanceProfile:getInstanceProfile": _get_instance_profile,
    "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": _get_open_id_connect_provider,
    "aws:iam/getPolicy:getPolicy": _get_policy,
    "aws:iam/getRole:getRole": _get_role,
    "aws:iam/getRoles:getRoles": _get_roles,
    "aws:index/getCallerIdentity:getCallerIdentity": _get_caller_identity,
    "aws:index/getRegion:getRegion": _get_region,
    "aws:organizations/getOrganization:getOrganization": _get_organization,
    "aws:s3/getBucket:getBucket": _get_bucket,
    "aws:sns/getTopic:getTopic": _get_topic,
}
