"""The places of all nodes in generated YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given

from tests.yamltext.yaml_writing import Written, any_text, load_stream, paths, streams
from toolkit.errors import InvalidInputError
from toolkit.yamltext import nodes, parsing

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Node


@given(streams())
def test_what_is_written_reads_as_what_was_meant(written: Written) -> None:
    assert load_stream(written.text, "x.yaml") == written.documents


def trees(text: str) -> list[Node]:
    return [document.root for document in parsing.parse(text, "x.yaml")]


def every_node(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    if isinstance(node, nodes.Mapping):
        for pair in node.pairs:
            yield from every_node(pair.key)
            yield from every_node(pair.value)
    elif isinstance(node, nodes.Sequence):
        for item in node.items:
            yield from every_node(item)


def children(node: Node) -> list[Node]:
    if isinstance(node, nodes.Mapping):
        return [part for pair in node.pairs for part in (pair.key, pair.value)]
    return node.items if isinstance(node, nodes.Sequence) else []


def check_places(text: str, roots: list[Node]) -> None:
    """Every place is what it says it is, and nodes follow one another."""
    for node in (node for root in roots for node in every_node(root)):
        before = text[: node.start.index].replace("\r\n", "\n").replace("\r", "\n")
        assert node.start.line == before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        assert node.start.column == column - before[before.rfind("\n") + 1 :].count("\ufeff")
        assert node.start.index <= node.end <= node.after <= len(text)
        inside = children(node)
        for part, following in pairwise(inside):
            assert part.end <= following.start.index
        if inside:
            assert node.start.index <= inside[0].start.index
            assert inside[-1].end <= node.end


@given(streams())
def test_every_place_is_where_the_node_is_written(written: Written) -> None:
    text = written.text
    roots = trees(text)
    assert len(roots) == len(written.documents)
    check_places(text, roots)
    for node in (node for root in roots for node in every_node(root)):
        shown = text[node.start.index : node.end]
        if isinstance(node, nodes.Mapping):
            assert (shown[0] + shown[-1] == "{}") if node.is_flow else (node.start == node.pairs[0].key.start)
        elif isinstance(node, nodes.Sequence):
            assert (shown[0] + shown[-1] == "[]") if node.is_flow else shown.startswith("-")
        elif isinstance(node, nodes.Scalar) and node.style in ("'", '"'):
            assert shown[0] == shown[-1] == node.style
            assert len(shown) > 1
        elif isinstance(node, nodes.Scalar) and node.is_block:
            assert shown[0] == node.style
            assert node.after == len(text) or text[node.after - 1] in "\r\n"
        elif isinstance(node, nodes.Scalar) and not node.is_empty:
            assert re.sub(r"\s+", " ", shown) == node.value


@given(streams())
def test_every_path_of_the_values_is_found(written: Written) -> None:
    for root, document in zip(trees(written.text), written.documents, strict=True):
        for path, value in paths(document):
            node = nodes.find(root, path)
            if isinstance(value, dict):
                assert isinstance(node, nodes.Mapping)
                assert len(node.pairs) == len(value)
            elif isinstance(value, list):
                assert isinstance(node, nodes.Sequence)
                assert len(node.items) == len(value)
            else:
                assert isinstance(node, nodes.Scalar)
                assert not isinstance(value, str) or node.value == value
            place = nodes.find_nearest(root, path)
            if path and isinstance(path[-1], str):
                assert written.text[place.index] in path[-1] + "'\""
            else:
                assert node is not None
                assert place == node.start


@given(any_text)
@example("a: &a\n  b: *a\n")
@example("? a # b: c\n: \n")
@example("%YAML 1.1\n--- a\n")
@example("[" * 2000)
@example("\ud800")
def test_any_text_gives_a_tree_or_is_refused(text: str) -> None:
    try:
        roots = trees(text)
    except InvalidInputError as error:
        assert error.problems
        return
    if "%YAML" not in text:
        check_places(text, roots)


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ("a:\n  b: 1\n", ("a", "b"), (2, 3)),
        ("a:\n  b: 1\n", ("a", "c", "d"), (1, 1)),
        ("a:\n  - b\n  - c\n", ("a", 1), (3, 5)),
        ("a:\n  - b\n", ("a", 1), (1, 1)),
        ("a: &x {b: 1}\nc: *x\n", ("c", "b"), (2, 1)),
        ("# note\n\na: 1\n", ("b",), (3, 1)),
        ("", (), None),
    ],
)
def test_the_nearest_place_is_said(text: str, path: nodes.Path, place: tuple[int, int] | None) -> None:
    found = [nodes.find_nearest(root, path) for root in trees(text)]
    assert [(one.line, one.column) for one in found] == ([place] if place else [])


@pytest.mark.parametrize(
    ("text", "end", "after"),
    [
        ("a: |\n  x\n\n# c\nb: 1\n", 8, 9),
        ("a: |+\n  x\n\n# c\nb: 1\n", 9, 11),
        ("a: >2+ # c\n   x\n\n\nb: 1\n", 15, 18),
        ("a: |-\n  x", 9, 9),
        ("a: &n !!str |+\n  x\n\nb: 1\n", 18, 20),
        ("a: | # |+\n  x\n\nb: 1\n", 13, 14),
        ("a: |\nb: 1\n", 4, 5),
        ("a: |\r\n  x\r\n\r\nb: 1\r\n", 9, 11),
    ],
)
def test_where_a_block_scalar_ends(text: str, end: int, after: int) -> None:
    node = nodes.find(parsing.parse(text, "x.yaml")[0].root, ("a",))
    assert isinstance(node, nodes.Scalar)
    assert (node.end, node.after) == (end, after)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("a:\nb: 1\n", 2),
        ("a: # c: d\nb: 1\n", 2),
        ("'a:' :\nb: 1\n", 6),
        ("{a: , b: 1}", 3),
        ("{a, b: 1}", 2),
        ("? a # x: y\n:\n", 12),
        ("? |\n  a\n:\n", 9),
    ],
)
def test_an_empty_value_stands_behind_its_colon(text: str, index: int) -> None:
    (root,) = trees(text)
    assert isinstance(root, nodes.Mapping)
    value = root.pairs[0].value
    assert isinstance(value, nodes.Scalar)
    assert value.is_empty
    check_places(text, [root])
    assert value.start.index == index


def test_keys_that_are_no_scalars_are_passed_over() -> None:
    (root,) = trees("? [a]\n: 1\nb: 2\n")
    assert isinstance(root, nodes.Mapping)
    assert nodes.find(root, ("a",)) is None
    assert nodes.find(root, ("b",)) is root.pairs[1].value
