"""Read the members of requests with botocore's model of a service.

Shapes, patterns, ranges and required members come from botocore's model. A request that violates the model is rejected
with AWS's message.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NoReturn

import cbor2

from toolkit.sandbox.aws_error import AwsError, make_validation_error
from toolkit.values import Object, Value

if TYPE_CHECKING:
    from botocore.model import ListShape, Shape, StringShape, StructureShape


_SHOWN = 100


def load_cbor(body: bytes) -> object:
    """Return the only value in CBOR.

    Raises:
        ValueError: there is more than one value.
        CBORError: it is not CBOR. cbor2 raises other errors too, such as MemoryError.
    """
    stream = io.BytesIO(body)
    value: object = cbor2.load(stream)
    if stream.read():
        raise ValueError("there is more than one value")
    return value


def load_json(body: bytes) -> object:
    """Return a value in JSON. Python also reads NaN, and other encodings than UTF-8 (RFC 8259, 6 and 8.1).

    Raises:
        ValueError: it is not JSON.
    """

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    value: object = json.loads(body.decode(), parse_constant=refuse)
    return value


def read(shape: StructureShape, sent: object, *, cbor: bool) -> Object:
    """Return the members of a request as native values.

    Args:
        shape: the input shape of the operation.
        sent: the decoded JSON or CBOR.
        cbor: whether the request is CBOR, which has byte strings.

    Raises:
        AwsError: ``SerializationException`` for a wrong type, ``ValidationException`` for a violated constraint.
    """
    reader = _Reader(cbor=cbor)
    values = reader.read(shape, sent, "")
    if reader.violations:
        count = len(reader.violations)
        raise make_validation_error(
            f"{count} validation error{'s'[: count > 1]} detected: {'; '.join(reader.violations)}"
        )
    return dict(values)


class _Reader:
    """Reads values by shape and collects the violated constraints."""

    def __init__(self, *, cbor: bool) -> None:
        self.violations: list[str] = []
        self._cbor = cbor
        self._readers: dict[str, Callable[[Value, object, str], Value]] = {
            "structure": self._structure,
            "list": self._list,
            "map": _read_strings,
            "string": self._string,
            "blob": self._blob,
            "integer": self._number,
            "long": self._number,
            "boolean": _read_boolean,
        }

    def read(self, shape: Shape, value: object, path: str) -> Value:
        return self._readers[shape.type_name](shape, value, path)

    def _structure(self, shape: StructureShape, value: object, path: str) -> Object:
        if not isinstance(value, dict):
            raise _wrong_type(path, "a structure")
        # A null in JSON means that the member is absent.
        present = {name: value[name] for name in shape.members if value.get(name) is not None}
        for name in shape.required_members:
            if name not in present:
                self._violated(_below(path, name), None, "Member must not be null")
        return {name: self.read(shape.members[name], item, _below(path, name)) for name, item in present.items()}

    def _list(self, shape: ListShape, value: object, path: str) -> list[Value]:
        if not isinstance(value, list):
            raise _wrong_type(path, "a list")
        self._range(shape, len(value), path, "length ", "[...]")
        if None in value:
            self._violated(path, "[null]", "Member must not be null")
            return []
        return [self.read(shape.member, item, f"{path}.{index}.member") for index, item in enumerate(value, start=1)]

    def _string(self, shape: StringShape, value: object, path: str) -> str:
        if not isinstance(value, str):
            raise _wrong_type(path, "a string")
        if shape.enum and value not in shape.enum:
            allowed = ", ".join(shape.enum)
            self._violated(path, value, f"Member must satisfy enum value set: [{allowed}]")
        self._range(shape, len(value), path, "length ", value)
        pattern = shape.metadata.get("pattern")
        if pattern and not _compiled(pattern).fullmatch(value):
            self._violated(path, value, f"Member must satisfy regular expression pattern: {pattern}")
        return value

    def _blob(self, shape: Shape, value: object, path: str) -> bytes:
        if not isinstance(value, bytes if self._cbor else str):
            raise _wrong_type(path, "a byte string" if self._cbor else "a base64 string")
        try:
            # JSON has no byte strings.
            decoded = value if isinstance(value, bytes) else base64.b64decode(str(value), validate=True)
        except ValueError as error:
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
    # The model has Java patterns, where \w is ASCII. Unicode classes occur only in tags.
    spaces = " \\u00a0\\u2000-\\u200a\\u202f\\u3000"
    python = pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", "").replace(r"\p{Z}", spaces)
    return re.compile(python, re.ASCII if python == pattern else re.NOFLAG)


def _below(path: str, name: str) -> str:
    member = name[0].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _wrong_type(path: str, expected: str) -> AwsError:
    return AwsError("SerializationException", f"Value at '{path}' can't be read as {expected}.")


def _read_boolean(_shape: Shape, value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong_type(path, "true or false")
    return value


def _read_strings(_shape: Shape, value: object, path: str) -> dict[str, str]:
    """Return a map of strings to strings; the models of these services have no other maps."""
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise _wrong_type(path, "a map of strings")
    return value
