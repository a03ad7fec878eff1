"""S3: a bucket and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.sandbox.pulumi.provider.iam import automatic
from toolkit.sandbox.pulumi.provider.kind import Aws, Created, Found, Inputs, Kind, Setting, tag_list, upper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_NO_LOCATION = "us-east-1"


class Bucket(Kind):
    """A bucket; it is not deleted while something is in it."""

    replaced_by = frozenset({"bucket"})
    changed_by = frozenset({"tags"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:
        """CreateBucket."""
        bucket = inputs.get("bucket") or automatic(name)
        where = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}} if aws.region != _NO_LOCATION else {}
        aws.client("s3").create_bucket(Bucket=bucket, **where)
        self._tag(aws, bucket, inputs)
        return bucket, {"bucket": bucket, "arn": f"arn:aws:s3:::{bucket}"}

    def read(self, aws: Aws, identifier: str) -> Found:
        """HeadBucket."""
        aws.client("s3").head_bucket(Bucket=identifier)
        return Found({"bucket": identifier}, {})

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:  # noqa: ARG002 - tags are put as a whole
        """Its tags."""
        if not after.get("tags"):
            aws.client("s3").delete_bucket_tagging(Bucket=identifier)
        self._tag(aws, identifier, after)
        return {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the name says it
        """DeleteBucket."""
        aws.client("s3").delete_bucket(Bucket=identifier)

    def _tag(self, aws: Aws, bucket: str, inputs: Inputs) -> None:
        if inputs.get("tags"):
            aws.client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_list(inputs)})


class BucketSetting(Setting):
    """One setting: how it is put, and how it is removed.

    Args:
        put: the method of the client that puts it.
        remove: the method that removes it, and what more it is told.
        inputs: beside the bucket.
        request: the rest of the request, from the inputs.
    """

    replaced_by = frozenset({"bucket"})

    def __init__(
        self,
        put: str,
        remove: tuple[str, dict[str, Any]],
        inputs: Iterable[str],
        request: Callable[[Inputs], dict[str, Any]],
    ) -> None:
        self._put, self._remove, self._request = put, remove, request
        self.changed_by = frozenset(inputs)

    def put(self, aws: Aws, inputs: Inputs) -> Created:
        """Put it."""
        getattr(aws.client("s3"), self._put)(Bucket=inputs["bucket"], **self._request(inputs))
        return inputs["bucket"], {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the bucket says it
        """Remove it."""
        method, more = self._remove
        getattr(aws.client("s3"), method)(Bucket=identifier, **more)


_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _public_access(inputs: Inputs) -> dict[str, Any]:
    return {"PublicAccessBlockConfiguration": upper({key: inputs.get(key, False) for key in _BLOCKS})}


def _ownership(inputs: Inputs) -> dict[str, Any]:
    return {"OwnershipControls": {"Rules": [upper(inputs["rule"])]}}


def _encryption(inputs: Inputs) -> dict[str, Any]:
    rules = []
    for rule in inputs["rules"]:
        wanted = rule["applyServerSideEncryptionByDefault"]
        names = {"sseAlgorithm": "SSEAlgorithm", "kmsMasterKeyId": "KMSMasterKeyID"}
        made: dict[str, Any] = {
            "ApplyServerSideEncryptionByDefault": {names[key]: value for key, value in wanted.items()}
        }
        if "bucketKeyEnabled" in rule:
            made["BucketKeyEnabled"] = rule["bucketKeyEnabled"]
        rules.append(made)
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _versioning(inputs: Inputs) -> dict[str, Any]:
    return {"VersioningConfiguration": upper(inputs["versioningConfiguration"])}


def _lifecycle(inputs: Inputs) -> dict[str, Any]:
    rules = [
        {
            "ID": rule["id"],
            "Status": rule["status"],
            "Filter": upper(rule["filter"]),
            "NoncurrentVersionExpiration": {
                "NoncurrentDays": int(rule["noncurrentVersionExpiration"]["noncurrentDays"])
            },
            "AbortIncompleteMultipartUpload": {
                "DaysAfterInitiation": int(rule["abortIncompleteMultipartUpload"]["daysAfterInitiation"])
            },
        }
        for rule in inputs["rules"]
    ]
    return {"LifecycleConfiguration": {"Rules": rules}}


KINDS: dict[str, Kind] = {
    "aws:s3/bucket:Bucket": Bucket(),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": BucketSetting(
        "put_public_access_block", ("delete_public_access_block", {}), _BLOCKS, _public_access
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": BucketSetting(
        "put_bucket_ownership_controls", ("delete_bucket_ownership_controls", {}), {"rule"}, _ownership
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": BucketSetting(
        "put_bucket_encryption", ("delete_bucket_encryption", {}), {"rules"}, _encryption
    ),
    "aws:s3/bucketVersioning:BucketVersioning": BucketSetting(
        "put_bucket_versioning",
        # What was versioned can only be suspended (bucket_versioning.go: resourceBucketVersioningDelete).
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
        {"versioningConfiguration"},
        _versioning,
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": BucketSetting(
        "put_bucket_lifecycle_configuration", ("delete_bucket_lifecycle", {}), {"rules"}, _lifecycle
    ),
    "aws:s3/bucketPolicy:BucketPolicy": BucketSetting(
        "put_bucket_policy",
        ("delete_bucket_policy", {}),
        {"policy"},
        lambda inputs: {"Policy": inputs["policy"]},
    ),
}
