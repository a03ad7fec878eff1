"""An HTTP proxy in front of the sandbox that replaces the answers to one operation of one zone."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

from tests.verify.wrong_answers import REVOKE, Right, Wrong

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

_HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "date", "server"}
_TRICKLE_SECONDS = 0.05
_SECRETS = re.compile(r"<(SecretAccessKey|SessionToken)>([^<]+)<")


class MeddlingProxy:
    """Forwards everything; what it replaces, the sandbox has answered before, so a certificate is issued.

    A zone is told by the path of its endpoint's URL, or by its role: in the request to assume it, then by the access
    key that came of that.

    Attributes:
        wrong: what to give instead of the right answers.
        victims: whose answers are replaced: the operation, by the path or by a part of the role's name.
        secrets: every secret key and session token that was handed out.
        asked_elsewhere: what came to the other server, whose URL redirects contain.
    """

    def __init__(self, aws: TestSandbox) -> None:
        self.wrong: Wrong | None = None
        self.victims: dict[str, str] = {}
        self.secrets: set[str] = set()
        self.asked_elsewhere: list[bytes] = []
        self._roles: dict[str, str] = {}
        self._aws = urlsplit(aws.endpoint_url)
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._elsewhere = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)]
        self._threads.append(threading.Thread(target=self._watch, daemon=True))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
        self._elsewhere.shutdown(socket.SHUT_RDWR)
        self._elsewhere.close()
        for thread in self._threads:
            thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def replace(self, wrong: Wrong | None, victims: dict[str, str]) -> None:
        self.wrong, self.victims, self._over = wrong, victims, threading.Event()

    def let_go(self) -> None:
        """End what still trickles."""
        self._over.set()

    def _watch(self) -> None:
        while True:
            try:
                connection, _ = self._elsewhere.accept()
            except OSError:
                return
            with connection:
                self.asked_elsewhere.append(connection.recv(65536))

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        request = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        form = {name: values[0] for name, values in parse_qs(request.decode("latin-1")).items()}
        operation = handler.headers.get("X-Amz-Target", "").rpartition(".")[2] or form.get("Action", "")
        zone = handler.path.strip("/") or self._role(handler, form)
        status, headers, body = self._forward(handler, request)
        for _, secret in _SECRETS.findall(body.decode("latin-1")):
            self.secrets.add(secret)
        if (key := re.search(rb"<AccessKeyId>([^<]+)<", body)) is not None:
            self._roles[key[1].decode()] = zone
        wrong = self.wrong
        if wrong is None or operation not in [self.victims[name] for name in self.victims if name in zone]:
            handler.send_response(status)
            for name, value in headers:
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return
        # Who asks again for the same revocation is told that it is done.
        assert status == 200 or operation == REVOKE, body
        handler.close_connection = True
        elsewhere = f"http://localhost:{self._elsewhere.getsockname()[1]}/"
        handler.wfile.write(wrong.make(Right(operation, body, elsewhere)))
        while wrong.trickle and not self._over.wait(_TRICKLE_SECONDS):
            handler.wfile.write(wrong.trickle)
            handler.wfile.flush()

    def _role(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> str:
        key = re.search(r"Credential=([^/]+)/", handler.headers.get("Authorization", ""))
        return form.get("RoleArn") or self._roles.get(key[1] if key else "", "")

    def _forward(self, handler: BaseHTTPRequestHandler, request: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        assert self._aws.hostname
        connection = http.client.HTTPConnection(self._aws.hostname, self._aws.port or 80, timeout=60)
        try:
            headers = {name: value for name, value in handler.headers.items() if name.lower() != "connection"}
            connection.request("POST", "/", request, headers)
            response = connection.getresponse()
            body = response.read()
            kept = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP]
            return response.status, kept, body
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                try:
                    proxy.answer(self)
                except ConnectionError:
                    # The client has had enough of it.
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler
