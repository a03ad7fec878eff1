"""Edits of generated YAML streams, judged by PyYAML's C parser, which shares no code with ours.

A stream is made of a seed and its number, so that a failure can be repeated.
"""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from tests.yamltext.yaml_writing import KEYS, TEXTS, Line, Writer, paths
from toolkit.errors import InvalidInputError
from toolkit.yamltext.changes import are_same
from toolkit.yamltext.editing import Editor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolkit.yamltext.nodes import Path

MOST_REFUSED = 0.05
# Documents as people write them by hand, with what the writer does not know.
_BY_HAND = (
    "base: &base {a: 1, b: [x]} # c\nuse:\n  <<: *base\n  # d\n  c: 3\nlast: 1\n",
    "base: &base\n  a: 1\n  b: [x]\nuse:\n- <<: [*base]\n  c: 3\n- *base\n",
    "a: !!str 1\nb: !!map\n  c: !!seq [1]\n  d: !!seq\n  - x\n  - y\ne: !!null\n",
    "? a\n: 1\n? b\n: - 2\n  - 3\nc: 1\n",
    "a: >+\n  x\n\n# c\nb: |2-\n    y\n   z\n\nc: [1,\n  2]\n",
    "-   - 1\n    -   x: 1\n        y: 2 # c\n-\n    - 3\n\n- |\n  t\n- &x 7\n- *x\n",
    "a: \"x\n\n  y\\\n  z\" # c\nb: 'it''s\n  # no'\nc: word\n  more # d\n\n\nd: 1\n",
    "{\n  a: 1, # c\n  b: {c: [1, # d\n    2], e: },\n  f, # g\n}\n",
    "a:\n  # only\nb: ~\nc: {}\nd: []\ne: !!set {x}\nf: 2026-01-01\n",
)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_DASHES = re.compile(r"( *(?:- +)*)- *(?:#.*)?$")


class Edit(NamedTuple):
    """One edit of a stream; a value of None takes the path away."""

    document: int
    path: Path
    value: Any

    def of_values(self, holder: Any) -> Any:
        """The edited document as plain values; aliases share what is not on the way, so nothing is changed in place."""
        return _edited(holder, self.path, self.value)

    def of_text(self, editor: Editor) -> None:
        if self.value is None:
            editor.remove(self.document, self.path)
        else:
            editor.set(self.document, self.path, self.value)


def _edited(holder: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    part, rest = path[0], path[1:]
    if holder is None:
        holder = {} if isinstance(part, str) else []
    changed: Any = dict(holder) if isinstance(holder, dict) else list(holder)
    if not rest and value is None:
        del changed[part]
        return changed
    if isinstance(changed, list) and part == len(changed):
        changed.append(None)
    there = changed.get(part) if isinstance(changed, dict) else changed[part]
    changed[part] = _edited(there, rest, value)
    return changed


class SeededWriter(Writer):
    """Writes values in a style that a generator of random numbers chooses, with anchors and aliases."""

    def __init__(self, chooses: random.Random) -> None:
        self._chooses = chooses
        self._names: dict[int, str] = {}
        self._anchors = 0

    def chance(self, percent: int) -> bool:
        return self._chooses.randrange(100) < percent

    def number(self, least: int, most: int) -> int:
        return self._chooses.randint(least, most)

    def one_of(self, *choices: str) -> str:
        return self._chooses.choice(choices)

    def node(self, value: Any, parent: int) -> list[Line]:
        if id(value) in self._names and isinstance(value, dict | list):
            return [Line(f"*{self._names[id(value)]}")]
        first, *below = super().node(value, parent)
        if self.chance(4):
            name = f"n{self._anchors}"
            self._anchors += 1
            if isinstance(value, dict | list):
                self._names[id(value)] = name
            first.text = f"&{name} {first.text}".rstrip(" ")
        return [first, *below]

    def document(self, value: Any, *, is_first: bool) -> list[Line]:
        self._names.clear()
        return super().document(value, is_first=is_first)


class Generator:
    """Makes documents, and edits of them."""

    def __init__(self, chooses: random.Random) -> None:
        self._chooses = chooses

    def stream(self) -> str:
        documents = [self.document() for _ in range(self._chooses.choice((1, 1, 1, 2, 3, 6)))]
        if self._chooses.random() < 0.08:
            indent = self._chooses.choice((None, 1, 2, 4))
            return json.dumps(documents[0], indent=indent) + self._chooses.choice(("", "\n"))
        text = SeededWriter(self._chooses).stream(documents)
        if self._chooses.random() < 0.3 and text.endswith("\n"):
            newline = "\r\n" if text.endswith("\r\n") else "\n"
            text += f"---\n{self._chooses.choice(_BY_HAND)}".replace("\n", newline)
        return text

    def document(self) -> Any:
        kinds = (self.mesh, self.mesh, self.listed, self.arbitrary, self.arbitrary, lambda: None)
        return self._chooses.choice(kinds)()

    def mesh(self) -> dict[str, Any]:
        spec: dict[str, Any] = {"mtls": {"enabledBackend": "pca", "backends": self.backends()}}
        if self._chooses.random() < 0.5:
            spec["routing"] = {"zoneEgress": True, "localityAwareLoadBalancing": False}
        if self._chooses.random() < 0.3:
            spec["logging"] = self.arbitrary()
        name = f"mesh-{self._chooses.randrange(100)}"
        if self._chooses.random() < 0.5:
            return {"type": "Mesh", "name": name, **spec}
        return {"apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": {"name": name}, "spec": spec}

    def backends(self) -> list[Any]:
        source = {"inline": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t" * self._chooses.randint(1, 40)}
        certificates = {"rotation": {"expiration": "24h"}}
        return [
            {
                "name": f"pca-{number}",
                "type": "acmpca",
                # Some are the same object, so an alias may be written.
                "dpCert": certificates if self._chooses.random() < 0.5 else {"rotation": {"expiration": "1d"}},
                "conf": {"arn": f"arn:aws:acm-pca:eu-central-1:1:certificate-authority/{number}", "caCert": source},
            }
            for number in range(self._chooses.randint(1, 3))
        ]

    def listed(self) -> dict[str, Any]:
        """What kubectl or kumactl prints of several."""
        items = [self.mesh() for _ in range(self._chooses.randint(1, 4))]
        if self._chooses.random() < 0.5:
            return {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}
        return {"items": items, "next": None, "total": len(items)}

    def arbitrary(self) -> Any:
        value = self.value(3)
        return value if isinstance(value, dict | list) and value else {"a": value}

    def value(self, depth: int) -> Any:
        kind = self._chooses.random()
        if depth and kind < 0.35:
            return {self._chooses.choice(KEYS): self.value(depth - 1) for _ in range(self._chooses.randint(0, 4))}
        if depth and kind < 0.6:
            return [self.value(depth - 1) for _ in range(self._chooses.randint(0, 4))]
        return self._chooses.choice((self._chooses.choice(TEXTS), True, False, None, 0.5, -1.25, 7, 2000, 3e20))

    def new_value(self) -> Any:
        def only_writable(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: only_writable(inner) for key, inner in value.items()}
            if isinstance(value, list):
                return [only_writable(inner) for inner in value]
            return "new" if value is None or isinstance(value, float) else value

        return only_writable(self.value(2))

    def edits(self, documents: list[Any]) -> list[Edit]:
        """A few edits that don't get in one another's way."""
        chosen: list[Edit] = []
        for _ in range(self._chooses.choice((1, 1, 2, 4))):
            edit = self.edit(documents)
            if edit and not any(_meet(edit, other) for other in chosen):
                chosen.append(edit)
        return chosen

    def edit(self, documents: list[Any]) -> Edit | None:
        number = self._chooses.randrange(len(documents))
        found = [(path, value) for path, value in paths(documents[number]) if isinstance(value, dict | list)]
        if documents[number] is None:
            return Edit(number, (self._chooses.choice(KEYS),), self.new_value())
        if not found:
            return None
        path, holder = self._chooses.choice(found)
        there: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if there and self._chooses.random() < 0.35:
            return Edit(number, (*path, self._chooses.choice(there)), None)
        new = self._chooses.choice(KEYS) if isinstance(holder, dict) else len(holder)
        return Edit(number, (*path, self._chooses.choice([*there, new])), self.new_value())


def _meet(one: Edit, other: Edit) -> bool:
    """Whether an edit changes what another is about: the same value, or the numbers of the same list."""
    if one.document != other.document:
        return False
    common = next((n for n, parts in enumerate(zip(one.path, other.path, strict=False)) if parts[0] != parts[1]), None)
    if common is None:
        return True
    return isinstance(one.path[common], int) or len(one.path) == common + 1 == len(other.path)


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
