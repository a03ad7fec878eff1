"""Create S3 buckets and their settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.sandbox.pulumi.provider.kind import Aws, Created, Inputs, Kind, choose_name, list_tags, to_upper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolkit.values import Object

_NO_LOCATION = "us-east-1"
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _create_bucket(aws: Aws, name: str, inputs: Inputs) -> Created:
    bucket, s3 = choose_name(name, inputs, "bucket"), aws.client("s3")
    place = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}} if aws.region != _NO_LOCATION else {}
    s3.create_bucket(Bucket=bucket, **place)
    if inputs.get("tags"):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": list_tags(inputs)})
    return bucket, {"bucket": bucket, "arn": f"arn:aws:s3:::{bucket}"}


def _setting(put: str, inputs: Iterable[str], request: Callable[[Inputs], Object]) -> Kind:
    """Return the kind of resource that sets one setting of a bucket.

    Args:
        put: the name of the client's method that sets it.
        inputs: the names of the resource's inputs, besides the bucket.
        request: returns the parameters of ``put``, besides the bucket, from the inputs.
    """

    def create(aws: Aws, _name: str, inputs: Inputs) -> Created:
        getattr(aws.client("s3"), put)(Bucket=inputs["bucket"], **request(inputs))
        return inputs["bucket"], {}

    return Kind(create, frozenset({"bucket", *inputs}))


def _public_access(inputs: Inputs) -> Object:
    return {"PublicAccessBlockConfiguration": to_upper({key: inputs.get(key, False) for key in _BLOCKS})}


def _encryption(inputs: Inputs) -> Object:
    rules = []
    for rule in inputs["rules"]:
        wanted = rule["applyServerSideEncryptionByDefault"]
        names = {"sseAlgorithm": "SSEAlgorithm", "kmsMasterKeyId": "KMSMasterKeyID"}
        made: Object = {"ApplyServerSideEncryptionByDefault": {names[key]: value for key, value in wanted.items()}}
        if "bucketKeyEnabled" in rule:
            made["BucketKeyEnabled"] = rule["bucketKeyEnabled"]
        rules.append(made)
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _lifecycle(inputs: Inputs) -> Object:
    rules = [
        {
            "ID": rule["id"],
            "Status": rule["status"],
            "Filter": to_upper(rule["filter"]),
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


KINDS = {
    "aws:s3/bucket:Bucket": Kind(_create_bucket, frozenset({"bucket", "tags"})),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _setting(
        "put_public_access_block", _BLOCKS, _public_access
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _setting(
        "put_bucket_ownership_controls",
        {"rule"},
        lambda inputs: {"OwnershipControls": {"Rules": [to_upper(inputs["rule"])]}},
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _setting(
        "put_bucket_encryption", {"rules"}, _encryption
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _setting(
        "put_bucket_versioning",
        {"versioningConfiguration"},
        lambda inputs: {"VersioningConfiguration": to_upper(inputs["versioningConfiguration"])},
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _setting(
        "put_bucket_lifecycle_configuration", {"rules"}, _lifecycle
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _setting(
        "put_bucket_policy", {"policy"}, lambda inputs: {"Policy": inputs["policy"]}
    ),
}
