"""Edits of generated YAML streams, judged by PyYAML's C parser, which shares no code with ours.

A stream is made of a seed and its number, so that a failure can be repeated.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import yaml

from tests.endure.generated_documents import Edit, Generator
from toolkit.errors import InvalidInputError
from toolkit.yamltext.changes import are_same
from toolkit.yamltext.editing import Editor

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Path

MOST_REFUSED = 0.05
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_DASHES = re.compile(r"( *(?:- +)*)- *(?:#.*)?$")


class Judge:
    """What PyYAML reads in a stream."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.documents = list(yaml.load_all(text, yaml.CSafeLoader))
        events = list(yaml.parse(text, yaml.CSafeLoader))
        starts = [event.start_mark.index for event in events if isinstance(event, yaml.DocumentStartEvent)]
        left = iter(events)
        self.roots = [_tree(event, left) for event in left if isinstance(event, yaml.NodeEvent)]
        bounds = [0, *starts[1:], len(text)]
        self.parts = [text[begin:end] for begin, end in pairwise(bounds)]
        self.lines = _LINE.findall(text)

    def touched(self, edit: Edit) -> set[int]:
        """The numbers of the lines that an edit may change, from 0."""
        root = self.roots[edit.document]
        chain = list(_chain(root, edit.path))
        for number, (_, node) in enumerate(chain[: len(edit.path)]):
            if isinstance(node, yaml.CollectionNode) and node.flow_style:
                # In flow style entries share lines, and have commas between them.
                return self.entry(chain[: number + 1])
        if edit.value is None:
            holder = chain[-2][1]
            alone = self.head(chain[:-1]) if len(holder.value) == 1 else set()
            return alone | self.entry(chain) | self.next_line(chain)
        if len(chain) > len(edit.path):
            return self.entry(chain, is_kept=True)
        holder = chain[-1][1]
        return set() if isinstance(holder, yaml.CollectionNode) and holder.value else self.entry(chain)

    def entry(self, chain: list[tuple[Any, Any]], *, is_kept: bool = False) -> set[int]:
        """The lines of an entry, or with `is_kept` without those between its key and its value."""
        _, node = chain[-1]
        head = self.head(chain)
        last = _last_line(node, self.lines)
        begin = node.start_mark.line if is_kept else min(head)
        return {*head, *range(begin, last + 1)}

    def head(self, chain: list[tuple[Any, Any]]) -> set[int]:
        """The line of a pair's key or of an item's dash."""
        key, node = chain[-1]
        if len(chain) > 1 and isinstance(chain[-2][1], yaml.SequenceNode):
            return {self.dash(node)}
        return {key.start_mark.line}

    def dash(self, node: Any) -> int:
        line = node.start_mark.line
        before = self.lines[line][: node.start_mark.column] if line < len(self.lines) else ""
        while not _DASHES.match(before.rstrip("\r\n")) and line:
            line -= 1
            before = self.lines[line]
        return int(line)

    def next_line(self, chain: list[tuple[Any, Any]]) -> set[int]:
        """The line of the next entry, which moves up behind the dash that the removed one shared a line with."""
        holder, (key, node) = chain[-2][1], chain[-1]
        values = [value for _, value in holder.value] if isinstance(holder, yaml.MappingNode) else holder.value
        place = next(n for n, value in enumerate(values) if value is node)
        if place or len(values) < 2:
            return set()
        if isinstance(holder, yaml.MappingNode):
            return {holder.value[1][0].start_mark.line}
        return {self.dash(values[1]), key.start_mark.line}


def _tree(event: Any, events: Iterator[Any]) -> Any:
    """A node from its first event on; unlike in the library's own trees, an alias is a leaf at its own place."""
    start = event.start_mark
    if isinstance(event, yaml.MappingStartEvent):
        pairs = []
        while not isinstance(inner := next(events), yaml.MappingEndEvent):
            pairs.append((_tree(inner, events), _tree(next(events), events)))
        return yaml.MappingNode(None, pairs, start, inner.end_mark, event.flow_style)
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(inner := next(events), yaml.SequenceEndEvent):
            items.append(_tree(inner, events))
        return yaml.SequenceNode(None, items, start, inner.end_mark, event.flow_style)
    return yaml.ScalarNode(None, getattr(event, "value", None), start, event.end_mark)


def _chain(root: Any, path: Path) -> Iterator[tuple[Any, Any]]:
    """Every node on the way to a path with its key, as far as there are any; an item is its own key."""
    yield root, root
    for part in path:
        found: tuple[Any, Any] | None = None
        if isinstance(root, yaml.MappingNode):
            found = next(((key, value) for key, value in root.value if key.value == part), None)
        elif isinstance(root, yaml.SequenceNode) and isinstance(part, int) and part < len(root.value):
            found = root.value[part], root.value[part]
        if found is None:
            return
        yield found
        root = found[1]


def _last_line(node: Any, lines: list[str]) -> int:
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last, lines)
    last = node.end_mark.line
    if node.end_mark.column == 0 and last > node.start_mark.line:
        last -= 1
    return int(min(last, len(lines) - 1))


def check(seed: int, number: int) -> bool | None:
    """Edit one stream.

    Returns:
        Whether the edits were made; False where they were refused, None where there was nothing to judge.
    """
    chooses = random.Random(f"{seed}/{number}")  # noqa: S311 - it is to be repeated
    make = Generator(chooses)
    text = make.stream()
    where = f"seed {seed}, number {number}"
    try:
        before = Judge(text)
    except yaml.YAMLError:
        return None
    editor = Editor(text, "x.yaml")
    edits = make.edits(editor.documents)
    if not edits:
        return None
    for edit in edits:
        edit.of_text(editor)
    try:
        result = editor.text
    except InvalidInputError:
        return False
    _judge(before, edits, result, f"{where}: {edits}\n{text}\n=====\n{result}")
    return True


def _judge(before: Judge, edits: list[Edit], result: str, where: str) -> None:
    after = Judge(result)
    wanted = list(before.documents)
    for edit in edits:
        wanted[edit.document] = edit.of_values(wanted[edit.document])
    assert are_same(after.documents, wanted), f"{where}\nPyYAML reads {after.documents}, not {wanted}"
    changed = {edit.document for edit in edits}
    for part, there in ((n, part) for n, part in enumerate(before.parts) if n not in changed):
        assert after.parts[part] == there, f"{where}\ndocument {part} changed"
    touched = set().union(*(before.touched(edit) for edit in edits))
    left = iter(_LINE.findall(result))
    for number, line in enumerate(before.lines):
        # The last line may get an end.
        assert number in touched or any(f.rstrip("\r\n") == line.rstrip("\r\n") for f in left), (
            f"{where}\nline {number + 1} changed: {line!r}"
        )
    if "\r\n" in before.text:
        assert not re.search(r"(?<!\r)\n", result), f"{where}\nlines end in two ways"
    if _is_json(before.text):
        json.loads(result)
    again = Editor(result, "x.yaml")
    for edit in edits:
        if edit.value is not None:
            edit.of_text(again)
    assert again.text == result, f"{where}\na second time changes it to\n{again.text}"


def _is_json(text: str) -> bool:
    try:
        return isinstance(value := json.loads(text), dict | list) and bool(value)
    except ValueError:
        return False


def repeat(seed: int, times: int, say: Callable[[str], None]) -> int:
    """Edit so many streams, and return how many were refused."""
    refused = judged = number = 0
    while judged < times:
        try:
            made = check(seed, number)
        except Exception:
            say(f"seed {seed}, number {number}")
            raise
        number += 1
        if made is None:
            continue
        judged += 1
        refused += not made
        if not judged % 500:
            say(f"documents {judged} of {times}, {refused} refused")
    assert refused <= MOST_REFUSED * times, f"seed {seed}: {refused} of {times} refused"
    assert number < times * 1.1, f"seed {seed}: PyYAML reads only {times} of {number}"
    return refused
