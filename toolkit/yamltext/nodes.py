"""The nodes of a YAML text with their places, for findings and edits.

A tree is built from the parser's events, not from values. Aliases stay aliases, so that every node has its own place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

# A path in a document: keys of mappings and indexes of items.
Path: TypeAlias = "tuple[str | int, ...]"
LINE_BREAK = re.compile(r"\r\n|\n|\r")
# Blanks, line ends and comments, which may be between a key and its colon, or between an entry and its comma.
_GAP = re.compile(r"(?:[ \t\r\n]+|(?<=[ \t\r\n])#[^\r\n]*)*")


class Place(NamedTuple):
    """A position in a text.

    Attributes:
        index: number of characters before it.
        line: from 1.
        column: from 1.
    """

    index: int  # type: ignore[assignment] # nobody looks for a number in a place
    line: int
    column: int


class Scalar(NamedTuple):
    """A scalar.

    Attributes:
        end: index after its last character; for a block scalar, after its last line with text.
        after: index at which the next node may begin. It differs from `end` only for block scalars, where it is the
            begin of a line, after the blank lines that belong to the value (``|+`` and ``>+``).
        value: the text, with quotes and escapes resolved.
        style: ``'``, ``"``, ``|``, ``>`` or empty for a plain scalar.
    """

    start: Place
    end: int
    after: int
    value: str
    style: str

    @property
    def is_block(self) -> bool:
        """Return whether it is a block scalar (``|`` or ``>``)."""
        return self.style in ("|", ">")

    @property
    def is_empty(self) -> bool:
        """Return whether it is an omitted value, without any characters."""
        return self.start.index == self.end


class Alias(NamedTuple):
    """An alias: a reference to an anchored node."""

    start: Place
    end: int
    name: str

    @property
    def after(self) -> int:
        """Return the index at which the next node may begin."""
        return self.end


class Pair(NamedTuple):
    """A key of a mapping and its value."""

    key: Node
    value: Node


@dataclass(slots=True)
class Mapping:
    """A mapping in block or flow style. `end` is the index after its last value, or after its closing brace."""

    start: Place
    is_flow: bool
    pairs: list[Pair] = field(default_factory=list)
    end: int = 0
    after: int = 0
    _numbers: dict[str, int] | None = field(default=None, init=False, repr=False, compare=False)

    def find_number(self, key: str) -> int | None:
        """Return the index of the first pair with this scalar key; None if there is none."""
        if self._numbers is None:
            keys = [(pair.key.value, n) for n, pair in enumerate(self.pairs) if isinstance(pair.key, Scalar)]
            self._numbers = dict(reversed(keys))
        return self._numbers.get(key)

    def find_pair(self, key: str) -> Pair | None:
        """Return the first pair with this scalar key; None if there is none."""
        number = self.find_number(key)
        return None if number is None else self.pairs[number]


@dataclass(slots=True)
class Sequence:
    """A sequence in block or flow style. In block style, `start` is its first dash."""

    start: Place
    is_flow: bool
    items: list[Node] = field(default_factory=list)
    end: int = 0
    after: int = 0


Node: TypeAlias = Scalar | Alias | Mapping | Sequence


def find(root: Node, path: Path) -> Node | None:
    """Return the node at a path; None if there is none, or if the path goes through an alias."""
    node = root
    for part in path:
        step = _step(node, part)
        if step is None:
            return None
        _, node = step
    return node


def find_nearest(root: Node, path: Path) -> Place:
    """Return the place of a path, or of its closest existing parent. The place of a mapping's entry is its key."""
    place, node = root.start, root
    for part in path:
        step = _step(node, part)
        if step is None:
            break
        place, node = step
    return place


def _step(node: Node, part: str | int) -> tuple[Place, Node] | None:
    """Return the node at one part of a path, with the place of its key or item; None if it does not exist."""
    if isinstance(node, Mapping) and isinstance(part, str) and (pair := node.find_pair(part)):
        return pair.key.start, pair.value
    if isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part].start, node.items[part]
    return None


def find_mark(text: str, index: int, mark: str) -> int | None:
    """Return the index of a mark after spaces, tabs, line ends and comments; None if anything else comes first."""
    gap = _GAP.match(text, index)
    end = gap.end() if gap else index
    return end if text.startswith(mark, end) else None
