"""Find the characters of a YAML text to replace for an edit.

A splice is a guess that fits common YAML and may be wrong for unusual text. :mod:`toolkit.yamltext.editing` verifies
each splice before it uses the result.
"""

from __future__ import annotations

import json
import re
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from toolkit.values import Object, Value
from toolkit.yamltext import nodes
from toolkit.yamltext.nodes import LINE_BREAK, Mapping, Node, Pair, Path, Scalar, Sequence, find_mark
from toolkit.yamltext.scalars import is_nested, write_block, write_flow

if TYPE_CHECKING:
    from toolkit.yamltext.changes import Change

_INDENT = 2
# An anchor and a tag with the blanks after them.
_PROPERTIES = re.compile(r"(?:[&!]\S*[ \t]*)+")
_DASH = re.compile(r"^ *(-)(?!\S)", re.MULTILINE)


class Splice(NamedTuple):
    """Replaces the characters from `start` to `end` with `text`."""

    start: int
    end: int
    text: str

    def __bool__(self) -> bool:
        return bool(self.text) or self.start != self.end


class Splicer:
    """Finds the splice for an edit; None if there is none. A splice may be wrong, so the editor verifies it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = find_line_end(text)
        # JSON must stay JSON: its readers may not understand YAML.
        self._flow = partial(write_flow, as_json=_is_json(text))
        # For each flow collection, by its id(): how many entries are before those that are cut at its end.
        self._kept: dict[int, int] = {}

    def find_splices(self, root: Node | None, changes: list[Change]) -> list[Splice | None]:
        """Return the splice for each change to a document.

        Args:
            root: the document's tree; None for an empty stream.
            changes: in the order of the document.
        """
        self._kept.clear()
        cuts = {change.path for change in changes if change.kind == "cut"}
        return [self._splice(root, change, cuts) for change in changes]

    def _splice(self, root: Node | None, change: Change, cuts: set[Path]) -> Splice | None:
        if change.kind == "set":
            return self._replacement(root, change.path, change.value)
        node = nodes.find(root, change.path[:-1]) if root else None
        if change.kind == "cut":
            return self._cut(node, change.path, cuts)
        if isinstance(node, Mapping | Sequence) and _entries(node):
            return self._added(node, change.value)
        return None

    def _replacement(self, root: Node | None, path: Path, value: Value) -> Splice | None:
        if not path:
            if root and not value and _is_block(root):
                return self._instead(root, value)
            return self._filled_root(root, value)
        parent, last = nodes.find(root, path[:-1]) if root else None, path[-1]
        if isinstance(parent, Mapping) and isinstance(last, str) and parent.pairs:
            pair = parent.find_pair(last)
            # Without a pair, the value comes from a merge key, which a new pair overrides.
            return self._value(parent, pair, value) if pair else self._added(parent, {last: value})
        if isinstance(parent, Sequence) and isinstance(last, int) and parent.items:
            return self._item(parent, last, value)
        # The path goes through an alias or an empty value, so the parent is replaced as a whole.
        return self._replacement(root, path[:-1], {last: value} if isinstance(last, str) else [value])

    def _cut(self, parent: Node | None, path: Path, cuts: set[Path]) -> Splice | None:
        last = path[-1]
        number = parent.find_number(last) if isinstance(parent, Mapping) and isinstance(last, str) else None
        if isinstance(parent, Sequence) and isinstance(last, int):
            number = last
        if not isinstance(parent, Mapping | Sequence) or number is None:
            return None
        if not parent.is_flow:
            return self._block_cut(parent, number)
        if id(parent) not in self._kept:
            keys = [pair.key for pair in parent.pairs] if isinstance(parent, Mapping) else range(len(parent.items))
            parts = [key.value if isinstance(key, Scalar) else key for key in keys]
            gone = takewhile(lambda part: (*path[:-1], part) in cuts, reversed(parts))
            self._kept[id(parent)] = len(parts) - sum(1 for _ in gone)
        return self._flow_cut(parent, number, self._kept[id(parent)])

    # Replace values.

    def _value(self, parent: Mapping, pair: Pair, value: object) -> Splice | None:
        old = pair.value
        colon = find_mark(self._text, pair.key.end, ":")
        if parent.is_flow and colon is None:
            return Splice(pair.key.end, pair.key.end, f": {self._flow(value)}")
        if colon is None or LINE_BREAK.search(self._text, pair.key.end, colon):
            return None
        if parent.is_flow or _is_filled_flow(old):
            return Splice(old.start.index, old.end, self._gap(old) + self._flow(value))
        if LINE_BREAK.search(self._text, colon + 1, self._first(old)):
            return self._value_below(parent, colon, old, value)
        head, tail = self._behind_the_colon(value, self._column(parent))
        start = old.start.index if head else colon + 1
        return self._on_the_line(start, old.end, self._gap(old) + head.lstrip(" ") if head else "", tail)

    def _value_below(self, parent: Mapping, colon: int, old: Node, value: object) -> Splice | None:
        """Return the splice that replaces a value which begins on its own line."""
        start, begin = self._first(old), self._line_start(self._first(old))
        if self._text[begin:start].strip():
            return None
        above = self._without_properties(colon + 1, begin, old)
        is_block = _is_block(old)
        if is_nested(value):
            may_stay = start - begin > self._column(parent) or (isinstance(value, list) and isinstance(old, Sequence))
            lines = self._lines(value, start - begin if may_stay else self._column(parent) + _INDENT)
            if is_block:
                return Splice(colon + 1, self._line_stop(old.end), above + lines.removesuffix(self._newline))
            first, tail = self._parted(lines)
            return self._on_the_line(colon + 1, old.end, above + first, tail)
        if not is_block:
            return Splice(start, old.end, self._flow(value))
        head, tail = self._behind_the_colon(value, self._column(parent))
        first, below = self._parted(above)
        if below:
            # Comment lines follow, which would become part of a literal block.
            head, tail = f" {self._flow(value)}", ""
        return Splice(colon + 1, self._end_of_lines(old), head + first.rstrip(" ") + self._newline + tail + below)

    def _item(self, sequence: Sequence, number: int, value: object) -> Splice | None:
        old = sequence.items[number]
        if sequence.is_flow or _is_filled_flow(old):
            return Splice(old.start.index, old.end, self._flow(value))
        if _is_block(old):
            return self._instead(old, value)
        is_empty = isinstance(old, Scalar) and old.is_empty
        indent = self._column(sequence) + _INDENT if is_empty else old.start.column - 1
        first, tail = self._parted(self._lines(value, indent)[indent:] if is_nested(value) else self._flow(value))
        return self._on_the_line(old.start.index, old.end, " " + first if is_empty else first, tail)

    def _instead(self, old: Mapping | Sequence, value: object) -> Splice:
        """Return the splice that replaces a block after a dash, or a whole document."""
        start, stop = old.start.index, self._line_stop(old.end)
        begin = self._line_start(self._first(old))
        # An anchor or a tag is on its own line, maybe with comments, which are kept.
        first, below = self._parted(self._without_properties(start, begin, old).lstrip(" ") if begin > start else "")
        if not first and not below:
            lines = self._lines(value, old.start.column - 1).lstrip(" ") if is_nested(value) else self._flow(value)
            return Splice(start, stop, lines.removesuffix(self._newline))
        if is_nested(value):
            lines = first + self._newline + below + self._lines(value, self._first(old) - begin)
        else:
            lines = self._flow(value) + (f" {first}" if first else "") + self._newline + below
        return Splice(start, stop, lines.removesuffix(self._newline))

    def _on_the_line(self, start: int, end: int, first: str, tail: str) -> Splice:
        """Return the splice for the beginning of a line. Its rest, such as a comment, is kept before the new lines."""
        if not tail:
            return Splice(start, end, first)
        stop = self._line_end(end)
        rest = self._text[end:stop]
        if not rest.endswith(("\n", "\r")):
            return Splice(start, stop, first + rest + self._newline + tail.removesuffix(self._newline))
        return Splice(start, stop, first + rest + tail)

    # Add entries.

    def _added(self, node: Mapping | Sequence, entries: Object | list[Value]) -> Splice:
        """Return the splice that adds pairs or items after the last entry of a node."""
        if node.is_flow:
            at = _value_at(node, -1).end
            # Without the braces or brackets around them.
            return Splice(at, at, f", {self._flow(entries)[1:-1]}")
        at = self._end_of_lines(node)
        lines = self._lines(entries, self._column(node))
        if self._text[at - 1] in "\r\n":
            return Splice(at, at, lines)
        return Splice(at, at, self._newline + lines.removesuffix(self._newline))

    def _filled_root(self, root: Node | None, value: object) -> Splice:
        if root and _is_filled_flow(root):
            return Splice(root.start.index, root.end, self._flow(value))
        lines = self._lines(value, 0)
        start, end = (root.start.index, root.end) if root else (len(self._text), len(self._text))
        if start == end:
            is_fresh = not start or self._text[start - 1] in "\r\n"
            return Splice(start, start, lines if is_fresh else self._newline + lines)
        stop = self._line_end(end)
        rest = self._text[end:stop]
        if start == self._line_start(start) and not rest.strip():
            return Splice(start, stop, lines)
        # A mapping can't begin on the line of a `---`. A comment there is kept.
        return Splice(start, stop, rest + ("" if rest.endswith(("\n", "\r")) else self._newline) + lines)

    # Remove entries.

    def _block_cut(self, parent: Mapping | Sequence, number: int) -> Splice | None:
        start = self._start(parent, number)
        if start is None:
            return None
        begin, stop = self._line_start(start), self._end_of_lines(_value_at(parent, number))
        if not self._text[begin:start].strip():
            return Splice(begin, stop, "")
        # The entry is on the same line as its parent's dash, and the next entry takes its place there.
        following = self._start(parent, number + 1)
        if following is None:
            return None
        if self._line_start(following) == stop:
            return Splice(start, following, "")
        start = len(self._text[begin:start].rstrip(" ")) + begin
        return Splice(start, len(self._text[start:stop].removesuffix("\n").removesuffix("\r")) + start, "")

    def _flow_cut(self, parent: Mapping | Sequence, number: int, kept_entries: int) -> Splice | None:
        last = number if number < kept_entries else -1
        start, end = self._start(parent, number), _value_at(parent, last).end
        if number > kept_entries:
            # It is removed together with the entry before it.
            return Splice(end, end, "")
        if start is None:
            return None
        comma = find_mark(self._text, end, ",")
        if comma is None:
            # It is the last of several entries: remove the comma before it, and keep comments between them.
            before = find_mark(self._text, _value_at(parent, number - 1).end, ",")
            if before is None:
                return None
            gap = self._text[before + 1 : start]
            return Splice(before, end, gap if gap.strip() else "")
        kept = self._text[end:comma] if self._text[end:comma].strip() else ""
        begin, stop = self._line_start(start), self._line_end(comma + 1)
        behind = self._text[comma + 1 : stop]
        if behind.strip() and not behind.lstrip(" ").startswith("#"):
            return Splice(start, comma + 1 + len(behind) - len(behind.lstrip(" ")), kept)
        is_alone = not kept and not self._text[begin:start].strip()
        return Splice(begin, stop, "") if is_alone else Splice(start, comma + 1, kept)

    def _start(self, parent: Mapping | Sequence, number: int) -> int | None:
        """Return the index at which an entry begins: at its key, its dash, or (in a flow sequence) its value."""
        if isinstance(parent, Mapping):
            return parent.pairs[number].key.start.index if number < len(parent.pairs) else None
        if number >= len(parent.items):
            return None
        start = parent.items[number].start.index
        if parent.is_flow:
            return start
        return self._dash(parent.items[number - 1].after if number else parent.start.index, start)

    def _dash(self, begin: int, end: int) -> int | None:
        if self._text.startswith("-", begin):
            return begin
        dash = _DASH.search(self._text, begin, end)
        return dash.start(1) if dash else None

    # Positions in the text.

    def _behind_the_colon(self, value: object, column: int) -> tuple[str, str]:
        """Return the text of a pair's value: the rest of the line after the colon, and the lines below."""
        return self._parted(self._lines({"k": value}, column)[column + 2 :])

    def _parted(self, lines: str) -> tuple[str, str]:
        """Return the first line without its line end, and the other lines."""
        first, _, others = lines.partition(self._newline)
        return first, others

    def _gap(self, old: Node) -> str:
        """Return the space to insert after a colon that has none."""
        return " " if self._text[old.start.index - 1] == ":" else ""

    def _lines(self, value: Value, indent: int) -> str:
        return write_block(value, indent).replace("\n", self._newline)

    def _end_of_lines(self, node: Node) -> int:
        """Return the index of the line after a node."""
        return node.after if node.after != node.end else self._line_end(node.end)

    def _first(self, node: Node) -> int:
        """Return the index at which a node begins; for a block its first entry, after an anchor and a tag."""
        start = self._start(node, 0) if _is_block(node) else None
        return node.start.index if start is None else start

    def _column(self, node: Mapping | Sequence) -> int:
        """Return the number of spaces before each entry of a block."""
        return self._first(node) - self._line_start(self._first(node))

    def _without_properties(self, start: int, end: int, node: Node) -> str:
        """Return a part of the text without a node's anchor and tag."""
        properties = _PROPERTIES.match(self._text, node.start.index, end) if start <= node.start.index < end else None
        if not properties:
            return self._text[start:end]
        before, after = self._text[start : properties.start()], self._text[properties.end() : end]
        return (before.rstrip(" ") if after.startswith(("\n", "\r")) else before) + after

    def _line_end(self, index: int) -> int:
        line_break = LINE_BREAK.search(self._text, index)
        return line_break.end() if line_break else len(self._text)

    def _line_stop(self, index: int) -> int:
        line_break = LINE_BREAK.search(self._text, index)
        return line_break.start() if line_break else len(self._text)

    def _line_start(self, index: int) -> int:
        start = self._text.rfind("\n", 0, index) + 1
        return max(start, self._text.rfind("\r", start, index) + 1)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def find_line_end(text: str) -> str:
    """Return the line end of a text's first line; a newline if it has none."""
    line_break = LINE_BREAK.search(text)
    return line_break.group() if line_break else "\n"


def _entries(node: Mapping | Sequence) -> list[Pair] | list[Node]:
    return node.pairs if isinstance(node, Mapping) else node.items


def _value_at(parent: Mapping | Sequence, number: int) -> Node:
    return parent.pairs[number].value if isinstance(parent, Mapping) else parent.items[number]


def _is_block(node: Node) -> TypeGuard[Mapping | Sequence]:
    return isinstance(node, Mapping | Sequence) and not node.is_flow


def _is_filled_flow(node: Node) -> bool:
    return isinstance(node, Mapping | Sequence) and node.is_flow and bool(_entries(node))
