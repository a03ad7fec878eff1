"""Edits of a YAML text that leave every character alone that they are not about.

Comments, order, quotes, indentation and line ends of what is not edited stay as they are, since the text is cut and
spliced, never written anew. Whether a splice did what it should is proved by reading the result: where a text is
written in a way that no splice fits (an anchor in the middle, for example), it is refused and nothing is lost.
"""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any

from ruamel.yaml.error import YAMLWarning

from toolkit.errors import InvalidInputError, Problem
from toolkit.yamltext import nodes, parsing
from toolkit.yamltext.splicing import Splicer, line_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.yamltext.nodes import Node, Path, Place
    from toolkit.yamltext.splicing import Splice


class Editor:
    """A YAML stream that is edited one value at a time.

    Args:
        text: the stream.
        source: what to call it in an error, usually the file's name.

    Attributes:
        text: the stream as it is now.
        documents: what it means, as plain values; not to be changed but through this class.

    Raises:
        InvalidInputError: the text is no YAML.
    """

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self.text = text
        self.documents, self._roots = _read(text, source)

    def set(self, document: int, path: Path, value: object) -> None:
        """Put a value at a path: replace what is there, or add it after its last neighbour.

        Args:
            document: which document of the stream, from 0; a stream without any gets its first one.
            path: keys and numbers of items. What is missing or empty on the way is filled; the number after that of
                the last item appends.
            value: a text, a truth value, an integer, or a mapping or list of such.

        Raises:
            InvalidInputError: the text is written in a way that the edit does not fit into, or holds something else
                than mappings and lists on the way.
        """
        if not path or not 0 <= document < max(1, len(self.documents)):
            raise self._refused(document, path)
        value = _plain(value)
        root = self._roots[document] if self._roots else None
        try:
            wanted = _put(self.documents, (document, *path), value)
            if _same(wanted, self.documents):
                return
            splice = Splicer(self.text).setting(root, path, value)
        except (LookupError, ValueError) as error:
            # There is no such place, or half a character, which no text can hold.
            raise self._refused(document, path) from error
        self._make(splice, wanted, document, path)

    def remove(self, document: int, path: Path) -> None:
        """Take away a key or an item.

        Raises:
            InvalidInputError: it is not there, or the text is written in a way that the edit does not fit into.
        """
        if not path or not 0 <= document < len(self.documents):
            raise self._refused(document, path)
        try:
            wanted = _without(self.documents, (document, *path))
        except LookupError as error:
            raise self._refused(document, path) from error
        rest = wanted[document]
        for part in path[:-1]:
            rest = rest[part]
        splice = Splicer(self.text).removal(self._roots[document], path, rest)
        self._make(splice, wanted, document, path)

    def place(self, document: int, path: Path) -> Place:
        """Where a path stands, or the closest value above it that is there."""
        known = 0 <= document < len(self._roots)
        return nodes.nearest(self._roots[document], path) if known else nodes.Place(0, 1, 1)

    def _make(self, splice: Splice | None, wanted: list[Any], document: int, path: Path) -> None:
        for text in [] if splice is None else self._spliced(splice):
            try:
                documents, roots = _read(text, self._source)
            except InvalidInputError:
                continue
            if _same(documents, wanted):
                self.text, self.documents, self._roots = text, documents, roots
                return
        raise self._refused(document, path)

    def _spliced(self, splice: Splice) -> Iterator[str]:
        text = self.text[: splice.start] + splice.text + self.text[splice.end :]
        yield text
        if not text.endswith(("\n", "\r")):
            # A literal block needs the end of its last line, which the file may have lacked.
            yield text + line_end(self.text)

    def _refused(self, document: int, path: Path) -> InvalidInputError:
        place = self.place(document, path)
        return InvalidInputError(
            f"{self._source} is written in a way that can't be changed in part",
            [Problem(f"{self._source}:{place.line}:{place.column}", f"{dotted(path)} can't be changed alone")],
            "Anchors, aliases, merge keys and tags are what usually stands in the way; write the section without them.",
        )


def dotted(path: Path) -> str:
    """A path as people write it: ``spec.mtls.backends[0].conf``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _read(text: str, source: str) -> tuple[list[Any], list[Node]]:
    """The documents of a stream, as plain values and as trees."""
    with parsing.refusing(source), warnings.catch_warnings():
        # An anchor that is used again is good YAML.
        warnings.simplefilter("ignore", YAMLWarning)
        try:
            return list(parsing.load_stream(text, source)), nodes.parse(text, source)
        except TypeError as error:
            raise ValueError("a mapping has a key that can't be one") from error


def _plain(value: object) -> Any:  # noqa: ANN401 - a document's value
    """A value as it will be read: of its own, and with lists instead of tuples."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _put(holder: Any, path: Path, value: object) -> Any:  # noqa: ANN401 - a document's value
    """A copy of plain values with one of them set; what is not on the way is shared, as aliases share it.

    Raises:
        LookupError: something on the way is neither missing, empty, nor a mapping or list.
    """
    if not path:
        return value
    part, rest = path[0], path[1:]
    if holder is None:
        holder = {} if isinstance(part, str) else []
    changed = copy.copy(holder)
    if isinstance(holder, dict) and isinstance(part, str):
        changed[part] = _put(holder.get(part), rest, value)
    elif isinstance(holder, list) and isinstance(part, int) and 0 <= part < len(holder):
        changed[part] = _put(holder[part], rest, value)
    elif isinstance(holder, list) and part == len(holder):
        changed.append(_put(None, rest, value))
    else:
        raise LookupError(part)
    return changed


def _without(holder: Any, path: Path) -> Any:  # noqa: ANN401 - a document's value
    """A copy of plain values with one of them taken away.

    Raises:
        LookupError: it is not there.
    """
    part, rest = path[0], path[1:]
    is_there = (isinstance(holder, dict) and isinstance(part, str) and part in holder) or (
        isinstance(holder, list) and isinstance(part, int) and 0 <= part < len(holder)
    )
    if not is_there:
        raise LookupError(part)
    changed = copy.copy(holder)
    if rest:
        changed[part] = _without(holder[part], rest)
    else:
        del changed[part]
    return changed


def _same(one: object, other: object) -> bool:
    """Whether two values are alike in every part; unlike with ``==``, 1, 1.0 and true differ, and NaN is itself.

    Aliases make values that hold themselves, or one value a million times: no pair is looked at twice.
    """
    pairs: list[tuple[Any, Any]] = [(one, other)]
    known: set[tuple[int, int]] = set()
    while pairs:
        left, right = pairs.pop()
        if left is right or (id(left), id(right)) in known:
            continue
        if type(left) is not type(right):
            return False
        if isinstance(left, dict):
            if left.keys() != right.keys():
                return False
            pairs += [(left[key], right[key]) for key in left]
        elif isinstance(left, list | tuple):
            if len(left) != len(right):
                return False
            pairs += zip(left, right, strict=True)
        elif left != right and not (left != left and right != right):  # noqa: PLR0124 - that is what NaN is
            return False
        known.add((id(left), id(right)))
    return True
