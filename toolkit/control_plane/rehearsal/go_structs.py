"""Read JSON as Kuma reads the specs of its newer resources: validate it with a schema, then parse it into a Go struct.

The schema sets defaults and names every invalid field. The Go struct drops unknown fields, and normalizes durations.
Empty values are kept: ``matchLabels: {}`` is not the same as no ``matchLabels``.

Sources: kumahq/kuma:pkg/core/resources/model/rest/unmarshaller.go; kubernetes/kube-openapi:pkg/validation/validate;
kubernetes/apimachinery:pkg/apis/meta/v1/duration.go.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from toolkit.control_plane.rehearsal.jsonpb import MessageError
from toolkit.control_plane.rehearsal.violations import Violation
from toolkit.mesh.schema.go_duration import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.values import Object, Value


class Simple(Enum):
    """The type of a value without a schema of its own."""

    TEXT = auto()
    BOOLEAN = auto()
    DURATION = auto()
    TEXT_MAP = auto()
    # Any JSON, unchanged.
    ANY = auto()


class Struct(NamedTuple):
    """An object with known fields.

    Attributes:
        fields: the types of the fields by name.
        required: the names of the required fields.
    """

    fields: dict[str, Shape]
    required: tuple[str, ...] = ()


class ListOf(NamedTuple):
    """A list of one type with a minimum number of items."""

    item: Shape
    at_least: int = 0


class Choice(NamedTuple):
    """One of several strings; the default is set if the field is missing."""

    names: tuple[str, ...]
    default: str = ""


class Text(NamedTuple):
    """A string with a maximum number of characters."""

    at_most: int


Shape: TypeAlias = Simple | Struct | ListOf | Choice | Text
_TYPES: dict[object, tuple[type, str]] = {
    Simple.TEXT: (str, "string"),
    Simple.DURATION: (str, "string"),
    Simple.BOOLEAN: (bool, "boolean"),
    Simple.TEXT_MAP: (dict, "object"),
    Simple.ANY: (object, "any"),
    Struct: (dict, "object"),
    ListOf: (list, "array"),
    Choice: (str, "string"),
    Text: (str, "string"),
}


def list_violations(shape: Shape, value: Value, path: str) -> Iterator[Violation]:
    """Yield everything that the schema rejects in a value."""
    kind, name = _TYPES[shape if isinstance(shape, Simple) else type(shape)]
    if not isinstance(value, kind):
        yield Violation(path, f"must be of type {name}")
        return
    if isinstance(shape, Choice) and value not in shape.names:
        yield Violation(path, f"should be one of [{' '.join(shape.names)}]")
    elif isinstance(shape, Text) and len(str(value)) > shape.at_most:
        yield Violation(path, f"should be at most {shape.at_most} chars long")
    elif isinstance(value, dict):
        yield from _list_in_object(shape, value, path)
    elif isinstance(shape, ListOf) and isinstance(value, list):
        if len(value) < shape.at_least:
            yield Violation(path, f"should have at least {shape.at_least} items")
        for index, item in enumerate(value):
            yield from list_violations(shape.item, item, f"{path}[{index}]")


def _list_in_object(shape: Shape, value: Object, path: str) -> Iterator[Violation]:
    if isinstance(shape, Struct):
        yield from (Violation(f"{path}.{name}", "is required") for name in shape.required if value.get(name) is None)
        for name, below in shape.fields.items():
            if value.get(name) is not None:
                yield from list_violations(below, value[name], f"{path}.{name}")
    elif shape is Simple.TEXT_MAP:
        for name, entry in value.items():
            yield from list_violations(Simple.TEXT, entry, f"{path}.{name}")


def read_struct(shape: Shape, value: Value) -> Value:
    """Return a valid value in the form that a control plane stores.

    Raises:
        MessageError: it contains a text that Go can't read as a duration.
    """
    if isinstance(shape, Struct):
        made: Object = {}
        for name, below in shape.fields.items():
            if value.get(name) is not None:
                made[name] = read_struct(below, value[name])
            elif isinstance(below, Choice) and below.default:
                made[name] = below.default
        return made
    if isinstance(shape, ListOf):
        return [read_struct(shape.item, item) for item in value]
    if shape is Simple.DURATION:
        try:
            return write_text(value)
        except ValueError as error:
            raise MessageError(f"time: invalid duration: {error}") from None
    return value
