"""Text of others, on a terminal and in documents."""

from __future__ import annotations

import sys
import unicodedata
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.text import MAX_LINE, escape, escape_lines, replace_illegible, suggest, take_line

# Everything that moves a cursor, changes a terminal's state, or reorders or hides text.
HARMFUL = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069",
    *"\ufeff\u00ad\u061c\u180e\ufff9\u034f\u115f\u3164\ufe0f\u2800\ud800\udfff\U000e0001\U000e0100",
]


@pytest.mark.parametrize("character", HARMFUL, ids=ascii)
def test_what_a_terminal_obeys_is_escaped(character: str) -> None:
    shown = escape(f"a{character}b")
    assert shown == f"a{character.encode('unicode_escape').decode()}b"
    assert escape(shown) == shown
    # A backslash of the text's own is no escape.
    assert escape(rf"\x1b{character}").startswith(r"\x1b")


@pytest.mark.parametrize("text", ["", "a b", "Zürich", "日本", "שלום", "e\u0301", "🚢", "€ ½", "\\", "'\""])
def test_what_people_write_stays(text: str) -> None:
    assert escape(text) == text


@given(st.text(st.characters()))
def test_nothing_but_printable_characters_is_left(text: str) -> None:
    shown = escape(text)
    assert shown.isprintable()
    assert "\n" not in shown
    assert escape(shown) == shown
    lines = escape_lines(text)
    assert lines.count("\n") == text.count("\n")
    assert all(line.isprintable() for line in lines.split("\n"))


def test_no_character_of_a_forbidden_category_stays() -> None:
    every = map(chr, range(sys.maxunicode + 1))
    forbidden = [c for c in every if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}]
    assert escape("".join(forbidden)).isascii()


def test_lines_stay_lines() -> None:
    assert escape_lines("a\x1b\nb\r\nc") == "a\\x1b\nb\\r\nc"


def test_one_line_is_short() -> None:
    assert take_line(" a\n\tb\x1b[2J ") == r"a b\x1b[2J"
    assert take_line("x" * (MAX_LINE + 1)) == "x" * MAX_LINE + "…"
    assert take_line("x" * 9, limit=9) == "x" * 9
    for other in (None, 1, ["a"], b"a"):
        assert take_line(other) == ""


@given(st.text(st.characters()))
def test_documents_stay_valid(text: str) -> None:
    element = ET.Element("a")
    element.text = element.attrib["b"] = replace_illegible(text)
    read = ET.fromstring(ET.tostring(element))  # noqa: S314 - written one line above
    assert (read.text or "") == replace_illegible(text)


def test_documents_keep_lines_and_lose_controls() -> None:
    assert replace_illegible("a\r\nb\rc\x85d\te\x1bf\u202eg\ud800") == "a\nb\nc\nd\te�f�g�"


@pytest.mark.parametrize(
    ("word", "most", "expected"),
    [
        ("Verfy", 1, "Did you mean verify?"),
        ("render-mes", 1, "Did you mean render-mesh?"),
        ("render-mes", 3, "Did you mean render-mesh or render-zone?"),
        ("x", 3, ""),
        ("", 3, ""),
    ],
)
def test_the_most_similar_words_are_suggested(word: str, most: int, expected: str) -> None:
    assert suggest(word, ["verify", "render-mesh", "render-zone"], most=most) == expected
