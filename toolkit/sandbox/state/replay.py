"""The journal: the requests that changed something in moto, and what our own services changed there.

moto can't write its state down. So each change is kept with the seed and the time that it had, and replayed when the
sandbox starts. It then has the same effect, down to the identifiers.
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
from toolkit.sandbox.crl_storage import MotoStorage
from toolkit.sandbox.gateway import signature
from toolkit.sandbox.state.repeatable import repeat, suppress_deliveries
from toolkit.sandbox.state.store import Entry

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from toolkit.values import Object

    Reply = tuple[bytes, str, list[tuple[str, str]]]

# A form that was posted to S3 may be answered with a redirect.
_GOOD = 400
# With this header moto takes a request for one from that account.
_ACCOUNT = "HTTP_X_MOTO_ACCOUNT_ID"
# smithy.io, "Smithy RPC v2 CBOR protocol"
_RPC_PATH = re.compile(r"/service/[^/]+/operation/(\w+)")
# Their operation is a method and a path, whatever a body or a header says.
_REST = frozenset({"eks", "s3", "scheduler"})
_READING_METHODS = ("GET", "HEAD", "OPTIONS")
_READING = ("Get", "List", "Describe", "Head", "Simulate", "Lookup", "BatchGet")
# Sessions are rows of their own, which end when the session expires.
_SESSIONS = ("AssumeRole", "DecodeAuthorizationMessage")
# These deliver a message. Replayed, they would deliver it again, to webhooks too.
_DELIVERING = ("Publish", "PublishBatch", "PutEvents")
_REQUEST, _OBJECT, _ACCESS = "request", "object", "access"


class Journal(MotoStorage):
    """What has to be replayed, and the storage whose objects are among it.

    Attributes:
        pending: the entries that are not in the database yet.
    """

    def __init__(self) -> None:
        self.pending: list[Entry] = []

    def ask(self, behind: WSGIApplication, environ: WSGIEnvironment, body: bytes) -> Reply:
        """Let moto answer a request, and keep the request if it changed something.

        Args:
            behind: moto.
            environ: the request.
            body: of the request.
        """
        # Looked up first, because the request may delete the key that it was signed with.
        essence = _essence(environ) if _changes(environ, body) else None
        seed, now = secrets.token_hex(16), datetime.now(UTC)
        with repeat(seed, now):
            reply = _ask_moto(behind, environ, body)
        if essence is not None and _status(reply) < _GOOD:
            self._append(_REQUEST, essence, seed, now, body)
        return reply

    def put(self, account: str, bucket: str, key: str, body: bytes) -> None:
        """Write an object, and keep that."""
        self._call(_OBJECT, [account, bucket, key], body)

    def allow_access(self, account: str, service: str, partition: str) -> None:
        """Give a service trusted access to the organization that the account manages, and keep that."""
        self._call(_ACCESS, [account, service, partition])

    def replay(self, behind: WSGIApplication, entry: Entry) -> None:
        """Do again what an entry did.

        Args:
            behind: moto.
            entry: of the journal.

        Raises:
            ValueError: the entry is malformed, or moto rejects the request.
            KeyError: a part of the entry is missing.
        """
        kept = json.loads(entry.text)
        with suppress_deliveries(), repeat(kept["seed"], datetime.fromisoformat(kept["time"])):
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
            super().put(account, bucket, key, body)
        else:
            organizations.allow_access(*what)

    def _append(self, kind: str, what: object, seed: str, now: datetime, body: bytes) -> None:
        entry = {"kind": kind, "what": what, "seed": seed, "time": now.isoformat()}
        self.pending.append(Entry(json.dumps(entry), body))


def delivers(environ: WSGIEnvironment, body: bytes) -> bool:
    """Return whether a request delivers a message, perhaps to somebody who calls the sandbox before answering."""
    return _operation(environ, body) in _DELIVERING


def _changes(environ: WSGIEnvironment, body: bytes) -> bool:
    if operation := _operation(environ, body):
        return not operation.startswith(_READING + _SESSIONS + _DELIVERING)
    return environ["REQUEST_METHOD"] not in _READING_METHODS


def _operation(environ: WSGIEnvironment, body: bytes) -> str:
    """Return the operation that moto does; empty for one in a REST protocol, and where that is not certain."""
    claim = signature.read(environ)
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
    """Return what moto looks at, as JSON has it."""
    kept: Object = {
        name: value
        for name, value in environ.items()
        if name.startswith(("HTTP_", "CONTENT_", "REQUEST_", "RAW_", "PATH_", "QUERY_")) and isinstance(value, str)
    }
    kept[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = environ.get(PRESERVED_HEADER_NAMES_ENVIRON_KEY) or {}
    # The session that shows whose account this is may have expired when the request is replayed.
    claim = signature.read(environ)
    kept.setdefault(_ACCOUNT, get_account_id_from(claim.key_id if claim else ""))
    return kept


def _ask_moto(behind: WSGIApplication, environ: WSGIEnvironment, body: bytes) -> Reply:
    # The body was read as a whole, so that it has a length even if it came in chunks.
    given = {name: value for name, value in environ.items() if name != "HTTP_TRANSFER_ENCODING"}
    given |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    parts, status, headers = run_wsgi_app(behind, given, buffered=True)
    return b"".join(parts), status, list(headers)


def _status(reply: Reply) -> int:
    return int(reply[1].split(maxsplit=1)[0])
