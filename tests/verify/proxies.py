"""Proxies of zones for tests of handshakes: valid, or with one fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support import Authority, hierarchy
from toolkit.pki import csr, pem
from toolkit.verify.handshakes.openssl import Trust
from toolkit.verify.issue import IssuedCertificate
from toolkit.verify.zone import Proxy

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

ISSUING = hierarchy()
KEYS = [csr.create_data_plane_key() for _ in range(4)]
WEB = "spiffe://default/web"
TRUST = Trust(pem.write(ISSUING.chain()), "default", "web")


def proxy(
    zone: str,
    authority: Authority = ISSUING,
    uris: tuple[str, ...] = (WEB,),
    key: rsa.RSAPrivateKey = KEYS[0],
    way: tuple[x509.Certificate, ...] | None = None,
    **wrong: Any,
) -> Proxy:
    leaf = authority.issue(key.public_key(), list(uris), **wrong)
    return Proxy(zone, key, IssuedCertificate(leaf, authority.chain() if way is None else way))
