"""AWS's JSON 1.1 protocol, driven by botocore's own model of the service.

Shapes, patterns, ranges and required members come from the model that every AWS client is made from, so a
request that the model forbids is refused here in AWS's words (smithy.io, "AWS JSON 1.1 protocol").
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StringShape, StructureShape

from toolkit.sandbox.private_ca.errors import AwsError, validation

if TYPE_CHECKING:
    from botocore.model import OperationModel

CONTENT_TYPE = "application/x-amz-json-1.1"
_SHOWN = 100


@dataclass(frozen=True)
class Response:
    """What goes back to the client.

    Attributes:
        status: of HTTP.
        body: JSON.
        error_type: AWS's error code, None when it went well.
        content_type: of the body.
    """

    status: int
    body: bytes
    error_type: str | None = None
    content_type: str = CONTENT_TYPE

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Of HTTP."""
        headers = (("Content-Type", self.content_type), ("Content-Length", str(len(self.body))))
        return (*headers, ("x-amzn-ErrorType", self.error_type)) if self.error_type else headers


def refusal(error: AwsError) -> Response:
    """An error as AWS sends it."""
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


def decode(model: OperationModel, body: bytes) -> dict[str, Any]:
    """A request's body as native values: blobs as bytes, everything checked against the model.

    Raises:
        AwsError: ``SerializationException`` for what is no JSON or has a wrong type, ``ValidationException``
            for what breaks a constraint.
    """
    try:
        raw = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", "The request body is not JSON.") from error
    shape = model.input_shape
    if shape is None:
        return {}
    decoder = _Decoder()
    values = decoder.read(shape, raw, "")
    if decoder.violations:
        count = len(decoder.violations)
        found = "; ".join(decoder.violations)
        raise validation(f"{count} validation error{'s'[: count > 1]} detected: {found}")
    return dict(values)


class _Decoder:
    """Reads values by shape and collects what breaks a constraint."""

    def __init__(self) -> None:
        self.violations: list[str] = []

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
        if not isinstance(value, str):
            raise _wrong_type(path, "a base64 string")
        try:
            decoded = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise _wrong_type(path, "a base64 string") from error
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


def encode(values: dict[str, Any]) -> Response:
    """A result as AWS sends it: timestamps as seconds, what is None left out."""
    return Response(200, json.dumps(_plain(values)).encode())


def _plain(value: Any) -> Any:  # noqa: ANN401 - native values in, JSON out
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.timestamp()
    return value
