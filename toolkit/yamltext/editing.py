"""Edit a YAML text and leave every character alone that the edits are not about.

Comments, order, quotes, indentation and line ends of what is not edited stay as they are, since the text is cut and
spliced, never written again. Every splice is proven by reading the result: where a text is written in a way that no
splice fits (an anchor in the middle, for example), the edit is refused and nothing is lost.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import InvalidInputError, Problem
from toolkit.yamltext import nodes
from toolkit.yamltext.changes import Draft, apply_changes, are_same
from toolkit.yamltext.parsing import Parsed, parse
from toolkit.yamltext.plain import at
from toolkit.yamltext.splicing import Splicer, find_line_end

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.values import Value
    from toolkit.yamltext.changes import Change
    from toolkit.yamltext.nodes import Node, Path, Place

# Where a document ends: after `...`, or before the `---` or the directives of the next one.
_BOUNDARY = re.compile(r"(?:^|(?<=[\r\n]))(?:\.\.\.(?!\S)|(?=---(?!\S)|%))", re.MULTILINE)


class _Part(NamedTuple):
    """The text of one document.

    Attributes:
        text: of the document, or of a stream that contains it.
        begin: where the document begins in the text.
        end: where it ends.
        value: its plain values.
        root: its tree, with places in the text; None for a stream without documents.
        splicer: for the text.
    """

    text: str
    begin: int
    end: int
    value: object
    root: Node | None
    splicer: Splicer


class Editor:
    """A YAML stream that is edited value by value.

    Args:
        text: the stream.
        source: what to call it in an error, usually the file's name.
        parsed: what :func:`toolkit.yamltext.parsing.parse` returned for the text, if that is known.
        as_go: as of that function.

    Raises:
        InvalidInputError: the text is not YAML.
    """

    def __init__(self, text: str, source: str, parsed: Sequence[Parsed] | None = None, *, as_go: bool = False) -> None:
        self._source = source
        self._original = text
        self._as_go = as_go
        self._parsed = parse(text, source, as_go=as_go) if parsed is None else parsed
        self._splicer = Splicer(text)
        self._drafts = [Draft(document.value) for document in self._parsed]
        # The text of each document that was edited, and the values that it was made for.
        self._made: dict[int, tuple[object, str]] = {}
        self._text: str | None = text

    @property
    def documents(self) -> list[Value]:
        """The plain values of the stream as they are after the edits so far; not to be changed in place."""
        return [draft.value for draft in self._drafts]

    def set(self, document: int, path: Path, value: object) -> None:
        """Put a value at a path: replace what is there, or add it after its last neighbor.

        Args:
            document: which document of the stream, from 0; a stream without any gets its first one.
            path: keys and numbers of items. What is missing or empty on the way is filled; the number after that of
                the last item appends.
            value: a text, a truth value, an integer, or a mapping or list of such.

        Raises:
            InvalidInputError: there is something else than mappings and lists on the way, or the value can't be
                written.
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
            # There is no such place, or half a character, which no text can hold.
            raise self._refused(document, path) from error
        if not self._drafts:
            self._drafts.append(draft)
        self._text = None

    def remove(self, document: int, path: Path) -> None:
        """Take away a key or an item.

        Raises:
            InvalidInputError: it is not there.
        """
        if not path or not 0 <= document < len(self._drafts):
            raise self._refused(document, path)
        try:
            self._drafts[document].remove(path)
        except LookupError as error:
            raise self._refused(document, path) from error
        self._text = None

    def find_place(self, document: int, path: Path) -> Place:
        """Return the place of a path in the original text, or of the closest value above it that is there."""
        known = 0 <= document < len(self._parsed)
        return nodes.find_nearest(self._parsed[document].root, path) if known else nodes.Place(0, 1, 1)

    @property
    def text(self) -> str:
        """The stream with all edits.

        Raises:
            InvalidInputError: the text is written in a way that an edit does not fit into.
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
        """Return a document as it was read."""
        text = self._original
        if not self._parsed:
            return _Part(text, 0, len(text), None, None, self._splicer)
        value, root, _ = self._parsed[number]
        begin = self._boundary(number) if number else 0
        end = self._boundary(number + 1) if number + 1 < len(self._parsed) else len(text)
        return _Part(text, begin, end, value, root, self._splicer)

    def _boundary(self, number: int) -> int:
        """Return where a document begins that is not the first one."""
        before, root = self._parsed[number - 1].root, self._parsed[number].root
        boundary = _BOUNDARY.search(self._original, before.after, root.start.index)
        return boundary.end() if boundary else root.start.index

    def _edited(self, number: int, part: _Part, changes: list[Change]) -> str:
        """Return the text of a document with changes; it is made once for the same values."""
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
        """Make changes together, or where that does not fit the later half before the other half.

        The changes are in the order of the document, so the later ones move nothing that the others are about.

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
        """Make changes together, and read the result; None where it is not what it should be."""
        wanted = apply_changes(part.value, changes)
        for text in _spliced(part, changes):
            try:
                documents = parse(text, self._source, as_go=self._as_go)
            except InvalidInputError:
                continue
            if len(documents) == 1 and are_same(documents[0].value, wanted):
                return _Part(text, 0, len(text), documents[0].value, documents[0].root, Splicer(text))
        return None

    def _refused(self, document: int, path: Path) -> InvalidInputError:
        place = self.find_place(document, path)
        return InvalidInputError(
            f"{self._source} is written in a way that can't be changed in part",
            [Problem(f"{self._source}:{place.line}:{place.column}", f"{join_path(path)} can't be changed alone")],
            "Write the section without anchors, aliases, merge keys and tags.",
        )


def join_path(path: Path) -> str:
    """Return a path as people write it: ``spec.mtls.backends[0].conf``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _spliced(part: _Part, changes: list[Change]) -> Iterator[str]:
    """Yield the texts of a document that changes may lead to; nothing where they overlap."""
    try:
        made = part.splicer.find_splices(part.root, changes)
    except (TypeError, ValueError):
        # A value that YAML text of ours can't express.
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
        # A literal block needs the end of its last line, which the text may have lacked.
        yield text + find_line_end(part.text)


def _plain(value: object) -> Value:
    """Return a value as it will be read: of its own, and with lists instead of tuples.

    Raises:
        ValueError: a text has half a character.
    """
    if isinstance(value, str):
        value.encode()
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
