"""What stands before moto: acm-pca, RAM and Pod Identity are answered here, and who may become which role decided."""

from __future__ import annotations

import io
import os
import re
import socket
import struct
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.utilities.utils import get_partition

from toolkit.sandbox import access, organizations
from toolkit.sandbox.access import ACCOUNT
from toolkit.sandbox.faults import Call, ConnectionLostError, Faults
from toolkit.sandbox.private_ca import Caller, PrivateCaService, Response, protocol
from toolkit.sandbox.private_ca.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from toolkit.sandbox import rest
    from toolkit.sandbox.access import Principal

_TARGET_PREFIX = "ACMPrivateCA."
# Authorization: AWS4-HMAC-SHA256 Credential=<key id>/<date>/<region>/<service>/aws4_request, ... (SigV4).
_CREDENTIAL = re.compile(
    r"Credential=(?P<key>[^/,\s]+)/[0-9]{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request"
)
# Of these moto answers what is not answered here; of the others nobody does.
_SHARED_WITH_MOTO = ("eks",)
# The largest request AWS Private CA takes is a chain of 2 MiB, base64-encoded.
_MAX_BODY = 4 * 1024 * 1024


class Front:
    """A WSGI application: our own services, our gate before STS, and moto behind both.

    Args:
        private_ca: answers acm-pca.
        behind: answers everything else.
        services: answer those of their operations that they have; moto answers the others of EKS, nobody those of RAM.
        faults: what goes wrong on purpose; may be replaced while requests come.
        record: is given each request that moto answered, its body and the status of the answer.
    """

    def __init__(
        self,
        private_ca: PrivateCaService,
        behind: WSGIApplication,
        services: Sequence[rest.RestService] = (),
        faults: Faults | None = None,
        record: Callable[[WSGIEnvironment, bytes, int], None] | None = None,
    ) -> None:
        self._private_ca = private_ca
        self._behind = behind
        self._services = services
        self.faults = faults or Faults()
        self._record = record

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        try:
            return self._serve(environ, start_response)
        except ConnectionLostError as lost:
            _reset(environ)
            # werkzeug takes it for a client that went away, and sends nothing.
            raise ConnectionResetError from lost

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        if target.startswith(_TARGET_PREFIX):
            response = self._answer(environ, target, credential)
        elif (found := self._find(environ, credential)) is not None:
            response = self._answer_rest(environ, credential, *found)
        elif environ.get("REQUEST_METHOD") == "POST" and (credential is None or credential["service"] == "sts"):
            refused = self._check_sts(environ, credential)
            if refused is None:
                return self._behind(environ, start_response)
            response = refused
        elif self._record is None:
            return self._behind(environ, start_response)
        else:
            return self._recorded(environ, start_response, self._record)
        phrase = "OK" if response.error_type is None else "Error"
        start_response(f"{response.status} {phrase}", list(response.headers))
        return [response.body]

    def _recorded(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        record: Callable[[WSGIEnvironment, bytes, int], None],
    ) -> Iterable[bytes]:
        """Let moto answer, and keep the request if moto took it."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        before = dict(environ)

        def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:  # noqa: ANN401 - WSGI's own
            record(before, body, int(status.split(maxsplit=1)[0]))
            return start_response(status, headers, *more)

        return self._behind(environ, started)

    def _answer(self, environ: WSGIEnvironment, target: str, credential: re.Match[str] | None) -> Response:
        try:
            caller, body = self._receive(environ, credential, "acm-pca", target.removeprefix(_TARGET_PREFIX))
        except AwsError as error:
            return protocol.refusal(error)
        return self._private_ca.handle(caller, target, body)

    def _find(
        self, environ: WSGIEnvironment, credential: re.Match[str] | None
    ) -> tuple[rest.RestService, rest.Call] | None:
        """The service of ours that a request is for, and the operation; None for those that moto answers."""
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        for service in self._services:
            if credential is not None and credential["service"] != service.name:
                continue
            call = service.find(method, path)
            if call is not None and (service.answers(call) or service.name not in _SHARED_WITH_MOTO):
                return service, call
        return None

    def _answer_rest(
        self,
        environ: WSGIEnvironment,
        credential: re.Match[str] | None,
        service: rest.RestService,
        call: rest.Call,
    ) -> Response:
        try:
            caller, body = self._receive(environ, credential, service.name, call.operation.name)
        except AwsError as error:
            return protocol.refusal(error)
        return service.handle(caller, call, environ.get("QUERY_STRING", ""), body)

    def _receive(
        self, environ: WSGIEnvironment, credential: re.Match[str] | None, service: str, operation: str
    ) -> tuple[Caller, bytes]:
        """Who asks one of our own services, and the request's body, unless something goes wrong on purpose."""
        who, region = _principal(environ, credential), _region(credential)
        body = _read(environ)
        self.faults.apply(Call(service, operation, who.account, region, who.role_name))
        partition = get_partition(region)
        organization = organizations.identifier(who.account, partition)
        return Caller(who.account, region, partition, who.authorize, organization), body

    def _check_sts(self, environ: WSGIEnvironment, credential: re.Match[str] | None) -> Response | None:
        """A refusal, or None when STS may go on; the body is put back for it."""
        try:
            body = _read(environ)
            environ["wsgi.input"] = io.BytesIO(body)
            parameters = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
            action = parameters.get("Action", "")
            who = _principal(environ, credential) if credential is not None else None
            role = parameters.get("RoleArn", "").rpartition("/")[2] or (who.role_name if who else "")
            account = who.account if who else ACCOUNT
            self.faults.apply(Call("sts", action, account, _region(credential), role))
            if action == "AssumeRoleWithWebIdentity":
                access.check_web_identity(parameters)
            elif action == "AssumeRole" and who is not None:
                access.check_assume_role(who, parameters)
        except AwsError as error:
            return _sts_refusal(error)
        return None


def _principal(environ: WSGIEnvironment, credential: re.Match[str] | None) -> Principal:
    if credential is None:
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN")
    return access.principal(credential["key"], token, ACCOUNT, get_partition(credential["region"]))


def _region(credential: re.Match[str] | None) -> str:
    return credential["region"] if credential else ""


def _reset(environ: WSGIEnvironment) -> None:
    """Close the connection with a reset instead of an end, as a broken path does."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # close() would wait for the server's own file objects on the same socket; detached, nothing can use the
    # descriptor after it is closed here.
    os.close(connection.detach())


def _read(environ: WSGIEnvironment) -> bytes:
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise AwsError("SerializationException", "The length of the request is not a number.") from error
    if length > _MAX_BODY:
        raise AwsError("RequestEntityTooLargeException", "The request is too large.", status=413)
    return environ["wsgi.input"].read(length) if length > 0 else b""


def _sts_refusal(error: AwsError) -> Response:
    """As STS, which speaks the query protocol, sends it."""
    # STS names credentials that are not known in its own way (STS API reference, common errors).
    code = {"UnrecognizedClientException": "InvalidClientTokenId", "ExpiredTokenException": "ExpiredToken"}
    text = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{escape(code.get(error.code, error.code))}</Code><Message>{escape(error.message)}</Message></Error>"
        f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )
    return Response(error.status, text.encode(), error.code, content_type="text/xml")
