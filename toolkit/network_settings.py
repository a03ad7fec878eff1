"""Check network settings before any connection: libraries report wrong ones late, or as errors of AWS."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Mapping
from pathlib import Path

from toolkit.errors import ExternalError

_SCHEMES = ("http", "https")
_CA_BUNDLE = "AWS_CA_BUNDLE"
_KEY_LOG = "SSLKEYLOGFILE"
# Names that Go's resolver looks up (golang/go:src/net/dnsclient.go, isDomainName). Python's resolver, too, rejects
# empty labels and labels of more than 63 characters. A name of digits alone, such as 999.1.1.1, is none.
_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.*[A-Za-z_-]){_LABEL}(?:\.{_LABEL})*\.?")
_MAX_HOST_NAME = 254


def require_ca_bundle(environment: Mapping[str, str]) -> None:
    """Reject a CA bundle with which no connection to AWS can work.

    Args:
        environment: variables of the process.

    Raises:
        ExternalError: the file in ``AWS_CA_BUNDLE`` can't be read or contains no certificate.
    """
    bundle = environment.get(_CA_BUNDLE)
    if not bundle:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=bundle)
    except ssl.SSLError as error:
        raise _refuse(_CA_BUNDLE, bundle, "contains no certificate") from error
    except OSError as error:
        raise _refuse(_CA_BUNDLE, bundle, f"can't be read: {error.strerror or error}") from error


def require_key_log(environment: Mapping[str, str]) -> None:
    """Reject a key log file that can't be written, because Python then can't open TLS connections.

    Args:
        environment: variables of the process.

    Raises:
        ExternalError: the file in ``SSLKEYLOGFILE`` can't be written.
    """
    log = environment.get(_KEY_LOG)
    if not log:
        return
    try:
        # As ssl.create_default_context opens it.
        with Path(log).open("ab"):
            pass
    except OSError as error:
        raise _refuse(_KEY_LOG, log, f"can't be written: {error.strerror or error}") from error


def require_proxy(proxy: str | None, variable: str = "HTTPS_PROXY") -> None:
    """Reject a proxy that neither botocore nor httpx supports, before they retry again and again.

    Args:
        proxy: its URL in the environment, HTTP if it has no scheme; None for no proxy.
        variable: the environment variable that contains it.

    Raises:
        ExternalError: the URL has another scheme.
    """
    scheme, separator, _ = (proxy or "").partition("://")
    if separator and scheme.lower() not in _SCHEMES:
        raise ExternalError(
            f"{variable} is not a valid URL of a proxy: {scheme}:// is neither http:// nor https://",
            f"Write http://HOST:PORT, or unset {variable}; NO_PROXY excepts hosts.",
        )


def is_host(text: str) -> bool:
    """Return whether a text is an IP address, without brackets, or a host name that can be resolved."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= _MAX_HOST_NAME and _HOST_NAME.fullmatch(text) is not None
    return getattr(address, "scope_id", None) is None


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine's loopback interface."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse(variable: str, file: str, problem: str) -> ExternalError:
    return ExternalError(f"{variable} names {file}, which {problem}", f"Correct or unset {variable}.")
