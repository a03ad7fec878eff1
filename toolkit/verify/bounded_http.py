"""Limit the responses that AWS clients read: their size, their duration, and their form.

botocore reads a body of any size and at any speed, because its timeouts apply to each read. Slow headers can't be
limited here: the runner gives up on a zone that waits for them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError, ResponseStreamingError

from toolkit.values import Object, Value
from toolkit.verify.aws_responses import NoAnswerError, check_response

if TYPE_CHECKING:
    import boto3

    # botocore has no types for its HTTP session, its responses and its endpoints.

MAX_BODY = 16 * 1024 * 1024
READ_TIMEOUT_SECONDS = 20.0
# An answer just after the deadline may name an issued certificate. Shorter than the runner's own grace period.
_LATE_SECONDS = 1.0
_CHUNK = 64 * 1024


class BoundedSession:
    """Send requests through botocore's own session, and read the bodies within a time limit.

    Args:
        session: botocore's session, with its proxies, CA bundle and connections.

    Attributes:
        deadline: the time of :func:`time.monotonic` until which all requests must end. If it is None, each request has
            ``READ_TIMEOUT_SECONDS``.
    """

    def __init__(self, session: Value) -> None:
        self._session = session
        self.deadline: float | None = None

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Send a request and read its response.

        Raises:
            BotoCoreError: no complete response arrived in time.
            NoAnswerError: the response is too long or compressed.
        """
        asked: Value = request
        # Without this, the session itself reads the whole body.
        asked.stream_output = True
        now = time.monotonic()
        until = (now + READ_TIMEOUT_SECONDS if self.deadline is None else self.deadline) + _LATE_SECONDS
        left = min(READ_TIMEOUT_SECONDS, max(until - now, _LATE_SECONDS))
        asked.context = {**(getattr(asked, "context", None) or {}), "read_timeout": left}
        response = self._session.send(request)
        try:
            body = _read(response, until)
        except BaseException:
            # The rest of the body must not be read as the next response.
            response.raw.close()
            raise
        return AWSResponse(response.url, response.status_code, response.headers, _Read(body))


def _read(response: Value, until: float) -> bytes:
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        # The request doesn't accept compression. Expanding it could exceed the limit.
        raise NoAnswerError("it is compressed, which the request does not accept")
    body = bytearray()
    while chunk := _next(response, until):
        body += chunk
        if len(body) > MAX_BODY:
            raise NoAnswerError(f"it is longer than {MAX_BODY // 1024**2} MiB")
        if time.monotonic() > until:
            raise ReadTimeoutError(endpoint_url=response.url, error="the body is still coming")
    length = response.headers.get("content-length", "")
    # Chunks have lengths of their own.
    if "transfer-encoding" not in response.headers and length.isdecimal() and int(length[:20]) > len(body):
        raise ResponseStreamingError(error=f"{len(body)} of {length[:20]} bytes came")
    return bytes(body)


def _next(response: Value, until: float) -> bytes:
    """Return the next bytes of the body; empty at its end."""
    try:
        return response.raw.read1(_CHUNK) or b""
    except Exception as error:  # noqa: BLE001 - urllib3 and http.client have a dozen classes for a broken connection
        if time.monotonic() > until or "Timeout" in type(error).__name__:
            raise ReadTimeoutError(endpoint_url=response.url, error=type(error).__name__) from None
        raise ResponseStreamingError(error=type(error).__name__) from None


class _Read:
    """A body that was already read, with the interface that botocore reads a body by."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        """Yield the body."""
        yield self._body


class BoundedClient:
    """Mixin for botocore's client classes; see :func:`watch`."""

    _endpoint: Value

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        # botocore has no option for its HTTP session.
        self._endpoint.http_session = BoundedSession(self._endpoint.http_session)

    def end_by(self, deadline: float) -> None:
        """Set the deadline of all requests, on the clock of :func:`time.monotonic`."""
        self._endpoint.http_session.deadline = deadline


def watch(session: boto3.Session) -> None:
    """Limit the responses of all clients of a session, including clients that botocore makes to get credentials.

    This uses boto3's events to extend clients and to see responses (boto3 guide, "Extensibility guide").
    """

    def add(base_classes: list[type], **_: object) -> None:
        base_classes.insert(0, BoundedClient)

    def check(operation_model: Value, response_dict: Object, **_: object) -> None:
        check_response(
            operation_model.service_model.resolved_protocol,
            has_output=operation_model.output_shape is not None,
            status=response_dict["status_code"],
            body=response_dict["body"],
        )

    session.events.register("creating-client-class", add)
    session.events.register("before-parse", check)
