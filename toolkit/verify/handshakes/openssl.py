"""Make mutual TLS handshakes between the zones' proxies in memory, with OpenSSL.

Both sides verify the chain against the mesh's trust bundle. Then they verify the SPIFFE ID as Kuma configures Envoy: a
client requires exactly the service it called, a server any service of the mesh
(kumahq/kuma:pkg/xds/envoy/tls/v3/tls.go, CreateUpstreamTlsContext and CreateDownstreamTlsContext). :mod:`ssl` compares
host names but not URIs, so the SPIFFE ID is read from the peer's certificate after the handshake. With MeshTrusts, the
rules are those of :mod:`toolkit.verify.handshakes.trust_domains`.

:meth:`ssl.SSLContext.load_cert_chain` accepts file names only. A temporary file would put the key on a disk, a memfd
exists only on Linux, and pyOpenSSL would add a second TLS stack for one call. So the key goes through a pipe that
OpenSSL opens as ``/dev/fd/N``. That works on Linux and macOS, also with a read-only file system, no other process can
read it, and it leaves nothing behind.
"""

from __future__ import annotations

import errno
import functools
import os
import ssl
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from toolkit.errors import ExternalError, flatten
from toolkit.pki import chain, pem, spiffe
from toolkit.verify.handshakes.trust_domains import SpiffeTrust
from toolkit.verify.results import Handshake

if TYPE_CHECKING:
    from toolkit.verify.zone import Proxy

CLIENT_REFUSES = "the client refuses the server's certificate"
SERVER_REFUSES = "the server refuses the client's certificate"
# OpenSSL releases the GIL while it signs and verifies. With more threads, the interpreter is the bottleneck.
_MAX_THREADS = 4
# TLS 1.2 needs three rounds. After more than these, each side waits for the other.
_MAX_ROUNDS = 10


@dataclass(frozen=True)
class Trust:
    """What each proxy of a mesh requires of its peers.

    Attributes:
        bundle: the Mesh's ``caCert`` as PEM, byte for byte, because the handshakes test this document.
        mesh: the mesh's name.
        service: the service of every proxy (``kuma.io/service``).
    """

    bundle: str
    mesh: str
    service: str

    accepts_partial_chains = True

    @property
    def server_ids(self) -> tuple[str, ...]:
        """Return the SPIFFE ID that a client requires of a server."""
        return (spiffe.build_service_uri(self.mesh, self.service),)

    @property
    def client_prefixes(self) -> tuple[str, ...]:
        """Return the prefix that a server requires of a client's SPIFFE ID."""
        return (spiffe.build_service_uri(self.mesh, ""),)

    @property
    def expected_server(self) -> str:
        """Return the SPIFFE ID that a client requires of a server, for messages."""
        return self.server_ids[0]

    @property
    def sni(self) -> str:
        """Return the server name that a client sends."""
        return f"{self.service}{{mesh={self.mesh}}}"

    @property
    def stranger_id(self) -> str:
        """Return the SPIFFE ID of the same service in another mesh."""
        mesh = "other-mesh" if self.mesh != "other-mesh" else "another-mesh"
        return spiffe.build_service_uri(mesh, self.service)

    def choose_bundle(self, _leaf: x509.Certificate) -> str | None:
        """Return the CAs of any certificate: the Mesh's."""
        return self.bundle

    def refuse(self, _leaf: x509.Certificate) -> str:
        """Return an empty text: nothing is rejected before its path is verified."""
        return ""


# Of a Mesh with mTLS, or of one with MeshTrusts.
PeerTrust = Trust | SpiffeTrust


def make_handshakes(proxies: Sequence[Proxy], trust: PeerTrust, threads: int | None = None) -> Generator[Handshake]:
    """Make a handshake between each zone's proxy and every other's, and yield each as it is ready.

    The caller can stop early.

    Args:
        proxies: one proxy for each zone.
        trust: what a proxy requires of its peers.
        threads: number of threads; None for one per core, at most 4.

    Yields:
        A handshake for each ordered pair, by client, then by server.

    Raises:
        ExternalError: this machine has no ``/dev/fd`` to pass keys to OpenSSL.
    """
    matrix = _Matrix(proxies, trust)
    stop = threading.Event()

    def row(client: int) -> list[Handshake]:
        servers = [server for server in range(len(proxies)) if server != client]
        return [matrix.handshake(client, server) for server in servers if not stop.is_set()]

    with ThreadPoolExecutor(threads or min(os.cpu_count() or 1, _MAX_THREADS), "handshakes") as pool:
        try:
            for met in pool.map(row, range(len(proxies))):
                yield from met
        finally:
            stop.set()


def presented(proxy: Proxy) -> list[x509.Certificate]:
    """Return the certificates that a proxy sends: the leaf and its chain without the root."""
    return [proxy.issued.leaf, *(above for above in proxy.issued.chain if not chain.is_self_signed(above))]


def unusable(proxy: Proxy) -> str:
    """Return why a proxy can't present its certificate with any TLS library; empty if it can."""
    same = proxy.issued.leaf.public_key() == proxy.key.public_key()
    return "" if same else "can't use its certificate: it is for another key"


def can_not_present(of_client: str, of_server: str) -> str:
    """Return which side can't present its certificate, and why; empty if both can.

    Args:
        of_client: the result of :func:`unusable` for the client.
        of_server: the result of :func:`unusable` for the server.
    """
    roles = {"the client": of_client, "the server": of_server}
    return "; ".join(f"{role} {problem}" for role, problem in roles.items() if problem)


@dataclass(frozen=True)
class _Party:
    """One zone's proxy with its TLS contexts, which are made once because each costs as much as a handshake.

    Attributes:
        zone: the zone's name.
        client: context for connections that it opens.
        server: context for connections that it accepts.
        problem: why it can't present its certificate; empty if it can. With a problem, the contexts can't be used.
    """

    zone: str
    client: ssl.SSLContext
    server: ssl.SSLContext
    problem: str = ""

    @classmethod
    def of(cls, proxy: Proxy, bundle: str | None, flags: ssl.VerifyFlags) -> _Party:
        protocols = (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER)
        client, server = (_context(protocol, bundle, flags) for protocol in protocols)
        # Envoy's clients offer at most TLS 1.2 by default (envoyproxy/envoy:api/envoy/extensions/transport_sockets/tls/
        # v3/common.proto, TlsParameters), and Kuma does not change it.
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        # No session is resumed, so every handshake is a full one.
        server.options |= ssl.OP_NO_TICKET
        # Check the key before loading: _load can't return OpenSSL's reason for a key that does not match.
        problem = unusable(proxy) or _load(client, proxy) or _load(server, proxy)
        return cls(proxy.zone, client, server, problem)


class _Matrix:
    """Makes handshakes between proxies, which it knows by their numbers, and finds their problems."""

    def __init__(self, proxies: Sequence[Proxy], trust: PeerTrust) -> None:
        # A zone's certificate is in each of its handshakes; it is parsed only once per role.
        self._server_problem = functools.cache(functools.partial(_server_problem, trust))
        self._client_problem = functools.cache(functools.partial(_client_problem, trust))
        self._refusals = [trust.refuse(proxy.issued.leaf) for proxy in proxies]
        # With which CAs the peers of each proxy verify it. They are usually the same for all trust domains.
        self._bundles = [trust.choose_bundle(proxy.issued.leaf) for proxy in proxies]
        # Flags are set, not added, because the defaults differ between Python versions.
        flags = ssl.VERIFY_X509_TRUSTED_FIRST
        if trust.accepts_partial_chains:
            # Envoy uses any certificate of trusted_ca as an anchor, even an intermediate CA.
            flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        with _no_files():
            self._parties = {
                bundle: [_Party.of(proxy, bundle, flags) for proxy in proxies] for bundle in {*self._bundles}
            }

    def handshake(self, client: int, server: int) -> Handshake:
        """Make the handshake of two proxies."""
        calling = self._parties[self._bundles[server]][client]
        called = self._parties[self._bundles[client]][server]
        refusals = {CLIENT_REFUSES: self._refusals[server], SERVER_REFUSES: self._refusals[client]}
        problem = can_not_present(calling.problem, called.problem) or _list_refusals(refusals)
        return Handshake(calling.zone, called.zone, problem or self._problem(calling, called))

    def _problem(self, client: _Party, server: _Party) -> str:
        met = _shake(client.client, server.server)
        if isinstance(met, str):
            return met
        shown_to_client, shown_to_server = met
        return _list_refusals(
            {
                CLIENT_REFUSES: self._server_problem(shown_to_client),
                SERVER_REFUSES: self._client_problem(shown_to_server),
            }
        )


def _list_refusals(refusals: Mapping[str, str]) -> str:
    """Return who rejects the peer's certificate, and why; empty if nobody does."""
    return "; ".join(f"{who}: {problem}" for who, problem in refusals.items() if problem)


def _server_problem(trust: PeerTrust, der: bytes) -> str:
    """Return why a client rejects a server's certificate (DER); empty if it accepts it."""
    return _identity_problem(der, trust.expected_server, lambda uri: uri in trust.server_ids)


def _client_problem(trust: PeerTrust, der: bytes) -> str:
    """Return why a server rejects a client's certificate (DER); empty if it accepts it."""
    prefixes = trust.client_prefixes
    wanted = " or ".join(f"{prefix}*" for prefix in prefixes)
    return _identity_problem(der, wanted, lambda uri: uri.startswith(prefixes))


def _identity_problem(der: bytes, wanted: str, matches: Callable[[str], bool]) -> str:
    certificate = x509.load_der_x509_certificate(der)
    # OpenSSL accepts a CA certificate as a leaf. SPIFFE does not (spiffe/spiffe:standards/X509-SVID.md, leaf
    # validation).
    if chain.is_ca(certificate):
        return "it is a CA certificate, which a peer must not present"
    uris = chain.list_uris(certificate)
    if any(matches(uri) for uri in uris):
        return ""
    return f"SPIFFE ID {wanted} expected, {', '.join(uris) or 'none'} found"


def _shake(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[bytes, bytes] | str:
    """Make one full handshake in memory.

    Returns:
        The peer certificates (DER) that the client and the server received, or why the handshake failed.
    """
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    calling = client.wrap_bio(to_client, to_server)
    called = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = {"client": calling, "server": called}
    for _ in range(_MAX_ROUNDS):
        for side, connection in tuple(waiting.items()):
            try:
                connection.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return _explain(side, error)
            del waiting[side]
        if not waiting:
            return calling.getpeercert(binary_form=True) or b"", called.getpeercert(binary_form=True) or b""
    return "the client ends the handshake: the other side does not answer"


def _explain(side: str, error: ssl.SSLError) -> str:
    """Return which side ended a handshake, and why."""
    if isinstance(error, ssl.SSLCertVerificationError):
        refuses = CLIENT_REFUSES if side == "client" else SERVER_REFUSES
        return f"{refuses}: certificate verify failed: {error.verify_message}"
    return f"the {side} ends the handshake: {_words(error)}"


def _words(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason (``KEY_VALUES_MISMATCH``) as words."""
    return error.reason.lower().replace("_", " ") if error.reason else flatten(error)


def _context(protocol: int, bundle: str | None, flags: ssl.VerifyFlags) -> ssl.SSLContext:
    """Return a context that verifies peers as Envoy does. It has no certificate of its own yet.

    Args:
        protocol: of a client or of a server.
        bundle: the anchors; None for none, which suits a peer that is rejected anyway.
        flags: how paths are verified.

    Raises:
        OSError: this machine has no ``/dev/fd``.
    """
    context = ssl.SSLContext(protocol)
    # SPIFFE IDs are checked instead of host names.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags = flags
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if bundle is not None:
        # By file name, because the argument cadata must be ASCII, and a bundle's comments may not be.
        with _readable(bundle.encode()) as name:
            context.load_verify_locations(cafile=name)
    return context


def _load(context: ssl.SSLContext, proxy: Proxy) -> str:
    """Load a proxy's certificates and key into a context.

    Returns:
        Why OpenSSL rejects them; empty if it accepts them.

    Raises:
        OSError: this machine has no ``/dev/fd``.
    """
    key = proxy.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        chain_of_proxy = pem.write(presented(proxy)).encode()
        with _readable(chain_of_proxy) as certificates, _readable(key) as private:
            context.load_cert_chain(certificates, private)
    except ssl.SSLError as error:
        return f"can't use its certificate: {_words(error)}"
    except OSError as error:
        # OpenSSL tries to seek the pipe, which sets errno to ESPIPE. The ssl module then reports that errno instead of
        # OpenSSL's own error.
        if error.errno == errno.ESPIPE:
            return "can't use its certificate: OpenSSL rejects it"
        raise
    return ""


@contextmanager
def _no_files() -> Iterator[None]:
    """Convert OSError in the block to ExternalError: this machine has no ``/dev/fd``.

    Raises:
        ExternalError: the block raised OSError.
    """
    try:
        yield
    except ssl.SSLError:
        raise
    except OSError as error:
        raise ExternalError(
            f"OpenSSL can't read through /dev/fd here: {error.strerror or error}",
            "Use Linux or macOS, or skip the handshakes with --no-handshakes.",
        ) from error


@contextmanager
def _readable(content: bytes) -> Iterator[str]:
    """Yield a file name under which this process can read the content once, without a file on disk."""
    reading, writing = os.pipe()

    def write() -> None:
        # OpenSSL may stop reading early.
        with suppress(BrokenPipeError), open(writing, "wb", buffering=0) as stream:  # noqa: PTH123 - it has no path
            stream.write(content)

    # Write in a thread, because a chain may be larger than the pipe's buffer.
    writer = threading.Thread(target=write, name="readable", daemon=True)
    writer.start()
    try:
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)
        writer.join()
