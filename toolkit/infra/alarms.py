"""CloudWatch alarms on the issuing CA: its end, failed issuances, a revocation list that can't be written.

AWS Private CA has no metric and no event for the end of a CA (its user guide, PcaCloudWatch.md and
CloudWatchEvents.md), and nothing renews one. So EventBridge Scheduler writes the end itself, a moment in seconds, as
a metric four times a day, and the alarm subtracts the time of each data point from it. No code runs anywhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import cloudwatch, iam, scheduler, sns

from toolkit.infra import policies
from toolkit.pki import pem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.infra.claims import Claim
    from toolkit.infra.settings import AlarmSettings

# user guide, PcaCloudWatch.md
_AWS_NAMESPACE = "AWS/ACMPrivateCA"
_DIMENSION = "PrivateCAArn"
_NAMESPACE = "KongMeshPCA"
_METRIC = "NotAfter"
_HOURS = 6
_FIVE_MINUTES = 300


@dataclass(frozen=True)
class AlarmArgs:
    """What is watched.

    Attributes:
        settings: the stack's.
        authority_arn: the issuing CA.
        chain: PEM; its first certificate is the CA's own.
        with_crl: whether the CA writes revocation lists.
        account: that the CA is in, and the alarms.
        partition: of that account.
        region: of the CA.
        name_prefix: of names in IAM.
        permissions_boundary_arn: of the role that writes the metric.
        tags: of everything that takes some.
        role: what is done about a role of the schedule that exists already.
    """

    settings: AlarmSettings
    authority_arn: pulumi.Output[str]
    chain: pulumi.Output[str]
    with_crl: bool
    account: str
    partition: str
    region: str
    name_prefix: str | None
    permissions_boundary_arn: str | None
    tags: Mapping[str, str]
    role: Claim


class AuthorityAlarms(pulumi.ComponentResource):
    """The alarms, and the topic that they tell.

    Attributes:
        topic_arn: of the SNS topic.
    """

    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlarmArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make them.

        Args:
            name: logical name.
            args: what is watched.
            opts: resource options of the component.
        """
        super().__init__("kong-mesh-pca:alarms:AuthorityAlarms", name, None, opts)
        self._name, self._args = name, args
        self._inside = pulumi.ResourceOptions(parent=self)
        self.topic_arn = self._topic()
        self._issuance_alarm("failures", "Failure", "Issuances fail", args.settings.failures)
        if args.with_crl:
            self._issuance_alarm("crl", "MisconfiguredCRLBucket", "The revocation list can't be written", 1)
        self._write_the_end()
        self._expiry_alarm()
        self.register_outputs({"topicArn": self.topic_arn})

    def _topic(self) -> pulumi.Output[str]:
        given = self._args.settings.topic_arn
        if given is not None:
            return pulumi.Output.from_input(given)
        # Its default policy lets the account's own alarms publish (SNS developer guide, "Default policy").
        return sns.Topic(
            f"{self._name}-topic", region=self._args.region, tags=dict(self._args.tags), opts=self._inside
        ).arn

    def _issuance_alarm(self, kind: str, metric: str, what: str, threshold: int) -> None:
        # Metrics Insights: with which further dimensions AWS publishes the metric is not documented, and this finds
        # it whichever they are.
        query = self._args.authority_arn.apply(
            # A query on metrics, made of our own words and an ARN that was checked.
            lambda authority: f"SELECT SUM({metric}) FROM \"{_AWS_NAMESPACE}\" WHERE {_DIMENSION} = '{authority}'"  # noqa: S608
        )
        cloudwatch.MetricAlarm(
            f"{self._name}-{kind}",
            alarm_description=f"{what}: Kong Mesh's private CA.",
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=threshold,
            evaluation_periods=1,
            metric_queries=[
                cloudwatch.MetricAlarmMetricQueryArgs(
                    id="q1", expression=query, label=metric, period=_FIVE_MINUTES, return_data=True
                )
            ],
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            region=self._args.region,
            tags=dict(self._args.tags),
            opts=self._inside,
        )

    def _write_the_end(self) -> None:
        # The rule on the length of names in IAM (rules.py) counts this one.
        name, args = f"{self._name}-not-after", self._args
        role_arn, granted = self._role(name)
        scheduler.Schedule(
            name,
            description="The end of Kong Mesh's private CA, in seconds since 1970",
            schedule_expression=f"rate({_HOURS} hours)",
            flexible_time_window=scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            # scheduler/latest/UserGuide/managing-targets-universal.html
            target=scheduler.ScheduleTargetArgs(
                arn=f"arn:{args.partition}:scheduler:::aws-sdk:cloudwatch:putMetricData",
                role_arn=role_arn,
                input=pulumi.Output.all(args.authority_arn, args.chain).apply(lambda both: _metric_data(*both)),
            ),
            region=args.region,
            opts=pulumi.ResourceOptions(parent=self, depends_on=granted),
        )

    def _role(self, name: str) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
        """Return the ARN of the schedule's role, and what it needs to be of use; an adopted role is left as it is."""
        args = self._args
        if args.role.adopted_arn is not None:
            return pulumi.Output.from_input(args.role.adopted_arn), []
        role = iam.Role(
            name,
            name=f"{args.name_prefix}{name}" if args.name_prefix else None,
            description="Writes the end of Kong Mesh's private CA as a metric",
            assume_role_policy=policies.to_json(policies.scheduler_trust(args.account, args.region, args.partition)),
            permissions_boundary=args.permissions_boundary_arn,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(import_=args.role.import_id)),
        )
        granted = iam.RolePolicy(
            f"{name}-metric",
            name="put-metric",
            role=role.name,
            policy=policies.to_json(policies.metric_policy(_NAMESPACE)),
            opts=self._inside,
        )
        return role.arn, [granted]

    def _expiry_alarm(self) -> None:
        args = self._args
        end = cloudwatch.MetricAlarmMetricQueryMetricArgs(
            namespace=_NAMESPACE,
            metric_name=_METRIC,
            dimensions={_DIMENSION: args.authority_arn},
            period=_HOURS * 3600,
            stat="Maximum",
        )
        cloudwatch.MetricAlarm(
            f"{self._name}-expiry",
            alarm_description=(
                f"Kong Mesh's private CA ends in less than {args.settings.expiry_days} days. "
                "Nothing renews it by itself."
            ),
            comparison_operator="LessThanThreshold",
            threshold=args.settings.expiry_days,
            evaluation_periods=1,
            metric_queries=[
                cloudwatch.MetricAlarmMetricQueryArgs(id="end", metric=end, return_data=False),
                # using-metric-math.html: EPOCH is the moment of each data point in seconds.
                cloudwatch.MetricAlarmMetricQueryArgs(
                    id="days", expression="(end - EPOCH(end)) / 86400", label="Days left", return_data=True
                ),
            ],
            # A schedule that stops writing is told too. An alarm begins without data, and beginning tells nobody.
            treat_missing_data="missing",
            insufficient_data_actions=[self.topic_arn],
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            region=args.region,
            tags=dict(args.tags),
            opts=self._inside,
        )


def _metric_data(authority: str, bundle: str) -> str:
    """The request that the schedule makes (CloudWatch API reference, PutMetricData)."""
    end = pem.load_certificates(bundle)[0].not_valid_after_utc
    datum = {
        "MetricName": _METRIC,
        "Dimensions": [{"Name": _DIMENSION, "Value": authority}],
        "Value": int(end.timestamp()),
        "Unit": "Seconds",
    }
    return json.dumps({"Namespace": _NAMESPACE, "MetricData": [datum]})
