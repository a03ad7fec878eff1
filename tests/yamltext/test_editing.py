"""An edit changes only its value and no other character."""

from __future__ import annotations

import copy
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.yamltext.yaml_writing import Written, any_text, keys, load_stream, paths, streams, texts, values
from toolkit.errors import InvalidInputError
from toolkit.yamltext import nodes, parsing
from toolkit.yamltext.changes import are_same
from toolkit.yamltext.editing import Editor

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Node, Path


class Edit(NamedTuple):
    """A random edit of a stream."""

    document: int
    path: Path
    value: Any
    is_removal: bool

    def of_values(self, documents: list[Any]) -> list[Any]:
        """What the edit means, done to plain values."""
        changed = copy.deepcopy(documents)
        holder: Any = changed
        for part in (self.document, *self.path[:-1]):
            holder = holder[part]
        last: Any = self.path[-1]
        if self.is_removal:
            del holder[last]
        elif isinstance(holder, list) and last == len(holder):
            holder.append(self.value)
        else:
            holder[last] = self.value
        return changed

    def of_text(self, editor: Editor) -> str:
        if self.is_removal:
            editor.remove(self.document, self.path)
        else:
            editor.set(self.document, self.path, self.value)
        return editor.text


new_values = st.recursive(
    st.one_of(texts, st.booleans(), st.integers(-5, 2000)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=6,
)
collections = st.one_of(
    st.dictionaries(keys, values, min_size=1, max_size=5),
    st.dictionaries(keys, values, min_size=1, max_size=5),
    st.lists(values, min_size=1, max_size=5),
)


@st.composite
def edits(draw: st.DrawFn) -> tuple[Written, Edit]:
    written = draw(streams(collections))
    document = draw(st.integers(0, len(written.documents) - 1))
    holders = [(path, value) for path, value in paths(written.documents[document]) if isinstance(value, dict | list)]
    path, holder = draw(st.sampled_from(holders))
    is_removal = bool(holder) and draw(st.booleans())
    there: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    new: list[Any] = [draw(keys)] if isinstance(holder, dict) else [len(holder)]
    last = draw(st.sampled_from(there if is_removal else [*there, *new]))
    return written, Edit(document, (*path, last), draw(new_values), is_removal)


def lines(text: str) -> list[str]:
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text)


class Touched:
    """The lines that an edit may change, from 1: those of its entry, and no comment around it."""

    def __init__(self, written: Written, edit: Edit) -> None:
        self.text = written.text
        self.lines = lines(written.text)
        self.root = parsing.parse(written.text, "x.yaml")[edit.document].root
        self.path = edit.path
        self.numbers = self.of_edit(edit, edit.of_values(written.documents)[edit.document])

    def of_edit(self, edit: Edit, result: Any) -> set[int]:
        for length in range(len(self.path)):
            holder = nodes.find(self.root, self.path[:length])
            if isinstance(holder, nodes.Mapping | nodes.Sequence) and holder.is_flow:
                # In flow style entries share lines, and have commas between them.
                return self.of_entry(self.path[:length])
        for part in self.path[:-1]:
            result = result[part]
        if edit.is_removal:
            first = set() if result else self.line_of_key(self.path[:-1])
            return first | self.of_entry(self.path, with_comments=True) | self.line_of_next()
        there = nodes.find(self.root, self.path[:-1])
        is_filled = isinstance(there, nodes.Mapping | nodes.Sequence) and children_of(there)
        return self.of_entry(self.path if is_filled else self.path[:-1])

    def of_entry(self, path: Path, *, with_comments: bool = False) -> set[int]:
        node = nodes.find(self.root, path)
        if node is None:
            return set()
        (first,) = self.line_of_key(path)
        # What stands between a key and a value on lines of its own stays, unless both go.
        begin = first if with_comments or node.start.index == node.end else node.start.line
        return {first, *range(begin, self.last_line(node) + 1)}

    def last_line(self, node: Node) -> int:
        # Blank lines at its end are part of a block of text that keeps them.
        return len(lines(self.text[: max(node.after, node.start.index + 1)]))

    def line_of_key(self, path: Path) -> set[int]:
        """The line of a pair's key or of an item's dash."""
        return {self.begin(path)[0]}

    def begin(self, path: Path) -> tuple[int, str]:
        """The line of a pair's key or of an item's dash, and what stands before it on that line."""
        place = nodes.find_nearest(self.root, path)
        number, before = place.line, self.lines[place.line - 1][: place.column - 1]
        if not path or isinstance(path[-1], str):
            return number, before
        while not (dash := re.match(r"( *(?:- +)*)- *(?:#.*)?$", before.rstrip("\r\n"))):
            number -= 1
            before = self.lines[number - 1]
        return number, dash[1]

    def line_of_next(self) -> set[int]:
        """Where an entry stands on the line of the dash before it, the next one moves there."""
        if not self.begin(self.path)[1].strip():
            return set()
        holder, last = nodes.find(self.root, self.path[:-1]), self.path[-1]
        if isinstance(last, int):
            following = (*self.path[:-1], last + 1)
            return self.line_of_key(following) if nodes.find(self.root, following) else set()
        assert isinstance(holder, nodes.Mapping)
        return {pair.key.start.line for pair in holder.pairs[1:2]}


def children_of(node: nodes.Mapping | nodes.Sequence) -> list[Any]:
    return node.pairs if isinstance(node, nodes.Mapping) else node.items


def check_rest(written: Written, edit: Edit, text: str) -> None:
    """Every line that the edit is not about is still there, in its order."""
    touched = Touched(written, edit).numbers
    there = iter(lines(text))
    for number, line in enumerate(lines(written.text), 1):
        if number in touched:
            continue
        is_last = not line.endswith(("\n", "\r"))
        assert any((found.rstrip("\r\n") if is_last else found) == line for found in there), (number, line)
    if "\r\n" in written.text:
        assert not re.search(r"(?<!\r)\n", text)


@given(edits())
def test_an_edit_means_what_it_says_and_leaves_the_rest(chosen: tuple[Written, Edit]) -> None:
    written, edit = chosen
    editor = Editor(written.text, "x.yaml")
    try:
        edit.of_text(editor)
    except InvalidInputError as error:
        assert error.problems
        return
    wanted = edit.of_values(written.documents)
    assert load_stream(editor.text, "x.yaml") == wanted
    assert editor.documents == wanted
    check_rest(written, edit, editor.text)


@given(edits())
def test_a_second_time_changes_nothing(chosen: tuple[Written, Edit]) -> None:
    written, edit = chosen
    editor = Editor(written.text, "x.yaml")
    editor.set(edit.document, edit.path, edit.value)
    once = editor.text
    editor.set(edit.document, edit.path, edit.value)
    assert editor.text == once
    again = Editor(once, "x.yaml")
    again.set(edit.document, edit.path, edit.value)
    assert again.text == once


@pytest.mark.slow
def test_refusals_are_rare() -> None:
    outcomes: Counter[str] = Counter()

    @settings(max_examples=600, database=None, derandomize=True, phases=[Phase.generate])
    @given(edits())
    def count(chosen: tuple[Written, Edit]) -> None:
        written, edit = chosen
        outcomes["all"] += 1
        try:
            edit.of_text(Editor(written.text, "x.yaml"))
        except InvalidInputError:
            outcomes["refused"] += 1

    count()
    assert outcomes["all"] >= 500
    assert outcomes["refused"] < 0.05 * outcomes["all"], outcomes


@given(
    text=any_text,
    document=st.integers(0, 2),
    path=st.lists(st.one_of(st.sampled_from(("a", "b", "<<", "1")), st.integers(0, 2)), max_size=3).map(tuple),
    value=new_values,
    is_removal=st.booleans(),
)
@example(text="a: &a\n  b: *a\n", document=0, path=("a", "b"), value=1, is_removal=False)
@example(text="? - []\n", document=0, path=("a",), value=1, is_removal=False)
@example(text="&a [&a b, *a]", document=0, path=(0,), value=1, is_removal=True)
@example(text="a: \ud800", document=0, path=("a",), value=1, is_removal=False)
@example(text="a: b", document=0, path=("a",), value="\ud800", is_removal=False)
@example(text="a: b", document=0, path=("\ud800",), value="b", is_removal=False)
@example(text="a: b", document=0, path=(), value="b", is_removal=False)
@example(text="a: b", document=1, path=("a",), value="b", is_removal=False)
@example(text="", document=0, path=("a",), value="b", is_removal=True)
def test_any_text_is_edited_right_or_refused(
    text: str, document: int, path: Path, value: Any, is_removal: bool
) -> None:
    edit = Edit(document, path, value, is_removal)
    try:
        editor = Editor(text, "x.yaml")
    except InvalidInputError as error:
        assert error.problems
        return
    before = editor.documents
    assert len(before) == len(parsing.parse(text, "x.yaml"))
    try:
        after = edit.of_text(editor)
    except InvalidInputError as error:
        assert error.problems
        return
    # What is written now is what was wanted, to an editor that knows nothing of the edit.
    assert are_same(Editor(after, "x.yaml").documents, editor.documents)
    there: Any = editor.documents[document]
    for part in path[:-1]:
        there = there[part]
    if not is_removal:
        assert there[path[-1]] == value
