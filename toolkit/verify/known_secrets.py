"""Register the AWS credentials that boto3 uses as secrets, and reject credentials that can't be valid."""

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

# botocore reads these files itself: the service account's token and the EKS Pod Identity token.
_TOKEN_FILES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
_MOST = 64 * 1024
# botocore sends secrets in these parameters to get other secrets (botocore/credentials.py, tokens.py).
_PARAMETERS = ("WebIdentityToken", "SAMLAssertion", "accessToken", "refreshToken", "clientSecret")
_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_FIELDS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def watch(session: boto3.Session) -> None:
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
                know(_beginning(Path(file)))


def require_usable(credentials: Value) -> None:
    """Reject credentials that no HTTP header can contain, such as a token with a line end.

    Credentials that are fetched from AWS, such as a role's, are not checked.

    Raises:
        ExternalError: the credentials contain control characters, or blanks around them. The error never quotes the
            credentials.
    """
    if credentials is None or hasattr(credentials, "refresh_needed"):
        return
    know_credentials(credentials)
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
        know_credentials(credentials.get_frozen_credentials())


def _know_parameters(params: object = None, **_: object) -> None:
    for name in _PARAMETERS:
        if isinstance(params, dict) and isinstance(value := params.get(name), str):
            know(value)


def _beginning(file: Path) -> str:
    with file.open(encoding="ascii") as stream:
        return stream.read(_MOST)
