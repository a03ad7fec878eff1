"""Edit a document's plain values, and find the changes between the original and the edited values."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Literal, NamedTuple

from toolkit.values import Value

if TYPE_CHECKING:
    from toolkit.yamltext.nodes import Path


class Change(NamedTuple):
    """One change from the original to the edited values.

    Attributes:
        kind: ``set`` sets the value at the path. ``add`` appends the entries of the value to a mapping or list; the
            path names the first new entry. ``cut`` removes the key or item.
        path: a path in the original values.
        value: the new value or entries; None for a cut.
    """

    kind: Literal["set", "add", "cut"]
    path: Path
    value: Value = None


class Draft:
    """A document's edited plain values.

    Every edit copies the mappings and lists on its path and changes nothing in place, because aliases and callers may
    share values.

    Args:
        original: the values that were read.
    """

    def __init__(self, original: object) -> None:
        self._original = original
        self.value: Value = original
        # For each edited list, by its id(): the list, and for each item its index in the original list.
        self._origins: dict[int, tuple[list[Value], list[int | None]]] = {}

    def put(self, path: Path, value: object) -> None:
        """Set the value at a path. Missing or empty parents are created.

        Raises:
            LookupError: a parent exists and is not a mapping or list.
        """
        self.value = self._put(self.value, self._original, path, value)

    def remove(self, path: Path) -> None:
        """Remove a key or an item.

        Raises:
            LookupError: it does not exist.
        """
        self.value = self._without(self.value, self._original, path)

    def find_changes(self) -> list[Change]:
        """Return the changes from the original to the edited value, in the order of the original."""
        return list(self._changes(self._original, self.value, ()))

    def _put(self, holder: Value, original: Value, path: Path, value: object) -> Value:
        if not path:
            return value
        part, rest = path[0], path[1:]
        if holder is None:
            holder = {} if isinstance(part, str) else []
        if isinstance(holder, dict) and isinstance(part, str):
            original = original.get(part) if isinstance(original, dict) else None
            return {**holder, part: self._put(holder.get(part), original, rest, value)}
        if not isinstance(holder, list) or not isinstance(part, int) or not 0 <= part <= len(holder):
            raise LookupError(part)
        changed, origins = self._copied(holder, original)
        if part == len(holder):
            changed.append(self._put(None, None, rest, value))
            origins.append(None)
        else:
            changed[part] = self._put(holder[part], _item(original, origins[part]), rest, value)
        return changed

    def _without(self, holder: Value, original: Value, path: Path) -> Value:
        part, rest = path[0], path[1:]
        if isinstance(holder, dict) and isinstance(part, str) and part in holder:
            changed = dict(holder)
            if rest:
                original = original.get(part) if isinstance(original, dict) else None
                changed[part] = self._without(holder[part], original, rest)
            else:
                del changed[part]
            return changed
        if not isinstance(holder, list) or not isinstance(part, int) or not 0 <= part < len(holder):
            raise LookupError(part)
        copied, origins = self._copied(holder, original)
        if rest:
            copied[part] = self._without(holder[part], _item(original, origins[part]), rest)
        else:
            del copied[part], origins[part]
        return copied

    def _copied(self, holder: list[Value], original: object) -> tuple[list[Value], list[int | None]]:
        """Return a copy of a list and the original indexes of its items. The caller may change both."""
        _, origins = self._origins.pop(id(holder), (None, None))
        changed = copy.copy(holder)
        if origins is None:
            if holder is not original:
                # The list was set as a whole, so its items have no known origin and are compared later.
                return changed, [None] * len(holder)
            origins = list(range(len(holder)))
        self._origins[id(changed)] = changed, origins
        return changed, origins

    def _changes(self, old: Value, new: Value, path: Path) -> Iterator[Change]:
        if old is new:
            return
        if type(old) is type(new) is dict and not old.keys().isdisjoint(new):
            yield from self._changes_of_mapping(old, new, path)
        elif type(old) is type(new) is list and (pairs := self._pairs(old, new)):
            kept = dict(pairs)
            for number, item in enumerate(old):
                if number in kept:
                    yield from self._changes(item, new[kept[number]], (*path, number))
                else:
                    yield Change("cut", (*path, number))
            if added := new[pairs[-1][1] + 1 :]:
                yield Change("add", (*path, len(old)), added)
        elif not are_same(old, new):
            yield Change("set", path, new)

    def _changes_of_mapping(self, old: Value, new: Value, path: Path) -> Iterator[Change]:
        if any(not isinstance(key, str) and not (key in new and are_same(old[key], new[key])) for key in old):
            # A path can only contain keys that are texts, so the mapping is replaced as a whole.
            yield Change("set", path, new)
            return
        for key, value in old.items():
            if key in new:
                yield from self._changes(value, new[key], (*path, key))
            else:
                yield Change("cut", (*path, key))
        if added := {key: value for key, value in new.items() if key not in old}:
            yield Change("add", (*path, next(iter(added))), added)

    def _pairs(self, old: list[Value], new: list[Value]) -> list[tuple[int, int]]:
        """Return the index pairs of items that two lists share. Items after the last pair are new."""
        _, origins = self._origins.get(id(new), (None, None))
        if origins is None:
            return _likely_pairs(old, new)
        return [(origin, number) for number, origin in enumerate(origins) if origin is not None]


def _item(original: object, origin: int | None) -> object:
    return original[origin] if isinstance(original, list) and origin is not None else None


def _likely_pairs(old: Sequence[Value], new: Sequence[Value]) -> list[tuple[int, int]]:
    """Return the index pairs of items that a list and its replacement probably share."""
    short = min(len(old), len(new))
    head = sum(1 for _ in takewhile(lambda n: are_same(old[n], new[n]), range(short)))
    if len(new) >= len(old):
        return [(number, number) for number in range(short)]
    tail = sum(1 for _ in takewhile(lambda n: are_same(old[~n], new[~n]), range(short - head)))
    pairs = [(number, number) for number in range(head)]
    spare = len(old) - len(new)
    for number in range(head, len(new) - tail):
        # The new list is shorter: pair equal items first, and other items in order.
        first = pairs[-1][0] + 1 if pairs else 0
        match = next((n for n in range(first, number + spare + 1) if are_same(old[n], new[number])), first)
        pairs.append((match, number))
    return pairs + [(len(old) - tail + n, len(new) - tail + n) for n in range(tail)]


def apply_changes(value: Value, changes: Sequence[Change]) -> Value:
    """Return a value with changes applied, which must be in its order. Unchanged parts are shared with the original."""
    for change in reversed(changes):
        value = _applied(value, change.path, change)
    return value


def _applied(holder: Value, path: Path, change: Change) -> Value:
    if not path:
        return change.value
    changed = copy.copy(holder)
    if len(path) > 1 or change.kind == "set":
        changed[path[0]] = _applied(holder[path[0]], path[1:], change)
    elif change.kind == "cut":
        del changed[path[0]]
    elif isinstance(changed, dict):
        changed.update(change.value)
    else:
        changed += change.value
    return changed


def are_same(one: object, other: object) -> bool:
    """Return whether two values are equal in value and type. Unlike with ``==``, 1, 1.0 and true differ; NaN is NaN.

    Each pair is compared only once, because with aliases, values may contain themselves or repeat a million times.
    """
    pairs: list[tuple[Value, Value]] = [(one, other)]
    known: set[tuple[int, int]] = set()
    while pairs:
        left, right = pairs.pop()
        if left is right:
            continue
        if type(left) is not type(right):
            return False
        if isinstance(left, dict | list | tuple):
            if (id(left), id(right)) in known:
                continue
            known.add((id(left), id(right)))
            if len(left) != len(right) or (isinstance(left, dict) and left.keys() != right.keys()):
                return False
            keys = left if isinstance(left, dict) else range(len(left))
            pairs += [(left[key], right[key]) for key in keys]
        elif left != right and not (isinstance(left, float) and math.isnan(left) and math.isnan(right)):
            return False
    return True
