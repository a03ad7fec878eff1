"""Servers that send one byte at a time: --timeout limits the whole response, and the TLS handshake before it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import pytest

from tests.control_plane.clients import KEY, MESH, ca_file, server_files
from tests.support import Authority
from toolkit.control_plane.client import ControlPlane, ControlPlaneError
from toolkit.control_plane.connection import Access

if TYPE_CHECKING:
    from pathlib import Path

INDEX = b'{"product": "Kong Mesh", "version": "2.13.1"}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(INDEX) + INDEX
# What is sent at once, before the bytes that come one by one.
HEADERS = b"HTTP/1.1 200 OK\r\nX-Y: "
STATUS = b"HTTP/1.1 2"
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
ENDLESS = b"HTTP/1.0 200 OK\r\n\r\n"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n"
# The header of a TLS record of 16384 bytes.
HANDSHAKE = b"\x16\x03\x03\x40\x00"


class Trickling:
    """Accepts connections, answers the first requests of each if told so, and then sends one byte at a time."""

    def __init__(self, begin: bytes, answered: int = 0, tls: tuple[Path, Path] | None = None) -> None:
        self._begin, self._answered = begin, answered
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                with suppress(OSError):
                    self._trickle(accepted)

    def _trickle(self, accepted: socket.socket) -> None:
        with self._context.wrap_socket(accepted, server_side=True) if self._context else accepted as connection:
            for _ in range(self._answered):
                connection.recv(65536)
                connection.sendall(WHOLE)
            connection.recv(65536)
            connection.sendall(self._begin)
            while not self._over.wait(0.05):
                connection.sendall(b"a")


def late(url: str, answered: int = 0, trusted: Path | None = None) -> ControlPlaneError:
    """The error of a request that ends with the timeout."""
    with ControlPlane(Access(url, ca_file=trusted, timeout=1.0), lambda _: None) as control_plane:
        for _ in range(answered):
            control_plane.get_index()
        begun = time.monotonic()
        with pytest.raises(ControlPlaneError, match="did not answer within 1 s") as caught:
            control_plane.put(KEY, MESH)
        assert 0.9 < time.monotonic() - begun < 5
    assert "--control-plane-timeout" in caught.value.hint
    return caught.value


@pytest.mark.parametrize("answered", [0, 1])
@pytest.mark.parametrize("begin", [STATUS, HEADERS, BODY, ENDLESS, CHUNKS])
def test_a_response_that_trickles_ends_with_the_timeout(begin: bytes, answered: int) -> None:
    with Trickling(begin, answered) as server:
        assert late(f"http://127.0.0.1:{server.port}", answered).unsure


@pytest.mark.parametrize("begin", [HEADERS, BODY, ENDLESS])
def test_so_does_one_over_tls(tmp_path: Path, begin: bytes) -> None:
    authority = Authority("Mesh CA")
    with Trickling(begin, tls=server_files(tmp_path, authority)) as server:
        assert late(f"https://127.0.0.1:{server.port}", trusted=ca_file(tmp_path, authority)).unsure


def test_so_does_a_handshake() -> None:
    with Trickling(HANDSHAKE) as server:
        # Nothing was sent yet.
        assert not late(f"https://127.0.0.1:{server.port}").unsure


def test_so_does_a_request_that_nobody_reads() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        access = Access(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=1.0)
        document = {**MESH, "name": "x" * 30_000_000}
        late = pytest.raises(ControlPlaneError, match="did not answer within 1 s")
        with ControlPlane(access, lambda _: None) as control_plane, late as caught:
            control_plane.put(KEY, document)
        assert caught.value.unsure


def test_a_response_in_time_is_read() -> None:
    with Trickling(WHOLE, 3) as server:
        access = Access(f"http://127.0.0.1:{server.port}", timeout=1.0)
        with ControlPlane(access, lambda _: None) as control_plane:
            for _ in range(3):
                assert control_plane.get_index().version == "2.13.1"
                time.sleep(0.6)
