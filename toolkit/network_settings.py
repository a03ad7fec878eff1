"""Settings of the environment for TLS, checked before anything is asked: libraries say it late, or blame AWS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import ExternalError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMES = ("http", "https")
_CA_BUNDLE = "AWS_CA_BUNDLE"
_KEY_LOG = "SSLKEYLOGFILE"


def require_ca_bundle(environment: Mapping[str, str]) -> None:
    """Refuse a bundle of CAs with which no connection to AWS can be made.

    Args:
        environment: variables of the process.

    Raises:
        ExternalError: ``AWS_CA_BUNDLE`` names a file that can't be read or holds no certificate.
    """
    bundle = environment.get(_CA_BUNDLE)
    if not bundle:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=bundle)
    except ssl.SSLError as error:
        raise _refuse(_CA_BUNDLE, bundle, "holds no certificate") from error
    except OSError as error:
        raise _refuse(_CA_BUNDLE, bundle, f"can't be read: {error.strerror or error}") from error


def require_key_log(environment: Mapping[str, str]) -> None:
    """Refuse a file for the keys of TLS sessions that can't be written: Python makes no connection then.

    Args:
        environment: variables of the process.

    Raises:
        ExternalError: ``SSLKEYLOGFILE`` names such a file.
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
    """Refuse a proxy that neither botocore nor httpx can use, before they try again and again.

    Args:
        proxy: its URL as the environment has it; one without a scheme is one of HTTP; None for no proxy.
        variable: that names it.

    Raises:
        ExternalError: its scheme is another one.
    """
    scheme, separator, _ = (proxy or "").partition("://")
    if separator and scheme.lower() not in _SCHEMES:
        raise ExternalError(
            f"{variable} is not a valid URL of a proxy: {scheme}:// is neither http:// nor https://",
            f"Write http://HOST:PORT, or unset {variable}; NO_PROXY excepts hosts.",
        )


def _refuse(variable: str, file: str, problem: str) -> ExternalError:
    return ExternalError(f"{variable} names {file}, which {problem}", f"Correct or unset {variable}.")
