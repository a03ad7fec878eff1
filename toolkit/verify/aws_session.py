"""Make AWS clients from one boto3 session: check credentials and endpoints, register secrets, and log each call.

A log line has the operation, zone, duration and request ID. Parameters and responses are never logged.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.utils import get_environ_proxies

from toolkit import __version__
from toolkit.errors import ExternalError, InvalidInputError, Problem, ToolkitError, flatten
from toolkit.files import read_at_most
from toolkit.network_settings import is_loopback, require_ca_bundle, require_key_log, require_proxy
from toolkit.pki import arn
from toolkit.redaction import check_characters, check_proxies, know, know_all
from toolkit.values import Client, Object, Value
from toolkit.verify import bounded_http
from toolkit.verify.aws_responses import NoAnswerError

if TYPE_CHECKING:
    from toolkit.verify.calls import Caller

_log = logging.getLogger(__name__)

# calls.py does the retries, because it knows the zone's deadline.
CLIENT_CONFIG = Config(
    connect_timeout=5,
    read_timeout=bounded_http.READ_TIMEOUT_SECONDS,
    retries={"total_max_attempts": 1, "mode": "standard"},
    max_pool_connections=2,
    user_agent_extra=f"kong-mesh-pca-toolkit/{__version__}",
)
_SIGN_IN = "Sign in (aws sso login), name a profile with --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
# Clients in this region only resolve endpoints; no call is made.
_ANY_REGION = "us-east-1"
# A key of the context that botocore passes to every handler of one call.
_BEGUN = "toolkit_begun"
# botocore reads these files itself: the service account's token and the EKS Pod Identity token.
_TOKEN_FILES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
_MOST = 64 * 1024
# botocore sends secrets in these parameters to get other secrets (botocore/credentials.py, tokens.py).
_PARAMETERS = ("WebIdentityToken", "SAMLAssertion", "accessToken", "refreshToken", "clientSecret")
_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_FIELDS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


class AwsSession:
    """Makes the clients of all zones from one session, because each session would read botocore's models again.

    Args:
        profile: of the AWS configuration; None for the default credential chain.
        endpoint_url: of the AWS endpoints, such as the sandbox's; None for the configured ones.
        credentials: access key ID and secret access key to use instead of the AWS configuration.

    Attributes:
        endpoints: URLs by service, once :meth:`require_credentials` has checked them.

    Raises:
        ExternalError: the profile does not exist, or the AWS configuration can't be read.
    """

    def __init__(
        self,
        profile: str | None = None,
        endpoint_url: str | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        require_ca_bundle(os.environ)
        require_key_log(os.environ)
        key, secret = credentials or (None, None)
        try:
            self._session: Value = boto3.Session(
                aws_access_key_id=key, aws_secret_access_key=secret, profile_name=profile
            )
        except Exception as error:
            raise _not_loaded(error) from error
        register_secrets(self._session)
        bounded_http.watch(self._session)
        self._endpoint_url = endpoint_url
        self.endpoints: dict[str, str] = {}
        # boto3 sessions are not thread-safe when they make clients (boto3 guide, "Multithreading").
        self._lock = threading.Lock()

    def require_credentials(self) -> None:
        """Check that there are credentials, before any call.

        Raises:
            ExternalError: no credentials were found, or they can't be loaded.
            InvalidInputError: the URL of an endpoint is not valid.
        """
        self.check_endpoints()
        try:
            credentials = self._session.get_credentials()
            require_usable(credentials)
        except ToolkitError:
            raise
        # botocore has a dozen providers, some of which run other programs, so any exception is possible.
        except Exception as error:
            raise _not_loaded(error) from error
        if credentials is None:
            raise ExternalError("there are no AWS credentials", _SIGN_IN)

    def check_endpoints(self) -> None:
        """Check the URLs of the endpoints, from every place they can be set, before any call.

        Raises:
            InvalidInputError: a URL is not valid.
        """
        where = "--endpoint-url" if self._endpoint_url is not None else "AWS_ENDPOINT_URL or the AWS profile"
        for service in ("sts", "acm-pca"):
            try:
                client = self._session.client(
                    service, region_name=_ANY_REGION, endpoint_url=self._endpoint_url, config=CLIENT_CONFIG
                )
                url = client.meta.endpoint_url
                problem = find_endpoint_problem(url)
                client.close()
                self.endpoints[service] = url
                kind = url.partition("://")[0]
                require_proxy(get_environ_proxies(url).get(kind), f"{kind.upper()}_PROXY")
            except ValueError as error:
                problem = flatten(error)
            except BotoCoreError as error:
                raise _not_loaded(error) from error
            if problem:
                raise InvalidInputError(
                    "the URL of the AWS endpoint is not valid",
                    [Problem(where, problem)],
                    "Write http:// or https://, a host, and a port if needed: http://127.0.0.1:4566.",
                )

    def make_client(
        self,
        service: str,
        region: str,
        caller: Caller,
        taken: Mapping[str, str] | None = None,
        config: Config = CLIENT_CONFIG,
    ) -> Client:
        """Make a client with the session's credentials or with those of an assumed role.

        Args:
            service: ``sts`` or ``acm-pca``.
            region: of the service.
            caller: makes the calls; its deadline is the client's.
            taken: the ``Credentials`` of an STS response; None for the session's.
            config: replaces the default configuration.

        Raises:
            BotoCoreError: the configuration is not valid.
            ValueError: the endpoint's URL is not valid.
        """
        keys: Object = {}
        if taken is not None:
            know_all(taken.get("SecretAccessKey"), taken.get("SessionToken"))
            keys = {
                "aws_access_key_id": taken["AccessKeyId"],
                "aws_secret_access_key": taken["SecretAccessKey"],
                "aws_session_token": taken["SessionToken"],
            }
        with self._lock:
            client = self._session.client(
                service, region_name=region, endpoint_url=self._endpoint_url, config=config, **keys
            )
        client.end_by(caller.deadline)
        _log_calls(client, caller.zone)
        return client


def find_endpoint_problem(url: str) -> str:
    """Return the problem with an endpoint's URL; empty if it is valid. botocore itself checks only the host.

    Raises:
        ValueError: the port is not a number, or too large.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{arn.quote(url)} is not an HTTP URL"
    if parts.username is not None or parts.query or parts.fragment:
        return "it must not contain a user, a query or a fragment"
    return "" if parts.port != 0 else "port 0 is not valid"


def is_on_this_machine(url: str) -> bool:
    """Return whether an endpoint is on the loopback interface, as the sandbox's is: AWS is not."""
    return is_loopback(urlsplit(url).hostname or "")


def list_plaintext(urls: Iterable[str]) -> list[str]:
    """Return the endpoints to which credentials are sent unencrypted over a network."""
    return [url for url in urls if urlsplit(url).scheme == "http" and not is_on_this_machine(url)]


def register_secrets(session: boto3.Session) -> None:
    """Register every secret that the session's clients sign with or send, before they use it.

    Raises:
        ExternalError: a proxy's URL is not valid. botocore's own error would show a part of its password.
    """
    if problem := check_proxies(os.environ):
        raise ExternalError(problem)
    session.events.register("before-sign", _know_signer)
    session.events.register("before-parameter-build", _know_parameters)
    for variable in _TOKEN_FILES:
        with suppress(OSError, ValueError):
            if file := os.environ.get(variable):
                know(read_at_most(Path(file), _MOST).decode("ascii"))


def require_usable(credentials: Value) -> None:
    """Reject credentials that no HTTP header can contain, such as a token with a line end.

    Credentials that are fetched from AWS, such as a role's, are not checked.

    Raises:
        ExternalError: the credentials contain control characters, or blanks around them. The error never quotes the
            credentials.
    """
    if credentials is None or hasattr(credentials, "refresh_needed"):
        return
    know_all(credentials.secret_key, credentials.token)
    names = _VARIABLES if credentials.method == "env" else _FIELDS
    for name, value in zip(names, (credentials.access_key, credentials.secret_key, credentials.token), strict=True):
        if problem := check_characters(value or ""):
            where = name if credentials.method == "env" else f"{name} of {credentials.method}"
            raise ExternalError(
                f"{where} {problem}", "Set it again without these characters: no AWS credential contains them."
            )


def _know_signer(request_signer: object = None, **_: object) -> None:
    # botocore has no public API to get the credentials from an event.
    credentials = getattr(request_signer, "_credentials", None)
    if credentials is not None:
        frozen = credentials.get_frozen_credentials()
        know_all(frozen.secret_key, frozen.token)


def _know_parameters(params: object = None, **_: object) -> None:
    for name in _PARAMETERS:
        if isinstance(params, dict) and isinstance(value := params.get(name), str):
            know(value)


def _log_calls(client: Client, zone: str) -> None:
    """Log each completed call of a client, if the log level is INFO or lower.

    Args:
        client: a boto3 client.
        zone: the zone that it is used for; empty for none.
    """
    if not _log.isEnabledFor(logging.INFO):
        return

    def begin(context: Object, **_: object) -> None:
        context[_BEGUN] = time.monotonic()

    def end(event_name: str, context: Object, parsed: object, **_: object) -> None:
        metadata, error = _part(parsed, "ResponseMetadata"), _part(parsed, "Error")
        status = " ".join(str(each) for each in (_part(metadata, "HTTPStatusCode"), _part(error, "Code")) if each)
        log(event_name, context, f"{status}, request {_part(metadata, 'RequestId') or 'without an ID'}")

    def fail(event_name: str, context: Object, exception: Exception, **_: object) -> None:
        # Messages of other libraries may quote the request.
        message = f": {exception}" if isinstance(exception, BotoCoreError) else ""
        log(event_name, context, f"{type(exception).__name__}{message}")

    def log(event_name: str, context: Object, outcome: str) -> None:
        # after-call.acm-pca.IssueCertificate
        call = " ".join(event_name.split(".")[1:])
        now = time.monotonic()
        where = f"{call}, zone {zone}" if zone else call
        _log.info("%s: %s, %.0f ms", where, outcome, (now - context.get(_BEGUN, now)) * 1000)

    client.meta.events.register("before-call", begin)
    client.meta.events.register("after-call", end)
    client.meta.events.register("after-call-error", fail)


def _part(answer: object, name: str) -> object:
    """Return a member of an answer; None if the answer is not a mapping, because logging must not fail."""
    return answer.get(name) if isinstance(answer, dict) else None


def _not_loaded(error: Exception) -> ExternalError:
    """Return the error for credentials that can't be loaded."""
    # Messages of other exceptions may quote the credentials file.
    reason = flatten(error) if isinstance(error, BotoCoreError | OSError | NoAnswerError) else type(error).__name__
    return ExternalError(f"can't load AWS credentials: {reason}", _SIGN_IN)
