"""What becomes of S3's buckets and their settings, and of the resources of CloudWatch, EventBridge and SNS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.pulumi.aws_plugin.lifecycle import Found, Lifecycle, Setting, retagged
from toolkit.sandbox.pulumi.provider.kind import Inputs, list_tags

if TYPE_CHECKING:
    from toolkit.sandbox.pulumi.provider.clients import Aws


class Bucket(Lifecycle):
    """A bucket; it is not deleted while something is in it."""

    replaced_by = frozenset({"bucket"})

    def read(self, aws: Aws, identifier: str) -> Found:
        """HeadBucket."""
        aws.client("s3").head_bucket(Bucket=identifier)
        return Found({"bucket": identifier}, {})

    def update(self, aws: Aws, identifier: str, _before: Inputs, after: Inputs) -> dict[str, Any]:
        """Its tags, which are put as a whole."""
        s3 = aws.client("s3")
        if after.get("tags"):
            s3.put_bucket_tagging(Bucket=identifier, Tagging={"TagSet": list_tags(after)})
        else:
            s3.delete_bucket_tagging(Bucket=identifier)
        return {}

    def delete(self, aws: Aws, identifier: str, _outputs: Mapping[str, Any]) -> None:
        """DeleteBucket."""
        aws.client("s3").delete_bucket(Bucket=identifier)


class BucketSetting(Setting):
    """One setting of a bucket; by its type, the method of the client that removes it, and what more it is told."""

    replaced_by = frozenset({"bucket"})

    def __init__(self, type_: str) -> None:
        super().__init__(type_)
        self._remove, self._more = _REMOVED[type_]

    def delete(self, aws: Aws, identifier: str, _outputs: Mapping[str, Any]) -> None:
        """Remove it."""
        getattr(aws.client("s3"), self._remove)(Bucket=identifier, **self._more)


_REMOVED: dict[str, tuple[str, dict[str, Any]]] = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": ("delete_public_access_block", {}),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ("delete_bucket_ownership_controls", {}),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "delete_bucket_encryption",
        {},
    ),
    # What was versioned can only be suspended (bucket_versioning.go: resourceBucketVersioningDelete).
    "aws:s3/bucketVersioning:BucketVersioning": (
        "put_bucket_versioning",
        {"VersioningConfiguration": {"Status": "Suspended"}},
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": ("delete_bucket_lifecycle", {}),
    "aws:s3/bucketPolicy:BucketPolicy": ("delete_bucket_policy", {}),
}


class Topic(Lifecycle):
    """An SNS topic."""

    replaced_by = frozenset({"name"})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """Its tags."""
        _tag(aws.client("sns"), {"ResourceArn": identifier}, before, after)
        return {}

    def delete(self, aws: Aws, identifier: str, _outputs: Mapping[str, Any]) -> None:
        """DeleteTopic."""
        aws.client("sns").delete_topic(TopicArn=identifier)


class MetricAlarm(Setting):
    """An alarm."""

    replaced_by = frozenset({"name"})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:
        """PutMetricAlarm again, which passes over the tags of an alarm that is there (botocore, PutMetricAlarm)."""
        _, outputs = self.kind.create(aws, "", {**after, "name": identifier})
        _tag(aws.client("cloudwatch"), {"ResourceARN": outputs["arn"]}, before, after)
        return {}

    def delete(self, aws: Aws, identifier: str, _outputs: Mapping[str, Any]) -> None:
        """DeleteAlarms."""
        aws.client("cloudwatch").delete_alarms(AlarmNames=[identifier])


class Schedule(Lifecycle):
    """A schedule of EventBridge Scheduler."""

    replaced_by = frozenset({"name"})

    def update(self, aws: Aws, identifier: str, _before: Inputs, after: Inputs) -> dict[str, Any]:
        """UpdateSchedule, as a whole."""
        aws.call("scheduler", "update_schedule", {**after, "name": identifier.partition("/")[2]})
        return {}

    def delete(self, aws: Aws, identifier: str, _outputs: Mapping[str, Any]) -> None:
        """DeleteSchedule."""
        aws.client("scheduler").delete_schedule(Name=identifier.partition("/")[2])


def _tag(client: Any, named: dict[str, str], before: Inputs, after: Inputs) -> None:
    gone = retagged(before, after)
    if gone:
        client.untag_resource(**named, TagKeys=gone)
    if after.get("tags"):
        client.tag_resource(**named, Tags=list_tags(after))


LIFECYCLES: dict[str, type[Lifecycle]] = {
    "aws:s3/bucket:Bucket": Bucket,
    **dict.fromkeys(_REMOVED, BucketSetting),
    "aws:sns/topic:Topic": Topic,
    "aws:cloudwatch/metricAlarm:MetricAlarm": MetricAlarm,
    "aws:scheduler/schedule:Schedule": Schedule,
}
