"""Reads the tokens with which pods and other identities of OIDC providers ask for a role."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

from toolkit.sandbox.aws_error import AwsError

if TYPE_CHECKING:
    from toolkit.values import Object


def read_claims(token: str) -> Object:
    """Return what a JSON Web Token says; nobody signs tokens for the sandbox, so its signature is not checked.

    Raises:
        AwsError: ``InvalidIdentityToken``.
    """
    try:
        _header, payload, _signature = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise AwsError("InvalidIdentityToken", "The ID Token provided is not a valid JWT") from error
    if not isinstance(claims, dict):
        raise AwsError("InvalidIdentityToken", "The ID Token provided is not a valid JWT")
    return claims
