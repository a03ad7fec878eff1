"""Connect to a control plane: its address, the user token, trusted CAs, and the time limit of a request."""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import httpx

from toolkit.errors import InvalidInputError, Problem, flatten
from toolkit.files import read_at_most
from toolkit.network_settings import is_host, is_loopback, require_key_log
from toolkit.pki import pem
from toolkit.redaction import Registry, check_characters, know, know_urls
from toolkit.values import Value

if TYPE_CHECKING:
    from pathlib import Path


# RFC 6750, 2.1: the characters of a bearer token.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# Events of httpcore (httpcore documentation, "Extensions", "trace").
_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})
_SENDING = "http11.send_request_headers.started"


class Token:
    """A user token. Its repr hides the value, which is registered as a secret of the process.

    Raises:
        InvalidInputError: the value is not a token. The error does not quote it.
    """

    __slots__ = ("_forms", "_value")

    def __init__(self, value: str, place: str) -> None:
        if not _TOKEN.fullmatch(value):
            raise InvalidInputError(
                "the user token is not valid",
                [Problem(place, _token_problem(value))],
                "Give the token alone, as kumactl generate user-token prints it.",
            )
        self._value = value
        know(value)
        self._forms = Registry()
        self._forms.know(value)

    def __repr__(self) -> str:
        return "Token(***)"

    def to_header(self) -> str:
        """Return the value of the ``Authorization`` header."""
        return f"Bearer {self._value}"

    def blot_out(self, text: bytes) -> bytes:
        """Return a response without the token, which a server may repeat in it.

        Other secrets are kept, because a document may contain them on purpose.
        """
        return self._forms.blot_bytes(text)


def _token_problem(value: str) -> str:
    if not value:
        return "is empty"
    problem = check_characters(value)
    return f"{problem}, which a token can't contain" if problem else "contains characters that tokens can't have"


@dataclass(frozen=True)
class Access:
    """A control plane's address and how to connect to it.

    Attributes:
        url: ``http://`` or ``https://``, host, port, and a path if it is behind a proxy.
        token: the user token; None if the control plane needs none, for example on its own host.
        ca_file: PEM file of the trusted CAs; None for the system's.
        timeout: time limit for one request, in seconds.
        insecure_http: whether the token may be sent unencrypted to another host.
        place: name of the address in errors.
        ca_place: name of the CA file in errors.
    """

    url: str
    token: Token | None = None
    ca_file: Path | None = None
    timeout: float = 15.0
    insecure_http: bool = False
    place: str = "--control-plane"
    ca_place: str = "--ca-file"


def parse_address(access: Access) -> httpx.URL:
    """Return the control plane's address.

    Raises:
        InvalidInputError: the address is not valid, or the token would be sent unencrypted. The error does not quote
            the address, which may contain a password.
    """
    know_urls(access.url)
    try:
        url = httpx.URL(access.url)
        problem = _address_problem(url)
    except (httpx.InvalidURL, ValueError):
        problem = "is not an address such as https://host:5682"
    if not problem and access.ca_file and url.scheme == "http":
        raise _invalid(access.ca_place, "is for an https:// address, and this is an http:// one")
    if not problem and access.token and url.scheme == "http" and not (access.insecure_http or is_loopback(url.host)):
        raise _invalid(
            access.place,
            "is an http:// address on another host, where the token could be read on the way",
            "Use its https:// address (port 5682), or accept that with --insecure-http.",
        )
    if problem:
        raise _invalid(access.place, problem)
    return url


def _address_problem(url: httpx.URL) -> str:
    if url.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if not is_host(url.raw_host.decode()) or not 0 < (url.port or 1) < 1 << 16:
        return "has no valid host and port"
    if url.userinfo:
        return "contains a user name; a token comes from TOOLKIT_CONTROL_PLANE_TOKEN or --token-file"
    if url.query or url.fragment:
        return "contains a query or a fragment"
    return ""


def _invalid(place: str, problem: str, hint: str = "") -> InvalidInputError:
    return InvalidInputError("the settings for the control plane are not valid", [Problem(place, problem)], hint)


def create_tls_context(access: Access) -> ssl.SSLContext:
    """Return a TLS context that trusts the CAs of the file, or the system's.

    Raises:
        InvalidInputError: the CA file can't be read, or contains no certificate.
        ExternalError: a variable of the environment, such as SSLKEYLOGFILE, makes all connections fail.
    """
    require_key_log(os.environ)
    ca_file = access.ca_file
    try:
        if ca_file is not None:
            pem.load_certificates(read_at_most(ca_file))
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise _invalid(access.ca_place, f"{ca_file}: {reason or error}") from error
    # The same rules as in Go: every certificate in the file is trusted, even an intermediate CA, and kuma-cp's own
    # self-signed certificate is accepted, which has no authority key identifier (Python 3.13 requires one).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def explain_tls_failure(error: BaseException) -> str | None:
    """Return why TLS failed; None if the error has another cause."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        # An interrupted connection raises an SSLError too.
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return flatten(cause)
    return None


def speaks_plainly(error: BaseException) -> bool:
    """Return whether a TLS connection failed because the other side does not speak TLS."""
    # openssl/openssl:ssl/record: a record of another protocol. Newer versions only name the layer.
    reasons = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
    return any(isinstance(cause, ssl.SSLError) and cause.reason in reasons for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


class _Stream(Protocol):
    """A connection of httpcore (httpcore documentation, "Network Backends")."""

    def get_extra_info(self, info: str) -> object: ...


class RequestDeadline:
    """Shuts a connection down if the response's headers or body are late. It handles one request at a time.

    httpx's own timeouts apply to each read and write. They also limit the TCP connection and the whole TLS handshake
    (python/cpython:Modules/_ssl.c, _ssl__SSLSocket_do_handshake_impl), so the time starts when the request is sent.

    Args:
        seconds: time limit for a request and its whole response.

    Attributes:
        is_over: whether the last request reached the limit.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stream: _Stream | None = None
        self._timer: threading.Timer | None = None
        self.is_over = False

    def __enter__(self) -> Self:
        self.is_over = False
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def trace(self, event: str, info: Mapping[str, Value]) -> None:
        """Handle an event of a request. httpx's extension ``trace`` calls it in the request's thread."""
        if event in _CONNECTED:
            # Kept for later requests, which may use the same connection.
            self._stream = info["return_value"]
        elif event == _SENDING:
            # With a proxy, a CONNECT request comes first: restart the timer.
            self._stop()
            self._timer = threading.Timer(self._seconds, self._end)
            self._timer.daemon = True
            self._timer.start()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        self.is_over = True
        connection = self._stream.get_extra_info("socket") if self._stream is not None else None
        if isinstance(connection, socket.socket):
            # Not ssl.SSLSocket.shutdown, which would remove the TLS state from the reading thread.
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
