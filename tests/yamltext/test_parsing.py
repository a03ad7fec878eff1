"""Any text is either parsed or rejected with an error message."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.yamltext.yaml_writing import SNIPPETS, broken
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
        parsing.parse(text, "x.yaml")
    except InvalidInputError as error:
        assert error.problems


@pytest.mark.parametrize("text", ["? - []\n", "? {a: b}\n: c\n", "? [[]]\n: c\n"])
def test_a_key_that_is_none(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not YAML"):
        parsing.parse(text, "x.yaml")


def test_the_later_of_two_anchors_with_one_name_counts() -> None:
    (document,) = parsing.parse("a: &x 1\nb: &x 2\nc: *x\n", "x.yaml")
    assert document.value == {"a": 1, "b": 2, "c": 2}


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
        parsing.parse(text, "x.yaml")
    assert "x.yaml" in caught.value.problems[0].path
    assert "TOPSECRET" not in "".join([*caught.value.lines(), *traceback.format_exception(caught.value)])


_CANARY = "TOPSECRET"
_HIDING = (
    *("{}", "{}: ", "&{} ", "*{}", "!{} ", "!{}!x ", "!<{}> ", "!!{} ", "!!int {}", "!!float {}", "!!timestamp {}"),
    *(
        "!!bool {}",
        "!!null {}",
        "!!binary {}",
        "!!binary {}\xe9",
        "!!omap [{}]",
        "!!set {{{}}}",
        "!!pairs {}",
        "# {}\n",
    ),
    *(
        "{0}: 1\n{0}: 2\n",
        "{{{0}: 1, {0}: 2}}",
        "[{0}: {0}: 1]",
        "<<: {}\n",
        "? {}\n",
        "- {}\n",
        "a: {}\n",
        "@{}",
        "`{}",
    ),
    *("'{}", '"{}', '"\\{}', '"\\x{}"', '"\\UFFFFFFFF{}"', "'{}'", '"{}"', "{}\x01", "|{}\n", ">{}\n", "|2{}\n"),
    *("%{}\n", "%{}\n---\n", "%YAML {}\n---\n", "%YAML 1.{}\n---\n", "%TAG {}\n---\n", "%TAG !{0}! {0}\n---\n"),
    *(
        "%TAG !{0}! x\n%TAG !{0}! x\n---\n",
        "--- {}\n",
        "... {}\n",
        "\t{}",
        "!%{}",
        "!{}%ff ",
        "{}-01-01",
        "!{0}'{0}\" ",
    ),
)


@st.composite
def hiding(draw: st.DrawFn) -> str:
    """A text, most often no good YAML, with a secret in one of its places."""
    secret = draw(
        st.sampled_from((_CANARY, f"x'{_CANARY}", f'"{_CANARY}', f"'a' {_CANARY}'", f"'\"{_CANARY}", f"1 {_CANARY}"))
    )
    pieces = draw(st.lists(st.sampled_from(SNIPPETS), max_size=8) | broken().map(lambda text: [text]))
    hidden = draw(st.lists(st.sampled_from(_HIDING), min_size=1, max_size=3))
    for piece in hidden:
        pieces.insert(draw(st.integers(0, len(pieces))), piece.format(secret))
    return "".join(pieces)


@given(hiding())
@example(f"%YAML 1.1\n--- [{'7' * 5000}, {_CANARY}e1]\n")
def test_no_error_shows_any_part_of_the_text(text: str) -> None:
    try:
        parsing.parse(text, "x.yaml")
    except InvalidInputError as error:
        shown = "".join([*error.lines(), *traceback.format_exception(error)])
        assert _CANARY not in shown, shown
        assert error.problems[0].message.strip()


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: *TOPSECRET\n", "x.yaml:1:4", "found undefined alias"),
        ("a: &TOPSECRET [*TOPSECRET]\n", "x.yaml:1:16", "an anchor contains itself"),
        ("a: &TOPSECRET\n  <<: *TOPSECRET\n", "x.yaml:2:7", "an anchor contains itself"),
        ("a: !TOPSECRET b\n", "x.yaml:1:4", "could not determine a constructor for the tag"),
        ("a: !TOPSECRET!b c\n", "x.yaml:1:4", "found undefined tag handle"),
        ("%TAG !S! x\n%TAG !S! y\n--- a\n", "x.yaml:2:1", "duplicate tag handle"),
        ("a:\n  TOPSECRET: 1\n  TOPSECRET: 2\n", "x.yaml:3:3", "found duplicate key"),
        ("a: !!timestamp TOPSECRET\n", "x.yaml:1:4", "failed to construct timestamp"),
        ("a: !!int TOPSECRET\n", "x.yaml:1:4", "can't be read as !!int"),
        ("a: b\n c: d\n", "x.yaml:2:3", "mapping values are not allowed here"),
        ("a: [b\nc: d", "x.yaml:2:2", "expected ',' or ']', but got ':'"),
        ("a: @TOPSECRET\n", "x.yaml:1:4", "found character '@' that cannot start any token"),
        ("a: é\r\nb: x\x07\n", "x.yaml:2:5", "unacceptable character #x0007: special characters are not allowed"),
        ("%YAML 1.345\n--- on\n", "x.yaml", "%YAML names an unknown version"),
        ("%YAML 2.0\n--- on\n", "x.yaml:1:1", "found incompatible YAML document (version 1.* is required)"),
        ("a: |\n\n     x\n  y\n", "x.yaml:4:3", "expected <block end>, but found '<scalar>'"),
    ],
)
def test_what_is_wrong_and_where(text: str, place: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parsing.parse(text, "x.yaml")
    assert caught.value.problems == ((place, message),)


def test_a_version_is_that_of_its_document() -> None:
    text = "%YAML 1.1\n--- [on, 010]\n--- [on, 010]\n...\n%YAML 1.2\n--- [on]\n...\n%YAML 1.1\n--- [on]\n"
    assert [document.value for document in parsing.parse(text, "x.yaml")] == [[True, 8], ["on", 10], ["on"], [True]]


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
        parsing.parse("a:\n\tb: 1\n", "x.yaml")
    assert (caught.value.problems[0].path, caught.value.hint) == ("x.yaml:2:1", "Use spaces instead of tabs.")


def test_an_inner_anchor_of_the_same_name_is_no_circle() -> None:
    text = "a: &x [&x 1, *x]\nb: *x\nc: &y {d: &y [], e: *y}\nf: *y\n"
    assert parsing.load(text, "x.yaml") == {"a": [1, 1], "b": 1, "c": {"d": [], "e": []}, "f": []}
