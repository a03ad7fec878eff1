"""Read the credential of a request: Signature Version 4 in the header, or a presigned URL.

Signatures are not checked. Only this module reads a credential before the request is routed, so no two parts of the
sandbox read it differently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from toolkit.sandbox.aws_error import AwsError

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_SCOPE = r"(?P<key>[^/,\s]+)/[0-9]{8}/(?P<region>[a-z0-9-]+)/(?P<service>[A-Za-z0-9._-]+)/aws4_request"
# IAM user guide, "Elements of an AWS API request signature". moto reads the first item, so Credential must be first.
_HEADER = re.compile(rf"AWS4-HMAC-SHA256\s+Credential={_SCOPE}(?P<rest>(?:\s*,.*)?)", re.ASCII)
_QUERY = re.compile(_SCOPE, re.ASCII)
# Signature Version 2 has no scope. Only S3 still accepts it; botocore uses it for presigned URLs in us-east-1.
_VERSION_2 = "AWSAccessKeyId"


@dataclass(frozen=True)
class Claim:
    """The credential of a request.

    Attributes:
        key_id: the access key ID.
        region: the region in the credential scope.
        service: the signing name in the credential scope: ``acm-pca``, ``monitoring``.
        token: the session token; None if there is none.
    """

    key_id: str
    region: str
    service: str
    token: str | None = None

    @property
    def header(self) -> str:
        """Return the `Authorization` header with this credential and an empty signature."""
        scope = f"{self.key_id}/19700101/{self.region}/{self.service}/aws4_request"
        return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature="


def read(environ: WSGIEnvironment) -> Claim | None:
    """Read the credential of a request.

    Args:
        environ: the request.

    Returns:
        The credential, or None if the request is not signed.

    Raises:
        AwsError: ``IncompleteSignatureException``: the credential can't be read, or the request has two.
    """
    header = environ.get("HTTP_AUTHORIZATION")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    presigned = [*query.get("X-Amz-Credential", ()), *query.get(_VERSION_2, ())]
    if header is None and not presigned:
        return None
    if header is not None:
        match = _HEADER.fullmatch(header)
        # S3 rejects a presigned URL that is sent with a header as well: "Only one auth mechanism allowed".
        if match is None or "Credential=" in match["rest"] or presigned:
            raise _unreadable()
        return Claim(match["key"], match["region"], match["service"], environ.get("HTTP_X_AMZ_SECURITY_TOKEN"))
    if len(presigned) > 1:
        raise _unreadable()
    if _VERSION_2 in query:
        return _version_2(presigned[0], query)
    match = _QUERY.fullmatch(presigned[0])
    if match is None:
        raise _unreadable()
    token = query.get("X-Amz-Security-Token", [None])[0]
    return Claim(match["key"], match["region"], match["service"], token)


def _version_2(key_id: str, query: dict[str, list[str]]) -> Claim:
    if not re.fullmatch(r"[^/,\s]+", key_id):
        raise _unreadable()
    return Claim(key_id, "us-east-1", "s3", query.get("x-amz-security-token", [None])[0])


def _unreadable() -> AwsError:
    return AwsError("IncompleteSignatureException", "The request signature does not conform to AWS standards.")
