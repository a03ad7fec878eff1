"""Keep a journal of the requests, and of the changes by the sandbox's own services, that changed moto's state.

moto can't save its state. So each change is stored with its seed and time, and replayed when the sandbox starts. It
then has the same effect, including identifiers.
"""

from __future__ import annotations

import io
import json
import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from moto.iam.models import get_account_id_from
from werkzeug.test import EnvironBuilder, run_wsgi_app

from toolkit.sandbox import organizations
from toolkit.sandbox.gateway import incoming
from toolkit.sandbox.private_ca.revocation import put_object
from toolkit.sandbox.state.repeatable import repeat
from toolkit.sandbox.state.store import Entry
from toolkit.values import Object

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    Reply = tuple[bytes, str, list[tuple[str, str]]]

# S3 may respond to a posted form with a redirect.
_GOOD = 400
# moto assigns a request with this header to that account.
_ACCOUNT = "HTTP_X_MOTO_ACCOUNT_ID"
# smithy.io, "Smithy RPC v2 CBOR protocol"
_RPC_PATH = re.compile(r"/service/[^/]+/operation/(\w+)")
# The operations of these services depend only on method and path, not on body or headers.
_REST = frozenset({"eks", "s3", "scheduler"})
_READING_METHODS = ("GET", "HEAD", "OPTIONS")
_READING = ("Get", "List", "Describe", "Head", "Simulate", "Lookup", "BatchGet")
# Sessions have their own rows, which are deleted when the session expires.
_SESSIONS = ("AssumeRole", "DecodeAuthorizationMessage")
_REQUEST, _OBJECT, _ACCESS = "request", "object", "access"


class Journal:
    """The changes to replay.

    Attributes:
        pending: the entries that are not in the database yet.
    """

    def __init__(self) -> None:
        self.pending: list[Entry] = []

    def ask(self, behind: WSGIApplication, environ: WSGIEnvironment, body: bytes) -> Reply:
        """Let moto serve a request, and record the request if it changed something.

        Args:
            behind: moto.
            environ: the request.
            body: the request's body.
        """
        # Call this first, because the request may delete its own access key.
        essence = _essence(environ) if _changes(environ, body) else None
        seed, now = secrets.token_hex(16), datetime.now(UTC)
        with repeat(seed, now):
            reply = _ask_moto(behind, environ, body)
        if essence is not None and _status(reply) < _GOOD:
            self._append(_REQUEST, essence, seed, now, body)
        return reply

    def put_object(self, account: str, bucket: str, key: str, body: bytes) -> None:
        """Write an object, and record the change."""
        self._call(_OBJECT, [account, bucket, key], body)

    def allow_access(self, account: str, service: str, partition: str) -> None:
        """Give a service trusted access to the management account's organization, and record the change."""
        self._call(_ACCESS, [account, service, partition])

    def replay(self, behind: WSGIApplication, entry: Entry) -> None:
        """Repeat the change of an entry.

        Args:
            behind: moto.
            entry: the journal entry.

        Raises:
            ValueError: the entry is malformed, or moto rejects the request.
            KeyError: a part of the entry is missing.
        """
        kept = json.loads(entry.text)
        with repeat(kept["seed"], datetime.fromisoformat(kept["time"])):
            if kept["kind"] != _REQUEST:
                self._do(kept["kind"], kept["what"], entry.body)
                return
            reply = _ask_moto(behind, {**EnvironBuilder().get_environ(), **kept["what"]}, entry.body)
        if _status(reply) >= _GOOD:
            method, path = kept["what"]["REQUEST_METHOD"], kept["what"]["PATH_INFO"]
            raise ValueError(f"moto answers {reply[1]} to {method} {path}, which it once accepted")

    def _call(self, kind: str, what: list[str], body: bytes = b"") -> None:
        seed, now = secrets.token_hex(16), datetime.now(UTC)
        with repeat(seed, now):
            self._do(kind, what, body)
        self._append(kind, what, seed, now, body)

    def _do(self, kind: str, what: list[str], body: bytes) -> None:
        if kind == _OBJECT:
            account, bucket, key = what
            put_object(account, bucket, key, body)
        else:
            organizations.allow_access(*what)

    def _append(self, kind: str, what: object, seed: str, now: datetime, body: bytes) -> None:
        entry = {"kind": kind, "what": what, "seed": seed, "time": now.isoformat()}
        self.pending.append(Entry(json.dumps(entry), body))


def _changes(environ: WSGIEnvironment, body: bytes) -> bool:
    if operation := _operation(environ, body):
        return not operation.startswith(_READING + _SESSIONS)
    return environ["REQUEST_METHOD"] not in _READING_METHODS


def _operation(environ: WSGIEnvironment, body: bytes) -> str:
    """Return the operation that moto performs; empty for a REST protocol, or if it is not certain."""
    claim = incoming.read_claim(environ)
    if (claim and claim.service in _REST) or "HTTP_CONTENT_ENCODING" in environ:
        return ""
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        return str(target).rpartition(".")[2]
    if path := _RPC_PATH.fullmatch(environ.get("PATH_INFO", "")):
        return path[1]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    if not body:
        return parse_qs(str(environ.get("QUERY_STRING", ""))).get("Action", [""])[0]
    return ""


def _essence(environ: WSGIEnvironment) -> Object:
    """Return the parts of a request that moto reads, as JSON values."""
    kept: Object = {
        name: value
        for name, value in environ.items()
        if name.startswith(("HTTP_", "CONTENT_", "REQUEST_", "RAW_", "PATH_", "QUERY_")) and isinstance(value, str)
    }
    kept[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = environ.get(PRESERVED_HEADER_NAMES_ENVIRON_KEY) or {}
    # On a replay, the session that determines the account may have expired.
    claim = incoming.read_claim(environ)
    kept.setdefault(_ACCOUNT, get_account_id_from(claim.key_id if claim else ""))
    return kept


def _ask_moto(behind: WSGIApplication, environ: WSGIEnvironment, body: bytes) -> Reply:
    # The whole body was read, so its length is known even if it was chunked.
    given = {name: value for name, value in environ.items() if name != "HTTP_TRANSFER_ENCODING"}
    given |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    parts, status, headers = run_wsgi_app(behind, given, buffered=True)
    return b"".join(parts), status, list(headers)


def _status(reply: Reply) -> int:
    return int(reply[1].split(maxsplit=1)[0])
