"""A limit for the time that one request takes: httpx's timeouts count from one byte to the next.

It begins when the request is sent. Before that, httpx's own timeouts limit the TCP connection, and the TLS handshake as
a whole (python/cpython:Modules/_ssl.c, _ssl__SSLSocket_do_handshake_impl).
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
    """A connection as httpcore has it (httpcore documentation, "Network Backends")."""

    def get_extra_info(self, info: str) -> object: ...


# Events of httpcore (httpcore documentation, "Extensions", "trace").
_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})
_SENDING = "http11.send_request_headers.started"


class RequestDeadline:
    """Shuts a connection down when a response is late, its headers or its body. One request at a time.

    Args:
        seconds: for one request and its whole response.

    Attributes:
        is_over: whether the last request was ended.
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
        """Follow a request; the extension ``trace`` of httpx calls it in the thread that asks."""
        if event in _CONNECTED:
            # It is kept for later requests, which may use the same connection.
            self._stream = info["return_value"]
        elif event == _SENDING:
            # A proxy is sent a request of its own first.
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
            # Not the method of ssl.SSLSocket, which would take the TLS state from the thread that reads.
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
