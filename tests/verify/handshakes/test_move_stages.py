"""Every stage of a move from `Mesh.mtls` to MeshIdentity: who still trusts whom, with OpenSSL and with real Envoys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import hierarchy
from tests.verify.handshakes.move_stages import meet_in_stage
from tests.verify.proxies import ISSUING, KEYS, WEB, proxy
from toolkit.pki import pem
from toolkit.verify.handshakes.openssl import PeerTrust, Trust
from toolkit.verify.handshakes.trust_domains import SpiffeTrust

if TYPE_CHECKING:
    from cryptography import x509


NEW_CA = hierarchy()
NEW_ID = "spiffe://default.z1.mesh.local/workload/web"
OLD_URIS = (WEB, "kuma://kuma.io/protocol/http", "kuma://kuma.io/service/web", "kuma://kuma.io/zone/z1")
OLD_CHAIN, NEW_CHAIN = ISSUING.chain(), NEW_CA.chain()
ALL, NONE = {"old old", "old new", "new old", "new new"}, set[str]()


def trusts(**domains: tuple[x509.Certificate, ...]) -> SpiffeTrust:
    names = {"old": "default", "new": "default.z1.mesh.local"}
    return SpiffeTrust({names[side]: pem.write(bundle) for side, bundle in domains.items()}, (WEB, NEW_ID))


@pytest.mark.parametrize(
    ("trust", "connects"),
    [
        # Only Mesh.mtls: an intermediate CA alone is enough, and nobody knows the new certificates.
        (Trust(pem.write(OLD_CHAIN), "default", "web"), {"old old"}),
        (Trust(pem.write(OLD_CHAIN[:1]), "default", "web"), {"old old"}),
        # The first MeshTrust: the CAs of caCert are in the SPIFFE validator, under the name of the mesh.
        (trusts(old=OLD_CHAIN, new=NEW_CHAIN), ALL),
        (trusts(old=OLD_CHAIN[:1], new=NEW_CHAIN), {"new new"}),
        # The MeshTrust of the old CA beside a caCert that has no root.
        (trusts(old=(*OLD_CHAIN[:1], *OLD_CHAIN), new=NEW_CHAIN), ALL),
        # The new CA's bundle has no root, or its MeshTrust is missing.
        (trusts(old=OLD_CHAIN, new=NEW_CHAIN[:1]), {"old old"}),
        (trusts(old=OLD_CHAIN), {"old old"}),
        # The end: the MeshTrust of the old CA is deleted.
        (trusts(new=NEW_CHAIN), {"new new"}),
        # Each domain with the other's CA.
        (trusts(old=NEW_CHAIN, new=OLD_CHAIN), NONE),
    ],
)
def test_who_connects_in_each_stage(trust: PeerTrust, connects: set[str]) -> None:
    # Kuma's own issuers send the leaf alone.
    old = proxy("old", ISSUING, OLD_URIS, way=())
    new = proxy("new", NEW_CA, (NEW_ID,), key=KEYS[1], way=())
    verdicts = meet_in_stage(trust, old, new)
    assert [(verdict.client, verdict.server) for verdict in verdicts] == [
        ("old", "old"),
        ("old", "new"),
        ("new", "old"),
        ("new", "new"),
    ]
    assert {f"{verdict.client} {verdict.server}" for verdict in verdicts if not verdict.openssl} == connects
    assert {f"{verdict.client} {verdict.server}" for verdict in verdicts if not verdict.envoy} == connects
