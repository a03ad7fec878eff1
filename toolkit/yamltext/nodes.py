"""The nodes of a YAML text with their places, for findings and for edits that touch nothing else.

A tree is made from the parser's events and not from values: aliases stay aliases, so that no node claims a place that
is another's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

# A place within a document: keys of mappings and numbers of items.
Path: TypeAlias = "tuple[str | int, ...]"
LINE_BREAK = re.compile(r"\r\n|\n|\r")
# Blanks, line ends and comments: what may be between a key and its colon, or between an entry and its comma.
_GAP = re.compile(r"(?:[ \t\r\n]+|(?<=[ \t\r\n])#[^\r\n]*)*")


class Place(NamedTuple):
    """A position in a text.

    Attributes:
        index: characters before it.
        line: from 1.
        column: from 1.
    """

    index: int  # type: ignore[assignment] # nobody looks for a number in a place
    line: int
    column: int


class Scalar(NamedTuple):
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
        """Whether nothing is written where a value could be."""
        return self.start.index == self.end


class Alias(NamedTuple):
    """A reference to a node that is elsewhere."""

    start: Place
    end: int
    name: str

    @property
    def after(self) -> int:
        """The index where what follows may begin."""
        return self.end


class Pair(NamedTuple):
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
    _numbers: dict[str, int] | None = field(default=None, init=False, repr=False, compare=False)

    def find_number(self, key: str) -> int | None:
        """Return the number of the first pair with a key that is a scalar; None where there is none."""
        if self._numbers is None:
            keys = [(pair.key.value, n) for n, pair in enumerate(self.pairs) if isinstance(pair.key, Scalar)]
            self._numbers = dict(reversed(keys))
        return self._numbers.get(key)

    def find_pair(self, key: str) -> Pair | None:
        """Return the first pair with a key that is a scalar; None where there is none."""
        number = self.find_number(key)
        return None if number is None else self.pairs[number]


@dataclass(slots=True)
class Sequence:
    """A sequence, in block or flow style; `start` of a block is its first dash."""

    start: Place
    is_flow: bool
    items: list[Node] = field(default_factory=list)
    end: int = 0
    after: int = 0


Node: TypeAlias = Scalar | Alias | Mapping | Sequence


def find(root: Node, path: Path) -> Node | None:
    """Return the node at a path; None where there is none, or where an alias is in between."""
    node = root
    for part in path:
        step = _step(node, part)
        if step is None:
            return None
        _, node = step
    return node


def find_nearest(root: Node, path: Path) -> Place:
    """The place of a path, or of the closest node above it that is there; of a key where the path names one."""
    place, node = root.start, root
    for part in path:
        step = _step(node, part)
        if step is None:
            break
        place, node = step
    return place


def _step(node: Node, part: str | int) -> tuple[Place, Node] | None:
    """What a part of a path leads to, with the place of its key or item; None where it leads nowhere."""
    if isinstance(node, Mapping) and isinstance(part, str) and (pair := node.find_pair(part)):
        return pair.key.start, pair.value
    if isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part].start, node.items[part]
    return None


def find_mark(text: str, index: int, mark: str) -> int | None:
    """Return the index of the next mark, behind only blanks, line ends and comments; None behind anything else."""
    gap = _GAP.match(text, index)
    end = gap.end() if gap else index
    return end if text.startswith(mark, end) else None
