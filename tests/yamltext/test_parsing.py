"""Whatever is in a file is read, or refused in words."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import files
from toolkit.errors import InvalidInputError
from toolkit.yamltext import parsing

if TYPE_CHECKING:
    from pathlib import Path

_PIECES = [
    "a",
    ":",
    " ",
    "\n",
    "- ",
    "? ",
    "[",
    "]",
    "{",
    "}",
    "&x ",
    "*x",
    "!!int ",
    "|\n",
    "'",
    '"',
    "#",
    "---\n",
    "\t",
    "%",
    "<<",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=30).map("".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parsing.load_stream(text, "x.yaml")
    except InvalidInputError as error:
        assert error.problems


@pytest.mark.parametrize("text", ["? - []\n", "? {a: b}\n: c\n", "? [[]]\n: c\n"])
def test_a_key_that_is_none(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not YAML"):
        parsing.load_stream(text, "x.yaml")


def test_the_later_of_two_anchors_with_one_name_counts() -> None:
    assert parsing.load_stream("a: &x 1\nb: &x 2\nc: *x\n", "x.yaml") == [{"a": 1, "b": 2, "c": 2}]


@pytest.mark.parametrize(
    "text",
    [
        "key: {inline: first, inline: TOPSECRET}\n",
        "key: {inline: TOPSECRET, inline: second}\n",
        'key: {inlineString: "TOPSECRET }\n',
        "key: !!int TOPSECRET\n",
        "key: TOPSECRET\n  more: x\n",
        "key: TOPSECRET\x01\n",
    ],
)
def test_no_error_shows_a_value(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parsing.load_stream(text, "x.yaml")
    assert "x.yaml" in caught.value.problems[0].path
    assert "TOPSECRET" not in "".join([*caught.value.lines(), *traceback.format_exception(caught.value)])


def test_what_is_no_utf_8_is_told_how_to_be(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_bytes(b"type: Mesh\nname: caf\xe9\n")
    with pytest.raises(InvalidInputError, match="is not YAML") as caught:
        files.read_text(str(file))
    assert caught.value.lines()[1:] == [f"  {file}:2: the text is not UTF-8; save it as UTF-8"]
    file.write_text("type: Mesh\n", encoding="utf-16")
    with pytest.raises(InvalidInputError) as caught:
        files.read_text(str(file))
    assert "UTF-16, as PowerShell's > writes it" in str(caught.value.problems[0])


def test_tabs_are_told_of() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parsing.load_stream("a:\n\tb: 1\n", "x.yaml")
    assert (caught.value.problems[0].path, caught.value.hint) == ("x.yaml:2:1", "Write blanks instead of tabs.")
