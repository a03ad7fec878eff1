"""Create CloudWatch, EventBridge Scheduler and SNS resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.sandbox.pulumi.provider.kind import Aws, Created, Inputs, Kind, choose_name, list_tags, to_upper

if TYPE_CHECKING:
    from toolkit.values import Object


def _create_topic(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical = choose_name(name, inputs)
    arn = aws.client("sns").create_topic(Name=physical, Tags=list_tags(inputs))["TopicArn"]
    return arn, {"arn": arn, "name": physical}


def _create_alarm(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical, cloudwatch = choose_name(name, inputs), aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=physical,
        AlarmDescription=inputs.get("alarmDescription", ""),
        ComparisonOperator=inputs["comparisonOperator"],
        EvaluationPeriods=int(inputs["evaluationPeriods"]),
        Threshold=float(inputs["threshold"]),
        Metrics=[_query(query) for query in inputs["metricQueries"]],
        TreatMissingData=inputs.get("treatMissingData", "missing"),
        AlarmActions=inputs.get("alarmActions") or [],
        OKActions=inputs.get("okActions") or [],
        InsufficientDataActions=inputs.get("insufficientDataActions") or [],
        Tags=list_tags(inputs),
    )
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[physical])["MetricAlarms"]
    return physical, {"name": physical, "arn": alarm["AlarmArn"]}


def _query(query: Object) -> Object:
    made = to_upper({key: query.get(key) for key in ("id", "expression", "label", "returnData")})
    if "period" in query:
        made["Period"] = int(query["period"])
    if "metric" in query:
        metric = query["metric"]
        dimensions = [{"Name": key, "Value": value} for key, value in metric["dimensions"].items()]
        named = {"Namespace": metric["namespace"], "MetricName": metric["metricName"], "Dimensions": dimensions}
        made["MetricStat"] = {"Metric": named, "Period": int(metric["period"]), "Stat": metric["stat"]}
    return made


def _create_schedule(aws: Aws, name: str, inputs: Inputs) -> Created:
    physical = choose_name(name, inputs)
    arn = aws.client("scheduler").create_schedule(Name=physical, **build_schedule_request(inputs))["ScheduleArn"]
    return f"default/{physical}", {"arn": arn, "name": physical}


def build_schedule_request(inputs: Inputs) -> Object:
    """Return the request for a schedule, without its name."""
    target = inputs["target"]
    return {
        "Description": inputs.get("description", ""),
        "ScheduleExpression": inputs["scheduleExpression"],
        "FlexibleTimeWindow": to_upper(inputs["flexibleTimeWindow"]),
        "Target": {"Arn": target["arn"], "RoleArn": target["roleArn"], "Input": target["input"]},
    }


_ALARM = {
    "alarmActions",
    "alarmDescription",
    "comparisonOperator",
    "evaluationPeriods",
    "insufficientDataActions",
    "metricQueries",
    "name",
    "okActions",
    "tags",
    "threshold",
    "treatMissingData",
}
_SCHEDULE = {"description", "flexibleTimeWindow", "name", "scheduleExpression", "target"}
KINDS = {
    "aws:sns/topic:Topic": Kind(_create_topic, frozenset({"name", "tags"})),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind(_create_alarm, frozenset(_ALARM)),
    "aws:scheduler/schedule:Schedule": Kind(_create_schedule, frozenset(_SCHEDULE)),
}
