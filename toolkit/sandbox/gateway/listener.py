"""Serve HTTP for the sandbox, with a thread per connection that starts when the request has arrived.

werkzeug's own server starts a thread as soon as a connection is open, so many idle connections exhaust the machine.
"""

from __future__ import annotations

import io
import re
import selectors
import socket
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from _typeshed import WriteableBuffer

# RFC 9112, 2.2: an empty line ends the head, and a recipient may accept a bare LF as a line end.
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r?\n", re.IGNORECASE)
# RFC 9110, 10.1.1: the client waits for 100 Continue before it sends its body. The thread sends that.
_EXPECT = re.compile(rb"\nexpect:", re.IGNORECASE)
# The selector also waits for bodies up to this size: every request except uploads to S3.
_LONGEST_BODY = 64 * 1024
# http.server accepts lines of 64 KiB. A longer head is handed over, and rejected there.
_LONGEST_HEAD = 64 * 1024
_AT_ONCE = 64 * 1024
# The longest pause of a client that sends its body, or reads its response, slowly.
_LONGEST_PAUSE_SECONDS = 60.0
_MOST_WAITING = 20_000
# Windows has no file limit to query, and its select() supports 512 sockets.
_WITHOUT_LIMIT = 256


@dataclass
class _Waiting:
    address: object
    received: bytearray
    # The number of bytes to wait for; 0 until the head is complete.
    needed: int = 0


class PatientServer(ThreadedWSGIServer):
    """Serve an application on a listening socket.

    Connections wait in a selector until the head of their request is complete, and its body unless it is long. If too
    many connections wait, the oldest is closed, so that a new one can always be accepted.

    Args:
        listener: the socket; the server uses a duplicate of it.
        application: serves the requests.
    """

    def __init__(self, listener: socket.socket, application: WSGIApplication) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(host, port, application, _RequestHandler, fd=listener.fileno())
        self.socket.settimeout(0)
        self._selector = selectors.DefaultSelector()
        self._waiting: dict[socket.socket, _Waiting] = {}
        self._heads: dict[socket.socket, bytes] = {}
        self._stop, self._stopped = socket.socketpair()
        self._most = limit_waiting()

    def serve(self) -> None:
        """Serve until :meth:`shutdown` is called."""
        self._selector.register(self.socket, selectors.EVENT_READ)
        self._selector.register(self._stopped, selectors.EVENT_READ)
        try:
            while True:
                ready = [key.fileobj for key, _ in self._selector.select()]
                if self._stopped in ready:
                    return
                for ready_socket in ready:
                    if ready_socket is self.socket:
                        self._accept()
                    elif isinstance(ready_socket, socket.socket) and ready_socket in self._waiting:
                        self._receive(ready_socket)
        finally:
            for connection in list(self._waiting):
                self._drop(connection)
            self._selector.close()
            self._stopped.close()
            self.server_close()

    def shutdown(self) -> None:
        """Tell the server to stop; it has stopped when its thread ends."""
        self._stop.close()

    def take_head(self, connection: socket.socket) -> bytes:
        """Return and forget the bytes that were read from a connection before its thread started."""
        return self._heads.pop(connection)

    def _accept(self) -> None:
        try:
            connection, address = self.socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:
            # No file descriptor is left.
            if self._waiting:
                self._drop(next(iter(self._waiting)))
            else:
                # The selector would report the listener again at once. Wait until a thread has closed its connection.
                time.sleep(0.01)
            return
        connection.settimeout(0)
        self._waiting[connection] = _Waiting(address, bytearray())
        self._selector.register(connection, selectors.EVENT_READ)
        if len(self._waiting) > self._most:
            self._drop(next(iter(self._waiting)))

    def _receive(self, connection: socket.socket) -> None:
        waiting = self._waiting[connection]
        try:
            received = connection.recv(_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._drop(connection)
            return
        # The end of the head may be split between two reads.
        start = max(0, len(waiting.received) - len(b"\n\r"))
        waiting.received += received
        if not waiting.needed:
            end = _END_OF_HEAD.search(waiting.received, start)
            if end is not None:
                waiting.needed = end.end() + _length_of_body(bytes(waiting.received[: end.end()]))
            elif len(waiting.received) > _LONGEST_HEAD:
                waiting.needed = len(waiting.received)
        if waiting.needed and len(waiting.received) >= waiting.needed:
            self._hand_over(connection, waiting.address, bytes(waiting.received))

    def _hand_over(self, connection: socket.socket, address: object, head: bytes) -> None:
        self._forget(connection)
        connection.settimeout(None)
        self._heads[connection] = head
        try:
            self.process_request(connection, address)
        except RuntimeError:
            # threading: can't start new thread.
            del self._heads[connection]
            self.shutdown_request(connection)

    def _forget(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._waiting[connection]

    def _drop(self, connection: socket.socket) -> None:
        self._forget(connection)
        connection.close()


def _length_of_body(head: bytes) -> int:
    """Return how many bytes of the body to wait for; 0 if the thread must read it."""
    match = _LENGTH.search(head)
    length = int(match[1]) if match and not _EXPECT.search(head) else 0
    return length if length <= _LONGEST_BODY else 0


def limit_waiting() -> int:
    """Return how many connections may wait: three quarters of the process's limit of open files."""
    if sys.platform == "win32":
        return _WITHOUT_LIMIT
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_WAITING if limit == resource.RLIM_INFINITY else min(_MOST_WAITING, limit * 3 // 4)


class _Resumed(io.RawIOBase):
    """A connection's bytes from the start: those read before the thread started, then the rest."""

    def __init__(self, head: bytes, rest: io.RawIOBase) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if not self._head:
            return self._rest.readinto(buffer)
        view = memoryview(buffer)
        size = min(len(view), len(self._head))
        view[:size] = self._head[:size]
        self._head = self._head[size:]
        return size

    def close(self) -> None:
        # The socket closes with its last file object.
        self._rest.close()
        super().close()


class _RequestHandler(MotoRequestHandler):  # type: ignore[misc] # moto is not typed, see pyproject.toml
    """Serves one request without logging it; the commands print messages for users."""

    rfile: io.BufferedReader
    timeout = _LONGEST_PAUSE_SECONDS
    # Send head and body together. The AWS SDK for Go may lose a body that arrives after the head of a fast response
    # (aws/smithy-go: transport/http/client.go closes the request, which net/http may still read), and then retries.
    # Responses longer than the 4 KiB that net/http reads at once can still be lost.
    wbufsize = io.DEFAULT_BUFFER_SIZE

    def setup(self) -> None:
        """Start with the bytes that the server has already read."""
        super().setup()
        self.rfile = io.BufferedReader(_Resumed(self.server.take_head(self.connection), self.rfile.detach()))

    def handle_expect_100(self) -> bool:
        """Send 100 Continue at once."""
        proceed: bool = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def connection_dropped(self, _error: BaseException, _environ: WSGIEnvironment | None = None) -> None:
        """Don't read another request from a connection that a fault has reset."""
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""
