"""How a control plane is reached: its address, a user's token, and whom to trust."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from toolkit.errors import InvalidInputError, Problem, flatten
from toolkit.files import read_at_most
from toolkit.network_settings import require_key_log
from toolkit.pki import pem
from toolkit.redaction import Registry, check_characters, know, know_urls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# RFC 6750, 2.1: what a bearer token is made of.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


class Token:
    """A user token. Nothing that shows it shows what it is, and the process knows it as a secret.

    Raises:
        InvalidInputError: it is none; the error does not repeat it.
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
        """Return an answer without the token: the server may repeat what it was sent.

        Other secrets stay in it: a document that is read may be meant to contain them.
        """
        return self._forms.blot_bytes(text)


def _token_problem(value: str) -> str:
    if not value:
        return "is empty"
    problem = check_characters(value)
    return f"{problem}, which no token has" if problem else "holds characters that no token has"


@dataclass(frozen=True)
class Access:
    """Where a control plane is, and how to reach it.

    Attributes:
        url: ``http://`` or ``https://``, host, port, and a path where it stands behind a proxy.
        token: of a user; None for a control plane that lets its own host in, or anybody.
        ca_file: PEM file of the CAs that may have signed its certificate; None for the system's.
        timeout: seconds that one question may take.
        insecure_http: send the token unencrypted to another host.
        place: what to call the address in an error.
        ca_place: what to call the CA file.
    """

    url: str
    token: Token | None = None
    ca_file: Path | None = None
    timeout: float = 15.0
    insecure_http: bool = False
    place: str = "--control-plane"
    ca_place: str = "--ca-file"


def parse_address(access: Access) -> httpx.URL:
    """Return the control plane's address; an error does not repeat it, for it may hold a password.

    Raises:
        InvalidInputError: it is no address, or the token would travel unencrypted.
    """
    know_urls(access.url)
    try:
        url = httpx.URL(access.url)
        problem = _address_problem(url)
    except (httpx.InvalidURL, ValueError):
        problem = "is no address such as https://host:5682"
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
    if not url.host or not _HOST.fullmatch(url.raw_host.decode()) or not 0 < (url.port or 1) < 1 << 16:
        return "names no host and port that can be"
    if url.userinfo:
        return "holds a user name; a token comes from TOOLKIT_CONTROL_PLANE_TOKEN or --token-file"
    if url.query or url.fragment:
        return "holds a query or a fragment"
    return ""


def _invalid(place: str, problem: str, hint: str = "") -> InvalidInputError:
    return InvalidInputError("the control plane can't be asked like this", [Problem(place, problem)], hint)


def is_loopback(host: str) -> bool:
    """Return whether what goes there stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def create_tls_context(access: Access) -> ssl.SSLContext:
    """Return whom to trust: the CAs of the file, or the system's.

    Raises:
        InvalidInputError: the file can't be read, or holds no certificate.
        ExternalError: the environment keeps every connection from being made.
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
    # As Go's programs judge: what is in the file is trusted, be it no root, and a certificate that kuma-cp made for
    # itself, without an authority key identifier, is one (Python 3.13 asks for more).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def explain_tls_failure(error: BaseException) -> str | None:
    """Return why TLS failed, if that is what failed."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        # A connection that is cut is an SSLError, too.
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return flatten(cause)
    return None


def speaks_plainly(error: BaseException) -> bool:
    """Return whether a TLS connection failed because the other side does not speak TLS."""
    # openssl/openssl:ssl/record: a record of another protocol; newer versions name the layer alone.
    reasons = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
    return any(isinstance(cause, ssl.SSLError) and cause.reason in reasons for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
