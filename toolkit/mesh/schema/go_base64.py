"""Base64 as Go's standard encoding reads it, and therefore Kubernetes and Kuma.

Sources: golang/go:src/encoding/base64/base64.go; golang/protobuf:jsonpb/decode.go; measured with Go 1.26.
"""

from __future__ import annotations

import base64


def decode(text: str) -> bytes | None:
    """Return the bytes of a base64 text; None if it is not base64.

    Go skips line ends, requires padding, and rejects the URL alphabet.
    """
    try:
        return base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except ValueError:
        return None
