"""Read the tokens with which pods and other identities of OIDC providers assume a role."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

from toolkit.sandbox.aws_error import AwsError

if TYPE_CHECKING:
    from toolkit.values import Object


def read_claims(token: str) -> Object:
    """Return the claims of a JSON Web Token.

    The signature is not checked, because nothing signs tokens for the sandbox.

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
