"""The alarms on a stack's CA."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.infra.shapes import ELSEWHERE, HOME, changed, functions, shape
from toolkit.pki import pem
from toolkit.policy.evaluation import Decision, Request, evaluate

if TYPE_CHECKING:
    from tests.infra.conftest import Graph, Registered, RunProgram

PCA = "acm-pca.amazonaws.com"


def one(graph: Graph, kind: str) -> Registered:
    (found,) = graph.of_type(kind).values()
    return found


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
