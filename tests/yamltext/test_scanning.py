"""The fast scanner finds what ruamel.yaml's own finds, at the same places."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from tests.yamltext.yaml_writing import Written, any_text, streams
from toolkit.yamltext.scanning import FastParser, FastReader, FastResolver, FastScanner

_PIECES = (
    *"ab:-?#,[]{}&*!|>'\"%@` \t\n\r0.\\",
    *("\r\n", "\x85", "\u2028", "\ufeff", "é", "  ", ": ", " #", "- ", "\n  ", "\n\n", "---", "...", "\n---\n"),
    *("\n...\n", "|2-\n", ">+\n", "''", '\\"', "\\n", "\\x41", "\\\n", "!!str "),
)
_NAMES = ("anchor", "tag", "implicit", "value", "style", "flow_style")


def told(text: str, *, is_fast: bool) -> list[Any]:
    """Every event with its places, and the error at the end, if there is one."""
    yaml = YAML(typ="safe", pure=True)
    if is_fast:
        yaml.Reader, yaml.Scanner, yaml.Parser, yaml.Resolver = FastReader, FastScanner, FastParser, FastResolver
    found: list[Any] = []
    try:
        for event in yaml.parse(text):
            marks = [(mark.index, mark.line, mark.column) for mark in (event.start_mark, event.end_mark)]
            said = [
                getattr(event, name, None) for name in ("anchor", "tag", "implicit", "value", "style", "flow_style")
            ]
            found.append((type(event), said, marks))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        found.append((type(error), error.problem, error.context, (mark.index, mark.line, mark.column)))
    except Exception as error:  # noqa: BLE001 - whatever it raises, ours must raise
        found.append((type(error), str(error)))
    return found


def check(text: str) -> None:
    # A version is that of one document to us, and to ruamel.yaml that of all behind it.
    if "%YAML" not in text:
        assert told(text, is_fast=True) == told(text, is_fast=False)


@given(streams())
def test_good_yaml(written: Written) -> None:
    check(written.text)


@given(any_text)
@example("a: b\t\n  c")
@example("a: |\n  x\n # c\n\n  y")
@example('"a\\\r\n  b\\x4')
@example("'a''b  \n\n c'")
@example("{a: b ?c, [d]: e}")
@example("\ufeff# c\n--- |1+\n x\n\n...\n")
@example("- >\n  a\n   b\n\n  c\n  d\n")
def test_any_text(text: str) -> None:
    check(text)


_LINES = (
    *(
        "a: |\n",
        "a: >-\n",
        "- |+\n",
        "- 'x\n",
        '- "x\n',
        "a: x\n",
        "  y\n",
        "   z\r\n",
        "  w  \n",
        "\n",
        " \n",
        "    \n",
    ),
    *(
        "  # c\n",
        "# c\n",
        "---\n",
        "b: 1\n",
        "  - x\n",
        "  y'\n",
        '  y"\n',
        "  \tt\n",
        "  a: |2\n",
        "  [a,\n",
        "  b]\n",
    ),
)


@given(st.lists(st.sampled_from(_LINES), max_size=15).map("".join))
def test_lines(text: str) -> None:
    check(text)


@given(st.lists(st.sampled_from(_PIECES), max_size=40).map("".join))
def test_pieces(text: str) -> None:
    check(text)
