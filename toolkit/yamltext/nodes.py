"""Where everything stands in a YAML text: nodes with their places, for findings and for edits that touch nothing else.

A tree is made from the parser's events and not from values: aliases stay aliases, so that no node claims a place that
is another's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from toolkit.yamltext import parsing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruamel.yaml.error import StreamMark
    from ruamel.yaml.events import Event

# A place within a document: keys of mappings and numbers of items.
Path: TypeAlias = "tuple[str | int, ...]"
# Far deeper than any document of Kong Mesh, and well within what the parser itself can follow.
_MAX_DEPTH = 100
LINE_BREAK = re.compile(r"\r\n|\n|\r")
# Blanks, line ends and comments: what may stand between a key and its colon, or between an entry and its comma.
_GAP = re.compile(r"(?:[ \t\r\n]+|(?<=[ \t\r\n])#[^\r\n]*)*")
# The header of a block scalar that keeps the blank lines behind it; a tag and an anchor may precede it.
_KEEPING = re.compile(r"(?:[&!]\S*[ \t]+)*[|>][0-9]?\+")


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a text.

    Attributes:
        index: characters before it.
        line: from 1.
        column: from 1.
    """

    index: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf.

    Attributes:
        end: the index after its last character; in a block scalar after its last line with text.
        after: the index where what follows may begin; differs from `end` for block scalars, where it is the beginning
            of a line, behind the blank lines that belong to the value (``|+`` and ``>+``).
        value: its text, with quotes and escapes resolved.
        style: ``'``, ``"``, ``|``, ``>`` or empty for a plain one.
    """

    start: Place
    end: int
    after: int
    value: str
    style: str

    @property
    def is_block(self) -> bool:
        """Whether it is written as lines of its own (``|`` and ``>``)."""
        return self.style in ("|", ">")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written where a value could stand."""
        return self.start.index == self.end


@dataclass(frozen=True, slots=True)
class Alias:
    """A reference to a node that stands elsewhere."""

    start: Place
    end: int
    name: str

    @property
    def after(self) -> int:
        """The index where what follows may begin."""
        return self.end


@dataclass(slots=True)
class Pair:
    """A key of a mapping and its value."""

    key: Node
    value: Node


@dataclass(slots=True)
class Mapping:
    """A mapping, in block or flow style; `end` is after its last value, or after its brace."""

    start: Place
    is_flow: bool
    pairs: list[Pair] = field(default_factory=list)
    end: int = 0
    after: int = 0

    def pair(self, key: str) -> Pair | None:
        """The first pair of a key that is a scalar."""
        return next((pair for pair in self.pairs if isinstance(pair.key, Scalar) and pair.key.value == key), None)


@dataclass(slots=True)
class Sequence:
    """A sequence, in block or flow style; `start` of a block is its first dash."""

    start: Place
    is_flow: bool
    items: list[Node] = field(default_factory=list)
    end: int = 0
    after: int = 0


Node: TypeAlias = Scalar | Alias | Mapping | Sequence
_Container = TypeVar("_Container", Mapping, Sequence)


def parse(text: str, source: str) -> list[Node]:
    """The root of every document of a YAML stream; an empty document is an empty scalar.

    Args:
        text: the stream.
        source: what to call it in an error, usually the file's name.

    Raises:
        InvalidInputError: the text is no YAML; the place is named as ``source:line:column``.
    """
    with parsing.refusing(source):
        return list(_Builder(text).documents())


def find(root: Node, path: Path) -> Node | None:
    """The node at a path; None where there is none, or where an alias stands in between."""
    node = root
    for part in path:
        found = _step(node, part)
        if found is None:
            return None
        _, node = found
    return node


def nearest(root: Node, path: Path) -> Place:
    """The place of a path, or of the closest node above it that is there; of a key where the path names one."""
    place, node = root.start, root
    for part in path:
        found = _step(node, part)
        if found is None:
            break
        place, node = found
    return place


def _step(node: Node, part: str | int) -> tuple[Place, Node] | None:
    """What a part of a path leads to, with the place of its key or item; None where it leads nowhere."""
    if isinstance(node, Mapping) and isinstance(part, str) and (pair := node.pair(part)):
        return pair.key.start, pair.value
    if isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part].start, node.items[part]
    return None


def next_mark(text: str, index: int, mark: str) -> int | None:
    """Where the next mark stands, behind nothing but blanks, line ends and comments; None where something else is."""
    gap = _GAP.match(text, index)
    end = gap.end() if gap else index
    return end if text.startswith(mark, end) else None


class _Builder:
    """Puts nodes together from events."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._events: Iterator[Event] = iter(YAML(typ="safe", pure=True).parse(text))

    def documents(self) -> Iterator[Node]:
        """The roots, one a document."""
        for event in self._events:
            if isinstance(event, StreamStartEvent | StreamEndEvent | DocumentStartEvent | DocumentEndEvent):
                continue
            yield self._node(event, 0)

    def _node(self, event: Event, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise RecursionError
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, AliasEvent):
            return Alias(_place(event.start_mark), event.end_mark.index, event.anchor)
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, depth)
        assert isinstance(event, SequenceStartEvent)  # noqa: S101 - there is no other event that begins a node
        return self._sequence(event, depth)

    def _scalar(self, event: ScalarEvent) -> Scalar:
        start, end = _place(event.start_mark), event.end_mark.index
        after = end
        style = event.style or ""
        if style in ("|", ">"):
            written = self._text[start.index : end].rstrip(" \t\r\n")
            end = start.index + len(written)
            if not _KEEPING.match(written):
                found = LINE_BREAK.search(self._text, end)
                after = found.end() if found else len(self._text)
        return Scalar(start, end, after, event.value, style)

    def _mapping(self, event: MappingStartEvent, depth: int) -> Mapping:
        mapping = Mapping(_place(event.start_mark), bool(event.flow_style))
        while not isinstance(inner := next(self._events), MappingEndEvent):
            key = self._node(inner, depth + 1)
            value = self._node(next(self._events), depth + 1)
            mapping.pairs.append(Pair(key, self._placed(key, value)))
        last = mapping.pairs[-1].value if mapping.pairs else None
        return _closed(mapping, inner, last)

    def _sequence(self, event: SequenceStartEvent, depth: int) -> Sequence:
        sequence = Sequence(_place(event.start_mark), bool(event.flow_style))
        while not isinstance(inner := next(self._events), SequenceEndEvent):
            sequence.items.append(self._node(inner, depth + 1))
        return _closed(sequence, inner, sequence.items[-1] if sequence.items else None)

    def _placed(self, key: Node, value: Node) -> Node:
        """An empty value after its key's colon; the parser places it at whatever comes next."""
        if not isinstance(value, Scalar) or not value.is_empty:
            return value
        colon = next_mark(self._text, key.end, ":")
        if colon is None:
            return value
        breaks = list(LINE_BREAK.finditer(self._text, key.start.index, colon))
        column = colon + 2 - breaks[-1].end() if breaks else key.start.column + colon + 1 - key.start.index
        place = Place(colon + 1, key.start.line + len(breaks), column)
        return Scalar(place, place.index, place.index, "", "")


def _closed(node: _Container, end: Event, last: Node | None) -> _Container:
    """The container with its end: that of its brace in flow style, of what stands last in it otherwise."""
    if node.is_flow or last is None:
        node.end = node.after = end.end_mark.index
    else:
        node.end, node.after = last.end, last.after
    return node


def _place(mark: StreamMark) -> Place:
    return Place(mark.index, mark.line + 1, mark.column + 1)
