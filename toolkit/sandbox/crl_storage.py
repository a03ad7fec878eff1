"""Write CRLs to moto's S3, if the bucket policy lets AWS Private CA write there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.s3.models import s3_backends

from toolkit.pki import arn
from toolkit.policy.evaluation import Decision, Request, evaluate

if TYPE_CHECKING:
    from toolkit.sandbox.moto_objects import MotoObject

_SERVICE = "acm-pca.amazonaws.com"
# AWS Private CA user guide, "Access policies for CRLs in Amazon S3".
_ON_BUCKET = ("s3:GetBucketAcl", "s3:GetBucketLocation")
_ON_OBJECTS = ("s3:PutObject", "s3:PutObjectAcl")


class MotoStorage:
    """The buckets of all accounts."""

    def find_problem(self, authority_arn: str, bucket: str, acl: str) -> str | None:
        """Return why AWS Private CA can't write to a bucket; None if it can.

        Args:
            authority_arn: the ARN of the CA that writes the CRL.
            bucket: the bucket's name.
            acl: the canned ACL of the CRL object.
        """
        authority = arn.PRIVATE_CA.parse(authority_arn)
        kept_bucket = _bucket(authority.account, bucket)
        if kept_bucket is None:
            return f"The bucket '{bucket}' does not exist."
        blocked = kept_bucket.public_access_block
        if acl == "PUBLIC_READ" and blocked is not None and str(blocked.block_public_acls).lower() == "true":
            return f"The bucket '{bucket}' blocks public access, and PUBLIC_READ was asked for."
        policy = json.loads(kept_bucket.policy) if kept_bucket.policy else {}
        bucket_arn = f"arn:{authority.partition}:s3:::{bucket}"
        wanted = [(action, bucket_arn) for action in _ON_BUCKET]
        wanted += [(action, f"{bucket_arn}/crl/x.crl") for action in _ON_OBJECTS]
        for action, resource in wanted:
            # Policies may limit the service to the account's own CAs, or to one CA (user guide, crl-planning.md).
            context = {"aws:SourceAccount": authority.account, "aws:SourceArn": authority_arn}
            request = Request(action, resource, context, principals={"Service": frozenset({_SERVICE})})
            if evaluate([policy], request) is not Decision.ALLOWED:
                return (
                    f"The service principal '{_SERVICE}' requires {action} permissions for your S3 bucket '{bucket}'."
                )
        return None

    def put(self, account: str, bucket: str, key: str, body: bytes) -> None:
        """Write an object; do nothing if the bucket has been deleted."""
        if _bucket(account, bucket) is not None:
            s3_backends[account]["aws"].put_object(bucket, key, body)


def _bucket(account: str, bucket: str) -> MotoObject:
    return s3_backends[account]["aws"].buckets.get(bucket)
