"""Parse `Host` headers, so that requests for foreign names can be rejected.

A web page can resolve its own name to 127.0.0.1 (DNS rebinding), and the browser then treats the sandbox as the same
origin. Such requests have the page's name in `Host`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# RFC 9110, 7.2: Host = uri-host [ ":" port ]. Of RFC 3986's reg-name, only characters of DNS names and S3 buckets.
_HOST = re.compile(r"(?P<name>\[::1\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::[0-9]{1,5})?", re.IGNORECASE | re.ASCII)
_LOOPBACK = frozenset({"127.0.0.1", "[::1]", "localhost"})
# RFC 6761, 6.3: resolvers answer every name under localhost with the loopback address.
_LOCALHOST = ".localhost"
# Amazon S3 user guide, "Virtual hosting of buckets"; CRL distribution points have the format with a region.
_BUCKET = re.compile(r"(?P<bucket>[a-z0-9_.-]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?", re.ASCII)
_HIGHEST_PORT = 65535


class Host(NamedTuple):
    """A `Host` header.

    Attributes:
        name: the name in lower case, without the port.
        is_loopback: whether the name always resolves to the loopback address.
        bucket: the S3 bucket in the name; None if it has none.
    """

    name: str
    is_loopback: bool
    bucket: str | None


def parse(header: str) -> Host | None:
    """Parse a `Host` header.

    Args:
        header: the header's value.

    Returns:
        The host, or None if the header is invalid.
    """
    match = _HOST.fullmatch(header)
    if match is None or int(header[match.end("name") + 1 :] or 0) > _HIGHEST_PORT:
        return None
    name = match["name"].lower()
    if name in _LOOPBACK:
        return Host(name, is_loopback=True, bucket=None)
    if name.endswith(_LOCALHOST):
        return Host(name, is_loopback=True, bucket=name.removesuffix(_LOCALHOST))
    virtual = _BUCKET.fullmatch(name)
    return Host(name, is_loopback=False, bucket=virtual["bucket"] if virtual else None)
