"""Serve a stand-in control plane over HTTP on the loopback interface."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.exchange import RefusedError, Reply, Request
from toolkit.network_settings import is_loopback

_LOOPBACK = "127.0.0.1"
# RFC 9110, 7.2.
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.-]+))(?::[0-9]{1,5})?", re.ASCII)
_MAX_BODY = 16 * 1024 * 1024
_LONGEST_PAUSE_SECONDS = 60.0


class Rehearsal(ThreadingHTTPServer):
    """A stand-in control plane on a free port of the loopback interface. It answers until its ``with`` block ends.

    Args:
        stand_in: answers the requests; None for a new stand-in of Kong Mesh.
        handler: reads requests and writes answers.

    Attributes:
        stand_in: answers the requests; tests inspect it.
        connections: the open ones, which are closed at the end.

    Example:
        >>> with Rehearsal(StandIn(product="kuma", mode="global")) as rehearsal:  # doctest: +SKIP
        ...     httpx.get(f"{rehearsal.url}/meshes").json()
    """

    daemon_threads = True

    def __init__(self, stand_in: StandIn | None = None, handler: type[Handler] | None = None) -> None:
        self.stand_in = stand_in or StandIn()
        self.connections: set[socket.socket] = set()
        super().__init__((_LOOPBACK, 0), handler or Handler)

    def __enter__(self) -> Self:
        """Start to answer."""
        thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="control-plane", daemon=True
        )
        thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and close all connections."""
        self.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    @property
    def url(self) -> str:
        """Return its address, for ``--control-plane``."""
        return f"http://{_LOOPBACK}:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore errors of clients that disconnect."""


class Handler(BaseHTTPRequestHandler):
    """Reads requests and writes answers."""

    protocol_version = "HTTP/1.1"
    timeout = _LONGEST_PAUSE_SECONDS
    # Headers and body are written separately. With Nagle's algorithm, the body would wait for an acknowledgement.
    disable_nagle_algorithm = True
    server: Rehearsal

    def setup(self) -> None:
        """Register the connection."""
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        """Remove the connection from the list."""
        with contextlib.suppress(OSError):
            super().finish()
        self.server.connections.discard(self.connection)

    def serve(self) -> None:
        """Answer one request."""
        try:
            self.check()
            body = self.read_body()
        except RefusedError as refused:
            # The body was not read, so the next request can't be read from this connection.
            self.close_connection = True
            self.send(refused.to_reply())
            return
        host, token, kind = (self.headers.get(name, "") for name in ("Host", "Authorization", "Content-Type"))
        self.send(self.answer(Request(self.command, self.path, host, token, kind, body)))

    def answer(self, request: Request) -> Reply:
        """Return the answer to a request."""
        return self.server.stand_in.answer(request)

    def check(self) -> None:
        """Reject a request that a web page may have sent.

        Raises:
            RefusedError: a header is a sign of one.
        """
        hosts, origin = self.headers.get_all("Host", []), self.headers.get("Origin")
        # W3C, "Fetch Metadata Request Headers": an image or a script is fetched without Origin, but with this header.
        # `none` means that the user entered the URL.
        site = self.headers.get("Sec-Fetch-Site", "none")
        if len(hosts) != 1 or not is_own_host(hosts[0]):
            detail = f"The stand-in does not answer the Host {hosts}. Use 127.0.0.1 or localhost."
        elif origin is not None:
            detail = f"The stand-in does not answer web pages (Origin: {origin!r})."
        elif site != "none":
            detail = f"The stand-in does not answer web pages (Sec-Fetch-Site: {site!r})."
        else:
            return
        raise RefusedError(403, "Access Denied", detail)

    def read_body(self) -> bytes:
        """Return the body.

        Raises:
            RefusedError: it is too large, or its size is unknown.
        """
        length = self.headers.get("Content-Length", "0")
        is_known = "Transfer-Encoding" not in self.headers and re.fullmatch(r"[0-9]{1,9}", length, re.ASCII)
        if not is_known or int(length) > _MAX_BODY:
            detail = "The stand-in reads bodies of known size up to 16 MiB."
            raise RefusedError(413, "Request Entity Too Large", detail)
        return self.rfile.read(int(length))

    def send(self, reply: Reply) -> None:
        """Write an answer."""
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(OSError):
                self.wfile.write(reply.body)

    def _serve(self) -> None:
        self.serve()

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Log nothing, because the commands print all messages for the user."""


def is_own_host(header: str) -> bool:
    """Return whether a ``Host`` header names the loopback interface.

    The name of a web page's own server may resolve to 127.0.0.1 (DNS rebinding). Its requests have that name.
    """
    match = _HOST.fullmatch(header)
    return match is not None and is_loopback((match["v6"] or match["name"]).lower())
