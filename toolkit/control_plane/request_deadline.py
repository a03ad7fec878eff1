"""Limit the total time of a request, because httpx's timeouts apply to each read and write.

The time starts when the request is sent. Before that, httpx's own timeouts limit the TCP connection and the whole TLS
handshake (python/cpython:Modules/_ssl.c, _ssl__SSLSocket_do_handshake_impl).
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.values import Value


class _Stream(Protocol):
    """A connection of httpcore (httpcore documentation, "Network Backends")."""

    def get_extra_info(self, info: str) -> object: ...


# Events of httpcore (httpcore documentation, "Extensions", "trace").
_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})
_SENDING = "http11.send_request_headers.started"


class RequestDeadline:
    """Shuts a connection down if the response's headers or body are late. It handles one request at a time.

    Args:
        seconds: time limit for a request and its whole response.

    Attributes:
        is_over: whether the last request reached the limit.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stream: _Stream | None = None
        self._timer: threading.Timer | None = None
        self.is_over = False

    def __enter__(self) -> Self:
        self.is_over = False
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def trace(self, event: str, info: Mapping[str, Value]) -> None:
        """Handle an event of a request. httpx's extension ``trace`` calls it in the request's thread."""
        if event in _CONNECTED:
            # Kept for later requests, which may use the same connection.
            self._stream = info["return_value"]
        elif event == _SENDING:
            # With a proxy, a CONNECT request comes first: restart the timer.
            self._stop()
            self._timer = threading.Timer(self._seconds, self._end)
            self._timer.daemon = True
            self._timer.start()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        self.is_over = True
        connection = self._stream.get_extra_info("socket") if self._stream is not None else None
        if isinstance(connection, socket.socket):
            # Not ssl.SSLSocket.shutdown, which would remove the TLS state from the reading thread.
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
