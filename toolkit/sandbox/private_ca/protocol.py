"""AWS's protocols JSON 1.1 and RPC v2 CBOR, driven by botocore's own model of the service.

Shapes, patterns, ranges and required members come from the model that every AWS client is made from, so a
request that the model forbids is refused here in AWS's words (smithy.io, "AWS JSON 1.1 protocol" and "Smithy RPC v2
CBOR protocol"; botocore's model names CBOR first).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import cbor2
from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StringShape, StructureShape

from toolkit.sandbox.aws_error import AwsError, validation

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.model import OperationModel

CONTENT_TYPE = "application/x-amz-json-1.1"
CBOR_TYPE = "application/cbor"
# smithy.io, "Smithy RPC v2 CBOR protocol": of requests and responses alike.
CBOR_HEADER = ("smithy-protocol", "rpc-v2-cbor")
_NAMESPACE = "com.amazonaws.acmpca"
_SHOWN = 100


@dataclass(frozen=True)
class Response:
    """What goes back to the client.

    Attributes:
        status: of HTTP.
        body: JSON, CBOR or XML; empty for an operation without output.
        error_type: AWS's error code, None when it went well.
        content_type: of the body.
    """

    status: int
    body: bytes
    error_type: str | None = None
    content_type: str = CONTENT_TYPE

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Of HTTP; every answer has an ID of its own, as AWS's do."""
        headers = [("Content-Length", str(len(self.body))), ("x-amzn-RequestId", str(uuid.uuid4()))]
        cbor = self.content_type == CBOR_TYPE
        # smithy-lang/smithy, protocol tests no_output and json_1_1_service_responds_with_no_payload: without a body,
        # CBOR has no content type, and JSON has.
        if self.body or not cbor:
            headers.append(("Content-Type", self.content_type))
        if cbor:
            headers.append(CBOR_HEADER)
        elif self.error_type:
            headers.append(("x-amzn-ErrorType", self.error_type))
        return tuple(headers)


def refusal(error: AwsError, *, cbor: bool = False) -> Response:
    """Return an error as AWS sends it.

    Args:
        error: the refusal.
        cbor: whether the client speaks CBOR.
    """
    if cbor:
        # Smithy RPC v2 CBOR, "Operation error serialization": the absolute shape ID, namespace included.
        body = cbor2.dumps({"__type": f"{_NAMESPACE}#{error.code}", "message": error.message})
        return Response(error.status, body, error.code, CBOR_TYPE)
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    return Response(error.status, body, error.code)


@cache
def service_model() -> ServiceModel:
    """The service as botocore describes it; loaded once."""
    return ServiceModel(Loader().load_service_model("acm-pca", "service-2"), "acm-pca")


def operation(target: str) -> OperationModel:
    """The operation that an ``X-Amz-Target`` header names.

    Raises:
        AwsError: there is none of that name.
    """
    prefix, _, name = target.partition(".")
    if prefix != service_model().metadata["targetPrefix"] or name not in service_model().operation_names:
        raise AwsError("UnknownOperationException", "The requested operation is not recognized by the service.")
    return service_model().operation_model(name)


def decode(model: OperationModel, body: bytes, *, cbor: bool = False) -> dict[str, Any]:
    """Return a request's body as native values: blobs as bytes, everything checked against the model.

    Args:
        model: the operation.
        body: JSON or CBOR.
        cbor: whether it is CBOR.

    Raises:
        AwsError: ``SerializationException`` for what is no JSON or has a wrong type, ``ValidationException``
            for what breaks a constraint.
    """
    try:
        raw = cbor2.loads(body or b"\xa0") if cbor else json.loads(body or b"{}")
    # cbor2 reserves room for the lengths that a text claims to have.
    except (ValueError, EOFError, RecursionError, MemoryError, OverflowError, cbor2.CBORError) as error:
        form = "CBOR" if cbor else "JSON"
        raise AwsError("SerializationException", f"The request body is not {form}.") from error
    shape = model.input_shape
    if shape is None:
        return {}
    decoder = _Decoder(_cbor_blob if cbor else _json_blob)
    values = decoder.read(shape, raw, "")
    if decoder.violations:
        count = len(decoder.violations)
        found = "; ".join(decoder.violations)
        raise validation(f"{count} validation error{'s'[: count > 1]} detected: {found}")
    return dict(values)


class _Decoder:
    """Reads values by shape and collects what breaks a constraint."""

    def __init__(self, read_blob: Callable[[object, str], bytes]) -> None:
        self.violations: list[str] = []
        self._read_blob = read_blob

    def read(self, shape: Shape, value: Any, path: str) -> Any:  # noqa: ANN401 - JSON in, native values out
        if isinstance(shape, StructureShape):
            return self._structure(shape, value, path)
        if isinstance(shape, ListShape):
            return self._list(shape, value, path)
        read = {
            "string": self._string,
            "blob": self._blob,
            "integer": self._number,
            "long": self._number,
            "boolean": self._boolean,
        }[shape.type_name]
        return read(shape, value, path)

    def _structure(self, shape: StructureShape, value: object, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong_type(path, "a structure")
        # JSON's null means that the member is not there.
        present = {name: value[name] for name in shape.members if value.get(name) is not None}
        for name in shape.required_members:
            if name not in present:
                self._violated(_below(path, name), None, "Member must not be null")
        return {name: self.read(shape.members[name], item, _below(path, name)) for name, item in present.items()}

    def _list(self, shape: ListShape, value: object, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong_type(path, "a list")
        self._range(shape, len(value), path, "length ", "[...]")
        return [
            self.read(shape.member, item, f"{path}.{index}.member")
            for index, item in enumerate(value, start=1)
            if item is not None
        ]

    def _string(self, shape: Shape, value: object, path: str) -> str:
        if not isinstance(value, str):
            raise _wrong_type(path, "a string")
        assert isinstance(shape, StringShape)  # noqa: S101 - for the type checker
        if shape.enum and value not in shape.enum:
            allowed = ", ".join(shape.enum)
            self._violated(path, value, f"Member must satisfy enum value set: [{allowed}]")
        self._range(shape, len(value), path, "length ", value)
        pattern = shape.metadata.get("pattern")
        if pattern and not _compiled(pattern).fullmatch(value):
            self._violated(path, value, f"Member must satisfy regular expression pattern: {pattern}")
        return value

    def _blob(self, shape: Shape, value: object, path: str) -> bytes:
        decoded = self._read_blob(value, path)
        self._range(shape, len(decoded), path, "length ", "...")
        return decoded

    def _number(self, shape: Shape, value: object, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(path, "a whole number")
        if not -(2**63) <= value < 2**63:
            raise _wrong_type(path, "a whole number of 64 bits")
        self._range(shape, value, path, "value ", str(value))
        return value

    @staticmethod
    def _boolean(_shape: Shape, value: object, path: str) -> bool:
        if not isinstance(value, bool):
            raise _wrong_type(path, "true or false")
        return value

    def _range(self, shape: Shape, size: int, path: str, what: str, shown: str) -> None:
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and size < least:
            self._violated(path, shown, f"Member must have {what}greater than or equal to {least}")
        if most is not None and size > most:
            self._violated(path, shown, f"Member must have {what}less than or equal to {most}")

    def _violated(self, path: str, value: str | None, constraint: str) -> None:
        shown = "" if value is None else f" '{value if len(value) <= _SHOWN else value[:_SHOWN] + '...'}'"
        self.violations.append(f"Value{shown} at '{path}' failed to satisfy constraint: {constraint}")


def _json_blob(value: object, path: str) -> bytes:
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong_type(path, "a base64 string") from error
    raise _wrong_type(path, "a base64 string")


def _cbor_blob(value: object, path: str) -> bytes:
    if not isinstance(value, bytes):
        raise _wrong_type(path, "a byte string")
    return value


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # The model's patterns are Java's; Unicode classes occur only in tags.
    spaces = " \\u00a0\\u2000-\\u200a\\u202f\\u3000"
    python = pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", "").replace(r"\p{Z}", spaces)
    return re.compile(python)


def _below(path: str, name: str) -> str:
    member = name[0].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _wrong_type(path: str, expected: str) -> AwsError:
    return AwsError("SerializationException", f"Value at '{path}' can not be read as {expected}.")


def without_output(*, cbor: bool = False) -> Response:
    """Return the empty answer of an operation that has no output.

    Args:
        cbor: whether the client speaks CBOR.
    """
    return Response(200, b"", None, CBOR_TYPE if cbor else CONTENT_TYPE)


def encode(values: dict[str, Any], *, cbor: bool = False) -> Response:
    """Return a result as AWS sends it: timestamps as seconds, what is None left out.

    Args:
        values: by the names of the operation's output.
        cbor: whether the client speaks CBOR.
    """
    if cbor:
        # Smithy RPC v2 CBOR, "Timestamp type serialization": tag 1, with milliseconds.
        return Response(200, cbor2.dumps(_plain(values, lambda moment: cbor2.CBORTag(1, moment))), None, CBOR_TYPE)
    return Response(200, json.dumps(_plain(values, lambda moment: moment)).encode())


def _plain(value: Any, time: Callable[[float], object]) -> Any:  # noqa: ANN401 - native values in, plain ones out
    if isinstance(value, dict):
        return {name: _plain(item, time) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item, time) for item in value]
    if isinstance(value, datetime):
        return time(value.timestamp())
    return value
