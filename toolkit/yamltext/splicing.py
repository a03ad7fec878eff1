"""Which characters of a YAML text an edit is about.

A splice is a guess: it fits what people write, and may be wrong where a text is written in a way that nobody thought
of. :mod:`toolkit.yamltext.editing` proves each one before it counts.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from toolkit.yamltext import nodes
from toolkit.yamltext.nodes import LINE_BREAK, Mapping, Scalar, Sequence, next_mark
from toolkit.yamltext.scalars import as_json, block, flow, is_nested

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Node, Pair, Path

_INDENT = 2
_DASH = re.compile(r"^ *(-)(?!\S)", re.MULTILINE)
# Where the entries of a mapping or list begin, if that is known, and what they hold.
_Entries: TypeAlias = "list[tuple[int | None, Node]]"


class Splice(NamedTuple):
    """Characters from `start` to `end` become `text`."""

    start: int
    end: int
    text: str


class Splicer:
    """Finds the splice that makes an edit; None where there is none. It may be wrong: the editor proves it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = line_end(text)
        # What is JSON stays JSON: who reads it may know nothing else.
        self._flow = as_json if _is_json(text) else flow

    def setting(self, root: Node | None, path: Path, value: Any) -> Splice | None:  # noqa: ANN401 - a document's value
        """The splice that puts a value at a path."""
        parent, last = nodes.find(root, path[:-1]) if root else None, path[-1]
        if isinstance(parent, Mapping) and isinstance(last, str) and parent.pairs:
            pair = parent.pair(last)
            return self._value(parent, pair, value) if pair else self._new_pair(parent, last, value)
        if isinstance(parent, Sequence) and isinstance(last, int) and parent.items:
            is_new = last == len(parent.items)
            return self._new_item(parent, value) if is_new else self._item(parent, last, value)
        # A value that is missing or empty, `spec:` or `spec: {}`, is filled as a whole.
        filled = {last: value} if isinstance(last, str) else [value]
        return self.setting(root, path[:-1], filled) if path[:-1] else self._filled_root(root, filled)

    def removal(self, root: Node, path: Path, rest: object) -> Splice | None:
        """The splice that takes a key or an item away; `rest` is what its mapping or list still holds."""
        parent, last = nodes.find(root, path[:-1]), path[-1]
        if not rest:
            return self.setting(root, path[:-1], rest) if path[:-1] else self._emptied_root(root, self._flow(rest))
        entries: _Entries
        if isinstance(parent, Mapping) and isinstance(last, str) and (pair := parent.pair(last)):
            number = next(n for n, known in enumerate(parent.pairs) if known is pair)
            entries = [(known.key.start.index, known.value) for known in parent.pairs]
        elif isinstance(parent, Sequence) and isinstance(last, int):
            number = last
            starts = self._starts(parent)
            entries = list(zip(starts, parent.items, strict=True))
        else:
            return None
        return self._flow_cut(entries, number) if parent.is_flow else self._block_cut(entries, number)

    # Values that are replaced.

    def _value(self, parent: Mapping, pair: Pair, value: object) -> Splice | None:
        old = pair.value
        colon = next_mark(self._text, pair.key.end, ":")
        if parent.is_flow and colon is None:
            return Splice(pair.key.end, pair.key.end, f": {self._flow(value)}")
        if colon is None or LINE_BREAK.search(self._text, pair.key.end, colon):
            return None
        if parent.is_flow or _is_filled_flow(old):
            return Splice(old.start.index, old.end, self._gap(old) + self._flow(value))
        between = self._text[colon + 1 : old.start.index]
        if LINE_BREAK.search(between):
            return self._value_below(parent, colon, old, value)
        head, tail = self._behind_the_colon(value, _column(parent))
        start = old.start.index if head else colon + 1
        return self._on_the_line(start, old.end, self._gap(old) + head.lstrip(" ") if head else "", tail)

    def _value_below(self, parent: Mapping, colon: int, old: Node, value: object) -> Splice | None:
        """Instead of a value that begins on a line of its own."""
        column, begin = old.start.column - 1, self._line_start(old.start.index)
        if self._text[begin : old.start.index].strip():
            return None
        is_block = isinstance(old, Mapping | Sequence) and not old.is_flow
        if is_nested(value):
            may_stay = column > _column(parent) or (isinstance(value, list) and isinstance(old, Sequence))
            lines = self._lines(value, column if may_stay else _column(parent) + _INDENT)
            if is_block:
                return Splice(begin, self._line_stop(old.end), lines.removesuffix(self._newline))
            return self._on_the_line(begin, old.end, *self._parted(lines))
        if not is_block:
            return Splice(old.start.index, old.end, self._flow(value))
        first = self._line_end(colon)
        head, tail = self._behind_the_colon(value, _column(parent))
        if first < begin:
            # Lines of comments follow, which would become part of a block of text.
            head, tail = f" {self._flow(value)}", ""
        kept = self._text[colon + 1 : first] + tail + self._text[first:begin]
        return Splice(colon + 1, self._end_of_lines(old), head + kept)

    def _item(self, sequence: Sequence, number: int, value: object) -> Splice | None:
        old = sequence.items[number]
        if sequence.is_flow or _is_filled_flow(old):
            return Splice(old.start.index, old.end, self._flow(value))
        is_empty = isinstance(old, Scalar) and old.is_empty
        indent = _column(sequence) + _INDENT if is_empty else old.start.column - 1
        first, tail = self._parted(self._lines(value, indent)[indent:] if is_nested(value) else self._flow(value))
        if isinstance(old, Mapping | Sequence) and not old.is_flow:
            lines = (first + self._newline + tail).removesuffix(self._newline)
            return Splice(old.start.index, self._line_stop(old.end), lines)
        return self._on_the_line(old.start.index, old.end, " " + first if is_empty else first, tail)

    def _on_the_line(self, start: int, end: int, first: str, tail: str) -> Splice:
        """What stands on a line now, then the rest of that line, such as a comment, then lines below it."""
        if not tail:
            return Splice(start, end, first)
        stop = self._line_end(end)
        rest = self._text[end:stop]
        if not rest.endswith(("\n", "\r")):
            return Splice(start, stop, first + rest + self._newline + tail.removesuffix(self._newline))
        return Splice(start, stop, first + rest + tail)

    # What is new.

    def _new_pair(self, mapping: Mapping, key: str, value: object) -> Splice:
        if mapping.is_flow:
            at = mapping.pairs[-1].value.end
            return Splice(at, at, f", {self._flow(key)}: {self._flow(value)}")
        return self._insertion(mapping, {key: value})

    def _new_item(self, sequence: Sequence, value: object) -> Splice | None:
        if sequence.is_flow:
            at = sequence.items[-1].end
            return Splice(at, at, f", {self._flow(value)}")
        return self._insertion(sequence, [value])

    def _insertion(self, node: Mapping | Sequence, value: object) -> Splice:
        """Lines after the last entry of a block."""
        at = self._end_of_lines(node)
        lines = self._lines(value, _column(node))
        if self._text[at - 1] in "\r\n":
            return Splice(at, at, lines)
        return Splice(at, at, self._newline + lines.removesuffix(self._newline))

    def _filled_root(self, root: Node | None, value: object) -> Splice:
        lines = self._lines(value, 0)
        start, end = (root.start.index, root.end) if root else (len(self._text), len(self._text))
        if start == end:
            is_fresh = not start or self._text[start - 1] in "\r\n"
            return Splice(start, start, lines if is_fresh else self._newline + lines)
        stop = self._line_end(end)
        rest = self._text[end:stop]
        if start == self._line_start(start) and not rest.strip():
            return Splice(start, stop, lines)
        # A mapping can't begin on the line of a document's mark, and a comment stays.
        return Splice(start, stop, rest + ("" if rest.endswith(("\n", "\r")) else self._newline) + lines)

    # What is taken away.

    def _emptied_root(self, root: Node, text: str) -> Splice:
        is_flow = isinstance(root, Mapping | Sequence) and root.is_flow
        return Splice(root.start.index, root.end if is_flow else self._line_stop(root.end), text)

    def _block_cut(self, entries: _Entries, number: int) -> Splice | None:
        start, node = entries[number]
        if start is None:
            return None
        begin, stop = self._line_start(start), self._end_of_lines(node)
        if not self._text[begin:start].strip():
            return Splice(begin, stop, "")
        # It shares its line with the dash of what it is in; so does what follows it then.
        following = entries[number + 1][0] if number + 1 < len(entries) else None
        if following is None:
            return None
        if self._line_start(following) == stop:
            return Splice(start, following, "")
        start = len(self._text[:start].rstrip(" "))
        return Splice(start, len(self._text[:stop].removesuffix("\n").removesuffix("\r")), "")

    def _flow_cut(self, entries: _Entries, number: int) -> Splice | None:
        start, end = entries[number][0], entries[number][1].end
        if start is None:
            return None
        comma = next_mark(self._text, end, ",")
        if comma is None:
            # It is the last one, and there are others: the comma before it goes with it, comments between them stay.
            before = next_mark(self._text, entries[number - 1][1].end, ",")
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

    def _starts(self, sequence: Sequence) -> list[int | None]:
        """Where each item begins: with its dash, or in flow style with itself."""
        if sequence.is_flow:
            return [item.start.index for item in sequence.items]
        starts: list[int | None] = []
        begin = sequence.start.index
        for item in sequence.items:
            starts.append(self._dash(begin, item.start.index))
            begin = item.after
        return starts

    def _dash(self, begin: int, end: int) -> int | None:
        if self._text.startswith("-", begin):
            return begin
        found = _DASH.search(self._text, begin, end)
        return found.start(1) if found else None

    # Text.

    def _behind_the_colon(self, value: object, column: int) -> tuple[str, str]:
        """A value of a pair: what follows the colon on its line, and lines below it."""
        return self._parted(self._lines({"k": value}, column)[column + 2 :])

    def _parted(self, lines: str) -> tuple[str, str]:
        """The first line, without its end, and the others."""
        first, _, others = lines.partition(self._newline)
        return first, others

    def _gap(self, old: Node) -> str:
        """The blank that a value needs which follows its colon directly."""
        return " " if self._text[old.start.index - 1] == ":" else ""

    def _lines(self, value: Any, indent: int) -> str:  # noqa: ANN401 - a document's value
        return block(value, indent).replace("\n", self._newline)

    def _end_of_lines(self, node: Node) -> int:
        """Where the line begins that follows a node."""
        return node.after if node.after != node.end else self._line_end(node.end)

    def _line_end(self, index: int) -> int:
        found = LINE_BREAK.search(self._text, index)
        return found.end() if found else len(self._text)

    def _line_stop(self, index: int) -> int:
        found = LINE_BREAK.search(self._text, index)
        return found.start() if found else len(self._text)

    def _line_start(self, index: int) -> int:
        return max(self._text.rfind("\n", 0, index), self._text.rfind("\r", 0, index)) + 1


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def line_end(text: str) -> str:
    """How a text ends its lines: as it ends the first one."""
    found = LINE_BREAK.search(text)
    return found.group() if found else "\n"


def _column(node: Mapping | Sequence) -> int:
    """Blanks before each entry of a block."""
    first = node.pairs[0].key.start if isinstance(node, Mapping) else node.start
    return first.column - 1


def _is_filled_flow(node: Node) -> bool:
    if isinstance(node, Mapping):
        return node.is_flow and bool(node.pairs)
    return isinstance(node, Sequence) and node.is_flow and bool(node.items)
