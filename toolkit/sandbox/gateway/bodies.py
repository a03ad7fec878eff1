"""Read the body of a request as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.sandbox.aws_error import AwsError

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# AWS Private CA's largest request contains a chain of 2 MiB, base64-encoded.
LIMIT = 4 * 1024 * 1024


def read(environ: WSGIEnvironment, limit: int | None = None) -> bytes:
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
