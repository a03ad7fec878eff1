"""CloudWatch, EventBridge Scheduler and SNS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.sandbox.pulumi.provider.iam import automatic
from toolkit.sandbox.pulumi.provider.kind import Aws, Created, Inputs, Kind, retagged, tag_list, upper

if TYPE_CHECKING:
    from collections.abc import Mapping


class Topic(Kind):
    """An SNS topic."""

    replaced_by = frozenset({"name"})
    changed_by = frozenset({"tags"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:
        """CreateTopic."""
        physical = inputs.get("name") or automatic(name)
        arn = aws.client("sns").create_topic(Name=physical, Tags=tag_list(inputs))["TopicArn"]
        return arn, {"arn": arn, "name": physical}

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """Its tags."""
        _tag(aws.client("sns"), {"ResourceArn": identifier}, before, after)
        return {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the ARN says it
        """DeleteTopic."""
        aws.client("sns").delete_topic(TopicArn=identifier)


class MetricAlarm(Kind):
    """An alarm."""

    replaced_by = frozenset({"name"})
    changed_by = frozenset(
        {
            "alarmActions",
            "alarmDescription",
            "comparisonOperator",
            "evaluationPeriods",
            "insufficientDataActions",
            "metricQueries",
            "okActions",
            "tags",
            "threshold",
            "treatMissingData",
        }
    )

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:
        """PutMetricAlarm."""
        physical = inputs.get("name") or automatic(name)
        self._put(aws, physical, inputs)
        return physical, {"name": physical, "arn": self._arn(aws, physical)}

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """PutMetricAlarm again, which passes over the tags of an alarm that is there (botocore, PutMetricAlarm)."""
        self._put(aws, identifier, after)
        _tag(aws.client("cloudwatch"), {"ResourceARN": self._arn(aws, identifier)}, before, after)
        return {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the name says it
        """DeleteAlarms."""
        aws.client("cloudwatch").delete_alarms(AlarmNames=[identifier])

    def _arn(self, aws: Aws, name: str) -> str:
        (found,) = aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(found["AlarmArn"])

    def _put(self, aws: Aws, name: str, inputs: Inputs) -> None:
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            AlarmDescription=inputs.get("alarmDescription", ""),
            ComparisonOperator=inputs["comparisonOperator"],
            EvaluationPeriods=int(inputs["evaluationPeriods"]),
            Threshold=float(inputs["threshold"]),
            Metrics=[_query(query) for query in inputs["metricQueries"]],
            TreatMissingData=inputs.get("treatMissingData", "missing"),
            AlarmActions=inputs.get("alarmActions") or [],
            OKActions=inputs.get("okActions") or [],
            InsufficientDataActions=inputs.get("insufficientDataActions") or [],
            Tags=tag_list(inputs),
        )


def _tag(client: Any, named: dict[str, str], before: Inputs, after: Inputs) -> None:  # noqa: ANN401 - see Aws.client
    gone = retagged(before, after)
    if gone:
        client.untag_resource(**named, TagKeys=gone)
    if after.get("tags"):
        client.tag_resource(**named, Tags=tag_list(after))


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    made = upper({key: query.get(key) for key in ("id", "expression", "label", "returnData")})
    if "period" in query:
        made["Period"] = int(query["period"])
    if "metric" in query:
        metric = query["metric"]
        dimensions = [{"Name": key, "Value": value} for key, value in metric["dimensions"].items()]
        named = {"Namespace": metric["namespace"], "MetricName": metric["metricName"], "Dimensions": dimensions}
        made["MetricStat"] = {"Metric": named, "Period": int(metric["period"]), "Stat": metric["stat"]}
    return made


class Schedule(Kind):
    """A schedule of EventBridge Scheduler."""

    replaced_by = frozenset({"name"})
    changed_by = frozenset({"description", "flexibleTimeWindow", "scheduleExpression", "target"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:
        """CreateSchedule."""
        physical = inputs.get("name") or automatic(name)
        arn = aws.client("scheduler").create_schedule(Name=physical, **self._request(inputs))["ScheduleArn"]
        return f"default/{physical}", {"arn": arn, "name": physical}

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:  # noqa: ARG002 - put as a whole
        """UpdateSchedule."""
        aws.client("scheduler").update_schedule(Name=identifier.partition("/")[2], **self._request(after))
        return {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the name says it
        """DeleteSchedule."""
        aws.client("scheduler").delete_schedule(Name=identifier.partition("/")[2])

    def _request(self, inputs: Inputs) -> dict[str, Any]:
        target = inputs["target"]
        return {
            "Description": inputs.get("description", ""),
            "ScheduleExpression": inputs["scheduleExpression"],
            "FlexibleTimeWindow": upper(inputs["flexibleTimeWindow"]),
            "Target": {"Arn": target["arn"], "RoleArn": target["roleArn"], "Input": target["input"]},
        }


KINDS: dict[str, Kind] = {
    "aws:sns/topic:Topic": Topic(),
    "aws:cloudwatch/metricAlarm:MetricAlarm": MetricAlarm(),
    "aws:scheduler/schedule:Schedule": Schedule(),
}
