"""Zones' proxies meet in memory: TLS as between two Envoys of a mesh, client and server each verifying the other.

Both sides verify the chain against the mesh's trust bundle with OpenSSL, then the SPIFFE ID as Kuma tells Envoy to: a
client wants exactly the service it called, a server any service of the mesh (kumahq/kuma:pkg/xds/envoy/tls/v3/tls.go,
CreateUpstreamTlsContext and CreateDownstreamTlsContext). :mod:`ssl` compares host names and no URIs, so the SPIFFE ID
is read from the certificate that the peer presented, once the handshake is over.

How a key gets into OpenSSL: :meth:`ssl.SSLContext.load_cert_chain` takes names of files alone. A temporary file would
put the key on a disk, a memfd exists on Linux alone, and pyOpenSSL would be a second TLS stack for one call.
So the key goes through a pipe that OpenSSL opens as ``/dev/fd/N``: Linux and macOS both have that, no other process
sees it, a file system that is read-only does not matter, and nothing is left over.
"""

from __future__ import annotations

import errno
import functools
import os
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from toolkit.errors import ExternalError, flatten
from toolkit.pki import chain, pem, spiffe
from toolkit.verify.results import Handshake

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from toolkit.verify.zone import Proxy

CLIENT_REFUSES = "the client refuses the server's certificate"
SERVER_REFUSES = "the server refuses the client's certificate"
# OpenSSL lets go of the interpreter while it signs and verifies; beyond a few threads the interpreter is the limit.
_MAX_THREADS = 4
# TLS 1.2 needs three; more without an end means that each waits for the other.
_MAX_ROUNDS = 10


@dataclass(frozen=True)
class Trust:
    """What every proxy of a mesh asks of a peer.

    Attributes:
        bundle: the mesh's ``caCert`` as PEM, byte for byte: handshakes prove what the document says.
        mesh: its name.
        service: the one that is called.
    """

    bundle: str
    mesh: str
    service: str

    @property
    def server_id(self) -> str:
        """The SPIFFE ID that a client wants to see."""
        return spiffe.build_service_uri(self.mesh, self.service)

    @property
    def client_prefix(self) -> str:
        """What a SPIFFE ID begins with that a server wants to see."""
        return spiffe.build_service_uri(self.mesh, "")


def meet(proxies: Sequence[Proxy], trust: Trust) -> tuple[Handshake, ...]:
    """Let every zone's proxy shake hands with every other's, in both directions.

    Args:
        proxies: what they hold, one a zone.
        trust: what they ask of each other.

    Returns:
        A handshake for each ordered pair, by client, then by server.

    Raises:
        ExternalError: keys can't be given to OpenSSL without a file here.
    """
    return tuple(make_handshakes(proxies, trust))


def make_handshakes(proxies: Sequence[Proxy], trust: Trust, threads: int | None = None) -> Generator[Handshake]:
    """As :func:`meet`, one after the other: whoever stops asking keeps what is known by then.

    Args:
        proxies: what they hold, one a zone.
        trust: what they ask of each other.
        threads: how many handshakes at once; unless given, one a core, and 4 at most.

    Yields:
        A handshake for each ordered pair, by client, then by server.

    Raises:
        ExternalError: keys can't be given to OpenSSL without a file here.
    """
    parties = [_Party.of(proxy, trust.bundle) for proxy in proxies]
    judge = _Judge(trust)
    stop = threading.Event()

    def row(client: _Party) -> list[Handshake]:
        servers = [server for server in parties if server is not client]
        return [judge.handshake(client, server) for server in servers if not stop.is_set()]

    with ThreadPoolExecutor(threads or min(os.cpu_count() or 1, _MAX_THREADS), "handshakes") as pool:
        try:
            for met in pool.map(row, parties):
                yield from met
        finally:
            stop.set()


def presented(proxy: Proxy) -> list[x509.Certificate]:
    """What a proxy sends of itself: the leaf and the chain that came with it, but for the root."""
    return [proxy.issued.leaf, *(above for above in proxy.issued.chain if not chain.is_self_signed(above))]


def unusable(proxy: Proxy) -> str:
    """Why a proxy can present no certificate, whatever it speaks TLS with; empty when it can."""
    same = proxy.issued.leaf.public_key() == proxy.key.public_key()
    return "" if same else "can't use its certificate: it is for another key"


def can_not_present(of_client: str, of_server: str) -> str:
    """Who of two can present no certificate, and why; empty when both can.

    Args:
        of_client: what :func:`unusable` says of the client.
        of_server: and of the server.
    """
    roles = {"the client": of_client, "the server": of_server}
    return "; ".join(f"{role} {problem}" for role, problem in roles.items() if problem)


class _Failure(NamedTuple):
    """Why a handshake ended: the side that ended it, and what it said."""

    side: str
    error: ssl.SSLError


@dataclass(frozen=True)
class _Party:
    """One zone's proxy in both of its roles; contexts are made once, each costs as much as a handshake.

    Attributes:
        zone: where it is.
        client: connects.
        server: is connected to.
        problem: why it can't present its certificate at all; then the contexts are of no use.
    """

    zone: str
    client: ssl.SSLContext
    server: ssl.SSLContext
    problem: str = ""

    @classmethod
    def of(cls, proxy: Proxy, bundle: str) -> _Party:
        client, server = _context(ssl.PROTOCOL_TLS_CLIENT, bundle), _context(ssl.PROTOCOL_TLS_SERVER, bundle)
        # Envoy's clients offer nothing newer unless told (envoyproxy/envoy:api/envoy/extensions/transport_sockets/tls/
        # v3/common.proto, TlsParameters), and Kuma tells them nothing.
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        # Every handshake is a whole one; no session outlives it.
        server.options |= ssl.OP_NO_TICKET
        # Asked first: OpenSSL's own answer to that is lost, see below.
        with _no_files():
            problem = unusable(proxy) or _load(client, proxy) or _load(server, proxy)
        return cls(proxy.zone, client, server, problem)


class _Judge:
    """Makes handshakes and says what is wrong with them."""

    def __init__(self, trust: Trust) -> None:
        # A zone's certificate is seen in each of its handshakes and read once for each role.
        self._server_problem = functools.cache(functools.partial(_server_problem, trust))
        self._client_problem = functools.cache(functools.partial(_client_problem, trust))

    def handshake(self, client: _Party, server: _Party) -> Handshake:
        """Two proxies meet."""
        return Handshake(client.zone, server.zone, self._problem(client, server))

    def _problem(self, client: _Party, server: _Party) -> str:
        if unable := can_not_present(client.problem, server.problem):
            return unable
        met = _shake(client.client, server.server)
        if isinstance(met, _Failure):
            return _ended(met)
        shown_to_client, shown_to_server = met
        refusals = {
            CLIENT_REFUSES: self._server_problem(shown_to_client),
            SERVER_REFUSES: self._client_problem(shown_to_server),
        }
        return "; ".join(f"{who}: {problem}" for who, problem in refusals.items() if problem)


def _server_problem(trust: Trust, der: bytes) -> str:
    """Why a client does not take a server for the service that it called."""
    wanted = trust.server_id
    return _identity_problem(der, wanted, lambda uri: uri == wanted)


def _client_problem(trust: Trust, der: bytes) -> str:
    """Why a server does not take a client for one of its mesh."""
    prefix = trust.client_prefix
    return _identity_problem(der, f"{prefix}*", lambda uri: uri.startswith(prefix))


def _identity_problem(der: bytes, wanted: str, matches: Callable[[str], bool]) -> str:
    certificate = x509.load_der_x509_certificate(der)
    # OpenSSL lets a CA stand for a peer, SPIFFE does not (spiffe/spiffe:standards/X509-SVID.md, leaf validation).
    if chain.is_ca(certificate):
        return "it is a CA's, which no peer may show"
    uris = chain.list_uris(certificate)
    if any(matches(uri) for uri in uris):
        return ""
    return f"SPIFFE ID {wanted} expected, {', '.join(uris) or 'none'} found"


def _shake(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[bytes, bytes] | _Failure:
    """One whole handshake without a network.

    Returns:
        The certificates (DER) that the client and that the server was shown, or why there are none.
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
                return _Failure(side, error)
            del waiting[side]
        if not waiting:
            return calling.getpeercert(binary_form=True) or b"", called.getpeercert(binary_form=True) or b""
    return _Failure("client", ssl.SSLError("the other side does not answer"))


def _ended(failure: _Failure) -> str:
    if isinstance(failure.error, ssl.SSLCertVerificationError):
        refuses = CLIENT_REFUSES if failure.side == "client" else SERVER_REFUSES
        return f"{refuses}: certificate verify failed: {failure.error.verify_message}"
    return f"the {failure.side} ends the handshake: {_words(failure.error)}"


def _words(error: ssl.SSLError) -> str:
    """OpenSSL's reason (``KEY_VALUES_MISMATCH``) as words."""
    return error.reason.lower().replace("_", " ") if error.reason else flatten(error)


def _context(protocol: int, bundle: str) -> ssl.SSLContext:
    """A context that verifies its peer as Envoy does, without a certificate of its own.

    Raises:
        ExternalError: there is no ``/dev/fd``.
    """
    context = ssl.SSLContext(protocol)
    # SPIFFE IDs take the place of host names.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    # Envoy takes any certificate of trusted_ca for an anchor, also one that is no root. Set and not added, because what
    # else is on unless told otherwise differs between versions of Python.
    context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Through a name, since as an argument ssl takes text in ASCII alone, and comments may be in any language.
    with _no_files(), _readable(bundle.encode()) as name:
        context.load_verify_locations(cafile=name)
    return context


def _load(context: ssl.SSLContext, proxy: Proxy) -> str:
    """Give a context what its proxy presents, and the key.

    Returns:
        Why OpenSSL does not take them; empty when it does.

    Raises:
        OSError: there is no ``/dev/fd``.
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
        # OpenSSL asks a pipe for its position and goes on without; the ssl module then takes the trace that this leaves
        # in errno for the reason of whatever fails afterwards.
        if error.errno == errno.ESPIPE:
            return "can't use its certificate: OpenSSL does not take it"
        raise
    return ""


@contextmanager
def _no_files() -> Iterator[None]:
    """Say what it means when a pipe has no name here.

    Raises:
        ExternalError: that is so.
    """
    try:
        yield
    except ssl.SSLError:
        raise
    except OSError as error:
        raise ExternalError(
            f"OpenSSL can't read through /dev/fd here: {error.strerror or error}",
            "Use Linux or macOS, or leave the handshakes out with --no-handshakes.",
        ) from error


@contextmanager
def _readable(content: bytes) -> Iterator[str]:
    """A name under which this process can read something once, though it is in no file."""
    reading, writing = os.pipe()

    def write() -> None:
        # Nobody reads on where OpenSSL has given up.
        with suppress(BrokenPipeError), open(writing, "wb", buffering=0) as stream:  # noqa: PTH123 - it has no path
            stream.write(content)

    # A chain may be longer than what a pipe holds.
    writer = threading.Thread(target=write, name="readable", daemon=True)
    writer.start()
    try:
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)
        writer.join()
