"""Several edits of one stream: each is made in its own document, which is parsed only once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolkit.errors import InvalidInputError
from toolkit.yamltext import editing, parsing
from toolkit.yamltext.changes import Draft, are_same
from toolkit.yamltext.editing import Editor

_MESH = "# m\nname: one # n\nbackends:\n  - name: a # a\n    mode: x\n  - name: b # b\n  - name: c # c\n"


def edited(text: str, *edits: tuple[Any, ...], document: int = 0) -> str:
    """Edits are a path and a value, or a path to take away."""
    editor = Editor(text, "x.yaml")
    for path, *value in edits:
        if value:
            editor.set(document, path, value[0])
        else:
            editor.remove(document, path)
    assert are_same(Editor(editor.text, "x.yaml").documents, editor.documents)
    return editor.text


def test_an_item_goes_and_its_neighbors_change() -> None:
    edits = (
        (("backends", 1),),
        (("backends", 0, "mode"), "y"),
        (("backends", 1, "mode"), "z"),
        (("backends", 2), {"name": "d"}),
    )
    assert edited(_MESH, *edits) == (
        "# m\nname: one # n\nbackends:\n  - name: a # a\n    mode: 'y'\n  - name: c # c\n    mode: z\n  - name: d\n"
    )


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_of_equal_items_the_chosen_one_goes(gone: int) -> None:
    lines = [f"- 1 # {number}\n" for number in range(3)]
    assert edited("".join(lines), ((gone,),)) == "".join(line for n, line in enumerate(lines) if n != gone)


def test_a_value_that_is_given_as_a_whole_changes_only_where_it_differs() -> None:
    backends = [{"name": "a", "mode": "y"}, {"name": "c"}]
    assert edited(_MESH, (("backends",), backends)) == (
        "# m\nname: one # n\nbackends:\n  - name: a # a\n    mode: 'y'\n  - name: c # c\n"
    )
    more = [{"name": "a", "mode": "x"}, {"name": "b"}, {"name": "c", "k": [1]}, {"name": "d"}]
    assert edited(_MESH, (("backends",), more)) == f"{_MESH}    k:\n      - 1\n  - name: d\n"
    assert edited("a: {x: 1, y: 2} # c\n", (("a",), {"y": 3, "z": 4})) == "a: {y: 3, z: 4} # c\n"


def test_new_entries_keep_their_order_and_levels() -> None:
    text = "a:\n  b:\n    c: 1\n"
    edits = ((("d",), 4), (("a", "e"), 2), (("a", "b", "f"), 1), (("a", "b", "g"), 2))
    assert edited(text, *edits) == "a:\n  b:\n    c: 1\n    f: 1\n    g: 2\n  e: 2\nd: 4\n"
    assert edited("a: {b: 1}", (("a", "c"), 2), (("a", "d"), 3), (("a", "b"),)) == "a: {c: 2, d: 3}"
    assert edited("- 1", ((1,), 2), ((2,), [3]), ((0,), 0)) == "- 0\n- 2\n- - 3"


def test_splices_that_overlap_are_made_one_after_another() -> None:
    assert edited("- a: 1 # one\n  b: 2 # two\n  c: 3 # three\n", ((0, "a"),), ((0, "b"),)) == "- c: 3 # three\n"
    assert edited("a: [1, 2, 3, 4]\n", (("a", 3),), (("a", 2),)) == "a: [1, 2]\n"
    assert edited("a: [1, 2]\n", (("a", 1),), (("a", 0),), (("a", 0), 3)) == "a: [3]\n"
    many = "a: [" + ", ".join(map(str, range(200))) + "]\n"
    assert edited(many, *((("a", 100),) for _ in range(100))) == "a: [" + ", ".join(map(str, range(100))) + "]\n"


@pytest.mark.parametrize(
    ("before", "gone", "after"),
    [
        ("a: [1, 2, 3, 4] # c\n", (2, 3), "a: [1, 2] # c\n"),
        ("a: [1, 2, 3, 4, ] # c\n", (2, 3), "a: [1, 2, ] # c\n"),
        ("a: [1, # one\n  2, # two\n  3 # three\n]\n", (1, 2), "a: [1 # one\n   # three\n]\n"),
        ("a: [1, 2, 3, 4, 5]\n", (0, 2, 4), "a: [2, 4]\n"),
        ("a: [1, 2, 3, 4, 5]\n", (1, 3, 4), "a: [1, 3]\n"),
    ],
)
def test_items_at_the_end_of_flow_style_go_together(
    before: str, gone: tuple[int, ...], after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = reads(monkeypatch)
    editor = Editor(before, "x.yaml")
    for number in reversed(gone):
        editor.remove(0, ("a", number))
    assert editor.text == after
    assert len(read) == 2


def test_an_edit_that_does_not_fit_is_named_among_others() -> None:
    editor = Editor("a: &x {k: 1}\nb: *x\nc: 1\nd: 1\n", "x.yaml")
    for path in (("c",), ("a", "k"), ("d",)):
        editor.set(0, path, 2)
    with pytest.raises(InvalidInputError) as caught:
        _ = editor.text
    assert caught.value.problems == (("x.yaml:1:8", "a.k can't be changed alone"),)


def test_what_is_undone_changes_nothing() -> None:
    editor = Editor(_MESH, "x.yaml")
    editor.set(0, ("name",), "two")
    editor.set(0, ("backends", 3), {"name": "d"})
    assert editor.text != _MESH
    editor.set(0, ("name",), "one")
    editor.remove(0, ("backends", 3))
    assert editor.text == _MESH
    editor.set(0, ("backends", 0, "mode"), "x")
    assert editor.text == _MESH


def test_the_numbers_of_items_stay_known_after_a_value_that_is_there() -> None:
    text = "- 1 # a\n- 1 # b\n- 1 # c\n"
    editor = Editor(text, "x.yaml")
    editor.remove(0, (0,))
    editor.set(0, (0,), 1)
    assert editor.text == "- 1 # b\n- 1 # c\n"


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that editors will have read."""
    read: list[str] = []

    def parse(text: str, source: str, *, as_go: bool = False) -> list[parsing.Parsed]:
        read.append(text)
        return parsing.parse(text, source, as_go=as_go)

    monkeypatch.setattr(editing, "parse", parse)
    return read


def test_many_edits_of_one_document_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a:\n" + "".join(f"  - name: n{number} # c\n    v: {number}\n" for number in range(300))
    read = reads(monkeypatch)
    editor = Editor(text, "x.yaml")
    for number in range(299, -1, -1):
        if number % 3:
            editor.set(0, ("a", number, "v"), "x")
        else:
            editor.remove(0, ("a", number))
    editor.set(0, ("a", 200), {"name": "new"})
    wanted = [f"  - name: n{number} # c\n    v: x\n" for number in range(300) if number % 3]
    assert editor.text == "a:\n" + "".join(wanted) + "  - name: new\n"
    assert len(read) == 2


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "documents",
    [
        ["a: 1\n", "---\na: 1\n", "---\n# c\na: 1\n"],
        ["# c\n---\na: 1\n...", "\n# d\n---\na: 1\n", "---\na: 1"],
        ["%YAML 1.1\n---\na: 1 # on\n...", "\n%TAG !x! y\n---\na: 1\n...", "\na: 1\n"],
        ["---\na: 1\nb: |+\n  ---\n\n\n", "--- # c\na: 1\n", "--- !!map\na: 1\n..."],
        ["---\n...", "\n---\na: |\n  1\n", "--- {a: 1}\n"],
        ["---\n", "---\na: '---\n\n  ...'\n", "---\n# a: 1\n"],
        ["\ufeff--- {a: 1} # ---\n", "--- &x\na: 1\n", "---\na: &x 1\n"],
    ],
)
def test_each_document_is_edited_alone(documents: list[str], newline: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [part.replace("\n", newline) for part in documents]
    read = reads(monkeypatch)
    parsed = parsing.parse("".join(parts), "x.yaml")
    assert len(parsed) == len(parts)
    for number, part in enumerate(parts):
        editor = Editor("".join(parts), "x.yaml", parsed)
        editor.set(number, ("new",), ["x"])
        assert editor.text.startswith("".join(parts[:number]))
        assert editor.text.endswith("".join(parts[number + 1 :]))
        assert len(read) == 1
        assert len(read.pop()) < len(part) + 20
        found = [document.value for document in parsing.parse(editor.text, "x.yaml")]
        assert are_same(found, editor.documents)
        assert editor.text == editor.text
        assert not read


def test_a_document_is_read_once_for_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    editor = Editor("a: 1\n---\na: 1\n", "x.yaml")
    read = reads(monkeypatch)
    editor.set(0, ("a",), 2)
    assert editor.text == "a: 2\n---\na: 1\n"
    editor.set(1, ("a",), 3)
    assert editor.text == "a: 2\n---\na: 3\n"
    assert read == ["a: 2\n", "---\na: 3\n"]


def test_places_are_those_of_the_original_text() -> None:
    editor = Editor("a: 1\nb: 2\n", "x.yaml")
    editor.remove(0, ("a",))
    assert editor.find_place(0, ("b",)) == (5, 2, 1)


def test_a_list_of_meshes_in_json_stays_json() -> None:
    text = json.dumps({"items": [{"type": "Mesh", "mtls": {"backends": []}}, {"type": "Mesh"}], "next": None}, indent=2)
    edits = ((("items", 0, "mtls", "backends", 0), {"name": "a"}), (("items", 1, "mtls", "enabledBackend"), "a"))
    mtls = {"backends": [{"name": "a"}]}
    assert json.loads(edited(text, *edits))["items"] == [
        {"type": "Mesh", "mtls": mtls},
        {"type": "Mesh", "mtls": {"enabledBackend": "a"}},
    ]
    assert json.loads(edited('{"a": {"b": 1}}', (("c",), 1), (("a",),))) == {"c": 1}


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"a": 1, 2: 3}, {"a": 1}, [("set", (), {"a": 1})]),
        ({"a": 1, "b": 1}, {"b": True}, [("cut", ("a",), None), ("set", ("b",), True)]),
        ([1, 2, 3, 4], [1, 4], [("cut", (1,), None), ("cut", (2,), None)]),
        ([1, 2, 3], [4, 3], [("set", (0,), 4), ("cut", (1,), None)]),
        ([1, 2], [2, 1, 3], [("set", (0,), 2), ("set", (1,), 1), ("add", (2,), [3])]),
        ([1], [], [("set", (), [])]),
        ([float("nan")], [float("nan")], []),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, [("set", ("a",), {"c": 1})]),
    ],
)
def test_how_values_differ(old: Any, new: Any, changes: list[tuple[Any, ...]]) -> None:
    draft = Draft(old)
    draft.value = new
    assert [tuple(change) for change in draft.find_changes()] == changes
