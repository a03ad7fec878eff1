"""Revocation, sharing and alarms as the program registers them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.shapes import ELSEWHERE, HOME, changed, functions, shape
from toolkit.infra.settings import SettingsError
from toolkit.pki import pem, templates
from toolkit.policy.evaluation import Decision, Request, evaluate

if TYPE_CHECKING:
    from tests.infra.conftest import Graph, Registered, RunProgram

PCA = "acm-pca.amazonaws.com"


def one(graph: Graph, kind: str) -> Registered:
    (found,) = graph.of_type(kind).values()
    return found


def revocation(graph: Graph) -> dict[str, Any]:
    """Of all CAs, which have the same."""
    found = [item.inputs["revocationConfiguration"] for item in graph.of_type("CertificateAuthority").values()]
    assert all(item == found[0] for item in found)
    configuration: dict[str, Any] = found[0]
    return configuration


def test_revocation_that_is_off_says_so_and_nothing_else(run_program: RunProgram) -> None:
    off = {"crlConfiguration": {"enabled": False}, "ocspConfiguration": {"enabled": False}}
    assert revocation(run_program(shape("intermediate"))) == off


def test_ocsp_with_a_name_of_its_own(run_program: RunProgram) -> None:
    assert revocation(run_program(shape("ocsp"))) == {
        "crlConfiguration": {"enabled": False},
        "ocspConfiguration": {"enabled": True, "ocspCustomCname": "ocsp.acme.example"},
    }


def test_a_list_in_a_bucket_made_right(run_program: RunProgram) -> None:
    graph = run_program(shape("crl"))
    assert revocation(graph) == {
        "crlConfiguration": {
            "enabled": True,
            "expirationInDays": 14,
            "s3BucketName": "kong-mesh-crl-0a1b2c3",
            "s3ObjectAcl": "BUCKET_OWNER_FULL_CONTROL",
            "customCname": "crl.acme.example",
            "customPath": "mesh",
        },
        "ocspConfiguration": {"enabled": True},
    }
    block = one(graph, "BucketPublicAccessBlock").inputs
    assert [block[f"{verb}"] for verb in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls")] == [True] * 3
    assert block["restrictPublicBuckets"] is True
    assert one(graph, "BucketOwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerPreferred"}
    (rule,) = one(graph, "BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert rule["bucketKeyEnabled"] is True
    assert one(graph, "BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    lifecycle = one(graph, "BucketLifecycleConfiguration")
    (replaced,) = lifecycle.inputs["rules"]
    assert replaced["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert "kong-mesh-crl-versioning" in lifecycle.dependencies


def test_s3_encrypts_with_its_own_key_unless_told(run_program: RunProgram) -> None:
    graph = run_program(changed(shape("crl"), revocation={"crl": True}))
    (rule,) = one(graph, "BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}


def test_aws_private_ca_of_the_account_writes_and_nobody_else(run_program: RunProgram) -> None:
    document = json.loads(one(run_program(shape("crl")), "BucketPolicy").inputs["policy"])
    bucket = "arn:aws:s3:::kong-mesh-crl"

    def may(action: str, resource: str, service: str = PCA, **context: str) -> bool:
        request = Request(action, resource, context, principals={"Service": frozenset({service})})
        return evaluate([document], request) is Decision.ALLOWED

    ours = {"aws:SourceAccount": HOME}
    for action in ("s3:GetBucketAcl", "s3:GetBucketLocation"):
        assert may(action, bucket, **ours)
    for action in ("s3:PutObject", "s3:PutObjectAcl"):
        assert may(action, f"{bucket}/mesh/crl/1.crl", **ours)
        assert not may(action, f"{bucket}/x", **{"aws:SourceAccount": ELSEWHERE})
        assert not may(action, f"{bucket}/x")
        assert not may(action, f"{bucket}/x", "cloudtrail.amazonaws.com", **ours)
        assert not may(action, f"{bucket}/x", **{**ours, "aws:SecureTransport": "false"})
    assert not may("s3:DeleteObject", f"{bucket}/x", **ours)
    assert not may("s3:GetObject", f"{bucket}/x", **ours)


def test_clients_read_through_the_one_distribution(run_program: RunProgram) -> None:
    distribution = f"arn:aws:cloudfront::{HOME}:distribution/E1A2B3C4D5"
    graph = run_program(changed(shape("crl"), revocation={"crl": {"distributionArn": distribution}}))
    document = json.loads(one(graph, "BucketPolicy").inputs["policy"])
    principals = {"Service": frozenset({"cloudfront.amazonaws.com"})}

    def may(source: str, action: str = "s3:GetObject") -> Decision:
        request = Request(action, "arn:aws:s3:::kong-mesh-crl/x", {"aws:SourceArn": source}, principals=principals)
        return evaluate([document], request)

    assert may(distribution) is Decision.ALLOWED
    assert may(distribution[:-1] + "6") is Decision.NOT_ALLOWED
    assert may(distribution, "s3:PutObject") is Decision.NOT_ALLOWED


def test_a_bucket_and_all_that_closes_it_outlive_the_settings(run_program: RunProgram) -> None:
    graph = run_program(shape("crl"))
    inside = [item for item in graph.resources if item.type.startswith("aws:s3/")]
    assert len(inside) == 7
    assert [item.name for item in inside if not item.request.retainOnDelete] == []


def test_what_was_made_for_people_is_an_output(run_program: RunProgram) -> None:
    graph = run_program(changed(shape("crl"), alarms=True))
    assert graph.exports["crlBucket"] == "kong-mesh-crl-0a1b2c3"
    assert graph.exports["alarmTopicArn"].endswith("issuing-ca-alarms-topic")
    assert {"crlBucket", "alarmTopicArn"}.isdisjoint(run_program(shape("crl-existing-bucket")).exports)


def test_a_ca_is_only_made_once_its_bucket_is_ready(run_program: RunProgram) -> None:
    graph = run_program(shape("crl"))
    for authority in graph.of_type("CertificateAuthority").values():
        assert authority.dependencies >= {
            "kong-mesh-crl-policy",
            "kong-mesh-crl-ownership",
            "kong-mesh-crl-encryption",
        }
    assert "kong-mesh-crl-public-access" in one(graph, "BucketPolicy").dependencies


def test_an_existing_bucket_is_left_as_it_is(run_program: RunProgram) -> None:
    graph = run_program(shape("crl-existing-bucket"))
    assert revocation(graph)["crlConfiguration"]["s3BucketName"] == "acme-revocation-lists"
    assert not [item for item in graph.resources if item.type.startswith("aws:s3/")]


def test_a_share_has_the_ca_the_default_permission_and_each_principal(run_program: RunProgram) -> None:
    graph = run_program(shape("accounts-ram"))
    share = one(graph, "ResourceShare")
    assert share.inputs["permissionArns"] == ["arn:aws:ram::aws:permission/AWSRAMDefaultPermissionCertificateAuthority"]
    assert share.inputs["allowExternalPrincipals"] is True
    association = one(graph, "ResourceAssociation")
    assert association.dependencies >= {"issuing-ca-activation", "issuing-ca-share"}
    assert one(graph, "PrincipalAssociation").inputs["principal"] == ELSEWHERE
    unit = run_program(shape("organization-ram"))
    assert one(unit, "ResourceShare").inputs["allowExternalPrincipals"] is False
    assert one(unit, "PrincipalAssociation").inputs["principal"].endswith("ou/o-a1b2c3d4e5/ou-f6a7-b8c9d0e1")
    assert one(unit, "PrincipalAssociation").name == "issuing-ca-share-ou-f6a7-b8c9d0e1"


UNIT = "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-f6a7-b8c9d0e1"


@pytest.mark.parametrize(
    ("sharing", "answer", "path"),
    [
        ({"accounts": [ELSEWHERE]}, None, "sharing.accounts"),
        ({"accounts": [ELSEWHERE]}, {"accounts": [{"id": HOME}]}, "sharing.accounts"),
        ({"organizationalUnits": [UNIT], "allowExternalAccounts": True}, None, "sharing.organizationalUnits"),
        ({"accounts": [ELSEWHERE]}, {"accounts": [{"id": HOME}, {"id": ELSEWHERE}]}, None),
        ({"accounts": [ELSEWHERE]}, {"accounts": []}, None),
        ({"accounts": [ELSEWHERE], "allowExternalAccounts": True}, None, None),
    ],
)
def test_ram_is_only_asked_for_what_it_can_share(
    run_program: RunProgram, sharing: dict[str, Any], answer: dict[str, Any] | None, path: str | None
) -> None:
    def organization(_: dict[str, Any]) -> dict[str, Any]:
        if answer is None:
            raise LookupError("AWSOrganizationsNotInUseException: Your account is not a member of an organization.")
        return {"id": "o-a1b2c3d4e5", **answer}

    config = changed(shape("accounts-ram"), sharing={"method": "ram", **sharing})
    if path is None:
        run_program(config, functions={"getOrganization": organization})
        return
    with pytest.raises(SettingsError) as caught:
        run_program(config, functions={"getOrganization": organization})
    assert [problem.path for problem in caught.value.problems] == [f"kong-mesh-pca:{path}"]


def test_who_may_not_look_at_the_organization_is_not_refused(run_program: RunProgram) -> None:
    def denied(_: dict[str, Any]) -> dict[str, Any]:
        raise LookupError("AccessDeniedException")

    run_program(shape("organization-ram"), functions={"getOrganization": denied})


def test_the_resource_policy_has_the_form_that_aws_demands(run_program: RunProgram) -> None:
    policy = one(run_program(shape("accounts-policy")), "Policy")
    authority, document = policy.inputs["resourceArn"], json.loads(policy.inputs["policy"])
    assert policy.dependencies >= {"issuing-ca-activation"}
    assert [sorted(statement) for statement in document["Statement"]] == [
        ["Action", "Effect", "Principal", "Resource", "Sid"],
        ["Action", "Condition", "Effect", "Principal", "Resource", "Sid"],
        ["Action", "Condition", "Effect", "Principal", "Resource", "Sid"],
        ["Action", "Condition", "Effect", "Principal", "Resource", "Sid"],
    ]

    def may(action: str, account: str, template: str | None = None, **context: str) -> bool:
        if template:
            context["acm-pca:TemplateArn"] = templates.arn(template)
        request = Request(action, authority, context, principals={"AWS": frozenset({account})})
        return evaluate([document], request) is Decision.ALLOWED

    for account, context in ((ELSEWHERE, {}), ("999999999999", {"aws:PrincipalOrgID": "o-a1b2c3d4e5"})):
        assert may("acm-pca:GetCertificate", account, **context)
        assert may("acm-pca:IssueCertificate", account, templates.END_ENTITY, **context)
        assert not may("acm-pca:IssueCertificate", account, templates.subordinate_ca(0), **context)
        assert not may("acm-pca:IssueCertificate", account, None, **context)
        assert not may("acm-pca:RevokeCertificate", account, **context)
    assert not may("acm-pca:GetCertificate", "999999999999")
    assert not may("acm-pca:GetCertificate", "999999999999", **{"aws:PrincipalOrgID": "o-z9y8x7w6v5"})


def test_nothing_is_shared_unless_asked_for(run_program: RunProgram) -> None:
    graph = run_program(shape("intermediate"))
    assert not [item for item in graph.resources if item.type.startswith("aws:ram/")]
    assert not graph.of_type("Policy")


@pytest.fixture
def alarms(run_program: RunProgram) -> Graph:
    return run_program(shape("alarms"))


def test_every_alarm_tells_the_topic(alarms: Graph) -> None:
    topic = f"arn:aws:sns:eu-central-1:{HOME}:on-call"
    assert not alarms.of_type("Topic")
    found = alarms.of_type("MetricAlarm")
    assert set(found) == {f"issuing-ca-alarms-{kind}" for kind in ("failures", "crl", "expiry")}
    for alarm in found.values():
        assert alarm.inputs["alarmActions"] == [topic]
        assert alarm.inputs["okActions"] == [topic]


def test_failures_are_counted_whatever_other_dimensions_aws_gives_them(alarms: Graph) -> None:
    alarm = alarms.of_type("MetricAlarm")["issuing-ca-alarms-failures"].inputs
    (query,) = alarm["metricQueries"]
    arn = alarms.exports["certificateAuthority"]["arn"]
    begin, _, end = query["expression"].partition(arn)
    assert begin == 'SELECT SUM(Failure) FROM "AWS/ACMPrivateCA" WHERE PrivateCAArn = \''
    assert end == "'"
    assert (alarm["threshold"], alarm["comparisonOperator"]) == (5, "GreaterThanOrEqualToThreshold")
    assert alarm["treatMissingData"] == "notBreaching"


def test_the_days_that_are_left_come_from_the_certificate(alarms: Graph) -> None:
    schedule = one(alarms, "Schedule").inputs
    assert schedule["target"]["arn"] == "arn:aws:scheduler:::aws-sdk:cloudwatch:putMetricData"
    request = json.loads(schedule["target"]["input"])
    (datum,) = request["MetricData"]
    end = pem.load_certificates(alarms.exports["certificateChain"])[0].not_valid_after_utc
    assert datum["Value"] == end.timestamp()
    alarm = alarms.of_type("MetricAlarm")["issuing-ca-alarms-expiry"].inputs
    metric, days = alarm["metricQueries"]
    assert metric["metric"]["namespace"] == request["Namespace"]
    assert metric["metric"]["metricName"] == datum["MetricName"]
    assert metric["metric"]["dimensions"] == {item["Name"]: item["Value"] for item in datum["Dimensions"]}
    assert [query.get("returnData") for query in (metric, days)] == [False, True]
    # The expression in Python: CloudWatch's EPOCH is the moment of a data point.
    moment = end.timestamp() - 100 * 86400
    formula = days["expression"].replace("EPOCH(end)", "moment")
    assert eval(formula, {"end": datum["Value"], "moment": moment}) == 100  # noqa: S307 - our own expression
    assert (alarm["threshold"], alarm["comparisonOperator"]) == (120, "LessThanThreshold")
    assert alarm["insufficientDataActions"] == alarm["alarmActions"]


def test_the_schedule_may_write_its_metric_and_nothing_else(alarms: Graph) -> None:
    role = alarms.of_type("Role")["issuing-ca-alarms-not-after"]
    trust = json.loads(role.inputs["assumeRolePolicy"])
    scheduler = {"Service": frozenset({"scheduler.amazonaws.com"})}

    def may(account: str, group: str) -> Decision:
        context = {"aws:SourceAccount": account, "aws:SourceArn": group}
        return evaluate([trust], Request("sts:AssumeRole", context=context, principals=scheduler))

    own = f"arn:aws:scheduler:eu-central-1:{HOME}:schedule-group/default"
    assert may(HOME, own) is Decision.ALLOWED
    assert may(ELSEWHERE, own) is Decision.NOT_ALLOWED
    # The group of the schedule, in its region, and no other one.
    assert may(HOME, own.replace("default", "others")) is Decision.NOT_ALLOWED
    assert may(HOME, own.replace("eu-central-1", "eu-west-1")) is Decision.NOT_ALLOWED
    document = json.loads(alarms.of_type("RolePolicy")["issuing-ca-alarms-not-after-metric"].inputs["policy"])
    for namespace, allowed in (("KongMeshPCA", Decision.ALLOWED), ("AWS/EC2", Decision.NOT_ALLOWED)):
        request = Request("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": namespace})
        assert evaluate([document], request) is allowed
    assert "issuing-ca-alarms-not-after-metric" in one(alarms, "Schedule").dependencies


def test_without_a_topic_one_is_made(run_program: RunProgram) -> None:
    graph = run_program(changed(shape("alarms"), alarms=True))
    assert one(graph, "Topic").name == "issuing-ca-alarms-topic"
    for alarm in graph.of_type("MetricAlarm").values():
        assert "issuing-ca-alarms-topic" in alarm.dependencies


def test_alarms_are_where_an_adopted_ca_is(run_program: RunProgram) -> None:
    arn = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"
    graph = run_program(changed(shape("adopt"), adoptArn=arn, alarms=True), functions=functions())
    watched = [*graph.of_type("MetricAlarm").values(), one(graph, "Schedule"), one(graph, "Topic")]
    assert {item.inputs["region"] for item in watched} == {"eu-west-1"}
    assert "issuing-ca-alarms-crl" not in graph.of_type("MetricAlarm")
