"""Check STS requests; moto then issues the credentials."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from toolkit.sandbox import principals
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.faults import Call, Faults
from toolkit.sandbox.gateway import incoming

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from toolkit.sandbox.principals import Principal

_WEB_IDENTITY = "AssumeRoleWithWebIdentity"
_OPERATIONS = frozenset({"AssumeRole", _WEB_IDENTITY, "GetAccessKeyInfo", "GetCallerIdentity"})
_FORM = "application/x-www-form-urlencoded"


def is_web_identity(environ: WSGIEnvironment) -> bool:
    """Return whether an unsigned request is AssumeRoleWithWebIdentity; restore its body after reading it."""
    plain = environ.get("PATH_INFO") == "/" and not environ.get("QUERY_STRING") and "HTTP_X_AMZ_TARGET" not in environ
    if not plain or environ["REQUEST_METHOD"] != "POST" or not environ.get("CONTENT_TYPE", "").startswith(_FORM):
        return False
    try:
        body = incoming.read_body(environ, incoming.LARGEST_BODY)
    except AwsError:
        return False
    environ |= {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    # moto could read a second Action instead.
    return [value for name, value in fields if name == "Action"] == [_WEB_IDENTITY]


def check(environ: WSGIEnvironment, principal: Principal | None, region: str, faults: Faults) -> None:
    """Check a request, and rewrite it so that moto sees only the checked parameters.

    Args:
        environ: the request.
        principal: the caller; None if the request is not signed.
        region: the region in the request's signature.
        faults: the injected faults.

    Raises:
        AwsError: STS rejects the request.
    """
    parameters = _parameters(environ.get("QUERY_STRING", ""), incoming.read_body(environ, incoming.LARGEST_BODY))
    action = parameters["Action"]
    role = parameters.get("RoleArn", "").rpartition("/")[2] or (principal.role_name if principal else "")
    account = principal.account if principal else principals.read_own_account()
    faults.apply(Call("sts", action, account, region, role))
    if action == _WEB_IDENTITY:
        principals.check_web_identity(parameters)
    elif action == "AssumeRole" and principal is not None:
        principals.check_assume_role(principal, parameters)
    # moto would decompress a body, or read its parts or a header, and act on those.
    for name in ("HTTP_CONTENT_ENCODING", "HTTP_X_AMZ_TARGET", "HTTP_TRANSFER_ENCODING", "wsgi.input_terminated"):
        environ.pop(name, None)
    body = urlencode(parameters).encode()
    environ |= {"REQUEST_METHOD": "POST", "QUERY_STRING": "", "CONTENT_TYPE": _FORM}
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}


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
