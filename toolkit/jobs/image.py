"""Check that container images are pinned, so that all runs use the same program.

Source: distribution/reference:reference.go, the grammar of an image's name.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from toolkit.pki.arn import quote

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@sha256:(?P<digest>[0-9a-f]{64}))?",
    re.ASCII,
)
# 255 for the name, 128 for the tag, 71 for the digest, and the separators.
_MAX = 456
_MAX_LABEL = 63
_MEND = "name a version (registry.example/kong-mesh-pca-toolkit:0.1.0), a digest (...@sha256:...), or both"


class Image(NamedTuple):
    """An image that always contains the same program.

    Attributes:
        reference: the image's name, unchanged.
        version: its tag, or the beginning of its digest, as the value of a Kubernetes label.
    """

    reference: str
    version: str


def read_image(text: str) -> Image:
    """Read the name of an image that is pinned by a digest or by a version tag.

    A tag without a digit (``latest``, ``stable``, ``main``) can move, so it is not a version.

    Raises:
        ValueError: the text is not an image name, or the image is not pinned.
    """
    match = _REFERENCE.fullmatch(text) if len(text) <= _MAX else None
    if match is None:
        raise ValueError(f"{quote(text)} is not an image name: {_MEND}")
    tag, digest = match["tag"], match["digest"]
    if digest is None and tag is None:
        raise ValueError(f"{quote(text)} has no tag, so it means latest: {_MEND}")
    if digest is None and not re.search("[0-9]", tag):
        raise ValueError(f"{quote(text)}: the tag {quote(tag)} is not a version, so the image can change: {_MEND}")
    version = (tag or "").strip("._-")[:_MAX_LABEL].rstrip("._-")
    return Image(text, version or f"sha256-{digest[:12]}")
