"""Serve CRLs as relying parties download them: without credentials, by the URL in the certificate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.s3.models import s3_backends

from toolkit.policy.evaluation import Decision, Request, evaluate, list_statements
from toolkit.sandbox.private_ca import revocation

if TYPE_CHECKING:
    from toolkit.sandbox.gateway.hosts import Host
    from toolkit.sandbox.moto_objects import MotoObject
    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.values import Object

_READ = "s3:GetObject"
_CLOUDFRONT = "cloudfront.amazonaws.com"


def has_bucket(name: str) -> bool:
    """Return whether an account of the sandbox has the bucket."""
    return any(name in backend.buckets for account in list(s3_backends) for backend in s3_backends[account].values())


def find(registry: Registry, host: Host, path: str) -> bytes | None:
    """Find the public CRL that a URL names.

    Args:
        registry: the CAs.
        host: the URL's host.
        path: the URL's path, decoded.

    Returns:
        The CRL; None if the URL names no CRL, or one that is not public.
    """
    for authority in list(registry.authorities.values()):
        crl = revocation.find_published(authority)
        if crl is None or path not in (f"/{crl.key}", f"/{crl.bucket}/{crl.key}"):
            continue
        by_path = host.is_loopback and host.bucket is None and path == f"/{crl.bucket}/{crl.key}"
        by_bucket = host.bucket == crl.bucket and path == f"/{crl.key}"
        by_name = host.name == crl.custom_name and path == f"/{crl.key}"
        bucket = _bucket(authority.owner, crl.bucket)
        if bucket is None or not (by_path or by_bucket or by_name):
            continue
        policy = _policy(bucket)
        if policy is None:
            continue
        resource = f"arn:{bucket.partition}:s3:::{crl.bucket}/{crl.key}"
        if (crl.is_public and not _denies_plain_http(policy, resource)) or (by_name and _is_behind(policy, resource)):
            stored = bucket.keys.get(crl.key)
            return bytes(stored.value) if stored else None
    return None


def _denies_plain_http(policy: Object, resource: str) -> bool:
    request = Request(_READ, resource, {"aws:SecureTransport": "false"})
    return evaluate([policy], request) is Decision.EXPLICITLY_DENIED


def _is_behind(policy: Object, resource: str) -> bool:
    """Return whether CloudFront can read the object; a CA's custom name is then that of a distribution."""
    allowed = [
        {**statement, "Condition": {}} for statement in list_statements(policy) if statement.get("Effect") == "Allow"
    ]
    request = Request(_READ, resource, principals={"Service": frozenset({_CLOUDFRONT})})
    return evaluate([{"Statement": allowed}], request) is Decision.ALLOWED


def _policy(bucket: MotoObject) -> Object | None:
    """Return a bucket's policy; None for invalid JSON, which moto accepts and AWS does not."""
    try:
        policy = json.loads(bucket.policy) if bucket.policy else {}
    except ValueError:
        return None
    return policy if isinstance(policy, dict) else None


def _bucket(account: str, name: str) -> MotoObject:
    backends = s3_backends[account].values()
    return next((backend.buckets[name] for backend in backends if name in backend.buckets), None)
