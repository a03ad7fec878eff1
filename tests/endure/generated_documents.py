"""YAML streams as people and tools write them, and edits of them, made of a generator of random numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.yamltext.yaml_writing import KEYS, TEXTS, Line, Writer, paths

if TYPE_CHECKING:
    import random

    from toolkit.yamltext.editing import Editor
    from toolkit.yamltext.nodes import Path

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
