"""Edit values in a YAML text without changing any other character.

Edits are splices in the text, so comments, order, quotes, indentation and line ends of all other parts are kept. Every
splice is verified by parsing the result. If no splice gives the wanted values (because of an anchor in the edited part,
for example), the edit is rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.values import Value
from toolkit.yamltext import nodes
from toolkit.yamltext.changes import Change, Draft, apply_changes, are_same
from toolkit.yamltext.parsing import Parsed, parse
from toolkit.yamltext.plain import at
from toolkit.yamltext.splicing import Splicer, find_line_end

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Node, Path, Place

# The end of a document: after `...`, or before the `---` or the directives of the next document.
_BOUNDARY = re.compile(r"(?:^|(?<=[\r\n]))(?:\.\.\.(?!\S)|(?=---(?!\S)|%))", re.MULTILINE)


class _Part(NamedTuple):
    """The text of one document.

    Attributes:
        text: the document's text, or the text of a stream that contains it.
        begin: index of the document's begin in the text.
        end: index of its end.
        value: its plain values.
        root: its tree, with places in the text; None for a stream without documents.
    """

    text: str
    begin: int
    end: int
    value: object
    root: Node | None


class Editor:
    """A YAML stream that is edited value by value.

    Args:
        text: the stream.
        source: its name in errors, usually the file's name.
        parsed: the result of :func:`toolkit.yamltext.parsing.parse` for the text; None to parse it here.
        as_go: whether to parse as Go does; see that function.

    Raises:
        InvalidInputError: the text is not YAML.
    """

    def __init__(self, text: str, source: str, parsed: Sequence[Parsed] | None = None, *, as_go: bool = False) -> None:
        self._source = source
        self._original = text
        self._as_go = as_go
        self._parsed = parse(text, source, as_go=as_go) if parsed is None else parsed
        self._drafts = [Draft(document.value) for document in self._parsed]
        # For each edited document: the edited values, and the text made for them.
        self._made: dict[int, tuple[object, str]] = {}
        self._text: str | None = text

    @property
    def documents(self) -> list[Value]:
        """Return the plain values of all documents after the edits so far. Callers must not change them in place."""
        return [draft.value for draft in self._drafts]

    def read(self, document: int) -> Value:
        """Return the plain values of one document after the edits so far."""
        return self._drafts[document].value

    def set(self, document: int, path: Path, value: object) -> None:
        """Set the value at a path: replace the value there, or append it to its mapping or list.

        Args:
            document: index of the document; 0 adds a document to an empty stream.
            path: keys and indexes of items. Missing or empty parents are created. The index after the last item
                appends an item.
            value: a text, boolean or integer, or a mapping or list of these.

        Raises:
            InvalidInputError: a parent exists and is not a mapping or list, or the value can't be written.
        """
        if not path or not 0 <= document < max(1, len(self._drafts)):
            raise self._refused(document, path)
        draft = self._drafts[document] if self._drafts else Draft(None)
        try:
            value = _plain(value)
            if value is not None and are_same(at(draft.value, path), value):
                return
            draft.put(path, value)
        except (LookupError, ValueError) as error:
            # The path does not exist, or a text contains a lone surrogate.
            raise self._refused(document, path) from error
        if not self._drafts:
            self._drafts.append(draft)
        self._text = None

    def remove(self, document: int, path: Path) -> None:
        """Remove a key or an item.

        Raises:
            InvalidInputError: it does not exist.
        """
        if not path or not 0 <= document < len(self._drafts):
            raise self._refused(document, path)
        try:
            self._drafts[document].remove(path)
        except LookupError as error:
            raise self._refused(document, path) from error
        self._text = None

    def find_place(self, document: int, path: Path) -> Place:
        """Return the place of a path in the original text, or of its closest existing parent."""
        known = 0 <= document < len(self._parsed)
        return nodes.find_nearest(self._parsed[document].root, path) if known else nodes.Place(0, 1, 1)

    @property
    def text(self) -> str:
        """Return the stream with all edits.

        Raises:
            InvalidInputError: an edit can't be made in the text as it is written.
        """
        if self._text is None:
            pieces: list[str] = []
            done = 0
            for number, draft in enumerate(self._drafts):
                changes = draft.find_changes()
                if changes:
                    part = self._part(number)
                    pieces += [self._original[done : part.begin], self._edited(number, part, changes)]
                    done = part.end
            self._text = "".join([*pieces, self._original[done:]])
        return self._text

    def _part(self, number: int) -> _Part:
        """Return an original document."""
        text = self._original
        if not self._parsed:
            return _Part(text, 0, len(text), None, None)
        value, root, _ = self._parsed[number]
        begin = self._boundary(number) if number else 0
        end = self._boundary(number + 1) if number + 1 < len(self._parsed) else len(text)
        return _Part(text, begin, end, value, root)

    def _boundary(self, number: int) -> int:
        """Return the index at which a document begins that is not the first one."""
        before, root = self._parsed[number - 1].root, self._parsed[number].root
        boundary = _BOUNDARY.search(self._original, before.after, root.start.index)
        return boundary.end() if boundary else root.start.index

    def _edited(self, number: int, part: _Part, changes: list[Change]) -> str:
        """Return the text of a document with changes. The text is cached for the same values."""
        wanted = self._drafts[number].value
        known, text = self._made.get(number, (None, ""))
        if known is not wanted:
            made = self._changed(number, part, changes)
            if not are_same(made.value, wanted):
                raise self._refused(number, changes[0].path)
            text = made.text[made.begin : made.end]
            self._made[number] = wanted, text
        return text

    def _changed(self, number: int, part: _Part, changes: list[Change]) -> _Part:
        """Apply all changes at once; if that fails, apply the later half first and then the other half.

        The changes are in the order of the document, so later changes don't move the places of earlier ones.

        Raises:
            InvalidInputError: a change can't be made.
        """
        changed = self._proven(part, changes)
        if changed is None and len(changes) == 1:
            raise self._refused(number, changes[0].path)
        if changed is None:
            half = len(changes) // 2
            changed = self._changed(number, self._changed(number, part, changes[half:]), changes[:half])
        return changed

    def _proven(self, part: _Part, changes: list[Change]) -> _Part | None:
        """Apply all changes at once and parse the result; return None if it does not have the wanted values."""
        wanted = apply_changes(part.value, changes)
        for text in _spliced(part, changes):
            try:
                documents = parse(text, self._source, as_go=self._as_go)
            except InvalidInputError:
                continue
            if len(documents) == 1 and are_same(documents[0].value, wanted):
                return _Part(text, 0, len(text), documents[0].value, documents[0].root)
        return None

    def _refused(self, document: int, path: Path) -> InvalidInputError:
        place = self.find_place(document, path)
        hint = "Write the section without anchors, aliases, merge keys, tags and keys after a question mark."
        if self._original and not self._original.endswith(("\n", "\r")):
            # A line behind a literal block would add a line end to the block's value.
            hint = "End the last line of the file with a line end."
        return InvalidInputError(
            f"{self._source} is written in a way that can't be changed in part",
            [Problem(f"{self._source}:{place.line}:{place.column}", f"{join_path(path)} can't be changed alone")],
            hint,
        )


def join_path(path: Path) -> str:
    """Return a path as text: ``spec.mtls.backends[0].conf``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _spliced(part: _Part, changes: list[Change]) -> Iterator[str]:
    """Yield the possible texts of a document with changes; nothing if splices overlap."""
    try:
        made = Splicer(part.text).find_splices(part.root, changes)
    except (TypeError, ValueError):
        # The value has a type or a character that can't be written.
        return
    if None in made:
        return
    splices = sorted((splice for splice in made if splice), key=lambda splice: (splice.start, splice.end))
    pieces: list[str] = []
    done = part.begin
    for start, end, text in splices:
        if start < done:
            return
        pieces += [part.text[done:start], text]
        done = end
    text = "".join([*pieces, part.text[done : part.end]])
    is_last = part.end == len(part.text)
    if is_last or text.endswith(("\n", "\r")) or not part.text[: part.end].endswith(("\n", "\r")):
        yield text
    if not text.endswith(("\n", "\r")):
        # A literal block needs a final line end, which the text may not have had.
        yield text + find_line_end(part.text)


def _plain(value: object) -> Value:
    """Return a copy of a value as it will be parsed, with lists instead of tuples.

    Raises:
        ValueError: a text contains a lone surrogate.
    """
    if isinstance(value, str):
        value.encode()
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
