"""Check requests to the sandbox, and route each to one of the sandbox's own services or to moto.

Clients on this machine with the sandbox's keys are allowed. Requests of web pages and of unknown clients are rejected
before they reach a service, moto in particular.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from toolkit.sandbox import faults, organizations, principals
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.faults import ConnectionLostError, Faults
from toolkit.sandbox.gateway import incoming, refusals, sts
from toolkit.sandbox.gateway.moto_services import SERVED
from toolkit.sandbox.principals import Principal
from toolkit.sandbox.private_ca import revocation
from toolkit.sandbox.services import Call, Caller, Response, Service, refuse

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

    from toolkit.sandbox.gateway.incoming import Claim
    from toolkit.sandbox.private_ca.registry import Registry

_log = logging.getLogger(__name__)
# moto routes these paths before it looks at the service: its own API and the metadata of EC2 instances
# (moto/moto_server/werkzeug_app.py, DomainDispatcherApplication.get_application).
_OF_MOTO = ("/moto-api", "/favicon.ico", "/latest/meta-data", "/latest/api")
# S3 Control is signed as s3; all its paths begin with this (botocore s3control/2018-08-20/service-2.json).
_S3_CONTROL = "/v20180820/"
# Services with the query and JSON protocols only use the path / (smithy.io, "AWS query protocol", "AWS JSON").
# Other services with the same signing name have other paths (botocore: iam-toolbox, eventbridgev2).
_AT_ROOT = frozenset({"events", "iam", "organizations", "sns", "sts"})
# These name their operation only in the parameter Action ("AWS query protocol").
_QUERY = frozenset({"iam", "sns", "sts"})
_ACCOUNT_HEADER = "HTTP_X_MOTO_ACCOUNT_ID"
_READING = ("GET", "HEAD")


class Gate:
    """Reject disallowed requests, and route the others to their service. It is a WSGI application.

    Args:
        own: the services that the sandbox implements itself.
        moto: serves the other services.
        registry: the CAs, whose CRLs are public.
        faults: returns the injected faults; called for each request.
        keeping: returns a context that commits the state when it ends. The sandbox's own services run inside it, and
            their response is sent after it.
    """

    def __init__(
        self,
        own: Sequence[Service],
        moto: WSGIApplication,
        registry: Registry,
        faults: Callable[[], Faults],
        keeping: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._own = own
        self._moto = moto
        self._registry = registry
        self._faults = faults
        self._keeping = keeping

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        claim: Claim | None = None
        try:
            _reject_web_pages(environ)
            claim = incoming.read_claim(environ)
            response = self._route(environ, claim)
            if response is None:
                return self._moto(environ, _without_cors(start_response))
        except AwsError as error:
            response = refusals.refuse(error, environ, claim.service if claim else None)
        except ConnectionLostError as lost:
            _reset(environ)
            # werkzeug handles this as a closed connection and sends nothing.
            raise ConnectionResetError from lost
        except OSError:
            # The client closed the connection.
            raise
        except Exception:  # noqa: BLE001 - a traceback must never reach the client, whatever the defect
            _log.exception("%s %s failed", environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/"))
            defect = AwsError("InternalFailure", "The sandbox has a defect.", 500)
            response = refusals.refuse(defect, environ, claim.service if claim else None)
        start_response(f"{response.status} {'Error' if response.error_type else 'OK'}", list(response.headers))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [response.body]

    def _route(self, environ: WSGIEnvironment, claim: Claim | None) -> Response | None:
        """Return a public CRL, or the response of the sandbox's own service; None if moto serves the request.

        Raises:
            AwsError: the request is rejected before it reaches a service, or STS rejects it.
        """
        crl = self._find_crl(environ) if claim is None else None
        if crl is not None:
            # Amazon S3 user guide: the default type of an object.
            return Response(200, crl, content_type="binary/octet-stream")
        _require_own_host(environ)
        _require_listed(environ, claim)
        principal = _identify(environ, claim)
        if claim is None or principal is None:
            sts.check(environ, None, "", self._faults())
            return None
        for service in self._own:
            call = service.find(environ, claim.service)
            if call is not None:
                return self._ask(service, call, environ, claim, principal)
        if claim.service == "sts":
            sts.check(environ, principal, claim.region, self._faults())
        return None

    def _ask(
        self, service: Service, call: Call, environ: WSGIEnvironment, claim: Claim, principal: Principal
    ) -> Response:
        """Return the response of one of the sandbox's own services."""
        account, partition = principal.account, get_partition(claim.region)
        try:
            body = incoming.read_body(environ, incoming.LARGEST_BODY)
            event = faults.Call(service.name, call.operation, account, claim.region, principal.role_name)
            self._faults().apply(event)
            organization = organizations.find_id(account, partition)
            caller = Caller(account, claim.region, partition, principal.authorize, organization)
            with self._keeping():
                return service.handle(caller, call, body)
        except AwsError as error:
            return refuse(error, call.content_type)

    def _find_crl(self, environ: WSGIEnvironment) -> bytes | None:
        """Return the public CRL that an unsigned request asks for; None if it asks for none."""
        host = incoming.parse_host(environ.get("HTTP_HOST", ""))
        if host is None or environ["REQUEST_METHOD"] not in _READING or environ.get("QUERY_STRING"):
            return None
        bucket, key = host.bucket, environ.get("PATH_INFO", "").removeprefix("/")
        if host.is_loopback and bucket is None:
            bucket, _, key = key.partition("/")
        return revocation.find_public(list(self._registry.authorities.values()), host.name, bucket, key)


def _reject_web_pages(environ: WSGIEnvironment) -> None:
    """Reject requests that a browser sends for a web page.

    Raises:
        AwsError: ``AccessDeniedException``.
    """
    if "HTTP_ORIGIN" in environ:
        raise _denied(f"The sandbox does not answer web pages (Origin: {environ['HTTP_ORIGIN']!r}).")
    # W3C, "Fetch Metadata Request Headers": an image or a script is fetched without Origin, but with this header.
    # `none` means that the user entered the URL.
    if environ.get("HTTP_SEC_FETCH_SITE", "none") != "none":
        raise _denied(f"The sandbox does not answer web pages (Sec-Fetch-Site: {environ['HTTP_SEC_FETCH_SITE']!r}).")
    if environ["REQUEST_METHOD"] == "OPTIONS":
        raise _denied("The sandbox does not answer OPTIONS: web pages can't use it.")


def _require_own_host(environ: WSGIEnvironment) -> None:
    header = environ.get("HTTP_HOST", "")
    host = incoming.parse_host(header)
    if host is None or not (host.is_loopback or host.bucket in s3_backends.bucket_accounts):
        raise _denied(f"The sandbox does not answer the Host {header!r}. Use 127.0.0.1 or localhost.")


def _require_listed(environ: WSGIEnvironment, claim: Claim | None) -> None:
    """Reject services that the sandbox does not have, by signing name or path.

    Raises:
        AwsError: ``InvalidAction``, or ``AccessDeniedException`` for moto's own API.
    """
    path = environ.get("PATH_INFO", "/")
    if path.startswith(_OF_MOTO):
        raise _denied(f"The sandbox does not serve {path!r}.")
    if claim is None:
        return
    service = claim.service
    if service == "s3" and path.startswith(_S3_CONTROL):
        service = "s3-control"
    if service not in SERVED:
        has = ", ".join(sorted(SERVED))
        raise AwsError("InvalidAction", f"The sandbox does not have the service {service!r}. Its services: {has}.")
    if service in _AT_ROOT and path != "/":
        raise AwsError("InvalidAction", f"The sandbox does not have {path!r} of {service}. Its path is '/'.")
    if service in _QUERY and "HTTP_X_AMZ_TARGET" in environ:
        raise AwsError("InvalidAction", f"The sandbox does not have X-Amz-Target in requests to {service}.")


def _identify(environ: WSGIEnvironment, claim: Claim | None) -> Principal | None:
    """Return the principal of a request; None for a request that needs no credential.

    The credential is written back to the request, so that moto reads exactly this one.

    Raises:
        AwsError: the access key is unknown, expired or missing.
    """
    account = environ.get(_ACCOUNT_HEADER)
    if account is not None and (
        claim is None
        or claim.key_id != principals.ADMINISTRATOR_KEY
        or not re.fullmatch(r"[0-9]{12}", account, re.ASCII)
    ):
        raise _denied("Only the sandbox's administrator can act as another account, of twelve digits.")
    if claim is None:
        if not sts.is_web_identity(environ):
            raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)
        return None
    principal = _find_principal(claim, get_partition(claim.region))
    # moto takes the last match of its key pattern, even from the signature (moto/core/responses.py, access_key_regex).
    environ["HTTP_AUTHORIZATION"] = claim.header
    return principal


def _find_principal(claim: Claim, partition: str) -> Principal:
    if claim.key_id == principals.ADMINISTRATOR_KEY:
        account = principals.read_own_account()
        return Principal(account, f"arn:{partition}:iam::{account}:root")
    for number in list(sts_backends):
        session = sts_backends[number][partition].get_assumed_role_from_access_key(claim.key_id)
        if session is None:
            continue
        if session.session_token != claim.token:
            break
        if session.expiration.replace(tzinfo=UTC) <= datetime.now(UTC):
            raise AwsError("ExpiredTokenException", "The security token included in the request is expired")
        return Principal(session.account_id, session.arn, session.role_arn, getattr(session, principals.TAGS, {}))
    for backends in list(iam_backends.values()):
        key = backends[partition].access_keys.get(claim.key_id)
        if key is not None and key.user_name is not None and key.status == "Active":
            user = backends[partition].users.get(key.user_name)
            if user is not None:
                return Principal(user.account_id, user.arn, is_user=True)
    raise AwsError("UnrecognizedClientException", "The security token included in the request is invalid.")


def _without_cors(start_response: StartResponse) -> StartResponse:
    """Remove the headers with which moto lets every web page read its responses (flask-cors)."""

    def start(
        status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
        return start_response(status, kept, exc_info)

    return start


def _reset(environ: WSGIEnvironment) -> None:
    """Close the connection with a TCP reset, as a broken network path does."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # close() would wait for the server's file objects on the same socket. A detached descriptor can be closed at once.
    os.close(connection.detach())


def _denied(message: str) -> AwsError:
    return AwsError("AccessDeniedException", message, status=403)
