"""Check STS requests; moto then issues the credentials."""

from __future__ import annotations

import io
import uuid
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape

from toolkit.sandbox import principals
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.faults import Call, Faults
from toolkit.sandbox.gateway import bodies
from toolkit.sandbox.services import Response

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from toolkit.sandbox.principals import Principal

_OPERATIONS = frozenset({"AssumeRole", "AssumeRoleWithWebIdentity", "GetAccessKeyInfo", "GetCallerIdentity"})


def check(environ: WSGIEnvironment, principal: Principal | None, region: str, faults: Faults) -> Response | None:
    """Return the error of a request that STS rejects.

    Args:
        environ: the request; rewritten so that moto sees only the checked parameters.
        principal: the caller; None if the request is not signed.
        region: the region in the request's signature.
        faults: the injected faults.

    Returns:
        The error; None if moto may serve the request.
    """
    try:
        parameters = _parameters(environ.get("QUERY_STRING", ""), bodies.read(environ, bodies.LIMIT))
        action = parameters["Action"]
        role = parameters.get("RoleArn", "").rpartition("/")[2] or (principal.role_name if principal else "")
        account = principal.account if principal else principals.read_own_account()
        faults.apply(Call("sts", action, account, region, role))
        if action == "AssumeRoleWithWebIdentity":
            principals.check_web_identity(parameters)
        elif action == "AssumeRole" and principal is not None:
            principals.check_assume_role(principal, parameters)
    except AwsError as error:
        return _refuse(error)
    # moto would decompress a body, or read its parts or a header, and act on those.
    for name in ("HTTP_CONTENT_ENCODING", "HTTP_X_AMZ_TARGET", "HTTP_TRANSFER_ENCODING", "wsgi.input_terminated"):
        environ.pop(name, None)
    body = urlencode(parameters).encode()
    environ |= {"REQUEST_METHOD": "POST", "QUERY_STRING": "", "CONTENT_TYPE": "application/x-www-form-urlencoded"}
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    return None


def _parameters(query: str, body: bytes) -> dict[str, str]:
    """Read the parameters of a request from its URL and its body.

    Raises:
        AwsError: ``MalformedQueryString``: a name occurs twice, and moto might read the other value.
            ``InvalidAction``: for other operations moto would issue credentials to everyone.
    """
    pairs = parse_qsl(f"{query}&{body.decode('utf-8', 'replace')}", keep_blank_values=True)
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise AwsError("MalformedQueryString", "A parameter occurs twice.")
    if parameters.get("Action") not in _OPERATIONS:
        raise AwsError("InvalidAction", f"The sandbox does not have {parameters.get('Action', '')!r} of STS.")
    return parameters


def _refuse(error: AwsError) -> Response:
    """Return an error in STS's protocol, the query protocol."""
    # STS has its own names for unknown and expired credentials (STS API reference, common errors).
    code = {"UnrecognizedClientException": "InvalidClientTokenId", "ExpiredTokenException": "ExpiredToken"}
    text = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{escape(code.get(error.code, error.code))}</Code><Message>{escape(error.message)}</Message></Error>"
        f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )
    return Response(error.status, text.encode(), error.code, content_type="text/xml")
