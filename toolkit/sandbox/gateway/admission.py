"""Who may reach the sandbox: clients with its keys, on this machine. Web pages and strangers are rejected.

Everything here is decided before a request reaches a service, moto in particular.
"""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from moto.utilities.utils import get_partition

from toolkit.sandbox import principals
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.gateway import crl_objects, hosts, refusals, signature
from toolkit.sandbox.gateway.moto_services import SERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from toolkit.sandbox.gateway.signature import Claim
    from toolkit.sandbox.private_ca.registry import Registry

_log = logging.getLogger(__name__)
# moto routes these by path, whatever the service: its own API and the metadata of EC2 instances
# (moto/moto_server/werkzeug_app.py, DomainDispatcherApplication.get_application).
_OF_MOTO = ("/moto-api", "/favicon.ico", "/latest/meta-data", "/latest/api")
# S3 Control is signed as s3; all its paths begin with this (botocore s3control/2018-08-20/service-2.json).
_S3_CONTROL = "/v20180820/"
# Services of the query and JSON protocols have the path / alone (smithy.io, "AWS query protocol", "AWS JSON").
# Others that share their signing name have other paths (botocore: iam-toolbox, eventbridgev2).
_AT_ROOT = frozenset({"events", "iam", "organizations", "sns", "sts"})
# These have their operation in the parameter Action alone ("AWS query protocol").
_QUERY = frozenset({"iam", "sns", "sts"})
_ACCOUNT_HEADER = "HTTP_X_MOTO_ACCOUNT_ID"
# STS API reference: the largest parameters are a token of 20,000 characters and policies of 2,048.
_LONGEST_FORM = 128 * 1024
_FORM = "application/x-www-form-urlencoded"
_WEB_IDENTITY = "AssumeRoleWithWebIdentity"
_READING = ("GET", "HEAD")


class Gate:
    """A WSGI application that rejects what the sandbox must not answer, and passes on the rest.

    Args:
        inside: answers the requests that pass.
        registry: the CAs; their CRLs are public.
    """

    def __init__(self, inside: WSGIApplication, registry: Registry) -> None:
        self._inside = inside
        self._registry = registry

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        claim: Claim | None = None
        try:
            _reject_web_pages(environ)
            claim = signature.read(environ)
            crl = self._find_crl(environ) if claim is None else None
            if crl is not None:
                # Amazon S3 user guide: the type of an object that was given none.
                headers = [("Content-Type", "binary/octet-stream"), ("Content-Length", str(len(crl)))]
                start_response("200 OK", headers)
                return [] if environ["REQUEST_METHOD"] == "HEAD" else [crl]
            _require_own_host(environ)
            _require_listed(environ, claim)
            _require_known(environ, claim)
            _sign_in_header(environ, claim)
            return self._inside(environ, _without_cors(start_response))
        except AwsError as error:
            refused = error
        except OSError:
            # The connection: a fault has reset it, or the client went away.
            raise
        except Exception:  # noqa: BLE001 - a traceback must never reach the client, whatever the defect
            _log.exception("%s %s failed", environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/"))
            refused = AwsError("InternalFailure", "The sandbox has a defect.", 500)
        response = refusals.answer(refused, environ, claim.service if claim else None)
        start_response(f"{response.status} Error", list(response.headers))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [response.body]

    def _find_crl(self, environ: WSGIEnvironment) -> bytes | None:
        """The public CRL that an unsigned request asks for."""
        host = hosts.parse(environ.get("HTTP_HOST", ""))
        if host is None or environ["REQUEST_METHOD"] not in _READING or environ.get("QUERY_STRING"):
            return None
        return crl_objects.find(self._registry, host, environ.get("PATH_INFO", ""))


def _reject_web_pages(environ: WSGIEnvironment) -> None:
    """Reject what a browser sends for a page.

    Raises:
        AwsError: ``AccessDeniedException``.
    """
    if "HTTP_ORIGIN" in environ:
        raise _denied(f"The sandbox does not answer web pages (Origin: {environ['HTTP_ORIGIN']!r}).")
    # W3C, "Fetch Metadata Request Headers": an image or a script is fetched without Origin, but with this header.
    # `none` is what a person typed.
    if environ.get("HTTP_SEC_FETCH_SITE", "none") != "none":
        raise _denied(f"The sandbox does not answer web pages (Sec-Fetch-Site: {environ['HTTP_SEC_FETCH_SITE']!r}).")
    if environ["REQUEST_METHOD"] == "OPTIONS":
        raise _denied("The sandbox does not answer OPTIONS: web pages can't use it.")


def _require_own_host(environ: WSGIEnvironment) -> None:
    header = environ.get("HTTP_HOST", "")
    host = hosts.parse(header)
    if host is None or not (host.is_loopback or (host.bucket and crl_objects.has_bucket(host.bucket))):
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


def _require_known(environ: WSGIEnvironment, claim: Claim | None) -> None:
    """Reject access keys that the sandbox has not made, and requests without any.

    Raises:
        AwsError: AWS's error for that.
    """
    account = environ.get(_ACCOUNT_HEADER)
    if account is not None and (
        claim is None or not principals.is_administrator(claim.key_id) or not _is_account(account)
    ):
        raise _denied("Only the sandbox's administrator can act as another account, of twelve digits.")
    if claim is not None:
        principals.principal(claim.key_id, claim.token, principals.own_account(), get_partition(claim.region))
    elif not _is_web_identity(environ):
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)


def _is_account(text: str) -> bool:
    return re.fullmatch(r"[0-9]{12}", text, re.ASCII) is not None


def _is_web_identity(environ: WSGIEnvironment) -> bool:
    """Whether an unsigned request is AssumeRoleWithWebIdentity; its body is read and put back."""
    plain = environ.get("PATH_INFO") == "/" and not environ.get("QUERY_STRING") and "HTTP_X_AMZ_TARGET" not in environ
    if not plain or environ["REQUEST_METHOD"] != "POST" or not environ.get("CONTENT_TYPE", "").startswith(_FORM):
        return False
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return False
    if not 0 < length <= _LONGEST_FORM:
        return False
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    # A second Action could be the one that somebody behind this reads.
    return [value for name, value in fields if name == "Action"] == [_WEB_IDENTITY]


def _sign_in_header(environ: WSGIEnvironment, claim: Claim | None) -> None:
    """Put the credential, as it was read here, where every reader behind this finds it and no other."""
    if claim is None:
        return
    # moto takes the last that looks like a key, even from the signature (moto/core/responses.py, access_key_regex).
    presigned = "HTTP_AUTHORIZATION" not in environ
    environ["HTTP_AUTHORIZATION"] = claim.header
    if not presigned:
        return
    kept = [part for part in environ.get("QUERY_STRING", "").split("&") if not _PRESIGNED.match(part)]
    environ["QUERY_STRING"] = "&".join(kept)
    if claim.token is not None:
        environ["HTTP_X_AMZ_SECURITY_TOKEN"] = claim.token


# S3 API reference, "Authenticating requests: using query parameters", and version 2's own.
_PRESIGNED = re.compile(
    r"(?:X-Amz-(?:Algorithm|Credential|Date|Expires|SignedHeaders|Signature|Security-Token)"
    r"|x-amz-security-token|AWSAccessKeyId|Signature|Expires)="
)


def _without_cors(start_response: StartResponse) -> Callable[..., Any]:
    """Leave out the headers with which moto lets every web page read its answers (flask-cors)."""

    def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:  # noqa: ANN401 - WSGI's own
        kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
        return start_response(status, kept, *more)

    return started


def _denied(message: str) -> AwsError:
    return AwsError("AccessDeniedException", message, status=403)
