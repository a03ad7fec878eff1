"""CRLs as relying parties download them: without credentials, by the URL in the certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.s3.models import s3_backends

from toolkit.sandbox.private_ca import revocation

if TYPE_CHECKING:
    from toolkit.sandbox.hosts import Host
    from toolkit.sandbox.private_ca.registry import Registry


def has_bucket(name: str) -> bool:
    """Return whether an account of the sandbox has the bucket."""
    return any(name in backend.buckets for account in list(s3_backends.values()) for backend in list(account.values()))


def find(registry: Registry, host: Host, path: str) -> str | None:
    """Find the public CRL that a URL names.

    Args:
        registry: the CAs.
        host: of the URL.
        path: of the URL, decoded.

    Returns:
        The path of the object with its bucket, `/bucket/key`; None if the URL names no public CRL.
    """
    for authority in list(registry.authorities.values()):
        published = revocation.public_crl(authority)
        if published is None:
            continue
        whole = f"/{published.bucket}/{published.key}"
        if host.is_loopback and host.bucket is None and path == whole:
            return whole
        if path == f"/{published.key}" and (host.bucket == published.bucket or host.name == published.custom_name):
            return whole
    return None
