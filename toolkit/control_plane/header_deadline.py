"""A limit for the time that the headers of a response take: httpx's timeouts count from one byte to the next."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Events of httpcore (httpcore documentation, "Extensions", "trace").
_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})
_BEGINNINGS = frozenset({"connection.connect_tcp.started", "http11.send_request_headers.started"})
_HEADERS = "http11.receive_response_headers."


class HeaderDeadline:
    """Shuts a connection down when the headers of a response are late. One request at a time.

    Args:
        seconds: for the headers of one response.

    Attributes:
        is_over: whether the last request was ended.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stream: Any = None
        self._timer: threading.Timer | None = None
        self.is_over = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Follow a request; the extension ``trace`` of httpx calls it in the thread that asks."""
        if event in _BEGINNINGS:
            self.is_over = False
        elif event in _CONNECTED:
            # It is kept for later requests, which may use the same connection.
            self._stream = info["return_value"]
        elif event == f"{_HEADERS}started":
            self._timer = threading.Timer(self._seconds, self._end)
            self._timer.daemon = True
            self._timer.start()
        elif event.startswith(_HEADERS) and self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        self.is_over = True
        connection = self._stream.get_extra_info("socket") if self._stream is not None else None
        if isinstance(connection, socket.socket):
            # Not the method of ssl.SSLSocket, which would take the TLS state from the thread that reads.
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
