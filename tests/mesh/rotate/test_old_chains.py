"""The CA chains of a Mesh, with their roots."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh.golden_documents import golden_outputs
from tests.mesh.rotate.old_meshes import (
    BUILTIN_SECRET,
    CONFS,
    OLD_CHAIN,
    OLD_ISSUING,
    OLD_ROOT,
    backend,
    mesh,
    secret,
    stream,
)
from tests.support import Authority, hierarchy
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.reader import read
from toolkit.mesh.rotate.old_chains import OldChain, name_builtin_secret, read_old_chains
from toolkit.pki import pem

OUTPUTS = golden_outputs()
CHAIN = OUTPUTS.certificate_chain
ISSUING, ROOT = (pem.write([each]) for each in pem.load_certificates(CHAIN))


def chains(*documents: dict[str, Any], given: str | None = None) -> list[OldChain]:
    found = read([("mesh.yaml", stream(*documents))])
    return read_old_chains(found.meshes[0], found, OUTPUTS, given)


def chain(value: dict[str, Any], *others: dict[str, Any], given: str | None = None) -> OldChain:
    """Return the chain of an acmpca backend with another CA."""
    old = backend("acmpca")
    old["conf"] = old["conf"] | {"caCert": value}
    (found,) = chains(mesh("universal", old), *others, given=given)
    return found


@pytest.mark.parametrize(
    "value",
    [
        {"inlineString": OLD_CHAIN},
        {"inline": base64.b64encode(OLD_CHAIN.encode()).decode()},
        {"secret": "old"},
        {"inlineString": f"# a comment\n{OLD_CHAIN}\n"},
    ],
)
def test_every_place_of_a_chain(value: dict[str, str]) -> None:
    assert chain(value, secret("universal", "old", OLD_CHAIN)) == OldChain("old", OLD_CHAIN)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"secret": "old"}, "conf.caCert names Secret 'old', which is not among the documents"),
        ({"file": "/ca.pem"}, "conf.caCert is a file on the hosts of the control planes"),
        ({}, "conf.caCert needs exactly one of"),
        ({"inlineString": "x"}, "its chain can't be read"),
        ({"inlineString": OLD_ISSUING}, "no root: the issuer of Old Issuing CA"),
    ],
)
def test_chains_that_are_not_known(value: dict[str, str], words: str) -> None:
    found = chain(value)
    assert (found.bundle, found.backend) == ("", "old")
    assert found.problem.startswith(words)


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
def test_a_builtin_ca_is_in_its_secret(form: Any) -> None:
    assert name_builtin_secret("default", "old") == BUILTIN_SECRET
    document = mesh(form, backend("builtin"))
    assert chains(document, secret(form, BUILTIN_SECRET, OLD_ROOT)) == [OldChain("old", OLD_ROOT)]
    (without,) = chains(document)
    assert f"in the Secret {BUILTIN_SECRET}; give it with -f" in without.problem
    assert chains(document, given=OLD_ROOT) == [OldChain("old", OLD_ROOT)]


def test_vaults_chain_must_be_given() -> None:
    assert chains(mesh("universal", backend("vault")))[0].problem == "Vault has its CA chain"
    assert chains(mesh("universal", backend("vault")), given=OLD_CHAIN) == [OldChain("old", OLD_CHAIN)]
    (found,) = chains(mesh("universal", backend("vault")), given=OLD_ISSUING)
    assert found.problem.startswith("no root")


@pytest.mark.parametrize("conf", [None, {}, [], "text", {"caCert": "x"}, {"cert": []}])
@pytest.mark.parametrize("kind", [*CONFS, "other"])
def test_any_configuration_is_read_or_a_problem(kind: str, conf: Any) -> None:
    (found,) = chains(mesh("universal", {"name": "old", "type": kind, "conf": conf}))
    assert found.problem
    assert not found.bundle


def test_the_contracts_ca_is_known() -> None:
    own = backend("own")
    assert chains(mesh("universal", own)) == [OldChain("old", CHAIN)]
    own["conf"] = own["conf"] | {"caCert": {"inlineString": ISSUING}}
    assert chains(mesh("universal", own)) == [OldChain("old", CHAIN, lacks_root=True)]


def test_a_missing_root_comes_from_the_given_chain_or_the_contract() -> None:
    assert chain({"inlineString": OLD_ISSUING}, given=OLD_ROOT) == OldChain("old", OLD_CHAIN, lacks_root=True)
    assert chain({"inlineString": OLD_ISSUING}, given=OLD_CHAIN) == OldChain("old", OLD_CHAIN, lacks_root=True)
    # Another CA below the contract's root.
    assert chain({"inlineString": ISSUING}) == OldChain("old", CHAIN, lacks_root=True)


def test_what_is_in_order_does_not_matter() -> None:
    assert chain({"inlineString": OLD_ROOT + OLD_ISSUING}) == OldChain("old", OLD_ROOT + OLD_ISSUING)
    assert chain({"inlineString": OLD_CHAIN + OLD_CHAIN}) == OldChain("old", OLD_CHAIN)


def test_each_certificate_needs_its_root() -> None:
    # A bundle of two CAs, one of them with its root.
    found = chain({"inlineString": OLD_CHAIN + pem.write(hierarchy().chain()[:1])})
    assert found.problem.startswith("no root: the issuer of Test Issuing CA")


def test_a_leaf_is_no_ca() -> None:
    leaf = Authority("Root").issue(ec.generate_private_key(ec.SECP256R1()).public_key(), ["spiffe://default/a"])
    assert "is not a CA certificate" in chain({"inlineString": pem.write([leaf])}).problem


def test_a_given_chain_that_is_none() -> None:
    for text in ("", "x", OLD_CHAIN[:-40]):
        with pytest.raises(InvalidInputError, match="can't be read") as caught:
            chain({"inlineString": OLD_CHAIN}, given=text)
        assert caught.value.problems[0].path == "--old-chain"


DEEP = Authority("3", parent=Authority("2", parent=Authority("1", parent=Authority("0")))).chain()


@given(st.permutations(DEEP), st.integers(1, len(DEEP)))
def test_any_order_and_any_part_becomes_a_chain_with_its_root(order: list[Any], kept: int) -> None:
    found = chain({"inlineString": pem.write(order[:kept])}, given=pem.write(DEEP))
    bundle = pem.load_certificates(found.bundle)
    assert not found.problem
    assert DEEP[-1] in bundle
    assert found.lacks_root is (DEEP[-1] not in order[:kept])
    # All issuers of what was there, and nothing below it.
    highest = min(DEEP.index(each) for each in order[:kept])
    assert set(bundle) == set(DEEP[highest:]) or set(order[:kept]) < set(bundle)
