"""S3: a bucket and its settings."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from toolkit.sandbox.provider.kind import Aws, Created, Inputs, Kind, Setting, tag_list, upper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NO_LOCATION = "us-east-1"


class Bucket(Kind):
    """A bucket; it is not deleted while something is in it."""

    replaced_by = frozenset({"bucket"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> Created:
        """CreateBucket."""
        bucket = inputs.get("bucket") or f"{name}-{secrets.token_hex(4)[:7]}"
        where = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}} if aws.region != _NO_LOCATION else {}
        aws.client("s3").create_bucket(Bucket=bucket, **where)
        self._tag(aws, bucket, inputs)
        return bucket, {"bucket": bucket, "arn": f"arn:aws:s3:::{bucket}"}

    def update(self, aws: Aws, identifier: str, before: Inputs, after: Inputs) -> dict[str, Any]:  # noqa: ARG002 - tags are put as a whole
        """Its tags."""
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
        remove: the method that removes it; None for what stays with the bucket.
        request: the rest of the request, from the inputs.
    """

    replaced_by = frozenset({"bucket"})

    def __init__(self, put: str, remove: str | None, request: Callable[[Inputs], dict[str, Any]]) -> None:
        self._put, self._remove, self._request = put, remove, request

    def put(self, aws: Aws, inputs: Inputs) -> Created:
        """Put it."""
        getattr(aws.client("s3"), self._put)(Bucket=inputs["bucket"], **self._request(inputs))
        return inputs["bucket"], {}

    def delete(self, aws: Aws, identifier: str, outputs: Mapping[str, Any]) -> None:  # noqa: ARG002 - the bucket says it
        """Remove it."""
        if self._remove is not None:
            getattr(aws.client("s3"), self._remove)(Bucket=identifier)


def _public_access(inputs: Inputs) -> dict[str, Any]:
    return {"PublicAccessBlockConfiguration": upper({key: value for key, value in inputs.items() if key != "bucket"})}


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
        "put_public_access_block", "delete_public_access_block", _public_access
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": BucketSetting(
        "put_bucket_ownership_controls", "delete_bucket_ownership_controls", _ownership
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": BucketSetting(
        "put_bucket_encryption", "delete_bucket_encryption", _encryption
    ),
    "aws:s3/bucketVersioning:BucketVersioning": BucketSetting("put_bucket_versioning", None, _versioning),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": BucketSetting(
        "put_bucket_lifecycle_configuration", "delete_bucket_lifecycle", _lifecycle
    ),
    "aws:s3/bucketPolicy:BucketPolicy": BucketSetting(
        "put_bucket_policy", "delete_bucket_policy", lambda inputs: {"Policy": inputs["policy"]}
    ),
}
