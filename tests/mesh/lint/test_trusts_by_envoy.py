"""MeshTrusts judged by Envoy's SPIFFE validator: lint finds an error where it trusts nothing."""

from __future__ import annotations

import pytest

from tests.mesh.lint.scoped_worlds import trust
from tests.mesh.lint.worlds import codes
from tests.support import hierarchy
from tests.verify.proxies import ISSUING, proxy
from toolkit.pki import pem
from toolkit.verify.handshakes import envoy
from toolkit.verify.handshakes.trust_domains import SpiffeTrust

GOOD_CA, OTHER_CA = hierarchy(), hierarchy()
DOMAIN = "tested.mesh.local"
GOOD, TESTED = "spiffe://good.mesh.local/workload/web", f"spiffe://{DOMAIN}/workload/web"
INTERMEDIATE, ROOT = ISSUING.chain()
OTHER_INTERMEDIATE, OTHER_ROOT = OTHER_CA.chain()
# By what the CA bundles of one MeshTrust contain.
BUNDLES = {
    "the whole chain": [[INTERMEDIATE, ROOT]],
    "out of order": [[ROOT, INTERMEDIATE]],
    "the root alone": [[ROOT]],
    "two bundles": [[INTERMEDIATE], [ROOT]],
    "an unrelated CA too": [[OTHER_INTERMEDIATE, OTHER_ROOT, INTERMEDIATE, ROOT]],
    "the intermediate alone": [[INTERMEDIATE]],
    "the root of another": [[INTERMEDIATE, OTHER_ROOT]],
    "another chain is whole": [[OTHER_INTERMEDIATE, OTHER_ROOT], [INTERMEDIATE]],
}


@pytest.mark.parametrize("name", BUNDLES)
def test_a_finding_is_where_envoy_trusts_nothing(name: str) -> None:
    bundles = [pem.write(bundle) for bundle in BUNDLES[name]]
    # Kuma joins the bundles of a trust domain.
    texts = {"good.mesh.local": pem.write(GOOD_CA.chain()), DOMAIN: "".join(bundles)}
    tested = proxy("tested", uris=(TESTED,), way=(INTERMEDIATE,))
    met = envoy.make_handshakes([proxy("good", GOOD_CA, (GOOD,)), tested], SpiffeTrust(texts, (GOOD, TESTED)))
    rejected = {bool(handshake.problem) for handshake in met}
    assert rejected == {"MESH210" in codes(trust("tested", DOMAIN, *bundles))}
