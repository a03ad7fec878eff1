"""Keep a sandbox's state: commit every change to the database before its response is sent.

Requests are served one at a time. So a response never shows another request's uncommitted change, and the journal has
moto's requests in the order in which they took effect. A commit doesn't wait for the disk (see
:mod:`toolkit.sandbox.state.store`), so batching commits would gain nothing.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from toolkit.errors import ExternalError
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.gateway import incoming, refusals
from toolkit.sandbox.state import encoding
from toolkit.sandbox.state.objects import Objects
from toolkit.sandbox.state.repeatable import install
from toolkit.sandbox.state.replay import Journal
from toolkit.sandbox.state.store import Row, Store

if TYPE_CHECKING:
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from toolkit.sandbox.pod_identity import PodIdentity
    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.sandbox.ram.share_operations import Ram

_ORIGIN = "origin"


class Keeper:
    """Keeps one sandbox's state in a directory.

    Args:
        directory: created with access for its owner only if it does not exist.
        registry: the private CAs.
        ram: the resource shares.
        pod_identity: the Pod Identity associations.
    """

    def __init__(self, directory: Path, registry: Registry, ram: Ram, pod_identity: PodIdentity) -> None:
        self._directory = directory
        self._registry = registry
        self._ram = ram
        self._pod_identity = pod_identity
        self._journal = Journal()
        self._cleanup = ExitStack()
        self._lock = threading.Lock()

    def start(self, behind: WSGIApplication) -> WSGIApplication:
        """Restore the state, then start to keep it.

        Args:
            behind: moto.

        Returns:
            moto, with its state kept.

        Raises:
            InvalidInputError: the stored state can't be read; it is not changed.
            ExternalError: another sandbox uses the directory, or the directory can't be written.
        """
        self._store = Store(self._directory)
        self._cleanup.callback(self._store.close)
        seed, born = self._origin()
        self._cleanup.enter_context(install(seed, born))
        for number, entry in self._store.journal():
            with self._store.reading(f"journal entry {number}"):
                self._journal.replay(behind, entry)
        # Associations need their clusters, which the journal restores.
        self._objects = Objects(self._store, self._registry, self._ram, self._pod_identity)
        self._registry.put_object = self._journal.put_object
        self._ram.allow_access = self._journal.allow_access
        # Delete the rows of expired objects.
        self._commit()
        return partial(self._serve, behind)

    def stop(self) -> None:
        """Close the database, which already has every change."""
        with self._lock:
            self._cleanup.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Commit the changes made inside, before another change is made.

        Raises:
            AwsError: ``InternalFailure``: the database can't be written. The next change tries again.
        """
        with self._lock:
            yield
            try:
                self._commit()
            except ExternalError as error:
                raise AwsError("InternalFailure", f"The sandbox {error.message}.", 500) from error

    def _commit(self) -> None:
        rows, entries = self._objects.read_changes(), self._journal.pending
        if rows or entries:
            self._store.commit(rows, entries)
        self._objects.mark_committed()
        self._journal.pending = []

    def _origin(self) -> tuple[str, datetime]:
        """Return the seed and the creation time of moto's backends; new ones for a new database.

        Raises:
            InvalidInputError: another version of moto wrote the database; it may generate other identifiers for the
                same requests.
        """
        ours = version("moto")
        for name, text in self._store.rows(_ORIGIN):
            with self._store.reading(f"{_ORIGIN} {name}"):
                seed, born, theirs = encoding.decode(text)
            if theirs != ours:
                raise self._store.damaged(f"moto {theirs} wrote it, and moto {ours} is installed")
            return seed, born
        seed, born = secrets.token_hex(16), datetime.now(UTC)
        self._store.commit([Row(_ORIGIN, "", encoding.encode((seed, born, ours)))], [])
        return seed, born

    def _serve(
        self, behind: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        try:
            body = incoming.read_body(environ)
            with self.change():
                reply, status, headers = self._journal.ask(behind, environ, body)
        except AwsError as error:
            claim = incoming.read_claim(environ)
            refused = refusals.refuse(error, environ, claim.service if claim else None)
            reply, status, headers = refused.body, f"{refused.status} Error", list(refused.headers)
        start_response(status, headers)
        return [reply]
