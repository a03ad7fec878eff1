"""The embedded AWS: moto's server on a free port of the loopback, with our own AWS Private CA in front.

moto answers IAM, STS, S3 and the rest; every call to acm-pca goes to :mod:`toolkit.sandbox.private_ca`,
because moto's own acm-pca ignores key algorithm, validity, templates and state.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, Self

import boto3
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.base_backend import BackendDict
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.utilities.utils import get_partition
from werkzeug.serving import make_server

from toolkit.errors import SurroundingsError
from toolkit.sandbox.private_ca import Caller, PrivateCaService, Response, protocol
from toolkit.sandbox.private_ca.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_LOOPBACK = "127.0.0.1"
_TARGET_PREFIX = "ACMPrivateCA."
# Authorization: AWS4-HMAC-SHA256 Credential=<key id>/<date>/<region>/acm-pca/aws4_request, ... (SigV4).
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[a-z0-9-]+)/acm-pca/aws4_request")
# The largest request AWS Private CA takes is a chain of 2 MiB, base64-encoded.
_MAX_BODY = 4 * 1024 * 1024
# moto's state belongs to the process, so there can be one sandbox in it at a time.
_only_one = threading.Lock()

ACCOUNT = DEFAULT_ACCOUNT_ID


class PrivateCaInFront:
    """A WSGI application that answers acm-pca itself and passes everything else on."""

    def __init__(self, private_ca: PrivateCaService, behind: WSGIApplication) -> None:
        self._private_ca = private_ca
        self._behind = behind

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if not target.startswith(_TARGET_PREFIX):
            return self._behind(environ, start_response)
        response = self._answer(environ, target)
        start_response(_status_line(response.status), list(response.headers))
        return [response.body]

    def _answer(self, environ: WSGIEnvironment, target: str) -> Response:
        credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        if credential is None:
            return _refusal("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > _MAX_BODY:
            return _refusal("RequestEntityTooLargeException", "Request is too large", 413)
        region = credential["region"]
        caller = Caller(account=get_account_id_from(credential["key"]), region=region, partition=get_partition(region))
        return self._private_ca.handle(caller, target, environ["wsgi.input"].read(length))


def _refusal(code: str, message: str, status: int) -> Response:
    return protocol.refusal(AwsError(code, message, status))


def _status_line(status: int) -> str:
    return f"{status} {'OK' if status < 400 else 'Error'}"  # noqa: PLR2004 - HTTP's own border of errors


class Sandbox:
    """An AWS that lives as long as its ``with`` block.

    Attributes:
        private_ca: the service, for tests that look inside.

    Example:
        >>> with Sandbox() as aws:  # doctest: +SKIP
        ...     aws.session("eu-central-1").client("sts").get_caller_identity()
    """

    def __init__(self, private_ca: PrivateCaService | None = None) -> None:
        self.private_ca = private_ca or PrivateCaService()
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start to listen.

        Raises:
            SurroundingsError: another sandbox runs in this process, or the loopback has no free port.
        """
        if not _only_one.acquire(blocking=False):
            raise SurroundingsError("a sandbox already runs in this process", "Use that one, or a second process.")
        try:
            self._start()
        except BaseException:
            _only_one.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop to listen and forget everything."""
        try:
            self._server.shutdown()
            self._server.server_close()
            if self._thread:
                self._thread.join()
            _forget_everything()
        finally:
            _only_one.release()

    @property
    def endpoint_url(self) -> str:
        """Where it listens, in the form that ``AWS_ENDPOINT_URL`` and ``--endpoint-url`` take."""
        host, port = self._server.server_address[:2]
        return f"http://{host}:{port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point an AWS client at the sandbox; the keys open nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
        }

    @property
    def credentials(self) -> tuple[str, str]:
        """Access key and secret of the sandbox's administrator."""
        return self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"]

    def session(self, region: str) -> boto3.Session:
        """An administrator's session in the sandbox's account; give its clients :attr:`endpoint_url`."""
        return boto3.Session(
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=region,
        )

    def _start(self) -> None:
        _forget_everything()
        app = PrivateCaInFront(self.private_ca, DomainDispatcherApplication(create_backend_app))
        try:
            self._server = make_server(_LOOPBACK, 0, app, threaded=True, request_handler=_QuietRequestHandler)
        except OSError as error:
            raise SurroundingsError(f"can't listen on {_LOOPBACK}: {error.strerror or error}") from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="sandbox", daemon=True)
        self._thread.start()


class _QuietRequestHandler(MotoRequestHandler):  # type: ignore[misc] # moto is not typed, see pyproject.toml
    """Says nothing about every single request; what people should see, the commands tell them."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def _forget_everything() -> None:
    """Empty moto's process-wide state, so that no sandbox sees another's roles."""
    BackendDict.reset()
