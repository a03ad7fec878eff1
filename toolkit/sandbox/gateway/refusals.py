"""Render errors in the client's protocol, so that its SDK can read their code.

Sources: smithy.io, "AWS JSON", "AWS query", "Smithy RPC v2 CBOR"; Amazon S3 API reference, "Error responses".
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from toolkit.sandbox import services
from toolkit.sandbox.services import CBOR_HEADER, CBOR_TYPE, Response

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from toolkit.sandbox.aws_error import AwsError

# Services with the protocols query and rest-xml in botocore's models, without those that have their own format below.
_QUERY = frozenset({"cloudfront", "iam", "route53", "sns", "sts"})
_FORM = "application/x-www-form-urlencoded"


# Common errors: their names in the JSON protocols, and in the others (STS API reference, "Common error types").
_IN_QUERY: Mapping[str, tuple[str, int]] = {
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    "ExpiredTokenException": ("ExpiredToken", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "AccessDeniedException": ("AccessDenied", 403),
}
# Amazon S3 API reference, "Error responses".
_IN_S3: Mapping[str, tuple[str, int]] = {
    "UnrecognizedClientException": ("InvalidAccessKeyId", 403),
    "ExpiredTokenException": ("ExpiredToken", 400),
    "MissingAuthenticationTokenException": ("AccessDenied", 403),
    "IncompleteSignatureException": ("AuthorizationHeaderMalformed", 400),
    "AccessDeniedException": ("AccessDenied", 403),
}


# EC2 API reference, "Error codes": the errors are a list.
_EC2_ERROR = (
    "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
    "<RequestID>{request}</RequestID></Response>"
)
_QUERY_ERROR = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    "<RequestId>{request}</RequestId></ErrorResponse>"
)
# botocore sts/2011-06-15/service-2.json, metadata.xmlNamespace
_STS_ERROR = _QUERY_ERROR.replace(
    "<ErrorResponse>", '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
)
_S3_ERROR = "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request}</RequestId></Error>"


def refuse(error: AwsError, environ: WSGIEnvironment, service: str | None) -> Response:
    """Return an error in the form that the client of a request expects.

    Args:
        error: the error, with its name in the JSON protocols.
        environ: the request.
        service: the signing name; None if the request is not signed.
    """
    kind = environ.get("CONTENT_TYPE", "")
    if environ.get("HTTP_SMITHY_PROTOCOL") == CBOR_HEADER[1]:
        return services.refuse(error, CBOR_TYPE)
    if environ.get("HTTP_X_AMZ_TARGET") or "json" in kind:
        return services.refuse(error)
    if service == "ec2":
        return _render(_EC2_ERROR, error, _IN_QUERY)
    if service in _QUERY or kind.startswith(_FORM):
        # STS is the only service that accepts unsigned forms.
        return _render(_STS_ERROR if service in ("sts", None) else _QUERY_ERROR, error, _IN_QUERY)
    if service in ("s3", None):
        return _render(_S3_ERROR, error, _IN_S3)
    return services.refuse(error)


def _render(template: str, error: AwsError, names: Mapping[str, tuple[str, int]]) -> Response:
    code, status = names.get(error.code, (error.code, error.status))
    text = template.format(code=escape(code), message=escape(error.message), request=uuid.uuid4())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    return Response(status, body, code, content_type="text/xml")
