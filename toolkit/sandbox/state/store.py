"""Store a sandbox's objects, and the journal of moto's requests, in a database.

The database is in WAL mode with ``synchronous=NORMAL``. A committed transaction survives the end of the process,
including ``kill -9``, because the operating system has the bytes. It may be lost when the machine loses power, but the
database stays intact (SQLite documentation, "PRAGMA synchronous"; "Write-Ahead Logging", section 2.1). A sandbox need
not survive a power loss, and syncing each change to disk would make it several times slower.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from toolkit.errors import ExternalError, InvalidInputError, Problem, flatten
from toolkit.files import PRIVATE
from toolkit.staging import make_directory
from toolkit.values import Value

if TYPE_CHECKING:
    from pathlib import Path


VERSION = 2
DATABASE = "state.db"
_LOCK = "lock"
_OWN_DIRECTORY = 0o700
# "KMSB". SQLite documentation, "PRAGMA application_id": distinguishes this database from those of other programs.
_APPLICATION = 0x4B4D5342
_SCHEMA = f"""
    CREATE TABLE objects (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
        checksum INTEGER NOT NULL, UNIQUE (kind, name));
    CREATE TABLE journal (id INTEGER PRIMARY KEY, entry TEXT NOT NULL, body BLOB NOT NULL, checksum INTEGER NOT NULL);
    PRAGMA application_id = {_APPLICATION};
    PRAGMA user_version = {VERSION};
"""
# An update keeps the row's ID, and thereby the order of the objects.
_PUT = (
    "INSERT INTO objects (kind, name, value, checksum) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value, checksum = excluded.checksum"
)


class Row(NamedTuple):
    """An object to write.

    Attributes:
        kind: the object's kind.
        name: unique within its kind.
        value: the object as JSON; None deletes the row.
    """

    kind: str
    name: str
    value: str | None


class Entry(NamedTuple):
    """An entry of the journal.

    Attributes:
        text: the entry as JSON.
        body: the request's body or the object's content.
    """

    text: str
    body: bytes


class Store:
    """The open database, locked for this process.

    Args:
        directory: created with mode 0700 if it does not exist.

    Raises:
        InvalidInputError: the database is damaged, or has another version. It is not changed.
        ExternalError: another sandbox uses the directory, or the directory can't be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / DATABASE
        try:
            make_directory(directory, _OWN_DIRECTORY)
            self._lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, PRIVATE)
        except OSError as error:
            raise ExternalError(f"can't write {directory}: {error.strerror or error}") from error
        self._cleanup = ExitStack()
        self._cleanup.callback(os.close, self._lock)
        try:
            self._take_lock()
            if not self._path.exists():
                self._create()
            with self.reading():
                self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
                self._cleanup.callback(self._connection.close)
                self._check(self._connection)
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the database and release the lock."""
        self._cleanup.close()

    @contextmanager
    def reading(self, where: str = "") -> Iterator[None]:
        """Turn exceptions raised inside into an error that names the file.

        Args:
            where: the object or entry that is read.

        Raises:
            InvalidInputError: an exception was raised inside.
        """
        try:
            yield
        except (sqlite3.Error, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError) as error:
            raise self.damaged(f"{where}: {flatten(error)}" if where else flatten(error)) from error

    def damaged(self, reason: str) -> InvalidInputError:
        """Return the error for an unusable database."""
        return InvalidInputError(
            f"can't read the sandbox's state in {self._directory}",
            [Problem(DATABASE, reason)],
            "Choose another directory for --state, restore this one from a copy, or delete it to start empty.",
        )

    def rows(self, kind: str) -> Iterator[tuple[str, str]]:
        """Yield name and value of each object of a kind, in the order of creation."""
        select = "SELECT name, value, checksum FROM objects WHERE kind = ? ORDER BY id"
        for name, value, checksum in self._read(select, kind):
            with self.reading(f"{kind} {name}"):
                _require(checksum, value)
            yield name, value

    def journal(self) -> Iterator[tuple[int, Entry]]:
        """Yield number and content of each journal entry, in order."""
        for number, text, body, checksum in self._read("SELECT id, entry, body, checksum FROM journal ORDER BY id"):
            with self.reading(f"journal entry {number}"):
                _require(checksum, text, body)
            yield number, Entry(text, body)

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        """Write all changes in one transaction.

        Raises:
            ExternalError: the write failed; nothing was written.
        """
        put = [(row.kind, row.name, row.value, _checksum(row.value)) for row in rows if row.value is not None]
        gone = [(row.kind, row.name) for row in rows if row.value is None]
        kept = [(entry.text, entry.body, _checksum(*entry)) for entry in entries]
        try:
            # The connection's context manager commits, or rolls back after an exception.
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(_PUT, put)
                self._connection.executemany("DELETE FROM objects WHERE kind = ? AND name = ?", gone)
                self._connection.executemany("INSERT INTO journal (entry, body, checksum) VALUES (?, ?, ?)", kept)
        except sqlite3.Error as error:
            raise ExternalError(f"can't write {self._path}: {flatten(error)}") from error

    def _read(self, statement: str, *parameters: str) -> list[tuple[Value, ...]]:
        with self.reading():
            return self._connection.execute(statement, parameters).fetchall()

    def _take_lock(self) -> None:
        # flock(2): the lock belongs to the open file, so it is released however the process ends.
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ExternalError(
                f"another sandbox uses {self._directory}", "Stop that sandbox, or choose another directory for --state."
            ) from error
        except OSError as error:
            raise ExternalError(f"can't lock {self._directory}: {error.strerror or error}") from error

    def _create(self) -> None:
        """Create an empty database atomically: a database without content is always a damaged one."""
        # SQLite would use this log for a new database.
        log = f"{DATABASE}-wal"
        if (self._directory / log).exists():
            raise self.damaged(f"it does not exist, but its log {log} does")
        fresh = self._path.with_suffix(".new")
        try:
            fresh.unlink(missing_ok=True)
            # SQLite gives its other files the mode of the database.
            os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
            connection = sqlite3.connect(fresh)
            connection.executescript(_SCHEMA)
            connection.close()
            fresh.replace(self._path)
        except (OSError, sqlite3.Error) as error:
            raise ExternalError(f"can't write {self._directory}: {flatten(error)}") from error

    def _check(self, connection: sqlite3.Connection) -> None:
        ((application,),) = connection.execute("PRAGMA application_id").fetchall()
        if application != _APPLICATION:
            raise self.damaged("it is not a sandbox's database")
        ((version,),) = connection.execute("PRAGMA user_version").fetchall()
        if version != VERSION:
            raise self.damaged(f"it has version {version}, and this toolkit reads version {VERSION}")
        (problem, *_), *_ = connection.execute("PRAGMA integrity_check(1)").fetchall()
        if problem != "ok":
            raise self.damaged(str(problem))


def _require(checksum: int, text: str, body: bytes = b"") -> None:
    if checksum != _checksum(text, body):
        raise ValueError("the checksum does not match")


def _checksum(text: str, body: bytes = b"") -> int:
    # SQLite itself detects damage to its structures, but not to values.
    return zlib.crc32(body, zlib.crc32(text.encode()))
