"""Resources that an assumed role of another account creates are in that account."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.conformance.world import ACCOUNT, OTHER, World, refused
from toolkit.pki import templates

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture(params=[ACCOUNT, OTHER])
def account(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(aws: TestSandbox, account: str) -> Callable[[str], Any]:
    """Makes an administrator's clients; in the other account the administrator is a role there."""
    world = World(aws)
    return world.client if account == ACCOUNT else world.clients(ANYTHING, account=account)


def name() -> str:
    return f"mesh-{uuid.uuid4().hex[:8]}"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_identities(aws: TestSandbox, account: str, make: Callable[[str], Any]) -> None:
    iam, role, profile = make("iam"), name(), name()
    made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=document(TRUST))["Role"]["Arn"]
    assert made == f"arn:aws:iam::{account}:role/{role}"
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document(ANYTHING))
    iam.create_instance_profile(InstanceProfileName=profile)
    iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)
    (held,) = iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
    assert held["Arn"] == made
    url = f"https://oidc.example.com/id/{uuid.uuid4().hex}"
    provider = iam.create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"])
    assert f"::{account}:oidc-provider/" in provider["OpenIDConnectProviderArn"]
    assert make("sts").get_caller_identity()["Account"] == account
    elsewhere = World(aws).iam(OTHER if account == ACCOUNT else ACCOUNT)
    assert role not in {found["RoleName"] for found in elsewhere.list_roles()["Roles"]}


def test_a_private_ca(account: str, make: Callable[[str], Any]) -> None:
    pca = make("acm-pca")
    configuration = {
        "KeyAlgorithm": "EC_prime256v1",
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Subject": {"CommonName": "Root of an account"},
    }
    arn = pca.create_certificate_authority(
        CertificateAuthorityConfiguration=configuration, CertificateAuthorityType="ROOT"
    )["CertificateAuthorityArn"]
    assert arn.split(":")[4] == account
    request = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    issued = pca.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=request,
        SigningAlgorithm="SHA256WITHECDSA",
        TemplateArn=templates.build_arn("RootCACertificate/V1"),
        Validity={"Type": "YEARS", "Value": 5},
    )["CertificateArn"]
    certificate = pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)["Certificate"]
    pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=certificate.encode())
    share = make("ram").create_resource_share(name="share", resourceArns=[arn])["resourceShare"]
    assert (share["owningAccountId"], share["resourceShareArn"].split(":")[4]) == (account, account)


def test_a_bucket_for_crls(make: Callable[[str], Any], account: str) -> None:
    s3, bucket = make("s3"), name()
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    blocks = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocks)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == blocks
    owner = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=owner)
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == owner
    encrypted = {
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}]
    }
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=encrypted)
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"] == encrypted
    rule = {
        "ID": "old",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    writing = {
        "Effect": "Allow",
        "Principal": {"Service": "acm-pca.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=document(writing))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == [writing]
    assert bucket in {found["Name"] for found in s3.list_buckets()["Buckets"]}


def test_alarms(account: str, make: Callable[[str], Any]) -> None:
    sns, cloudwatch = make("sns"), make("cloudwatch")
    topic, alarm = sns.create_topic(Name=name())["TopicArn"], name()
    assert topic.split(":")[4] == account
    publishing = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
    }
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document(publishing))
    assert json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])["Statement"] == [publishing]
    metric = {"Namespace": "AWS/ACMPrivateCA", "MetricName": "Failure", "Dimensions": []}
    metrics = [
        {"Id": "rate", "Expression": "100 * failures", "Label": "Failures", "ReturnData": True},
        {"Id": "failures", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}, "ReturnData": False},
    ]
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        AlarmActions=[topic],
        EvaluationPeriods=3,
        DatapointsToAlarm=2,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        Metrics=metrics,
    )
    (found,) = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    assert found["AlarmArn"] == f"arn:aws:cloudwatch:eu-central-1:{account}:alarm:{alarm}"
    assert {item["Id"] for item in found["Metrics"]} == {"rate", "failures"}
    assert (found["DatapointsToAlarm"], found["TreatMissingData"]) == (2, "notBreaching")


def test_events_and_schedules(account: str, make: Callable[[str], Any]) -> None:
    events, scheduler, rule, schedule = make("events"), make("scheduler"), name(), name()
    topic = make("sns").create_topic(Name=name())["TopicArn"]
    pattern = json.dumps({"source": ["aws.acm-pca"]})
    assert events.put_rule(Name=rule, EventPattern=pattern, State="ENABLED")["RuleArn"].split(":")[4] == account
    assert events.put_targets(Rule=rule, Targets=[{"Id": "topic", "Arn": topic}])["FailedEntryCount"] == 0
    assert events.list_targets_by_rule(Rule=rule)["Targets"] == [{"Id": "topic", "Arn": topic}]
    role = make("iam").create_role(RoleName=name(), AssumeRolePolicyDocument=document(TRUST))["Role"]["Arn"]
    what = {
        "Arn": "arn:aws:scheduler:::aws-sdk:acmpca:createCertificateAuthorityAuditReport",
        "RoleArn": role,
        "Input": "{}",
    }
    often = {"ScheduleExpression": "rate(1 days)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": what}
    made = scheduler.create_schedule(Name=schedule, **often)["ScheduleArn"]
    assert made == f"arn:aws:scheduler:eu-central-1:{account}:schedule/default/{schedule}"
    scheduler.update_schedule(Name=schedule, **{**often, "ScheduleExpression": "rate(7 days)"})
    assert scheduler.get_schedule(Name=schedule)["ScheduleExpression"] == "rate(7 days)"
    scheduler.delete_schedule(Name=schedule)
    with refused("ResourceNotFoundException"):
        scheduler.get_schedule(Name=schedule)


def test_a_cluster(account: str, make: Callable[[str], Any]) -> None:
    eks, cluster = make("eks"), name()
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
    role = make("iam").create_role(RoleName=name(), AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    made = eks.create_cluster(name=cluster, roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1", "subnet-2"]})
    assert made["cluster"]["arn"] == f"arn:aws:eks:eu-central-1:{account}:cluster/{cluster}"
    association = eks.create_pod_identity_association(
        clusterName=cluster, namespace="kong-mesh-system", serviceAccount="kong-mesh-control-plane", roleArn=role
    )["association"]
    assert association["associationArn"].split(":")[4] == account
