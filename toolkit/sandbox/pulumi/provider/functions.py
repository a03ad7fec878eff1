"""Functions with which a program asks whether something is there; only their refusal counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from toolkit.errors import ExternalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.sandbox.pulumi.provider.kind import Aws, Inputs


def _get_bucket(aws: Aws, args: Inputs) -> dict[str, Any]:
    aws.client("s3").head_bucket(Bucket=args["bucket"])
    return {"bucket": args["bucket"], "id": args["bucket"]}


def _get_cluster(aws: Aws, args: Inputs) -> dict[str, Any]:
    cluster = aws.client("eks").describe_cluster(name=args["name"])["cluster"]
    return {"name": args["name"], "id": args["name"], "arn": cluster["arn"], "status": cluster["status"]}


def _get_policy(aws: Aws, args: Inputs) -> dict[str, Any]:
    policy = aws.client("iam").get_policy(PolicyArn=args["arn"])["Policy"]
    return {"arn": args["arn"], "id": args["arn"], "name": policy["PolicyName"]}


def _get_topic(aws: Aws, args: Inputs) -> dict[str, Any]:
    """By name, which the bridged provider looks for in the list of topics (sns/topic_data_source.go)."""
    topics = [topic["TopicArn"] for topic in aws.client("sns").list_topics()["Topics"]]
    found = next((topic for topic in topics if topic.rpartition(":")[2] == args["name"]), None)
    if found is None:
        raise ExternalError(f"no topic is named {args['name']}")
    return {"arn": found, "id": found, "name": args["name"]}


def _get_organization(aws: Aws, _: Inputs) -> dict[str, Any]:
    """Its members are shown where they may be listed (organizations/organization_data_source.go)."""
    client = aws.client("organizations")
    found = client.describe_organization()["Organization"]
    try:
        accounts = [{"id": account["Id"]} for account in client.list_accounts()["Accounts"]]
    except ClientError:
        accounts = []
    return {"id": found["Id"], "arn": found["Arn"], "accounts": accounts}


FUNCTIONS: dict[str, Callable[[Aws, Inputs], dict[str, Any]]] = {
    "aws:s3/getBucket:getBucket": _get_bucket,
    "aws:eks/getCluster:getCluster": _get_cluster,
    "aws:iam/getPolicy:getPolicy": _get_policy,
    "aws:organizations/getOrganization:getOrganization": _get_organization,
    "aws:sns/getTopic:getTopic": _get_topic,
}
