"""A silent or slow client of the sandbox's HTTP server keeps no other client waiting."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.sandbox.by_hand import FORM, ask, identity, scope
from tests.sandbox.conformance.rules_publishing import bucket
from tests.sandbox.conformance.world import World
from toolkit.sandbox.gateway import listener
from toolkit.sandbox.gateway.listener import PatientServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from tests.conftest import TestSandbox

COMMAND = [sys.executable, "-c", "from toolkit.cli import main; main()", "sandbox", "-o", "json"]
BODY = b"Action=GetCallerIdentity&Version=2011-06-15"


def request(more: str = "", length: int = len(BODY)) -> bytes:
    headers = {"Host": "127.0.0.1", "Content-Length": str(length), **scope("sts"), **FORM}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST / HTTP/1.1\r\n{lines}{more}\r\n".encode()


def connect(endpoint_url: str) -> socket.socket:
    address = urlsplit(endpoint_url)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=60)


def read(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture
def command() -> Iterator[str]:
    """A sandbox in a process of its own, which has its own limit of files."""
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    try:
        lines = iter(process.stdout.readline, "}\n")
        yield json.loads("".join([*lines, "}"]))["AWS_ENDPOINT_URL"]
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0


@pytest.mark.slow
@pytest.mark.parametrize("begun", [b"", b"POST / HT", request() + BODY[:-1]], ids=["idle", "head", "body"])
def test_connections_that_say_nothing(command: str, begun: bytes) -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as open_ones:
        for _ in range(min(10_000, limit // 2)):
            connection = open_ones.enter_context(connect(command))
            connection.sendall(begun)
        asking = open_ones.enter_context(connect(command))
        asking.sendall(request() + BODY)
        assert read(asking).startswith(b"HTTP/1.1 200 OK")


def test_they_cost_no_threads(aws: TestSandbox) -> None:
    before = set(threading.enumerate())
    with ExitStack() as open_ones:
        for begun in (b"", b"P", request()[:-2], request(), request() + BODY[:-1]) * 20:
            connection = open_ones.enter_context(connect(aws.endpoint_url))
            connection.sendall(begun)
        assert identity(aws).status == 200
        more = [thread for thread in threading.enumerate() if thread not in before]
        # The request's own thread may not have ended yet.
        assert len(more) <= 1


def test_a_request_piece_by_piece(aws: TestSandbox) -> None:
    with connect(aws.endpoint_url) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        whole = request() + BODY
        for number in range(len(whole)):
            connection.sendall(whole[number : number + 1])
        assert read(connection).startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_waits_to_continue(aws: TestSandbox) -> None:
    with connect(aws.endpoint_url) as connection:
        connection.sendall(request("Expect: 100-continue\r\n"))
        assert connection.recv(len(b"HTTP/1.1 100 Continue\r\n\r\n")) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        # http.server and werkzeug both say it.
        assert read(connection).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").startswith(b"HTTP/1.1 200 OK")


def test_an_answer_in_one_piece(aws: TestSandbox) -> None:
    for _ in range(100):
        with connect(aws.endpoint_url) as connection:
            connection.sendall(request() + BODY)
            answer = connection.recv(65536)
            assert answer.endswith(b"</GetCallerIdentityResponse>")
            assert read(connection) == b""


def test_a_body_that_is_chunked(aws: TestSandbox) -> None:
    world = World(aws)
    name = bucket(world)
    headers = {**scope("s3"), "Transfer-Encoding": "chunked"}
    body = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    with connect(aws.endpoint_url) as connection:
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        connection.sendall(f"PUT /{name}/key HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode() + body)
        assert read(connection).startswith(b"HTTP/1.1 200 OK")
    assert ask(aws, "GET", f"/{name}/key", scope("s3")).body == b"hello world"


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n", b"x\r\n\r\n", b"GET / HTTP/1.1\r\n", b"GET /" + b"x" * 70_000])
def test_no_request_at_all(aws: TestSandbox, sent: bytes) -> None:
    with connect(aws.endpoint_url) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = read(connection)
    assert b"200 OK" not in answer
    assert identity(aws).status == 200


def hello(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


def test_the_oldest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "limit_waiting", lambda: 3)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # A duplicate of the socket goes on listening.
        server = PatientServer(listening, hello)
    url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve)
    thread.start()
    with ExitStack() as open_ones:
        waiting = [open_ones.enter_context(connect(url)) for _ in range(5)]
        # The first two are closed, the others can still ask.
        assert [read(connection) for connection in waiting[:2]] == [b"", b""]
        for connection in waiting[2:]:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read(connection).endswith(b"hello")
        server.shutdown()
        thread.join()
    with pytest.raises(OSError, match="refused"):
        connect(url)


def test_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, most in ((1024, 768), (20_000, 15_000), (resource.RLIM_INFINITY, 20_000), (1_048_576, 20_000)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert listener.limit_waiting() == most
