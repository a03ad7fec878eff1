"""A sandbox that comes back: the CAs as a snapshot, IAM and S3 as a journal that is played again.

moto offers no way to write its state down, so the requests that changed it are kept, a line each. Sessions
(assumed roles) are not kept; they are short-lived on AWS too.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import parse_qs

from moto.iam.models import get_account_id_from
from werkzeug.test import Client, EnvironBuilder

from toolkit.errors import InvalidInputError, Problem, SurroundingsError
from toolkit.files import PRIVATE, write_whole
from toolkit.sandbox.private_ca import snapshot

if TYPE_CHECKING:
    from pathlib import Path
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from toolkit.sandbox.private_ca import PrivateCaService

_SNAPSHOT = "private-ca.json"
_JOURNAL = "journal.jsonl"
_SAVE_EVERY_SECONDS = 1.0
_OWN_DIRECTORY = 0o700
_KEPT_SERVICES = ("/iam/aws4_request", "/s3/aws4_request")
_READING = ("Get", "List", "Simulate", "Generate")
_GOOD = 300
# With this header moto takes a request for one from that account.
_ACCOUNT = "HTTP_X_MOTO_ACCOUNT_ID"


class Persistence:
    """Keeps one sandbox's state in a directory.

    Args:
        directory: made if it is not there, for its owner alone.
        private_ca: whose CAs are kept.
    """

    def __init__(self, directory: Path, private_ca: PrivateCaService) -> None:
        self._directory = directory
        self._private_ca = private_ca
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._saved: str | None = None
        self._journal: TextIO | None = None
        self._thread = threading.Thread(target=self._keep_saving, name="sandbox-state", daemon=True)

    def start(self, behind: WSGIApplication) -> None:
        """Bring back what was kept, then begin to keep.

        Args:
            behind: the application that the journal is played to.

        Raises:
            InvalidInputError: what was kept can't be read; it is left as it is.
            SurroundingsError: the directory can't be written.
        """
        self._load_snapshot()
        self._play(behind)
        try:
            self._directory.mkdir(mode=_OWN_DIRECTORY, parents=True, exist_ok=True)
            path = self._directory / _JOURNAL
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
        except OSError as error:
            raise SurroundingsError(f"can't write {self._directory}: {error.strerror or error}") from error
        self._journal = os.fdopen(descriptor, "a", encoding="utf-8")
        self._thread.start()

    def stop(self) -> None:
        """Write everything down once more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.save()
        if self._journal is not None:
            self._journal.close()

    def save(self) -> None:
        """Write the CAs down, if anything about them changed."""
        text = json.dumps(snapshot.dump(self._private_ca.registry))
        with self._lock:
            if text != self._saved:
                write_whole(self._directory / _SNAPSHOT, text, PRIVATE)
                self._saved = text

    def record(self, environ: WSGIEnvironment, body: bytes, status: int) -> None:
        """Keep a request to moto that changed something."""
        if status >= _GOOD or not _changes(environ, body):
            return
        headers = {
            name: value
            for name, value in environ.items()
            if name.startswith("HTTP_X_AMZ_") or name in ("HTTP_AUTHORIZATION", "CONTENT_TYPE")
        }
        # The session that says whose account this is will be gone when the request is played again.
        headers[_ACCOUNT] = environ.get(_ACCOUNT) or get_account_id_from(_key_id(headers))
        entry = {
            "method": environ["REQUEST_METHOD"],
            "path": environ.get("PATH_INFO", "/"),
            "query": environ.get("QUERY_STRING", ""),
            "headers": headers,
            "body": base64.b64encode(body).decode(),
        }
        with self._lock:
            if self._journal is not None and not self._journal.closed:
                self._journal.write(json.dumps(entry) + "\n")
                self._journal.flush()

    def _keep_saving(self) -> None:
        while not self._stop.wait(_SAVE_EVERY_SECONDS):
            self.save()

    def _load_snapshot(self) -> None:
        path = self._directory / _SNAPSHOT
        if not path.exists():
            return
        try:
            snapshot.load(self._private_ca.registry, json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unreadable(path, error) from error

    def _play(self, behind: WSGIApplication) -> None:
        path = self._directory / _JOURNAL
        if not path.exists():
            return
        client = Client(behind)
        try:
            with path.open(encoding="utf-8") as stream:
                for line in stream:
                    client.run_wsgi_app(_environ(json.loads(line)), buffered=True)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _unreadable(path, error) from error


def _changes(environ: WSGIEnvironment, body: bytes) -> bool:
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    if not any(service in authorization for service in _KEPT_SERVICES):
        return False
    if _KEPT_SERVICES[1] in authorization:
        return environ["REQUEST_METHOD"] in ("PUT", "POST", "DELETE")
    action = parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    return not action.startswith(_READING)


def _key_id(headers: dict[str, str]) -> str:
    return headers.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition("/")[0]


def _environ(entry: dict[str, Any]) -> WSGIEnvironment:
    body = base64.b64decode(entry["body"])
    builder = EnvironBuilder(
        path=entry["path"], query_string=entry["query"], method=entry["method"], data=body, base_url="http://127.0.0.1/"
    )
    environ: WSGIEnvironment = builder.get_environ()
    return {**environ, **entry["headers"], "CONTENT_LENGTH": str(len(body))}


def _unreadable(path: Path, error: Exception) -> InvalidInputError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return InvalidInputError(
        f"the sandbox's state in {path.parent} can't be read",
        [Problem(path.name, reason)],
        "Choose another directory, or remove this one to begin anew.",
    )
