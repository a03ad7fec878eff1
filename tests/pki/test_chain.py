from __future__ import annotations

import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from tests.support import NOW, Authority, hierarchy
from toolkit.pki import chain, csr

if TYPE_CHECKING:
    from pathlib import Path

URIS = ["spiffe://default/backend", "kuma://kuma.io/service/backend"]
KEY = csr.data_plane_key()


@pytest.fixture(scope="module")
def issuing() -> Authority:
    return hierarchy()


def test_a_bundle_comes_back_as_it_went(issuing: Authority) -> None:
    certificates = issuing.chain()
    assert chain.load_bundle(chain.to_pem(certificates)) == certificates
    assert chain.load_bundle(chain.to_pem(certificates).replace("\n", "\r\n")) == certificates
    assert chain.load_certificate("\n" + chain.to_pem(certificates[:1])) == certificates[0]


def test_what_is_no_bundle(issuing: Authority) -> None:
    pem = chain.to_pem([issuing.certificate])
    key = issuing.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    for text, words in [
        ("", "holds no PEM certificate"),
        ("hello", "holds no PEM certificate"),
        (f"subject=CN\n{pem}", "outside"),
        (pem + pem[:200], "cut off"),
        (pem + key, "PEM block 2 is a PRIVATE KEY"),
        (pem + pem.replace("MII", "MIJ"), "certificate 2 can't be read"),
        (pem + "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n", "certificate 2 can't be read"),
    ]:
        with pytest.raises(ValueError, match=words):
            chain.load_bundle(text)
    with pytest.raises(ValueError, match="holds 2 certificates"):
        chain.load_certificate(pem + pem)


def test_a_private_key_is_never_quoted(issuing: Authority) -> None:
    key = issuing.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with pytest.raises(ValueError, match="PRIVATE KEY") as caught:
        chain.load_bundle(key)
    assert key.splitlines()[1] not in str(caught.value)


def test_the_order_of_a_chain(issuing: Authority) -> None:
    own, root = issuing.chain()
    assert chain.order_problems([own, root]) == []
    assert chain.order_problems([root]) == []
    assert any("not issued by certificate 2" in problem for problem in chain.order_problems([root, own]))
    assert any("not a self-signed root" in problem for problem in chain.order_problems([own]))
    stranger = Authority("Test Root CA")
    assert any("not issued by" in problem for problem in chain.order_problems([own, stranger.certificate]))
    too_deep = Authority("Too Deep CA", parent=issuing)
    deep_problems = chain.order_problems(too_deep.chain())
    assert deep_problems == ["certificate 2 (Test Issuing CA) allows 0 CAs below it, and 1 stand there"]
    leaf = issuing.issue(KEY.public_key(), URIS)
    assert any("not a CA certificate" in problem for problem in chain.order_problems([leaf, own, root]))


def test_the_fingerprint_is_that_of_openssl(issuing: Authority, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(chain.to_pem([issuing.certificate]))
    said = subprocess.run(
        ["openssl", "x509", "-in", file, "-noout", "-fingerprint", "-sha256"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert said.strip().endswith("=" + chain.fingerprint(issuing.certificate))


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
    with pytest.raises(ValueError, match="not valid at"):
        chain.verify_to_root(leaf, [own], [root], NOW + timedelta(minutes=61))
