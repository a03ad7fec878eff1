"""The stand-in control plane with faults on demand, over HTTP or TLS."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.web_server import Handler, Rehearsal
from toolkit.control_plane.resource_keys import Key
from toolkit.mesh.schema.field_types import Spec
from toolkit.mesh.schema.messages import Secret, add_defaults, find_spec_model, read_message
from toolkit.mesh.schema.scoped import SCOPED_KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.control_plane.rehearsal.exchange import Reply, Request
    from toolkit.mesh.schema.versions import Product

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJncm91cHMiOlsibWVzaC1zeXN0ZW06YWRtaW4iXX0.c2lnbmF0dXJl"
ON_KUBERNETES = (
    "On Kubernetes you cannot change the state of Kuma resources with 'kumactl apply' or via the HTTP API."
    " As a best practice, you should always be using 'kubectl apply' instead.\n"
)
ARN = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        reply: is given instead of the true answer.
        hang_up: ``before`` anything is done, ``after`` it was done, or in the ``middle`` of the answer.
        wait: for the end of the test, as a control plane that hangs does.
    """

    reply: Reply | None = None
    hang_up: str = ""
    wait: bool = False


def kept(document: dict[str, Any]) -> dict[str, Any]:
    """A resource as a control plane keeps it, past all checks."""
    meta = {name: document[name] for name in ("type", "mesh", "name", "labels") if document.get(name)}
    if document["type"] in SCOPED_KINDS:
        spec = read_message(find_spec_model(document["type"]), document["spec"])
        return {**meta, "spec": spec, "status": document.get("status", {})}
    if document["type"] == "Secret":
        return {**meta, **read_message(Secret, document)}
    meta.pop("mesh", None)
    spec = read_message(Spec, document)
    add_defaults(spec)
    return {**meta, **spec}


class Faulty(Rehearsal):
    """An empty control plane that goes wrong when it is told to; use it in a ``with`` statement.

    Attributes:
        stand_in: what answers where nothing goes wrong.
        old: answers in the shape of before 2.8.
        prefix: of every path, as Konnect has one; without a slash behind it, it is the path of the index.
        fault: what goes wrong, by the request's number, method and path; may also change things by itself.
        requests: method and path of each request, the first one first.
    """

    def __init__(
        self, product: Product = "kong-mesh", version: str = "2.13.1", token: str = "", tls: Any = None
    ) -> None:
        super().__init__(StandIn(product=product, version=version, token=token), _Handler)
        self.state.clear()
        self.old = False
        self.prefix = ""
        self.fault: Callable[[int, str, str], Fault | None] = lambda _number, _method, _path: None
        self.requests: list[tuple[str, str]] = []
        self._tls: tuple[Path, Path] | None = tls
        self._over = threading.Event()

    def __enter__(self) -> Self:
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        return super().__enter__()

    def __exit__(self, *reasons: object) -> None:
        self._over.set()
        super().__exit__(*reasons)

    @property
    def url(self) -> str:
        return super().url.replace("http:", "https:") if self._tls else super().url

    @property
    def state(self) -> dict[str, dict[str, Any]]:
        """What it has, by path."""
        return self.stand_in.inventory.documents

    @property
    def writes(self) -> list[str]:
        """The paths of the requests that would change something."""
        return [path for method, path in self.requests if method != "GET"]

    def wait(self) -> None:
        self._over.wait(60)

    def put(self, document: dict[str, Any]) -> None:
        """Change something as somebody else would, past all checks."""
        path = Key(document["type"], document.get("mesh") or document["name"], document["name"]).path
        self.state[path] = kept(document)

    def refuse_writes(self, detail: str) -> None:
        self.stand_in.mode, self.stand_in.read_only = "read-only", detail

    def answer(self, request: Request) -> Reply:
        reply = self.stand_in.answer(request._replace(target=self._behind_prefix(request.target)))
        return _as_before_2_8(reply) if self.old and reply.content_type == "application/json" else reply

    def _behind_prefix(self, path: str) -> str:
        if not self.prefix:
            return path
        behind = path.removeprefix(self.prefix)
        return "/no-such-page" if behind in (path, "/") else behind or "/"


def _as_before_2_8(reply: Reply) -> Reply:
    """kumahq/kuma:pkg/core/rest/errors/types/error.go and pkg/api-server/types/index.go, release-2.7."""
    document = json.loads(reply.body)
    if "product" in document:
        document["tagline"] = document.pop("product")
    for name in ("type", "status", "detail", "invalid_parameters") if reply.status >= 400 else ():
        document.pop(name, None)
    return reply._replace(body=json.dumps(document).encode())


class _Handler(Handler):
    def serve(self) -> None:
        faulty: Any = self.server
        faulty.requests.append((self.command, self.path))
        self._fault = faulty.fault(len(faulty.requests), self.command, self.path) or Fault()
        if self._fault.hang_up == "before":
            self._hang_up()
            return
        if self._fault.wait:
            faulty.wait()
        super().serve()

    def answer(self, request: Request) -> Reply:
        faulty: Any = self.server
        reply: Reply = self._fault.reply or faulty.answer(request)
        return reply

    def send(self, reply: Reply) -> None:
        if self._fault.hang_up == "after":
            self._hang_up()
            return
        if self._fault.hang_up != "middle":
            super().send(reply)
            return
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(reply.body) + 1))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(reply.body)
        self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
