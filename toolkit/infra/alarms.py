"""Create CloudWatch alarms on the issuing CA: its expiration, failed issuances and failed CRLs.

AWS Private CA has no metric and no event for the expiration of a CA (its user guide, PcaCloudWatch.md and
CloudWatchEvents.md), and no service renews a CA. So EventBridge Scheduler writes the expiration time, in seconds, as a
metric four times a day. The alarm subtracts the time of each data point from it. No code runs anywhere.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import cloudwatch, iam, scheduler, sns

from toolkit.infra import policies
from toolkit.pki import pem
from toolkit.values import Value

if TYPE_CHECKING:
    from toolkit.infra.claims import Claim
    from toolkit.infra.components import StackContext
    from toolkit.infra.settings import AlarmSettings

# AWS Private CA user guide, PcaCloudWatch.md
_DIMENSION = "PrivateCAArn"
_QUERY = "SELECT SUM({}) FROM \"AWS/ACMPrivateCA\" WHERE PrivateCAArn = '{}'"
_NAMESPACE = "KongMeshPCA"
_METRIC = "NotAfter"
_HOURS = 6
_FIVE_MINUTES = 300


class AuthorityAlarms(pulumi.ComponentResource):
    """The alarms on a stack's issuing CA, and their SNS topic.

    Attributes:
        topic_arn: the topic's ARN.
    """

    topic_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: AlarmSettings,
        context: StackContext,
        authority_arn: pulumi.Output[str],
        chain: pulumi.Output[str],
        role: Claim,
    ) -> None:
        """Create the alarms.

        Args:
            name: logical name.
            settings: the alarms' settings.
            context: the stack's context.
            authority_arn: the issuing CA.
            chain: PEM; its first certificate is the CA's own.
            role: whether the schedule's role is created, imported or adopted.
        """
        super().__init__("kong-mesh-pca:alarms:AuthorityAlarms", name, None, context.opts)
        self._name, self._context, self._authority_arn = name, context, authority_arn
        _, self._region = context.deployment.locate_authority(context.settings)
        self._tags = dict(context.tags)
        self._inside = pulumi.ResourceOptions(parent=self)
        if settings.topic_arn is not None:
            self.topic_arn = pulumi.Output.from_input(settings.topic_arn)
        else:
            # The topic's default policy lets the account's own alarms publish (SNS developer guide, "Default policy").
            self.topic_arn = sns.Topic(f"{name}-topic", region=self._region, tags=self._tags, opts=self._inside).arn
        self._issuance_alarm("failures", "Failure", "Issuances fail", settings.failures)
        if context.settings.revocation.crl is not None:
            self._issuance_alarm("crl", "MisconfiguredCRLBucket", "The revocation list can't be written", 1)
        self._write_the_end(chain, role)
        self._expiry_alarm(settings.expiry_days)
        self.register_outputs({"topicArn": self.topic_arn})

    def _alarm(self, kind: str, queries: list[cloudwatch.MetricAlarmMetricQueryArgsDict], **more: Value) -> None:
        cloudwatch.MetricAlarm(
            f"{self._name}-{kind}",
            evaluation_periods=1,
            metric_queries=queries,
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            region=self._region,
            tags=self._tags,
            opts=self._inside,
            **more,
        )

    def _issuance_alarm(self, kind: str, metric: str, what: str, threshold: int) -> None:
        # AWS does not document the other dimensions of the metric. A Metrics Insights query finds it with any
        # dimensions.
        query = self._authority_arn.apply(lambda authority: _QUERY.format(metric, authority))
        self._alarm(
            kind,
            [{"id": "q1", "expression": query, "label": metric, "period": _FIVE_MINUTES, "return_data": True}],
            alarm_description=f"{what}: Kong Mesh's private CA.",
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=threshold,
            treat_missing_data="notBreaching",
        )

    def _write_the_end(self, chain: pulumi.Output[str], claim: Claim) -> None:
        # The rule on the length of IAM names (rules.py) includes this name.
        name = f"{self._name}-not-after"
        role_arn, granted = self._role(name, claim)
        scheduler.Schedule(
            name,
            description="The end of Kong Mesh's private CA, in seconds since 1970",
            schedule_expression=f"rate({_HOURS} hours)",
            flexible_time_window={"mode": "OFF"},
            # scheduler/latest/UserGuide/managing-targets-universal.html
            target={
                "arn": f"arn:{self._context.deployment.partition}:scheduler:::aws-sdk:cloudwatch:putMetricData",
                "role_arn": role_arn,
                "input": pulumi.Output.all(self._authority_arn, chain).apply(lambda both: _metric_data(*both)),
            },
            region=self._region,
            opts=pulumi.ResourceOptions(parent=self, depends_on=granted),
        )

    def _role(self, name: str, claim: Claim) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
        """Return the ARN of the schedule's role, and the resources it needs; an adopted role is not changed."""
        if claim.adopted_arn is not None:
            return pulumi.Output.from_input(claim.adopted_arn), []
        settings, deployment = self._context.settings, self._context.deployment
        trust = policies.trust_scheduler(deployment.account, self._region, deployment.partition)
        role = iam.Role(
            name,
            name=f"{settings.name_prefix}{name}" if settings.name_prefix else None,
            description="Writes the end of Kong Mesh's private CA as a metric",
            assume_role_policy=policies.to_json(trust),
            permissions_boundary=settings.permissions_boundary_arn,
            tags=self._tags,
            opts=pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(import_=claim.import_id)),
        )
        granted = iam.RolePolicy(
            f"{name}-metric",
            name="put-metric",
            role=role.name,
            policy=policies.to_json(policies.allow_metrics(_NAMESPACE)),
            opts=self._inside,
        )
        return role.arn, [granted]

    def _expiry_alarm(self, days: int) -> None:
        end: cloudwatch.MetricAlarmMetricQueryMetricArgsDict = {
            "namespace": _NAMESPACE,
            "metric_name": _METRIC,
            "dimensions": {_DIMENSION: self._authority_arn},
            "period": _HOURS * 3600,
            "stat": "Maximum",
        }
        # using-metric-math.html: EPOCH returns the time of each data point in seconds.
        left = "(end - EPOCH(end)) / 86400"
        self._alarm(
            "expiry",
            [
                {"id": "end", "metric": end, "return_data": False},
                {"id": "days", "expression": left, "label": "Days left", "return_data": True},
            ],
            alarm_description=f"Kong Mesh's private CA ends in less than {days} days. Nothing renews it by itself.",
            comparison_operator="LessThanThreshold",
            threshold=days,
            # A schedule that stops writing also raises an alarm. A new alarm without data notifies nobody.
            treat_missing_data="missing",
            insufficient_data_actions=[self.topic_arn],
        )


def _metric_data(authority: str, bundle: str) -> str:
    """Return the schedule's request (CloudWatch API reference, PutMetricData)."""
    end = pem.load_certificates(bundle)[0].not_valid_after_utc
    datum = {
        "MetricName": _METRIC,
        "Dimensions": [{"Name": _DIMENSION, "Value": authority}],
        "Value": int(end.timestamp()),
        "Unit": "Seconds",
    }
    return json.dumps({"Namespace": _NAMESPACE, "MetricData": [datum]})
