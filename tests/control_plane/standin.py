"""A control plane for tests: real HTTP on loopback, Kuma's rules for Meshes and Secrets, and faults on demand.

Sources: kumahq/kuma:pkg/api-server/resource_endpoints.go (the order of the checks, the texts), index_endpoints.go,
pkg/core/rest/errors/error_handler.go, pkg/core/resources/apis/mesh/mesh_validator.go and
pkg/core/managers/apis/mesh/mesh_validator.go. Of Kong Mesh's closed backends only what its documentation says.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import unquote

from tests.control_plane.go_durations import in_seconds
from tests.mesh.protobuf import NoMessageError, round_trip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJncm91cHMiOlsibWVzaC1zeXN0ZW06YWRtaW4iXX0.c2lnbmF0dXJl"
ON_KUBERNETES = (
    "On Kubernetes you cannot change the state of Kuma resources with 'kumactl apply' or via the HTTP API."
    " As a best practice, you should always be using 'kubectl apply' instead.\n"
)
ON_A_ZONE = (
    "On zone control plane you can only modify zone resources with 'kumactl apply' or via the HTTP API."
    " You can still use 'kumactl' or the HTTP API to modify the rest of the resource on the global control plane.\n"
)
_RESOURCE = re.compile(r"/meshes/(?P<mesh>[^/]+)(?:/secrets/(?P<secret>[^/]+))?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_EXPIRATION = re.compile(r"\d+(y|w|d|h|m|s|ms)|0")
_BUILT_IN = frozenset({"builtin", "provided"})
_OF_KONG_MESH = frozenset({"acmpca", "vault", "certmanager"})
_META = frozenset({"type", "name", "mesh", "labels", "creationTime", "modificationTime", "kri"})


@dataclass(frozen=True)
class Reply:
    """An answer as it goes out."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


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


class RefusalError(Exception):
    """An error in Kuma's shape."""

    def __init__(self, status: int, title: str, detail: str, *fields: tuple[str, str]) -> None:
        super().__init__(detail)
        self.status = status
        named = [{"field": name, "reason": reason} for name, reason in fields]
        self.document: dict[str, Any] = {
            "type": "/std-errors",
            "status": status,
            "title": title,
            "detail": detail,
            **({"invalid_parameters": named} if named else {}),
            "details": detail,
            **({"causes": [{"field": name, "message": reason} for name, reason in fields]} if named else {}),
        }


@dataclass
class StandIn:
    """The control plane; use it in a ``with`` statement.

    Attributes:
        product: ``Kong Mesh``, or ``Kuma``, which knows one backend a mesh and its own types alone.
        read_only: the text with which it refuses every write.
        token: what a user has to show, if anything.
        old: answers in the shape, and with the status, of before 2.8.
        fault: what goes wrong, by the request's number, method and path; may also change things by itself.
        state: what it has, by path.
        requests: method and path of each request, the first one first.
    """

    product: str = "Kong Mesh"
    version: str = "2.13.1"
    read_only: str = ""
    token: str = ""
    old: bool = False
    tls: tuple[Path, Path] | None = None
    fault: Callable[[int, str, str], Fault | None] = lambda _number, _method, _path: None
    state: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._connections: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"standin": self}))
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    @property
    def writes(self) -> list[str]:
        """The paths of the requests that would change something."""
        return [path for method, path in self.requests if method != "GET"]

    def wait(self) -> None:
        self._over.wait(60)

    def put(self, document: dict[str, Any]) -> None:
        """Change something as somebody else would, past all checks."""
        path = f"/meshes/{document.get('mesh') or document['name']}"
        if document["type"] == "Secret":
            path += f"/secrets/{document['name']}"
        self.state[path] = self._kept(document)

    def answer(self, method: str, path: str, token: str, body: bytes) -> Reply:
        """What a request comes to."""
        try:
            return self._answer(method, path, token, body)
        except RefusalError as refusal:
            document = dict(refusal.document)
            if self.old:
                for name in ("type", "status", "detail", "invalid_parameters"):
                    document.pop(name, None)
            return Reply(refusal.status, json.dumps(document).encode())

    def _answer(self, method: str, path: str, token: str, body: bytes) -> Reply:
        if path == "/":
            names = {"tagline": self.product} if self.old else {"tagline": self.product, "product": self.product}
            return _json(
                200, {"hostname": "cp", **names, "version": self.version, "instanceId": "cp-1", "clusterId": "c"}
            )
        found = _RESOURCE.fullmatch(path)
        if found is None and not path.startswith("/mesh-insights/"):
            return Reply(404, b"404: Page Not Found", "text/plain")
        if self.token and token != f"Bearer {self.token}":
            raise RefusalError(401, "Invalid authentication data" if token else "Unauthenticated", "authenticate first")
        if found is None:
            # What it sees of a mesh's proxies is what a test put there.
            if path not in self.state:
                raise RefusalError(404, "Could not retrieve a resource", "Not found")
            return _json(200, self.state[path])
        mesh, secret = unquote(found["mesh"]), unquote(found["secret"] or "")
        if method == "PUT":
            if self.read_only:
                raise RefusalError(405, "Method not Allowed", self.read_only)
            return self._put(path, mesh, secret, body)
        if path not in self.state:
            raise RefusalError(404, "Could not retrieve a resource", "Not found")
        return _json(200, {**self.state[path], "creationTime": "2026-01-01T00:00:00Z", "kri": "kri_x"})

    def _put(self, path: str, mesh: str, secret: str, body: bytes) -> Reply:
        if secret and f"/meshes/{mesh}" not in self.state and not self.old:
            raise RefusalError(404, "Failed to retrieve Mesh", "Not found")
        try:
            document = json.loads(body)
            kept = self._kept(document)
        except (ValueError, NoMessageError) as error:
            kind = "Secret" if secret else "Mesh"
            raise RefusalError(400, "Bad Request", f'invalid {kind} object: "{error}"') from error
        self._valid_request(document, mesh, secret)
        if secret and f"/meshes/{mesh}" not in self.state:
            raise RefusalError(
                400, "Could not create a resource", "Mesh is not found", ("mesh", f"mesh of name {mesh} is not found")
            )
        if not secret:
            self._valid_mesh(mesh, kept)
        is_new = path not in self.state
        self.state[path] = kept
        warnings = ["mtls is deprecated"] if "mtls" in kept else []
        return _json(201 if is_new else 200, {"warnings": warnings}) if warnings else Reply(201 if is_new else 200)

    def _kept(self, document: dict[str, Any]) -> dict[str, Any]:
        meta = {name: document[name] for name in ("type", "mesh", "name") if document.get(name)}
        labels = {"kuma.io/origin": "global", **document.get("labels", {})}
        if document.get("type") == "Secret":
            value = base64.b64decode(document.get("data", ""))
            return {**meta, "labels": labels, "data": base64.b64encode(value).decode()}
        meta.pop("mesh", None)
        spec = {name: value for name, value in document.items() if name not in _META}
        spec = _as_go_writes(round_trip(in_seconds(spec)))
        for backend in spec.get("metrics", {}).get("backends", []):
            if backend.get("type") == "prometheus":
                backend["conf"] = _prometheus(backend.get("conf", {}))
        return {**meta, "labels": labels, **spec}

    @staticmethod
    def _valid_request(document: dict[str, Any], mesh: str, secret: str) -> None:
        wrong = [
            (name, f"{name} from the URL has to be the same as in body")
            for name, value in (("name", secret or mesh), ("type", "Secret" if secret else "Mesh"), ("mesh", mesh))
            if document.get(name) != value and (name != "mesh" or secret)
        ]
        if not _NAME.fullmatch(secret or mesh):
            wrong.append(("name", "invalid characters. A lowercase RFC 1123 subdomain must consist of ..."))
        if wrong:
            raise RefusalError(400, "Could not process a resource", "Resource is not valid", *wrong)

    def _valid_mesh(self, name: str, mesh: dict[str, Any]) -> None:
        mtls = mesh.get("mtls", {})
        backends, before = mtls.get("backends", []), self.state.get(f"/meshes/{name}", {}).get("mtls", {})
        names = [backend.get("name", "") for backend in backends]
        wrong = [("name", "cannot be longer than 63 characters")] if len(name) > 63 else []
        if self.product == "Kuma" and len(backends) > 1:
            wrong.append(("mtls.backends", "cannot have more than 1 backends"))
        wrong += [
            (f"mtls.backends[{index}].name", f'"{one}" name is already used for another backend')
            for index, one in enumerate(names)
            if one in names[:index]
        ]
        if (enabled := mtls.get("enabledBackend", "")) and enabled not in names:
            wrong.append(("mtls.enabledBackend", "has to be set to one of the backends in the mesh"))
        wrong += [
            ("mtls.dpcert.rotation.expiration", "has to be a valid format")
            for backend in backends
            if "dpCert" in backend
            and not _EXPIRATION.fullmatch(backend["dpCert"].get("rotation", {}).get("expiration", ""))
        ]
        if mesh.get("routing", {}).get("zoneEgress") and not enabled:
            wrong.append(("mtls", "has to be set when zoneEgress enabled"))
        if not wrong:
            if self.product == "Kuma" and before.get("enabledBackend", enabled) != enabled and enabled:
                reason = "Changing CA when mTLS is enabled is forbidden. Disable mTLS first and then change the CA"
                wrong.append(("mtls.enabledBackend", reason))
            wrong += self._wrong_backends(name, mtls)
        if wrong:
            raise RefusalError(400, "Could not update a resource", "Resource is not valid", *wrong)

    def _wrong_backends(self, mesh: str, mtls: dict[str, Any]) -> Iterator[tuple[str, str]]:
        known = _BUILT_IN | (_OF_KONG_MESH if self.product != "Kuma" else set())
        for index, backend in enumerate(mtls.get("backends", [])):
            path = f"mtls.backends[{index}]"
            if backend.get("type") not in known:
                yield f"{path}.type", "could not find installed plugin for this type"
                return
            if mtls.get("skipValidation"):
                continue
            conf = backend.get("conf", {})
            for name in {"acmpca": ("arn", "caCert"), "provided": ("cert", "key")}.get(backend["type"], ()):
                if not conf.get(name):
                    yield f"{path}.conf.{name}", "has to be defined"
            for name, source in conf.items():
                secret = source.get("secret") if isinstance(source, dict) else None
                if secret and f"/meshes/{mesh}/secrets/{secret}" not in self.state:
                    reason = f'could not load data: Resource not found: type="Secret" name="{secret}" mesh="{mesh}"'
                    yield f"{path}.conf.{name}", reason


def _json(status: int, document: dict[str, Any]) -> Reply:
    return Reply(status, json.dumps(document).encode())


def _as_go_writes(value: Any) -> Any:
    """Go writes a whole number without a point, Python does not."""
    if isinstance(value, dict):
        return {name: _as_go_writes(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_as_go_writes(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _prometheus(conf: dict[str, Any]) -> dict[str, Any]:
    """kumahq/kuma:pkg/core/resources/apis/mesh/mesh_defaulter.go."""
    typed = round_trip(conf, "PrometheusConf")
    typed.setdefault("tls", {"mode": "disabled"} if typed.get("skipMTLS") else {})
    if typed["tls"].get("mode") == "providedTLS":
        typed.pop("skipMTLS", None)
    return {"port": 5670, "path": "/metrics", "tags": {"kuma.io/service": "dataplane-metrics"}, **typed}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news."""


class _Handler(BaseHTTPRequestHandler):
    standin: ClassVar[StandIn]
    protocol_version = "HTTP/1.1"
    # Head and body leave in two pieces, and the second would wait for the first to be acknowledged.
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.standin._connections.add(self.connection)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.standin._connections.discard(self.connection)

    def do_GET(self) -> None:
        self._serve("GET")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        standin, path = self.standin, self.path
        standin.requests.append((method, path))
        fault = standin.fault(len(standin.requests), method, path) or Fault()
        if fault.hang_up == "before":
            self._hang_up()
            return
        if fault.wait:
            standin.wait()
        reply = fault.reply or standin.answer(method, path, self.headers.get("Authorization", ""), body)
        if fault.hang_up == "after":
            self._hang_up()
            return
        self._send(reply, is_cut=fault.hang_up == "middle")

    def _send(self, reply: Reply, *, is_cut: bool) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body) + is_cut))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(reply.body)
        if is_cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
