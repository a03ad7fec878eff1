"""Record which values of a mapping may have changed, and build the rows to write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, TypeVar

from toolkit.sandbox.state.store import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.sandbox.state.store import Store
    from toolkit.values import Value

K = TypeVar("K")
V = TypeVar("V")


class Watched(MutableMapping[K, V]):
    """A mapping that notes each key that is set, deleted or looked up, and writes the values as rows.

    Looked-up values count as changed, because the caller may change them in place.

    Args:
        kind: the kind of the rows.
        items: the initial content; its keys are noted.
        write: returns a value as JSON.

    Attributes:
        noted: the keys, in the order in which they were first noted.
    """

    def __init__(self, kind: str, items: Mapping[K, V], write: Callable[[V], str]) -> None:
        self._kind = kind
        self._items = dict(items)
        self._write = write
        self.noted: dict[K, None] = dict.fromkeys(self._items)
        # The hashes of the database's values, by row name.
        self._kept: dict[str, int] = {}
        self._next: dict[str, int | None] = {}

    def __getitem__(self, key: K) -> V:
        value = self._items[key]
        self.noted[key] = None
        return value

    def __setitem__(self, key: K, value: V) -> None:
        self._items[key] = value
        self.noted[key] = None

    def __delitem__(self, key: K) -> None:
        del self._items[key]
        self.noted[key] = None

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def note(self, key: K) -> None:
        """Note a key as if its value had been looked up."""
        self.noted[key] = None

    def peek(self, key: K) -> V:
        """Return a value without noting its key."""
        return self._items[key]

    def load(self, store: Store, read: Callable[[str], V | None]) -> None:
        """Fill the mapping from the database.

        Args:
            store: the database.
            read: returns the value for a row's JSON; None if the value is no longer needed.

        Raises:
            InvalidInputError: a row can't be read.
        """
        for name, text in store.rows(self._kind):
            with store.reading(f"{self._kind} {name}"):
                value, key = read(text), _to_key(name)
                if value is not None:
                    self[key] = value
                self._kept[name] = hash(text) if value is not None else 0
                self.note(key)

    def read_changes(self) -> Iterator[Row]:
        """Yield the rows to write to bring the database up to date with the mapping."""
        self._next = {}
        for key in self.noted:
            name = key if isinstance(key, str) else json.dumps(key)
            if key in self:
                text = self._write(self.peek(key))
                if self._kept.get(name) != hash(text):
                    self._next[name] = hash(text)
                    yield Row(self._kind, name, text)
            elif name in self._kept:
                self._next[name] = None
                yield Row(self._kind, name, None)

    def mark_committed(self) -> None:
        """Record that the database has the changes."""
        self.noted.clear()
        for name, digest in self._next.items():
            if digest is None:
                del self._kept[name]
            else:
                self._kept[name] = digest


def _to_key(name: str) -> Value:
    """Return the key for a row's name: a string, or a tuple of strings."""
    return tuple(json.loads(name)) if name.startswith("[") else name
