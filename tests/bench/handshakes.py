"""How long the matrix of 100 zones takes, beside as many bare handshakes that nobody judges.

The bare ones use the same certificates, bundle, protocol and verify mode; their contexts are made before the clock
runs, ours while it does. They are measured before and after ours, so that a machine that slows down does not decide.
"""

from __future__ import annotations

import ssl
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tests.support import hierarchy
from toolkit.pki import csr, pem, spiffe
from toolkit.verify.handshakes.openssl import Trust, make_handshakes
from toolkit.verify.issue import IssuedCertificate
from toolkit.verify.zone import Proxy

ZONES = 100
MOST = 2.0


def world() -> tuple[list[Proxy], Trust]:
    """The proxies of 100 zones, with certificates of an intermediate CA for keys of RSA 2048, as Kong Mesh has them."""
    issuing = hierarchy()
    with ThreadPoolExecutor() as pool:
        keys = list(pool.map(lambda _: csr.create_data_plane_key(), range(ZONES)))
    proxies = []
    for number, key in enumerate(keys):
        uris = spiffe.build_data_plane_uris("default", ["toolkit-verify"], {spiffe.ZONE_TAG: f"zone-{number}"})
        leaf = issuing.issue(key.public_key(), list(uris))
        proxies.append(Proxy(f"zone-{number}", key, IssuedCertificate(leaf, issuing.chain())))
    return proxies, Trust(pem.write(issuing.chain()), "default", "toolkit-verify")


def context(protocol: int, proxy: Proxy, trust: Trust, file: Path) -> ssl.SSLContext:
    """A context as the documentation of :mod:`ssl` makes one."""
    made = ssl.SSLContext(protocol)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.load_verify_locations(cadata=trust.bundle)
    key = proxy.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(key + pem.write([proxy.issued.leaf, *proxy.issued.chain[:-1]]).encode())
    made.load_cert_chain(file)
    return made


def shake(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """A handshake and nothing else."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    calling = client.wrap_bio(to_client, to_server)
    called = server.wrap_bio(to_server, to_client, server_side=True)
    done = False
    while not done:
        done = True
        for end in calling, called:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                done = False


def bare(clients: list[ssl.SSLContext], servers: list[ssl.SSLContext]) -> float:
    """Seconds of all bare handshakes, one after the other."""
    begun = time.perf_counter()
    for at, client in enumerate(clients):
        for to, server in enumerate(servers):
            if at != to:
                shake(client, server)
    return time.perf_counter() - begun


def judged(proxies: list[Proxy], trust: Trust) -> float:
    """Seconds of the matrix."""
    begun = time.perf_counter()
    handshakes = tuple(make_handshakes(proxies, trust))
    took = time.perf_counter() - begun
    assert len(handshakes) == ZONES * (ZONES - 1), len(handshakes)
    assert not any(met.problem for met in handshakes)
    return took


def main() -> None:
    proxies, trust = world()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "identity.pem"
        clients = [context(ssl.PROTOCOL_TLS_CLIENT, proxy, trust, file) for proxy in proxies]
        servers = [context(ssl.PROTOCOL_TLS_SERVER, proxy, trust, file) for proxy in proxies]
    before, ours, after = bare(clients, servers), judged(proxies, trust), bare(clients, servers)
    ratio = ours * 2 / (before + after)
    sys.stdout.write(
        f"verify: {ZONES * (ZONES - 1):,} handshakes in {ours:.1f} s, {ratio:.2f} times as long as bare ones "
        f"(under {MOST})\n"
    )
    sys.exit(ratio >= MOST)


if __name__ == "__main__":
    main()
