"""Base64 as Go's standard encoding reads it, and so Kubernetes and Kuma.

Sources: golang/go:src/encoding/base64/base64.go; golang/protobuf:jsonpb/decode.go; measured with Go 1.26.
"""

from __future__ import annotations

import base64


def decode(text: str) -> bytes | None:
    """Return what base64 stands for; None when it is not base64.

    Go skips line ends, needs padding, and knows no alphabet for URLs.
    """
    try:
        return base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except ValueError:
        return None
