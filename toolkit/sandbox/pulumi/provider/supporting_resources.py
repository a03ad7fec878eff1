"""Create the resources of EKS, IAM, RAM (hashicorp/terraform-provider-aws:internal/service/ram), S3 and monitoring."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from toolkit.sandbox.pulumi.provider.kind import Created, Inputs, Kind, choose_name, list_tags
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.sandbox.pulumi.provider.clients import Aws

_NO_LOCATION = "us-east-1"
_BLOCKS = {"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"}


def _create_association(aws: Aws, _name: str, inputs: Inputs) -> Created:
    made = aws.call("eks", "create_pod_identity_association", inputs)["association"]
    return made["associationId"], {"associationId": made["associationId"], "associationArn": made["associationArn"]}


def _create_role(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical = choose_name(name, inputs)
    request = {key: inputs.get(key) for key in ("path", "description", "permissionsBoundary")}
    trust = inputs["assumeRolePolicy"]
    named = {"roleName": physical, "assumeRolePolicyDocument": trust, "tags": list_tags(inputs)}
    role = aws.call("iam", "create_role", request | named)["Role"]
    return physical, {"arn": role["Arn"], "name": physical, "uniqueId": role["RoleId"]}


def _create_role_policy(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical, role = choose_name(name, inputs), inputs["role"]
    aws.client("iam").put_role_policy(RoleName=role, PolicyName=physical, PolicyDocument=inputs["policy"])
    return f"{role}:{physical}", {"name": physical}


def _create_instance_profile(aws: Aws, name: str, inputs: Inputs) -> Created:
    iam, physical = aws.client("iam"), choose_name(name, inputs)
    made = iam.create_instance_profile(
        InstanceProfileName=physical, Path=inputs.get("path", "/"), Tags=list_tags(inputs)
    )["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName=physical, RoleName=inputs["role"])
    return physical, {"arn": made["Arn"], "name": physical}


def _create_oidc_provider(aws: Aws, _name: str, inputs: Inputs) -> Created:
    # AWS determines the thumbprint if none is given.
    made = aws.client("iam").create_open_id_connect_provider(
        Url=inputs["url"], ClientIDList=inputs["clientIdLists"], Tags=list_tags(inputs)
    )
    return made["OpenIDConnectProviderArn"], {"arn": made["OpenIDConnectProviderArn"]}


def _create_share(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical = choose_name(name, inputs)
    # resource_share.go, allow_external_principals: false by default, unlike in AWS RAM's API.
    request = {"allowExternalPrincipals": False, **inputs, "name": physical, "tags": list_tags(inputs)}
    arn = aws.call("ram", "create_resource_share", request)["resourceShare"]["resourceShareArn"]
    return arn, {"arn": arn, "name": physical}


def _associate_with_share(aws: Aws, inputs: Inputs, member: str) -> Created:
    share = inputs["resourceShareArn"]
    aws.client("ram").associate_resource_share(resourceShareArn=share, **{f"{member}s": [inputs[member]]})
    return f"{share},{inputs[member]}", {}


def _create_bucket(aws: Aws, name: str, inputs: Inputs) -> Created:
    bucket, s3 = choose_name(name, inputs, "bucket"), aws.client("s3")
    place = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}} if aws.region != _NO_LOCATION else {}
    s3.create_bucket(Bucket=bucket, **place)
    if inputs.get("tags"):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": list_tags(inputs)})
    return bucket, {"bucket": bucket, "arn": f"arn:aws:s3:::{bucket}"}


def _setting(method: str, inputs: set[str], request: Callable[[Inputs], Object]) -> Kind:
    """Return the kind of resource that sets one setting of a bucket.

    Args:
        method: the client's method that sets it.
        inputs: the names of the resource's inputs, besides the bucket.
        request: returns the parameters of the method, besides the bucket, from the inputs.
    """

    def create(aws: Aws, _name: str, given: Inputs) -> Created:
        aws.call("s3", method, {"bucket": given["bucket"], **request(given)})
        return given["bucket"], {}

    return Kind(create, {"bucket", *inputs})


def _create_topic(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical = choose_name(name, inputs)
    arn = aws.client("sns").create_topic(Name=physical, Tags=list_tags(inputs))["TopicArn"]
    return arn, {"arn": arn, "name": physical}


def _create_alarm(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical = choose_name(name, inputs)
    request = inputs | {"alarmName": physical, "tags": list_tags(inputs)}
    request["metrics"] = [_query(query) for query in request.pop("metricQueries")]
    request.pop("name", None)
    aws.call("cloudwatch", "put_metric_alarm", request)
    (alarm,) = aws.client("cloudwatch").describe_alarms(AlarmNames=[physical])["MetricAlarms"]
    return physical, {"name": physical, "arn": alarm["AlarmArn"]}


def _query(query: Object) -> Object:
    if "metric" not in query:
        return query
    metric = query["metric"]
    dimensions = [{"name": key, "value": value} for key, value in metric["dimensions"].items()]
    named = {"namespace": metric["namespace"], "metricName": metric["metricName"], "dimensions": dimensions}
    statistic = {"metric": named, "period": metric["period"], "stat": metric["stat"]}
    return {"id": query["id"], "returnData": query.get("returnData"), "metricStat": statistic}


def _create_schedule(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical = choose_name(name, inputs)
    arn = aws.call("scheduler", "create_schedule", {**inputs, "name": physical})["ScheduleArn"]
    return f"default/{physical}", {"arn": arn, "name": physical}


KINDS = {
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Kind(
        _create_association, {"clusterName", "namespace", "serviceAccount", "roleArn", "tags"}
    ),
    "aws:iam/role:Role": Kind(
        _create_role,
        {"name", "path", "assumeRolePolicy", "description", "permissionsBoundary", "tags"},
        is_regional=False,
    ),
    "aws:iam/rolePolicy:RolePolicy": Kind(_create_role_policy, {"name", "role", "policy"}, is_regional=False),
    "aws:iam/instanceProfile:InstanceProfile": Kind(
        _create_instance_profile, {"name", "path", "role", "tags"}, is_regional=False
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Kind(
        _create_oidc_provider, {"url", "clientIdLists", "tags"}, is_regional=False
    ),
    "aws:ram/resourceShare:ResourceShare": Kind(
        _create_share, {"permissionArns", "allowExternalPrincipals", "name", "tags"}
    ),
    "aws:ram/resourceAssociation:ResourceAssociation": Kind(
        lambda aws, _, inputs: _associate_with_share(aws, inputs, "resourceArn"), {"resourceArn", "resourceShareArn"}
    ),
    "aws:ram/principalAssociation:PrincipalAssociation": Kind(
        lambda aws, _, inputs: _associate_with_share(aws, inputs, "principal"), {"principal", "resourceShareArn"}
    ),
    "aws:s3/bucket:Bucket": Kind(_create_bucket, {"bucket", "tags"}),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _setting(
        "put_public_access_block",
        _BLOCKS,
        lambda inputs: {"publicAccessBlockConfiguration": {key: inputs.get(key, False) for key in _BLOCKS}},
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _setting(
        "put_bucket_ownership_controls",
        {"rule"},
        lambda inputs: {"ownershipControls": {"rules": [inputs["rule"]]}},
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _setting(
        "put_bucket_encryption",
        {"rules"},
        lambda inputs: {"serverSideEncryptionConfiguration": {"rules": inputs["rules"]}},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _setting(
        "put_bucket_versioning",
        {"versioningConfiguration"},
        lambda inputs: {"versioningConfiguration": inputs["versioningConfiguration"]},
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _setting(
        "put_bucket_lifecycle_configuration",
        {"rules"},
        lambda inputs: {"lifecycleConfiguration": {"rules": inputs["rules"]}},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _setting(
        "put_bucket_policy", {"policy"}, lambda inputs: {"policy": inputs["policy"]}
    ),
    "aws:sns/topic:Topic": Kind(_create_topic, {"name", "tags"}),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind(
        _create_alarm,
        {"name", "alarmDescription", "comparisonOperator", "evaluationPeriods", "threshold", "metricQueries"}
        | {"treatMissingData", "alarmActions", "okActions", "insufficientDataActions", "tags"},
    ),
    "aws:scheduler/schedule:Schedule": Kind(
        _create_schedule, {"name", "description", "flexibleTimeWindow", "scheduleExpression", "target"}
    ),
}
