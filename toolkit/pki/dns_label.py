"""Check DNS labels: Kuma accepts them as names of meshes and zones, and Kubernetes as names of namespaces."""

from __future__ import annotations

import re

FORM = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


def check_dns_label(value: str) -> str:
    """Return the value if it is a DNS label (RFC 1123).

    Raises:
        ValueError: it is not a DNS label.
    """
    if not FORM.fullmatch(value):
        raise ValueError("must be 1 to 63 lower-case letters, digits and hyphens, not starting or ending with a hyphen")
    return value
