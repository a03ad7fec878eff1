"""What we render reads the same in kumactl apply, which cuts white space off each document before it reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.mesh.golden_documents import GOLDEN
from toolkit.mesh.render.templating import join_documents
from toolkit.yamltext import scalars

if TYPE_CHECKING:
    from pathlib import Path

# kumahq/kuma:pkg/util/yaml/split.go.
_SEPARATOR = re.compile(r"(?:^|\s*\n)---\s*")


def as_kumactl_splits(text: str) -> list[str]:
    return [part.strip() for part in _SEPARATOR.split(text.strip()) if part]


def load(text: str) -> object:
    return YAML(typ="safe", pure=True).load(text)


UNIVERSAL = sorted(GOLDEN.glob("universal-*.yaml"))


@pytest.mark.parametrize("file", UNIVERSAL, ids=lambda file: file.stem)
def test_golden_documents(file: Path) -> None:
    text = file.read_text()
    ours = list(YAML(typ="safe", pure=True).load_all(text))
    assert [load(part) for part in as_kumactl_splits(text)] == ours
    # Another document behind it changes nothing.
    assert [load(part) for part in as_kumactl_splits(join_documents([text, "type: Mesh\nname: x\n"]))][:-1] == ours


LINES = st.lists(st.text("ab :#-'\"{}|>", min_size=1, max_size=5), min_size=1, max_size=4)


@given(LINES, st.integers(0, 3))
def test_a_text_of_several_lines_is_read_as_it_is(lines: list[str], ends: int) -> None:
    value = "\n".join(lines) + "\n" * ends
    text = scalars.write_block({"a": {"b": value}}, 2)
    assert load(text) == {"a": {"b": value}}
    if not value.endswith("\n"):
        (document,) = as_kumactl_splits(text)
        assert load(document) == {"a": {"b": value}}


def test_blocks_say_whether_there_is_a_final_line_end() -> None:
    assert scalars.write_literal("a\nb") == "|-\n  a\n  b"
    assert scalars.write_literal("a\nb\n") == "|\n  a\n  b"
    assert scalars.write_literal("a\n") == "|\n  a"
    assert scalars.write_literal("a") == "a"
    assert scalars.write_literal("a\nb\n\n").startswith('"')
