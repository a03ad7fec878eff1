"""What stands before moto: acm-pca, RAM and Pod Identity are answered here, and who may become which role decided."""

from __future__ import annotations

import io
import os
import socket
import struct
import uuid
from contextlib import nullcontext
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape

from moto.utilities.utils import get_partition

from toolkit.sandbox import organizations, principals
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.faults import Call, ConnectionLostError, Faults
from toolkit.sandbox.gateway import bodies, signature
from toolkit.sandbox.private_ca import Caller, PrivateCaService, Response, protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from toolkit.sandbox.gateway import rest
    from toolkit.sandbox.gateway.signature import Claim
    from toolkit.sandbox.principals import Principal

_TARGET_PREFIX = "ACMPrivateCA."
_SCOPE = "acm-pca"
# smithy.io, "Smithy RPC v2 CBOR protocol": the operation stands in the path, not in X-Amz-Target.
_CBOR_PATH = "/service/ACMPrivateCA/operation/"
_STS = frozenset({"AssumeRole", "AssumeRoleWithWebIdentity", "GetAccessKeyInfo", "GetCallerIdentity"})
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
        keeping: what our own services do happens inside it, and their answers go out after it.
    """

    def __init__(
        self,
        private_ca: PrivateCaService,
        behind: WSGIApplication,
        services: Sequence[rest.RestService] = (),
        faults: Faults | None = None,
        keeping: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._private_ca = private_ca
        self._behind = behind
        self._services = services
        self.faults = faults or Faults()
        self._keeping = keeping

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        try:
            return self._serve(environ, start_response)
        except ConnectionLostError as lost:
            _reset(environ)
            # werkzeug takes it for a client that went away, and sends nothing.
            raise ConnectionResetError from lost

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        claim = signature.read(environ)
        if _is_private_ca(environ, claim):
            response = self._answer(environ, claim)
        elif (found := self._find(environ, claim)) is not None:
            response = self._answer_rest(environ, claim, *found)
        elif claim is None or claim.service == "sts":
            refused = self._check_sts(environ, claim)
            if refused is None:
                return self._behind(environ, start_response)
            response = refused
        else:
            return self._behind(environ, start_response)
        phrase = "OK" if response.error_type is None else "Error"
        start_response(f"{response.status} {phrase}", list(response.headers))
        return [response.body]

    def _answer(self, environ: WSGIEnvironment, claim: Claim | None) -> Response:
        path = environ.get("PATH_INFO", "/")
        cbor = path.startswith(_CBOR_PATH)
        target = _TARGET_PREFIX + path.removeprefix(_CBOR_PATH) if cbor else environ.get("HTTP_X_AMZ_TARGET", "")
        try:
            _require_right_address(environ, claim, cbor=cbor)
            caller, body = self._receive(environ, claim, _SCOPE, target.removeprefix(_TARGET_PREFIX))
            with self._keeping():
                return self._private_ca.handle(caller, target, body, cbor=cbor)
        except AwsError as error:
            return protocol.refusal(error, cbor=cbor)

    def _find(self, environ: WSGIEnvironment, claim: Claim | None) -> tuple[rest.RestService, rest.Call] | None:
        """The service of ours that a request is for, and the operation; None for those that moto answers."""
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        for service in self._services:
            if claim is not None and claim.service != service.name:
                continue
            call = service.find(method, path)
            if call is not None and (service.answers(call) or service.name not in _SHARED_WITH_MOTO):
                return service, call
        return None

    def _answer_rest(
        self,
        environ: WSGIEnvironment,
        claim: Claim | None,
        service: rest.RestService,
        call: rest.Call,
    ) -> Response:
        try:
            caller, body = self._receive(environ, claim, service.name, call.operation.name)
            with self._keeping():
                return service.handle(caller, call, environ.get("QUERY_STRING", ""), body)
        except AwsError as error:
            return protocol.refusal(error)

    def _receive(
        self, environ: WSGIEnvironment, claim: Claim | None, service: str, operation: str
    ) -> tuple[Caller, bytes]:
        """Who asks one of our own services, and the request's body, unless something goes wrong on purpose."""
        who, region = _principal(claim), _region(claim)
        body = bodies.read(environ, _MAX_BODY)
        self.faults.apply(Call(service, operation, who.account, region, who.role_name))
        partition = get_partition(region)
        organization = organizations.identifier(who.account, partition)
        return Caller(who.account, region, partition, who.authorize, organization), body

    def _check_sts(self, environ: WSGIEnvironment, claim: Claim | None) -> Response | None:
        """Refuse what STS refuses; None when it may go on, with what was checked and nothing else."""
        try:
            body = bodies.read(environ, _MAX_BODY)
            parameters = _parameters(environ.get("QUERY_STRING", ""), body)
            action = parameters["Action"]
            who = _principal(claim) if claim is not None else None
            role = parameters.get("RoleArn", "").rpartition("/")[2] or (who.role_name if who else "")
            account = who.account if who else principals.own_account()
            self.faults.apply(Call("sts", action, account, _region(claim), role))
            if action == "AssumeRoleWithWebIdentity":
                principals.check_web_identity(parameters)
            elif action == "AssumeRole" and who is not None:
                principals.check_assume_role(who, parameters)
        except AwsError as error:
            return _sts_refusal(error)
        _hand_on(environ, parameters)
        return None


def _is_private_ca(environ: WSGIEnvironment, claim: Claim | None) -> bool:
    """Whether a request is for AWS Private CA by any sign; moto, which has one too, never gets such a request."""
    return (
        environ.get("PATH_INFO", "/").startswith(_CBOR_PATH)
        or environ.get("HTTP_X_AMZ_TARGET", "").lower().startswith(_TARGET_PREFIX.lower())
        or (claim is not None and claim.service == _SCOPE)
    )


def _require_right_address(environ: WSGIEnvironment, claim: Claim | None, *, cbor: bool) -> None:
    """Refuse requests to AWS Private CA that are not in one of its two protocols.

    Raises:
        AwsError: ``InvalidSignatureException`` or ``UnknownOperationException``.
    """
    if claim is not None and claim.service != _SCOPE:
        # IAM user guide, "Troubleshoot Signature Version 4 signing", "Credential scope errors".
        message = f"Credential should be scoped to correct service: '{_SCOPE}'."
        raise AwsError("InvalidSignatureException", message, status=403)
    # JSON 1.1 has its operations at / alone; CBOR asks for a header as well as for a path.
    known = environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor" if cbor else environ.get("PATH_INFO", "/") == "/"
    if environ["REQUEST_METHOD"] != "POST" or not known:
        raise AwsError("UnknownOperationException", "The requested operation is not recognized by the service.")


def _principal(claim: Claim | None) -> Principal:
    if claim is None:
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)
    return principals.principal(claim.key_id, claim.token, principals.own_account(), get_partition(claim.region))


def _parameters(query: str, body: bytes) -> dict[str, str]:
    """Read what a request asks STS for; it may stand in the URL and in the body.

    Raises:
        AwsError: ``MalformedQueryString``: a name comes twice, and moto might read the other value.
            ``InvalidAction``: for the others moto would give out credentials, whoever asks.
    """
    pairs = parse_qsl(f"{query}&{body.decode('utf-8', 'replace')}", keep_blank_values=True)
    found = dict(pairs)
    if len(found) < len(pairs):
        raise AwsError("MalformedQueryString", "A parameter comes twice.")
    if found.get("Action") not in _STS:
        raise AwsError("InvalidAction", f"The sandbox does not have {found.get('Action', '')!r} of STS.")
    return found


def _hand_on(environ: WSGIEnvironment, parameters: dict[str, str]) -> None:
    """Let moto see what was checked: it would decompress a body, read its parts or a header, and act on those."""
    for name in ("HTTP_CONTENT_ENCODING", "HTTP_X_AMZ_TARGET", "HTTP_TRANSFER_ENCODING", "wsgi.input_terminated"):
        environ.pop(name, None)
    body = urlencode(parameters).encode()
    environ |= {"REQUEST_METHOD": "POST", "QUERY_STRING": "", "CONTENT_TYPE": "application/x-www-form-urlencoded"}
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}


def _region(claim: Claim | None) -> str:
    return claim.region if claim else ""


def _reset(environ: WSGIEnvironment) -> None:
    """Close the connection with a reset instead of an end, as a broken path does."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # close() would wait for the server's own file objects on the same socket; detached, nothing can use the
    # descriptor after it is closed here.
    os.close(connection.detach())


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
