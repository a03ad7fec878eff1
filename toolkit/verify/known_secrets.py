"""Credentials of AWS on their way through boto3: registered as secrets, and refused where they can't be valid."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import ExternalError
from toolkit.redaction import check_characters, check_proxies, know, know_credentials

if TYPE_CHECKING:
    import boto3

    from toolkit.values import Value

# Files that botocore reads by itself: the token of a service account, and that of EKS Pod Identity.
_TOKEN_FILES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
_MOST = 64 * 1024
# Parameters of calls with which botocore exchanges one secret for another (botocore/credentials.py, tokens.py).
_PARAMETERS = ("WebIdentityToken", "SAMLAssertion", "accessToken", "refreshToken", "clientSecret")
_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_FIELDS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def watch(session: boto3.Session) -> None:
    """Register every secret with which the session's clients will sign, or that they will send, before they do.

    Raises:
        ExternalError: the URL of a proxy is not valid, so that botocore would show a part of its password.
    """
    if problem := check_proxies(os.environ):
        raise ExternalError(problem)
    session.events.register("before-sign", _know_signer)
    session.events.register("before-parameter-build", _know_parameters)
    for variable in _TOKEN_FILES:
        with suppress(OSError, ValueError):
            if file := os.environ.get(variable):
                know(_beginning(Path(file)))


def require_usable(credentials: Value) -> None:
    """Refuse credentials that no HTTP header can carry, such as a token with the line end of a file.

    Those that must be fetched first, such as a role's, are AWS's own, and are not looked at.

    Raises:
        ExternalError: there are control characters in them, or blanks around them; the error never contains them.
    """
    if credentials is None or hasattr(credentials, "refresh_needed"):
        return
    know_credentials(credentials)
    names = _VARIABLES if credentials.method == "env" else _FIELDS
    for name, value in zip(names, (credentials.access_key, credentials.secret_key, credentials.token), strict=True):
        if problem := check_characters(value or ""):
            where = name if credentials.method == "env" else f"{name} of {credentials.method}"
            raise ExternalError(f"{where} {problem}", "Set it again without it: no AWS credential contains that.")


def _know_signer(request_signer: object = None, **_: object) -> None:
    # There is no public way from an event to the credentials.
    credentials = getattr(request_signer, "_credentials", None)
    if credentials is not None:
        know_credentials(credentials.get_frozen_credentials())


def _know_parameters(params: object = None, **_: object) -> None:
    for name in _PARAMETERS:
        if isinstance(params, dict) and isinstance(value := params.get(name), str):
            know(value)


def _beginning(file: Path) -> str:
    with file.open(encoding="ascii") as stream:
        return stream.read(_MOST)
