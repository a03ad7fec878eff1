"""Hand-written edits of YAML: the text before, the edit, and the exact text after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.yamltext.yaml_writing import load_stream
from toolkit.errors import InvalidInputError
from toolkit.yamltext.editing import Editor, join_path

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Path


class Case(NamedTuple):
    """One edit by hand; `new` None takes the path away."""

    name: str
    before: str
    path: Path
    new: Any
    after: str
    document: int = 0
    is_removal: bool = False


def put(name: str, before: str, path: Path, new: Any, after: str, document: int = 0) -> Case:
    return Case(name, before, path, new, after, document)


def cut(name: str, before: str, path: Path, after: str, document: int = 0) -> Case:
    return Case(name, before, path, None, after, document, is_removal=True)


CASES = [
    # Values that are replaced.
    put("a value, its comment stays", "a: 1 # one\nb: 2\n", ("a",), 3, "a: 3 # one\nb: 2\n"),
    put("blanks before a value stay", "a:    1\nb:    2\n", ("b",), 3, "a:    1\nb:    3\n"),
    put("quotes of others stay", 'a: \'x\'\n"b": "y"\n', ("b",), "z", "a: 'x'\n\"b\": z\n"),
    put("what needs quotes gets them", "a: x\n", ("a",), "yes", "a: 'yes'\n"),
    put("a number becomes a text", "a: 1\n", ("a",), "1", "a: '1'\n"),
    put("1 is not true", "a: 1\n", ("a",), True, "a: true\n"),  # noqa: FBT003 - it is the value
    put("1.0 is not 1", "a: 1.0\n", ("a",), 1, "a: 1\n"),
    put("what is there already", "a:   'x'   # c\n", ("a",), "x", "a:   'x'   # c\n"),
    put("an empty value", "a:\nb: 1\n", ("a",), 2, "a: 2\nb: 1\n"),
    put("an empty value with a comment", "a: # none: yet\nb: 1\n", ("a",), 2, "a: 2 # none: yet\nb: 1\n"),
    put("an empty value at the end", "a:", ("a",), 2, "a: 2"),
    put("no last line end", "b: 1\na: 1", ("a",), 2, "b: 1\na: 2"),
    put("a value over two lines", "a: x\n  y # c\nb: 1\n", ("a",), 2, "a: 2 # c\nb: 1\n"),
    put("a quoted value over two lines", "a: 'x\n  y' # c\n", ("a",), 2, "a: 2 # c\n"),
    put("a value on its own line", "a: # c\n  1 # d\nb: 1\n", ("a",), 2, "a: # c\n  2 # d\nb: 1\n"),
    put("a block of text", "a: |\n  x\n\n  y\n\n# c\nb: 1\n", ("a",), "z", "a: z\n\n# c\nb: 1\n"),
    put("a block that keeps", "a: |+\n  x\n\nb: 1\n", ("a",), "z", "a: z\n\nb: 1\n"),
    put("a block at the end", "a: >-\n  x", ("a",), "z", "a: z"),
    put("lines as a block", "a: x # c\nb: 1\n", ("a",), "k\nl\n", "a: | # c\n  k\n  l\nb: 1\n"),
    put("lines as a block at the end", "a: x", ("a",), "k\nl\n", "a: |\n  k\n  l\n"),
    put("a block becomes another", "m:\n  a: |-\n     x\nb: 1\n", ("m", "a"), "k\n", "m:\n  a: |\n    k\nb: 1\n"),
    put("windows", "a: 1 # c\r\nb:\r\n- 1\r\n", ("a",), {"x": 1}, "a: # c\r\n  x: 1\r\nb:\r\n- 1\r\n"),
    put("windows, lines", "a: x\r\nb: 1\r\n", ("a",), "k\nl\n", "a: |\r\n  k\r\n  l\r\nb: 1\r\n"),
    put("a mapping instead of a value", "a: 1 # c\nb: 2\n", ("a",), {"x": [1]}, "a: # c\n  x:\n    - 1\nb: 2\n"),
    put("a mapping instead of the last value", "a: 1", ("a",), {"x": 1}, "a:\n  x: 1"),
    put(
        "a mapping instead of another",
        "a: # c\n    # d\n    x: 1 # e\n    y: 2 # f\n# g\nb: 1\n",
        ("a",),
        {"z": 3},
        "a: # c\n    # d\n    z: 3\n# g\nb: 1\n",
    ),
    put("a value instead of a mapping", "a: # c\n  # d\n  x: 1\nb: 1\n", ("a",), 2, "a: 2 # c\n  # d\nb: 1\n"),
    put("a block instead of a mapping", "a: # c\n  x: 1\nb: 1\n", ("a",), "k\n", "a: | # c\n  k\nb: 1\n"),
    put("no block before a comment", "a:\n    # d\n    x: 1\n", ("a",), "k\n", 'a: "k\\n"\n    # d\n'),
    put("nothing instead of a mapping", "a:\n  x: 1\nb: 1\n", ("a",), {}, "a: {}\nb: 1\n"),
    put("a mapping instead of a list", "a:\n- 1\n- 2\nb: 1\n", ("a",), {"x": 1}, "a:\n  x: 1\nb: 1\n"),
    put("a list instead of a list", "a:\n- 1\n- 2\nb: 1\n", ("a",), [3], "a:\n- 3\nb: 1\n"),
    put("a list instead of a mapping", "a:\n    x: 1\nb: 1\n", ("a",), [3], "a:\n    - 3\nb: 1\n"),
    put("an anchor that nobody names", "a: &x\n  b: 1\nc: 2\n", ("a",), {"d": 1}, "a:\n  d: 1\nc: 2\n"),
    put(
        "a mapping behind an anchor and comments",
        "a: &x # c\n\n  # d\n  b: 1\nc: 2\n",
        ("a",),
        {"d": 1},
        "a: # c\n\n  # d\n  d: 1\nc: 2\n",
    ),
    put("a value instead of it", "a: &x # c\n\n  # d\n  b: 1\n", ("a",), 2, "a: 2 # c\n\n  # d\n"),
    put("a value instead of a tagged list", "a: !!seq\n\n- 1\nb: 1\n", ("a",), 2, "a: 2\n\nb: 1\n"),
    put("an anchor on its own line", "a:\n  &x\n  b: 1\n", ("a",), {"c": 1}, "a:\n\n  c: 1\n"),
    put("an item behind an anchor", "- &x\n  a: 1\n- 2\n", (0,), {"b": 1}, "- b: 1\n- 2\n"),
    put("an item behind an anchor and a comment", "- &x # c\n  a: 1\n- 2\n", (0,), {"b": 1}, "- # c\n  b: 1\n- 2\n"),
    put("a value instead of such an item", "- &x # c\n\n  a: 1\n- 2\n", (0,), 3, "- 3 # c\n\n- 2\n"),
    put("a new item of an anchored list", "a: &x\n    - 1\nb: 1\n", ("a", 1), 2, "a: &x\n    - 1\n    - 2\nb: 1\n"),
    put("a new item of a tagged list", "a: !!seq\n- 1\nb: 1\n", ("a", 1), 2, "a: !!seq\n- 1\n- 2\nb: 1\n"),
    put("an item of an anchored list", "a: &x\n  -\n  - 1\n", ("a", 0), {"b": 1}, "a: &x\n  - b: 1\n  - 1\n"),
    put("an alias", "a: &x 1\nb: *x\n", ("b",), 2, "a: &x 1\nb: 2\n"),
    put("beside an alias", "a: &x {b: 1}\nc: *x\nd: 1\n", ("d",), 2, "a: &x {b: 1}\nc: *x\nd: 2\n"),
    put("inside an anchor that nobody names", "a: &x\n  b: 1\n", ("a", "c"), 2, "a: &x\n  b: 1\n  c: 2\n"),
    put("through an alias that holds no more", "a: &x {k: 1}\nb: *x\n", ("b", "k"), 2, "a: &x {k: 1}\nb:\n  k: 2\n"),
    put("a tag", "a: !!str 1\n", ("a",), 2, "a: 2\n"),
    put("over a merge", "d: &d {k: 1}\na:\n  <<: *d\n", ("a", "k"), 2, "d: &d {k: 1}\na:\n  <<: *d\n  k: 2\n"),
    put("not a number stays", "a: .nan\nb: 1\n", ("b",), 2, "a: .nan\nb: 2\n"),
    put("a key in quotes", '"a b": 1\n', ("a b",), 2, '"a b": 2\n'),
    put("a key with a colon", "'a: b' : 1\n", ("a: b",), 2, "'a: b' : 2\n"),
    # JSON stays JSON.
    put(
        "a new item in JSON",
        '{"a": [1]}\n',
        ("a", 1),
        {"b": ["é \U0001f600", True]},
        '{"a": [1, {"b": ["\\u00e9 \U0001f600", true]}]}\n',
    ),
    put("a new item in a JSON list", '[1, {"a": "b"}]', (2,), "x", '[1, {"a": "b"}, "x"]'),
    put("a value in a JSON list", '[1, {"a": {}}]', (1, "a"), {"b": "c"}, '[1, {"a": {"b": "c"}}]'),
    put("a new pair in JSON", '{\n  "a": 1\n}', ("b",), "c", '{\n  "a": 1, "b": "c"\n}'),
    put("a value in JSON", '{"a": {}}', ("a", "b"), "c", '{"a": {"b": "c"}}'),
    # Flow style stays flow style.
    put("in flow style", "a: { b: 1, c: [x] } # d\n", ("a", "b"), 2, "a: { b: 2, c: [x] } # d\n"),
    put("nothing in flow style", "a: {b: , c: 1}\n", ("a", "b"), 2, "a: {b: 2 , c: 1}\n"),
    put("no colon in flow style", "a: {b, c: 1}\n", ("a", "b"), 2, "a: {b: 2, c: 1}\n"),
    put("a new pair in flow style", "a: {b: 1} # c\n", ("a", "x"), {"z": [1]}, "a: {b: 1, x: {z: [1]}} # c\n"),
    put("a new item in flow style", "a: [ 1 ]\n", ("a", 1), "x", "a: [ 1, x ]\n"),
    put("behind a last comma", "a: [\n  1, # one\n]\n", ("a", 1), 2, "a: [\n  1, 2, # one\n]\n"),
    put("JSON", '{"a":1,\n "b":{"c":[1]}}', ("b", "c", 1), 2, '{"a":1,\n "b":{"c":[1, 2]}}'),
    put("a value of JSON", '{"a":1}', ("a",), "x", '{"a": "x"}'),
    put("a whole list in flow style", "a: [1, 2] # c\n", ("a",), [3], "a: [3] # c\n"),
    # What is new.
    put("a new pair", "a: 1 # c\n# d\n", ("b",), 2, "a: 1 # c\nb: 2\n# d\n"),
    put("a new pair without a last line end", "a: 1", ("b",), 2, "a: 1\nb: 2"),
    put("a new pair, indented", "m:\n      a: 1\n\nn: 1\n", ("m", "b"), 2, "m:\n      a: 1\n      b: 2\n\nn: 1\n"),
    put("behind a block", "m:\n  a: |\n    x\n\nn: 1\n", ("m", "b"), 2, "m:\n  a: |\n    x\n  b: 2\n\nn: 1\n"),
    put("behind a block that keeps", "m:\n a: |+\n  x\n\nn: 1\n", ("m", "b"), 2, "m:\n a: |+\n  x\n\n b: 2\nn: 1\n"),
    put("behind a block that strips", "a: |-\n  x", ("b",), 2, "a: |-\n  x\nb: 2"),
    put("an item", "a:\n  - 1 # one\n\nb: 1\n", ("a", 1), 2, "a:\n  - 1 # one\n  - 2\n\nb: 1\n"),
    put(
        "an item without indentation",
        "a:\n- 1\nb: 1\n",
        ("a", 1),
        {"x": 1, "y": 2},
        "a:\n- 1\n- x: 1\n  'y': 2\nb: 1\n",
    ),
    put("an item of an item", "- - 1\n  - 2\n- 3\n", (0, 2), 4, "- - 1\n  - 2\n  - 4\n- 3\n"),
    put("an item that is replaced", "- a: 1 # c\n  b: 2 # d\n- 3\n", (0,), {"x": [1]}, "- x:\n    - 1\n- 3\n"),
    put("an item on the next line", "-\n  # c\n  a: 1\n- 3\n", (0,), {"b": 2}, "-\n  # c\n  b: 2\n- 3\n"),
    put("an item that was a value", "- 1 # c\n- 3\n", (0,), {"a": 1, "b": 2}, "- a: 1 # c\n  b: 2\n- 3\n"),
    put("an item that was empty", "- # c\n- 3\n", (0,), {"a": 1, "b": 2}, "- a: 1 # c\n  b: 2\n- 3\n"),
    put("in an item on the next line", "-\n   a: 1\n- 3\n", (0, "b"), 2, "-\n   a: 1\n   b: 2\n- 3\n"),
    put("an empty mapping is filled", "a: {} # c\nb: 1\n", ("a", "x", "y"), 1, "a: # c\n  x:\n    'y': 1\nb: 1\n"),
    put("nothing is filled", "a:\nb: 1\n", ("a", "x"), 1, "a:\n  x: 1\nb: 1\n"),
    put("an empty list is filled", "a: []\n", ("a", 0), {"x": 1}, "a:\n  - x: 1\n"),
    put("what is missing is made", "a: 1\n", ("b", "c", 0, "d"), 1, "a: 1\nb:\n  c:\n    - d: 1\n"),
    # Whole documents.
    put("no document", "", ("a", "b"), 1, "a:\n  b: 1\n"),
    put("comments alone", "# c\n\n# d", ("a",), 1, "# c\n\n# d\na: 1\n"),
    put("an empty document", "---\n# c\n---\nb: 1\n", ("a",), 1, "---\n# c\na: 1\n---\nb: 1\n"),
    put("an empty document at the end", "b: 1\n--- # c", ("a",), 1, "b: 1\n--- # c\na: 1\n", document=1),
    put("a document that is {}", "{} # c\n", ("a",), 1, " # c\na: 1\n"),
    put("a document that is {} and no more", "{}\n", ("a",), 1, "a: 1\n"),
    put("a document that is {} at the end", "--- {}", ("a",), 1, "--- \na: 1\n"),
    put("a document that is nothing, with a comment", "null # c", ("a",), 1, " # c\na: 1\n"),
    put("a document that is {} behind its mark", "--- {}\n...\n", ("a",), 1, "--- \na: 1\n...\n"),
    put("the second of three", "a: 1\n---\na: 1\n...\n---\na: 1\n", ("a",), 2, "a: 1\n---\na: 2\n...\n---\na: 1\n", 1),
    put("before the end of a document", "a: 1\n...\n# c\n", ("b",), 2, "a: 1\nb: 2\n...\n# c\n"),
    # What is taken away.
    cut("a pair with its comment", "# a\na: 1 # one\n# b\nb: 2\n", ("a",), "# a\n# b\nb: 2\n"),
    cut("the last pair", "a: 1\nb: 2", ("b",), "a: 1\n"),
    cut("the only pair", "a:\n  # c\n  b: 1 # d\n# e\n", ("a", "b"), "a: {}\n  # c\n# e\n"),
    cut("the only pair of a document", "# c\na: 1 # d\n# e\n", ("a",), "# c\n{}\n# e\n"),
    cut("the only pair of a document in flow style", "--- {a: 1} # c\n", ("a",), "--- {} # c\n"),
    cut("the only pair behind an anchor", "a: &x # c\n\n  b: 1\nc: 1\n", ("a", "b"), "a: {} # c\n\nc: 1\n"),
    cut("the only pair of an item behind an anchor", "- &x # c\n  b: 1\n- 1\n", (0, "b"), "- {} # c\n- 1\n"),
    cut("the only pair of an anchored document", "--- &x # c\n\na: 1\n# d\n", ("a",), "--- {} # c\n\n# d\n"),
    cut("the only item of a tagged document", "--- !!seq\n- 1\n", (0,), "--- []\n"),
    cut("a pair with a block", "a: |\n  x\n\n\nb: 1\n", ("a",), "\n\nb: 1\n"),
    cut("a pair with a block that keeps", "a: |+\n  x\n\n\nb: 1\n", ("a",), "b: 1\n"),
    cut("a pair with lines below", "a:\n  - 1\n  # c\n  - 2\n# d\nb: 1\n", ("a",), "# d\nb: 1\n"),
    cut("the first pair of an item", "- a: 1 # one\n  b: 2 # two\n", (0, "a"), "- b: 2 # two\n"),
    cut("the first pair before a comment", "- a: 1 # one\n  # b\n  b: 2\n", (0, "a"), "-\n  # b\n  b: 2\n"),
    cut("another pair of an item", "- a: 1\n  b: 2\n- c\n", (0, "b"), "- a: 1\n- c\n"),
    cut("the only pair of an item", "- a: 1 # c\n- c\n", (0, "a"), "- {}\n- c\n"),
    cut("an item", "a:\n- 1\n# c\n- 2 # two\n- 3\n", ("a", 1), "a:\n- 1\n# c\n- 3\n"),
    cut("the first item", "- 1\n- 2\n", (0,), "- 2\n"),
    cut("an empty item at the end", "- 1\n-", (1,), "- 1\n"),
    cut("an item on the next line", "- 1\n- # c\n\n  a: 1\n- 2\n", (1,), "- 1\n- 2\n"),
    cut("the only item", "a:\n- 1 # c\nb: 1\n", ("a", 0), "a: []\nb: 1\n"),
    cut("the first item of an item", "- - 1\n  - 2\n- 3\n", (0, 0), "- - 2\n- 3\n"),
    cut("the first in flow style", "a: [ 1, 2, 3 ]\n", ("a", 0), "a: [ 2, 3 ]\n"),
    cut("one in flow style", "a: {x: 1, z: 2, w: 3}\n", ("a", "z"), "a: {x: 1, w: 3}\n"),
    cut("the last in flow style", "a: {x: 1, z: 2}\n", ("a", "z"), "a: {x: 1}\n"),
    cut("the only one in flow style", "a: {x: 1} # c\n", ("a", "x"), "a: {} # c\n"),
    cut(
        "a line of flow style",
        "a: [\n  1, # one\n  2, # two\n  3 # three\n]\n",
        ("a", 1),
        "a: [\n  1, # one\n  3 # three\n]\n",
    ),
    cut("the last line of flow style", "a: [\n  1, # one\n  2\n]\n", ("a", 1), "a: [\n  1 # one\n  \n]\n"),
    cut("the last line of JSON", '{\n  "a": 1,\n  "b": 2\n}\n', ("b",), '{\n  "a": 1\n}\n'),
    cut("before a last comma", "a: [1, 2,]\n", ("a", 1), "a: [1, ]\n"),
    cut("a comment before a comma", "a: [1 # one\n  , 2]\n", ("a", 0), "a: [ # one\n  2]\n"),
    cut("beside a merge", "d: &d {k: 1}\na:\n  <<: *d\n  b: 1\n", ("a", "b"), "d: &d {k: 1}\na:\n  <<: *d\n"),
    cut("a pair behind a mark", "? a\n: 1\n? b\n: 2\n", ("a",), "? b\n: 2\n"),
    cut("windows, a pair", "a: 1\r\nb: |\r\n  x\r\nc: 1\r\n", ("b",), "a: 1\r\nc: 1\r\n"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_by_hand(case: Case) -> None:
    editor = Editor(case.before, "x.yaml")
    if case.is_removal:
        editor.remove(case.document, case.path)
    else:
        editor.set(case.document, case.path, case.new)
    assert editor.text == case.after
    assert load_stream(editor.text, "x.yaml") == editor.documents


@pytest.mark.parametrize(
    ("text", "path", "new", "place"),
    [
        ("a: &x {k: 1}\nb: *x\n", ("a", "k"), 2, "1:8 a.k"),
        ("a: &x {k: 1, l: 2}\nb: *x\n", ("b", "k"), 2, "2:1 b.k"),
        ("a: &x 1\nb: *x\n", ("a",), 2, "1:1 a"),
        ("a: &x [1]\nb: *x\n", ("a", 1), 2, "1:1 a[1]"),
        ("a: 1\n", ("a", "b"), 2, "1:1 a.b"),
        ("a: []\n", ("a", "b"), 2, "1:1 a.b"),
        ("a: {b: 1}\n", ("a", 0), 2, "1:1 a[0]"),
        ("a: [1]\n", ("a", 2), 2, "1:1 a[2]"),
        ("a: [1]\n", ("a", -1), 2, "1:1 a[-1]"),
        ("a: 1\n", (), 2, "1:1 "),
        ("x: 1\n? a\n: 1\n", ("a",), 2, "2:3 a"),
        ("a: |\n  x", ("b",), 2, "1:1 b"),
        ("a: |+\n  x", ("b",), 2, "1:1 b"),
        ("a: >\n  x", ("b",), 2, "1:1 b"),
        ("a: [b: 1]\n", ("a", 0, "c"), 2, "1:5 a[0].c"),
        ("a: !!set {b}\n", ("a", "c"), 2, "1:1 a.c"),
        ("a: 1\n", ("a",), "\ud800", "1:1 a"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(text: str, path: Path, new: Any, place: str) -> None:
    editor = Editor(text, "x.yaml")
    with pytest.raises(InvalidInputError) as caught:
        edited(editor, path, new)
    (problem,) = caught.value.problems
    assert problem.path == f"x.yaml:{place.split(maxsplit=1)[0]}"
    assert problem.message == f"{place.partition(' ')[2]} can't be changed alone"
    # A line behind a literal block would add a line end to the block's value.
    wanted = "Write the section without anchors, aliases, " if text.endswith("\n") else "End the last line of the file "
    assert caught.value.hint.startswith(wanted)


def edited(editor: Editor, path: Path, new: Any) -> str:
    editor.set(0, path, new)
    return editor.text


@pytest.mark.parametrize("path", [("a", "b"), ("l", 2), ("l", -1), ("l", "x"), ("m", 0), ()])
def test_what_is_misused_is_refused_at_once(path: Path) -> None:
    editor = Editor("a: 1\nl: [1]\nm: {b: 1}\n", "x.yaml")
    with pytest.raises(InvalidInputError):
        editor.set(0, path, 2)
    with pytest.raises(InvalidInputError):
        editor.remove(0, path)
    with pytest.raises(InvalidInputError):
        editor.set(1, ("a",), 2)
    with pytest.raises(InvalidInputError):
        editor.remove(-1, ("a",))
    with pytest.raises(InvalidInputError):
        editor.set(0, ("a",), "\ud800")
    assert editor.documents == [{"a": 1, "l": [1], "m": {"b": 1}}]
    assert editor.text == "a: 1\nl: [1]\nm: {b: 1}\n"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: 1\n", ("b",)),
        ("a: [1]\n", ("a", 1)),
        ("a: 1\n", ("a", "b")),
        ("a: 1\n", ()),
        ("", ("a",)),
        ("d: &d {k: 1}\na:\n  <<: *d\n  b: 1\n", ("a", "k")),
        ("d: &d {k: 1, l: 2}\na:\n  <<: *d\n  k: 1\n", ("a", "k")),
        ("a: &x 1\nb: *x\n", ("a",)),
    ],
)
def test_what_is_not_there_alone_is_not_taken_away(text: str, path: Path) -> None:
    editor = Editor(text, "x.yaml")
    with pytest.raises(InvalidInputError):
        shortened(editor, path)


def shortened(editor: Editor, path: Path) -> str:
    editor.remove(0, path)
    return editor.text


def test_what_is_given_stays_its_owners() -> None:
    editor = Editor("a: 1\n", "x.yaml")
    value = {"b": [1]}
    editor.set(0, ("a",), value)
    value["b"].append(2)
    assert editor.documents == [{"a": {"b": [1]}}]
    editor.set(0, ("a",), {"b": (1, "x")})
    assert editor.documents == [{"a": {"b": [1, "x"]}}]


def test_many_aliases_cost_little() -> None:
    text = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)) + "b: 1\n"
    editor = Editor(text, "x.yaml")
    editor.set(0, ("b",), 2)
    assert editor.text == text.replace("b: 1", "b: 2")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", 0, "b"), "a[0].b"),
        ((0,), "[0]"),
        (("spec", "mtls", "backends", 1), "spec.mtls.backends[1]"),
    ],
)
def test_a_path_in_words(path: Path, words: str) -> None:
    assert join_path(path) == words
