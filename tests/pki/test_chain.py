from __future__ import annotations

import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support import NOW, Authority, hierarchy
from toolkit.pki import chain, csr, pem

if TYPE_CHECKING:
    from pathlib import Path

URIS = ["spiffe://default/backend", "kuma://kuma.io/service/backend"]
KEY = csr.create_data_plane_key()


@pytest.fixture(scope="module")
def issuing() -> Authority:
    return hierarchy()


def test_the_fingerprint_is_that_of_openssl(issuing: Authority, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(pem.write([issuing.certificate]))
    said = subprocess.run(
        ["openssl", "x509", "-in", file, "-noout", "-fingerprint", "-sha256"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert said.strip().endswith("=" + chain.format_fingerprint(issuing.certificate))


@pytest.mark.parametrize("critical", [True, False])
def test_the_way_to_the_root_is_proven_whole(issuing: Authority, critical: bool) -> None:
    own, root = issuing.chain()
    leaf = issuing.issue(KEY.public_key(), URIS, san_critical=critical)
    assert chain.verify_to_root(leaf, [own, root], [root], NOW) == [leaf, own, root]


def test_ways_that_are_none(issuing: Authority) -> None:
    own, root = issuing.chain()
    leaf = issuing.issue(KEY.public_key(), URIS)
    stranger = Authority("Test Root CA")
    other_issuing = Authority("Test Issuing CA", parent=stranger, path_length=0)
    too_deep = Authority("Too Deep CA", parent=issuing)
    cases = {
        "no intermediate": (leaf, [], [root]),
        "another root of the same name": (leaf, [own], [stranger.certificate]),
        "a leaf of another CA of the same name": (other_issuing.issue(KEY.public_key(), URIS), [own], [root]),
        "a CA beyond the path length": (
            too_deep.issue(KEY.public_key(), URIS),
            [too_deep.certificate, own],
            [root],
        ),
    }
    for name, (certificate, intermediates, roots) in cases.items():
        with pytest.raises(ValueError, match=r"\w+"):
            pytest.fail(f"{name}: {chain.verify_to_root(certificate, intermediates, roots, NOW)}")


def test_lifetimes_are_judged_for_the_given_moment(issuing: Authority) -> None:
    own, root = issuing.chain()
    leaf = issuing.issue(KEY.public_key(), URIS, not_after=NOW + timedelta(hours=1))
    chain.verify_to_root(leaf, [own], [root], NOW + timedelta(minutes=59))
    with pytest.raises(ValueError, match="certificate has expired"):
        chain.verify_to_root(leaf, [own], [root], NOW + timedelta(minutes=61))
