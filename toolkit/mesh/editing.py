"""Edits of a YAML text that leave every character alone that they are not about.

Comments, order, quotes, indentation and line ends of what is not edited stay as they are, since the text is cut and
spliced, never written anew. Whether a splice did what it should is proved by reading the result: where a text is
written in a way that no splice fits (an anchor in the middle, for example), it is refused and nothing is lost.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.mesh import reading, tree
from toolkit.mesh.scalars import block, flow, is_nested, scalar
from toolkit.mesh.tree import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.tree import Node, Pair, Path

_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_INDENT = 2


class _Splice(NamedTuple):
    """Characters from `start` to `end` become `text`."""

    start: int
    end: int
    text: str


class Editor:
    """A YAML stream that is edited one value at a time.

    Args:
        text: the stream.
        source: what to call it in an error, usually the file's name.

    Raises:
        InvalidInputError: the text is no YAML.
    """

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._read(text)

    def _read(self, text: str) -> None:
        self.text = text
        self.documents: list[Any] = reading.load_stream(text, self._source)
        self._roots = tree.parse(text, self._source)

    def set(self, document: int, path: Path, value: object) -> None:
        """Put a value at a path: replace what is there, or add it after its last neighbour.

        Args:
            document: which document of the stream, from 0.
            path: keys and numbers of items. All but the last must be there or be empty; the number after that of the
                last item appends.
            value: a text, a truth value, an integer, or a mapping or list of such.

        Raises:
            InvalidInputError: the text is written in a way that the edit does not fit into.
        """
        wanted = copy.deepcopy(self.documents)
        _put(wanted, (document, *path), value)
        if wanted != self.documents:
            self._make(self._setting(self._roots[document], path, value), wanted, document, path)

    def remove(self, document: int, path: Path) -> None:
        """Take away a key or an item that is there.

        Raises:
            InvalidInputError: the text is written in a way that the edit does not fit into.
        """
        wanted = copy.deepcopy(self.documents)
        holder = wanted[document]
        for part in path[:-1]:
            holder = holder[part]
        del holder[path[-1]]
        splice = self._removal(self._roots[document], path, holder)
        self._make(splice, wanted, document, path)

    def place(self, document: int, path: Path) -> tree.Place:
        """Where a path stands, or the closest value above it that is there."""
        return tree.nearest(self._roots[document], path)

    def _make(self, splice: _Splice | None, wanted: list[Any], document: int, path: Path) -> None:
        before = self.text
        for text in [] if splice is None else self._spliced(splice):
            try:
                self._read(text)
            except InvalidInputError:
                continue
            if self.documents == wanted:
                return
        self._read(before)
        place = self.place(document, path)
        raise InvalidInputError(
            f"{self._source} is written in a way that can't be changed in part",
            [Problem(f"{self._source}:{place.line}:{place.column}", f"{dotted(path)} can't be changed alone")],
            "Anchors, aliases, merge keys and tags are what usually stands in the way; write the section without them.",
        )

    def _spliced(self, splice: _Splice) -> Iterator[str]:
        text = self.text[: splice.start] + splice.text + self.text[splice.end :]
        yield text
        if not text.endswith(("\n", "\r")):
            # A literal block needs the end of its last line, which the file may have lacked.
            yield text + self._newline

    def _setting(self, root: Node, path: Path, value: Any) -> _Splice | None:  # noqa: ANN401 - a document's value
        parent, last = tree.find(root, path[:-1]), path[-1]
        if isinstance(parent, Mapping) and isinstance(last, str) and parent.pairs:
            pair = parent.pair(last)
            return self._replacement(parent, pair, value) if pair else self._new_pair(parent, last, value)
        if isinstance(parent, Sequence) and parent.items:
            return self._new_item(parent, value) if last == len(parent.items) else None
        if not path[:-1]:
            return None
        # A value that is missing or empty, `spec:` or `spec: {}`, is filled as a whole.
        return self._setting(root, path[:-1], {last: value} if isinstance(last, str) else [value])

    def _replacement(self, parent: Mapping, pair: Pair, value: object) -> _Splice:
        old = pair.value
        if parent.is_flow or _is_filled_flow(old) or not (is_nested(value) or _is_on_lines(old)):
            space = " " if self.text[old.start.index - 1] == ":" else ""
            return _Splice(old.start.index, old.end, space + flow(value))
        colon = self.text.index(":", pair.key.end) + 1
        if not is_nested(value):
            return _Splice(colon, old.end, " " + flow(value))
        lines = self._lines(value, _column(parent) + _INDENT)
        if _is_on_lines(old):
            return _Splice(colon, old.end, self._newline + lines.removesuffix(self._newline))
        # The rest of the line is a comment, which stays with its key.
        end = self._line_end(old.end)
        rest = self.text[old.end : end]
        if not rest.endswith(("\n", "\r")):
            rest += self._newline
        begin = colon if not rest.strip() else old.start.index
        return _Splice(begin, end, rest + lines)

    def _new_pair(self, mapping: Mapping, key: str, value: object) -> _Splice:
        if mapping.is_flow:
            at = mapping.pairs[-1].value.end
            return _Splice(at, at, f", {scalar(key)}: {flow(value)}")
        return self._insertion(mapping, {key: value})

    def _new_item(self, sequence: Sequence, value: object) -> _Splice:
        if sequence.is_flow:
            at = sequence.items[-1].end
            return _Splice(at, at, f", {flow(value)}")
        return self._insertion(sequence, [value])

    def _insertion(self, node: Mapping | Sequence, value: object) -> _Splice:
        """Lines after the last entry of a block."""
        at = self._end_of_lines(node)
        lines = self._lines(value, _column(node))
        if self.text[at - 1] in "\r\n":
            return _Splice(at, at, lines)
        return _Splice(at, at, self._newline + lines.removesuffix(self._newline))

    def _removal(self, root: Node, path: Path, rest: object) -> _Splice | None:
        parent, last = tree.find(root, path[:-1]), path[-1]
        if not rest:
            return self._setting(root, path[:-1], rest)
        if isinstance(parent, Mapping) and isinstance(last, str):
            return self._removed_pair(parent, last)
        if isinstance(parent, Sequence) and isinstance(last, int):
            return self._removed_item(parent, last)
        return None

    def _removed_pair(self, mapping: Mapping, key: str) -> _Splice:
        number = next(n for n, pair in enumerate(mapping.pairs) if pair is mapping.pair(key))
        pair = mapping.pairs[number]
        begin = self._line_start(pair.key.start.index)
        if not mapping.is_flow and not self.text[begin : pair.key.start.index].strip():
            return _Splice(begin, self._end_of_lines(pair.value), "")
        if mapping.is_flow and number:
            return _Splice(mapping.pairs[number - 1].value.end, pair.value.end, "")
        return _Splice(pair.key.start.index, mapping.pairs[number + 1].key.start.index, "")

    def _removed_item(self, sequence: Sequence, number: int) -> _Splice | None:
        item = sequence.items[number]
        if not sequence.is_flow:
            begin = self._dash(sequence, number)
            return None if begin is None else _Splice(begin, self._end_of_lines(item), "")
        if number:
            return _Splice(sequence.items[number - 1].end, item.end, "")
        return _Splice(item.start.index, sequence.items[1].start.index, "")

    def _dash(self, sequence: Sequence, number: int) -> int | None:
        """Where the line of an item's dash begins; None when something else stands on that line before it."""
        column = _column(sequence)
        begin = self._line_start(sequence.start.index) if number == 0 else sequence.items[number - 1].after
        dash = re.compile(rf"^ {{{column}}}-(?=\s)", re.MULTILINE)
        found = dash.search(self.text, begin, sequence.items[number].start.index + 1)
        return found.start() if found else None

    def _lines(self, value: Any, indent: int) -> str:  # noqa: ANN401 - a document's value
        return block(value, indent).replace("\n", self._newline)

    def _end_of_lines(self, node: Node) -> int:
        """Where the line begins that follows a node."""
        return node.after if node.after != node.end else self._line_end(node.end)

    def _line_end(self, index: int) -> int:
        found = _LINE_BREAK.search(self.text, index)
        return found.end() if found else len(self.text)

    def _line_start(self, index: int) -> int:
        return max(self.text.rfind("\n", 0, index), self.text.rfind("\r", 0, index)) + 1


def dotted(path: Path) -> str:
    """A path as people write it: ``spec.mtls.backends[0].conf``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _put(holder: Any, path: Path, value: object) -> None:  # noqa: ANN401 - a document's value
    """What :meth:`Editor.set` does, done to plain values."""
    *way, last = path
    for part, following in zip(way, path[1:], strict=True):
        if isinstance(part, str) and holder.get(part) is None:
            holder[part] = {} if isinstance(following, str) else []
        holder = holder[part]
    if isinstance(holder, list) and last == len(holder):
        holder.append(value)
    else:
        holder[last] = value


def _column(node: Mapping | Sequence) -> int:
    """Blanks before each entry of a block."""
    first = node.pairs[0].key.start if isinstance(node, Mapping) else node.start
    return first.column - 1


def _is_filled_flow(node: Node) -> bool:
    if isinstance(node, Mapping):
        return node.is_flow and bool(node.pairs)
    return isinstance(node, Sequence) and node.is_flow and bool(node.items)


def _is_on_lines(node: Node) -> bool:
    """Whether a value takes lines of its own below its key."""
    if isinstance(node, Scalar):
        return node.is_block
    return isinstance(node, Mapping | Sequence) and not node.is_flow
