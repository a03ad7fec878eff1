"""A server that repeats whatever it was sent, in many encodings and in the answers of AWS, Kuma and proxies."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, quote
from xml.sax.saxutils import escape


class Request(NamedTuple):
    """What came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def action(self) -> str:
        """The operation of STS or of AWS Private CA."""
        form = dict(parse_qsl(self.body.decode(errors="replace")))
        return form.get("Action") or self.headers.get("x-amz-target", "").rpartition(".")[2]

    def echo(self) -> str:
        """Everything that may be a secret in it, one value after the other, each in several encodings."""
        values = [value for name, value in self.headers.items() if name in _CONFIDENTIAL]
        values += [value.removeprefix("Basic ").removeprefix("Bearer ") for value in values]
        values += [value for _, value in parse_qsl(self.body.decode(errors="replace"))]
        raw = [self.body.decode(errors="replace"), *values]
        encoded = [
            form
            for value in values
            for form in (
                quote(value, safe=""),
                json.dumps(value),
                repr(value + "\r"),
                base64.b64encode(value.encode()).decode(),
            )
        ]
        return "; ".join([*raw, *encoded])


class Reply(NamedTuple):
    """What goes back."""

    status: int
    body: str
    content_type: str = "text/xml"
    location: str = ""


_CONFIDENTIAL = frozenset({"authorization", "proxy-authorization", "x-amz-security-token"})


Answer = Callable[[Request], Reply]


class EchoServer:
    """Answers on loopback; use it in a ``with`` statement.

    Args:
        answer: what to say to a request.
    """

    def __init__(self, answer: Answer) -> None:
        handler = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news."""


class _Handler(BaseHTTPRequestHandler):
    answer: Answer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = type(self).answer(Request(self.path, headers, body))
        content = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(content)))
        if reply.location:
            self.send_header("Location", reply.location)
        self.end_headers()
        self.wfile.write(content)

    do_GET = _serve  # noqa: N815 - http.server's names, all four
    do_PUT = _serve  # noqa: N815
    do_POST = _serve  # noqa: N815
    do_CONNECT = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _xml(code: str, message: str) -> str:
    return (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        "</Error><RequestId>1</RequestId></ErrorResponse>"
    )


def _result(action: str, content: str) -> str:
    return (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>{content}</{action}Result>'
        f"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
    )


def refuses(request: Request) -> Reply:
    return Reply(403, _xml("AccessDenied", f"you sent {request.echo()}"))


def has_a_strange_code(request: Request) -> Reply:
    return Reply(400, _xml(request.echo(), request.echo()))


def shows_the_canonical_string(request: Request) -> Reply:
    return Reply(403, _xml("SignatureDoesNotMatch", f"{request.echo()} The Canonical String was {request.echo()}"))


def has_a_terminal_in_mind(request: Request) -> Reply:
    return Reply(403, _xml("AccessDenied", f"\u202e\x9b2J\u200b{request.echo()}"))


def is_a_proxy(request: Request) -> Reply:
    return Reply(200, f"<html><h1>{request.echo()}</h1>", "text/html")


def breaks_off(request: Request) -> Reply:
    return Reply(200, _result(request.action, f"<Credentials><SecretAccessKey>{escape(request.echo())}")[:-80])


def redirects(request: Request) -> Reply:
    return Reply(307, request.echo(), "text/plain", f"https://elsewhere.invalid/{quote(request.echo()[:2000])}")


def speaks_json(request: Request) -> Reply:
    return Reply(400, json.dumps({"__type": request.echo(), "message": request.echo()}), "application/x-amz-json-1.1")


def is_somebody_else(request: Request) -> Reply:
    return Reply(200, _result(request.action, f"<Arn>{escape(request.echo())}</Arn>"))


TAKEN_KEY = "CANARYtakenSecretKey/bPxRfiCYzEXAMPLE0815"
TAKEN_TOKEN = "IQoJCANARYtakenSessionToken//of+a/role/0815=="
_AUTHORITY = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"


def gives_credentials_and_repeats_them(request: Request) -> Reply:
    """The secret key is not sent, so a server knows it only if it gave it."""
    if request.action == "AssumeRole":
        keys = (
            f"<Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>{TAKEN_KEY}</SecretAccessKey>"
            f"<SessionToken>{TAKEN_TOKEN}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        )
        return Reply(200, _result("AssumeRole", keys))
    if request.action == "GetCallerIdentity":
        return Reply(403, _xml("AccessDenied", f"{request.echo()} {TAKEN_KEY} {TAKEN_TOKEN[:24]}..."))
    return Reply(400, "{}", "application/x-amz-json-1.1")


def issues_what_it_was_sent(request: Request) -> Reply:
    if request.action == "GetCallerIdentity":
        caller = "arn:aws:sts::123456789012:assumed-role/verifier-zone-1-0a1b2c3/session"
        account = "<UserId>A:session</UserId><Account>123456789012</Account>"
        return Reply(200, _result("GetCallerIdentity", f"<Arn>{caller}</Arn>{account}"))
    if request.action == "AssumeRole":
        return gives_credentials_and_repeats_them(request)
    if request.action == "DescribeCertificateAuthority":
        described = {"Arn": _AUTHORITY, "Status": "ACTIVE", "UsageMode": "GENERAL_PURPOSE", "NotAfter": 4070908800}
        return Reply(200, json.dumps({"CertificateAuthority": described}), "application/x-amz-json-1.1")
    if request.action == "IssueCertificate":
        arn = f"{_AUTHORITY}/certificate/{quote(request.headers.get('x-amz-security-token', ''), safe='')}"
        return Reply(200, json.dumps({"CertificateArn": arn}), "application/x-amz-json-1.1")
    return Reply(400, json.dumps({"__type": request.echo(), "message": request.echo()}), "application/x-amz-json-1.1")


def kuma_refuses(status: int) -> Answer:
    def answer(request: Request) -> Reply:
        said = request.echo()
        document = {
            "status": status,
            "title": said,
            "detail": said,
            "invalid_parameters": [{"field": said, "reason": said}],
        }
        return Reply(status, json.dumps(document), "application/json")

    return answer


def kuma_is_strange(request: Request) -> Reply:
    said = request.echo()
    return Reply(200, json.dumps({"product": said, "version": said, "type": said, "name": said}), "application/json")


def kuma_has_strange_resources(request: Request) -> Reply:
    """A mesh as it should be, and resources in whose texts is what the request had."""
    said = request.echo()
    *_, collection, name = f"//{request.path.partition('?')[0]}".split("/")
    if request.path in ("/", "/config"):
        index = {"product": "Kong Mesh", "version": "2.14.3", "mode": said, "multizone": {"zone": {"name": said}}}
        return Reply(200, json.dumps(index), "application/json")
    if (collection, name) == ("meshes", "default"):
        backends = [{"name": said, "type": "provided", "conf": {"cert": {"inlineString": said}}, said: said}]
        mesh = {"type": "Mesh", "name": "default", "mtls": {"enabledBackend": said, "backends": backends}}
        return Reply(200, json.dumps(mesh), "application/json")
    kinds = {
        "meshidentities": "MeshIdentity",
        "meshtrusts": "MeshTrust",
        "meshtlses": "MeshTLS",
        "meshtrafficpermissions": "MeshTrafficPermission",
        "dataplanes": "Dataplane",
    }
    one = {
        "type": kinds.get(name) or kinds.get(collection) or said,
        "mesh": "default",
        "name": said if name in kinds else name,
        "labels": {"kuma.io/origin": "global", "kuma.io/display-name": said, said: said},
        "spec": {
            "selector": {"dataplane": {"matchLabels": {said: said}}},
            "provider": {"type": said, "extension": {"name": said, "config": {"auth": said, "secretAccessKey": said}}},
            "spiffeID": {"trustDomain": said, "path": said},
            "rules": [{"default": {"allow": [{"spiffeID": {"type": said, "value": said}}]}}],
            "from": [{"targetRef": {"kind": said, "name": said}}],
        },
        "status": {"conditions": [{"type": said, "status": "False", "reason": said, "message": said}]},
        "networking": {"outbound": [{"tags": {"kuma.io/service": said}}]},
    }
    return Reply(200, json.dumps({"items": [one], "next": None} if name in kinds else one), "application/json")


def kuma_has_a_strange_mesh(request: Request) -> Reply:
    said = request.echo()
    if request.path == "/":
        return Reply(200, json.dumps({"product": "Kong Mesh", "version": "2.13.1"}), "application/json")
    name = request.path.rpartition("/")[2]
    mesh = {"type": "Mesh", "name": name, "mtls": {"enabledBackend": said, "backends": [{"name": said, "type": said}]}}
    return Reply(200, json.dumps(mesh), "application/json")
