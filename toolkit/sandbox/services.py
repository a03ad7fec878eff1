"""Serve AWS services from botocore's models.

A request names an operation. Its body is decoded with the model, the operation runs, and the result is encoded. AWS
Private CA has the protocols JSON 1.1 and RPC v2 CBOR; AWS RAM and EKS have REST-JSON (smithy.io, "AWS JSON 1.1
protocol", "Smithy RPC v2 CBOR protocol" and "AWS restJson1 protocol").
"""

from __future__ import annotations

import base64
import json
import re
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

import cbor2
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape, StructureShape

from toolkit.sandbox import members
from toolkit.sandbox.aws_error import AwsError
from toolkit.values import Object

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from wsgiref.types import WSGIEnvironment


JSON_TYPE = "application/x-amz-json-1.1"
REST_TYPE = "application/json"
CBOR_TYPE = "application/cbor"
# smithy.io, "Smithy RPC v2 CBOR protocol": required in requests and responses.
CBOR_HEADER = ("smithy-protocol", "rpc-v2-cbor")
_NAMESPACE = "com.amazonaws.acmpca"
# Idempotency tokens, with which a client repeats a call safely (botocore: clientToken, clientRequestToken).
_TOKENS = ("clientToken", "clientRequestToken")
# moto serves the operations of these services that are not implemented here. For other services they don't exist.
_SHARED_WITH_MOTO = ("eks",)


@dataclass(frozen=True)
class Caller:
    """The caller of a request, as the gateway has identified it.

    Attributes:
        account: twelve digits; owns the resources that the call creates.
        region: the region in the request's signature.
        partition: the region's partition.
        authorize: gets the IAM action, the resource and the condition keys of a call, and raises :class:`AwsError` if
            the caller's policies don't allow it; allows everything by default.
        organization: the ID of the account's organization, if it is in one.
    """

    account: str
    region: str
    partition: str = "aws"
    authorize: Callable[[str, str, Mapping[str, str]], None] = lambda *_: None
    organization: str | None = None


@dataclass(frozen=True)
class Call:
    """A request without its body.

    Attributes:
        operation: the operation's name; the service may not have it.
        content_type: of the protocol: `JSON_TYPE`, `REST_TYPE` or `CBOR_TYPE`.
        uri: the path parameters of REST-JSON.
        query: the query string of the URL.
        is_scoped: whether the request is signed for this service.
    """

    operation: str
    content_type: str = JSON_TYPE
    uri: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    is_scoped: bool = True


@dataclass(frozen=True)
class Response:
    """A response to the client.

    Attributes:
        status: the HTTP status.
        body: JSON, CBOR or XML; empty for an operation without output.
        error_type: AWS's error code; None on success.
        content_type: the type of the body.
    """

    status: int
    body: bytes
    error_type: str | None = None
    content_type: str = JSON_TYPE

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the HTTP headers; every response has its own request ID, as on AWS."""
        headers = [("Content-Length", str(len(self.body))), ("x-amzn-RequestId", str(uuid.uuid4()))]
        cbor = self.content_type == CBOR_TYPE
        # smithy-lang/smithy, protocol tests no_output and json_1_1_service_responds_with_no_payload: without a body, a
        # CBOR response has no content type, but a JSON response has one.
        if self.body or not cbor:
            headers.append(("Content-Type", self.content_type))
        if cbor:
            headers.append(CBOR_HEADER)
        elif self.error_type:
            headers.append(("x-amzn-ErrorType", self.error_type))
        return tuple(headers)


def refuse(error: AwsError, content_type: str = JSON_TYPE) -> Response:
    """Return an error as AWS sends it.

    Args:
        error: the error.
        content_type: the protocol's content type; REST-JSON errors have the format of JSON 1.1.
    """
    if content_type == CBOR_TYPE:
        # Smithy RPC v2 CBOR, "Operation error serialization": the absolute shape ID, namespace included.
        body = cbor2.dumps({"__type": f"{_NAMESPACE}#{error.code}", "message": error.message})
        return Response(error.status, body, error.code, CBOR_TYPE)
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    return Response(error.status, body, error.code)


class Service(ABC):
    """A service and its operations in the sandbox.

    Args:
        name: the name in signatures and in botocore: ``acm-pca``, ``ram``.
        objects: objects whose methods are the operations, named as in boto3's clients.
        authorize: gets caller, operation and parameters, and raises :class:`AwsError` if the call isn't allowed;
            without it the operations check permissions themselves.
        mismatch: the error for an idempotency token that is reused with another request; None for a service whose
            operations check their tokens themselves.

    Attributes:
        model: botocore's service model.
        repeatable: parameters and result by account, region, operation and idempotency token.
    """

    def __init__(
        self,
        name: str,
        *objects: object,
        authorize: Callable[[Caller, str, Object], None] = lambda *_: None,
        mismatch: str | None = None,
    ) -> None:
        self.name = name
        self.model = _load_model(name)
        self._operations: dict[str, Callable[[Caller, Object], Object | None]] = {
            operation: getattr(target, xform_name(operation))
            for operation in self.model.operation_names
            for target in objects
            if hasattr(target, xform_name(operation))
        }
        self._authorize = authorize
        self._mismatch = mismatch
        self._lock = threading.Lock()
        self.repeatable: MutableMapping[tuple[str, ...], tuple[Object, Object | None]] = {}

    @abstractmethod
    def find(self, environ: WSGIEnvironment, service: str) -> Call | None:
        """Return the call that a request makes to this service; None if the request is for another service.

        Args:
            environ: the request.
            service: the signing name in the request's signature.
        """

    def handle(self, caller: Caller, call: Call, body: bytes) -> Response:
        """Return the response to one call; AWS errors are returned as responses too.

        Args:
            caller: the caller.
            call: from :meth:`find`.
            body: the request's body.
        """
        try:
            params = decode(self._find_model(call), call, body)
            with self._hold(call.operation):
                self._authorize(caller, call.operation, params)
                return encode(self._run_once(caller, call.operation, params), call.content_type)
        except AwsError as error:
            return refuse(error, call.content_type)

    def _hold(self, _operation: str) -> AbstractContextManager[object]:
        """Return the lock to hold during an operation, which checks the state before it changes it."""
        return self._lock

    def _find_model(self, call: Call) -> OperationModel:
        operation = call.operation
        if not call.is_scoped:
            # IAM user guide, "Troubleshoot Signature Version 4 signing", "Credential scope errors".
            message = f"Credential should be scoped to correct service: '{self.name}'."
            raise AwsError("InvalidSignatureException", message, status=403)
        if operation not in self.model.operation_names:
            raise AwsError("UnknownOperationException", "The requested operation is not recognized by the service.")
        if operation not in self._operations:
            raise AwsError("InvalidAction", f"{self.name}:{operation} is not in the sandbox; AWS has it.")
        return self.model.operation_model(operation)

    def _run_once(self, caller: Caller, operation: str, params: Object) -> Object | None:
        """Run an operation, or return the earlier result of the same request with the same idempotency token."""
        token = next((params[member] for member in _TOKENS if member in params), None)
        if self._mismatch is None or token is None:
            return self._operations[operation](caller, params)
        key = (caller.account, caller.region, operation, token)
        if key not in self.repeatable:
            self.repeatable[key] = (dict(params), self._operations[operation](caller, params))
        before, result = self.repeatable[key]
        if before != params:
            raise AwsError(self._mismatch, "The token was used before, with other parameters.")
        return result


class RpcService(Service):
    """A service whose requests name the operation: in a header (JSON 1.1) or at the end of the path (CBOR)."""

    def find(self, environ: WSGIEnvironment, service: str) -> Call | None:
        """Return the call; one sign of this service is enough, so that moto's own version never gets the request."""
        path, target = environ.get("PATH_INFO", "/"), environ.get("HTTP_X_AMZ_TARGET", "")
        prefix = self.model.metadata["targetPrefix"]
        in_path, in_header = f"/service/{prefix}/operation/", f"{prefix}."
        if path.startswith(in_path):
            operation, content_type = path.removeprefix(in_path), CBOR_TYPE
            fits = environ.get("HTTP_SMITHY_PROTOCOL") == CBOR_HEADER[1]
        elif service == self.name or target.lower().startswith(in_header.lower()):
            operation, content_type = target.removeprefix(in_header), JSON_TYPE
            # JSON 1.1 uses the path / for all operations.
            fits = path == "/" and target.startswith(in_header)
        else:
            return None
        sent_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        fits = fits and sent_type == content_type and environ["REQUEST_METHOD"] == "POST"
        return Call(operation if fits else "", content_type, is_scoped=service == self.name)


class RestService(Service):
    """A service whose operations are identified by method and path."""

    def find(self, environ: WSGIEnvironment, service: str) -> Call | None:
        """Return the call; None also for an operation that moto serves."""
        if service != self.name:
            return None
        path = environ.get("PATH_INFO", "/")
        for operation, route in _load_routes(self.name).items():
            match = route.path.fullmatch(path)
            if match and route.method == environ["REQUEST_METHOD"]:
                is_ours = operation in self._operations or self.name not in _SHARED_WITH_MOTO
                call = Call(operation, REST_TYPE, match.groupdict(), environ.get("QUERY_STRING", ""))
                return call if is_ours else None
        return None


def page(items: list[Object], params: Object, most: int, name: str, code: str) -> Object:
    """Return one page of a list under its name, and the token of the next page if there is one.

    Args:
        items: the whole list.
        params: the request's parameters, maybe with the client's token and the size of a page.
        most: the default and the maximum number of items on a page.
        name: the list's name in the response.
        code: the error code for an unknown token.

    Raises:
        AwsError: the token is invalid for a list of this length.
    """
    token_name, size_name = ("NextToken", "MaxResults") if name[0].isupper() else ("nextToken", "maxResults")
    starts = {_make_token(start): start for start in range(1, len(items) + 1)} | {None: 0}
    start = starts.get(params.get(token_name))
    if start is None:
        raise AwsError(code, "The token is not from this service.")
    end = start + min(params.get(size_name, most), most)
    return {name: items[start:end], token_name: _make_token(end) if end < len(items) else None}


def _make_token(start: int) -> str:
    return base64.b64encode(f"from:{start}".encode()).decode()


@cache
def _load_model(name: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


class _Route(NamedTuple):
    method: str
    path: re.Pattern[str]


@cache
def _load_routes(name: str) -> dict[str, _Route]:
    """Return method and path by operation of a REST-JSON service.

    For example ``/clusters/{name}/pod-identity-associations``.
    """
    model = _load_model(name)
    places = {operation: model.operation_model(operation).http for operation in model.operation_names}
    return {
        operation: _Route(
            place["method"],
            re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(place["requestUri"]))),
        )
        for operation, place in places.items()
    }


def decode(model: OperationModel, call: Call, body: bytes) -> Object:
    """Return the parameters of a call as native values, with blobs as bytes, checked against the model.

    Args:
        model: the operation.
        call: the request without its body.
        body: JSON or CBOR.

    Raises:
        AwsError: ``SerializationException`` for an unreadable body or a wrong type, ``ValidationException`` for a
            violated constraint.
    """
    cbor = call.content_type == CBOR_TYPE
    try:
        sent = members.load_cbor(body or b"\xa0") if cbor else members.load_json(body or b"{}")
    # cbor2 reserves memory for the length that a string claims to have.
    except (ValueError, EOFError, RecursionError, MemoryError, OverflowError, cbor2.CBORError) as error:
        form = "CBOR" if cbor else "JSON"
        raise AwsError("SerializationException", f"The request body is not {form}.") from error
    shape = model.input_shape
    if shape is None:
        return {}
    if call.content_type == REST_TYPE:
        sent = _gather_members(shape, call, sent)
    return members.read(shape, sent, cbor=cbor)


def _gather_members(shape: StructureShape, call: Call, sent: object) -> Object:
    """Return the members of a REST-JSON request, which are in the path, the query and the body."""
    if not isinstance(sent, dict):
        raise AwsError("SerializationException", "The request body can't be read as a structure.")
    asked = {name: values[0] for name, values in parse_qs(call.query).items()}
    gathered: Object = {}
    for name, member in shape.members.items():
        known_as = str(member.serialization.get("name", name))
        location = member.serialization.get("location")
        if location == "uri":
            gathered[name] = call.uri[known_as]
        elif location == "querystring":
            gathered[name] = _read_number(asked[known_as], member) if known_as in asked else None
        else:
            gathered[name] = sent.get(known_as)
    return gathered


def _read_number(text: str, shape: Shape) -> str | int:
    if shape.type_name != "integer":
        return text
    try:
        return int(text)
    except ValueError as error:
        raise AwsError("SerializationException", f"'{text}' can't be read as a whole number.") from error


def encode(result: Object | None, content_type: str) -> Response:
    """Return a result as AWS sends it: timestamps as seconds, without members that are None.

    Args:
        result: by the names of the operation's output; None for an operation without output.
        content_type: the protocol's content type.
    """
    if result is None:
        # The AWS Private CA API reference calls it "an HTTP 200 response with an empty HTTP body".
        return Response(200, b"", None, content_type)
    if content_type == CBOR_TYPE:
        # Smithy RPC v2 CBOR, "Timestamp type serialization": tag 1, with milliseconds.
        body = cbor2.dumps(_to_plain(result, lambda moment: cbor2.CBORTag(1, moment)))
    else:
        body = json.dumps(_to_plain(result, lambda moment: moment)).encode()
    return Response(200, body, None, content_type)


def _to_plain(value: object, time: Callable[[float], object]) -> object:
    if isinstance(value, dict):
        return {name: _to_plain(item, time) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_to_plain(item, time) for item in value]
    if isinstance(value, datetime):
        return time(value.timestamp())
    return value
