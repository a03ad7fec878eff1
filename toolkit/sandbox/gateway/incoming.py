"""Read the parts of a request that decide where it goes: its credential, its `Host` and its body.

Signatures are not checked. Only this module reads a credential before the request is routed, so no two parts of the
sandbox read it differently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

from toolkit.sandbox.aws_error import AwsError

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# AWS Private CA's largest request contains a chain of 2 MiB, base64-encoded.
LARGEST_BODY = 4 * 1024 * 1024

# IAM user guide, "Elements of an AWS API request signature". moto reads the first item, so Credential must be first.
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/[0-9]{8}/(?P<region>[a-z0-9-]+)/(?P<service>[A-Za-z0-9._-]+)"
    r"/aws4_request(?P<rest>(?:\s*,.*)?)",
    re.ASCII,
)
# Credentials of presigned URLs, in Signature Version 4 and in Version 2, which S3 still accepts.
_PRESIGNED = {"X-Amz-Credential", "AWSAccessKeyId"}
# RFC 9110, 7.2: Host = uri-host [ ":" port ]. Of RFC 3986's reg-name, only characters of DNS names and S3 buckets.
_HOST = re.compile(r"(?P<name>\[::1\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::[0-9]{1,5})?", re.IGNORECASE | re.ASCII)
_LOOPBACK = frozenset({"127.0.0.1", "[::1]", "localhost"})
# RFC 6761, 6.3: resolvers answer every name under localhost with the loopback address.
_LOCALHOST = ".localhost"
# Amazon S3 user guide, "Virtual hosting of buckets"; CRL distribution points have the format with a region.
_BUCKET = re.compile(r"(?P<bucket>[a-z0-9_.-]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?", re.ASCII)
_HIGHEST_PORT = 65535


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


def read_claim(environ: WSGIEnvironment) -> Claim | None:
    """Read the credential of a request.

    Args:
        environ: the request.

    Returns:
        The credential, or None if the request is not signed.

    Raises:
        AwsError: ``IncompleteSignatureException``: the credential can't be read, or is in the URL.
    """
    # moto would read a credential in the query too.
    if _PRESIGNED & parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True).keys():
        raise _unreadable("The sandbox does not have presigned URLs; AWS itself has them.")
    header = environ.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    match = _HEADER.fullmatch(header)
    if match is None or "Credential=" in match["rest"]:
        raise _unreadable("The request signature does not conform to AWS standards.")
    return Claim(match["key"], match["region"], match["service"], environ.get("HTTP_X_AMZ_SECURITY_TOKEN"))


def _unreadable(message: str) -> AwsError:
    return AwsError("IncompleteSignatureException", message)


def parse_host(header: str) -> Host | None:
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


def read_body(environ: WSGIEnvironment, limit: int | None = None) -> bytes:
    """Return a request's body.

    Args:
        environ: the request.
        limit: the maximum number of bytes; unlimited by default.

    Raises:
        AwsError: ``IncompleteBody``: the body ended early (Amazon S3 API reference, "Error responses").
            ``SerializationException``: the length or the chunks can't be read. ``RequestEntityTooLargeException``: the
            body is longer than the limit.
    """
    if environ.get("wsgi.input_terminated"):
        # A chunked body has no length; werkzeug joins the chunks.
        try:
            body: bytes = environ["wsgi.input"].read(-1 if limit is None else limit + 1)
        except OSError as error:
            raise AwsError("SerializationException", "The chunks of the request can't be read.") from error
        if limit is not None and len(body) > limit:
            raise _too_large()
        return body
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal()):
        raise AwsError("SerializationException", "The length of the request is not a number.")
    if limit is not None and int(length) > limit:
        raise _too_large()
    body = environ["wsgi.input"].read(int(length))
    if len(body) < int(length):
        raise AwsError("IncompleteBody", "The request has fewer bytes than its Content-Length says.")
    return body


def _too_large() -> AwsError:
    return AwsError("RequestEntityTooLargeException", "The request is too large.", status=413)
