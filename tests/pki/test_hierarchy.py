from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support import Authority, hierarchy
from toolkit.pki.hierarchy import Hierarchy
from toolkit.pki.judging import check_order

if TYPE_CHECKING:
    from cryptography import x509

ISSUING = hierarchy()
OWN, ROOT = ISSUING.chain()


def problems(*certificates: x509.Certificate) -> list[str]:
    return [problem.message for problem in check_order(Hierarchy(certificates))]


def test_the_order_of_a_chain() -> None:
    assert problems(OWN, ROOT) == []
    assert problems(ROOT) == []
    assert any("not issued by certificate 2" in problem for problem in problems(ROOT, OWN))
    assert any("not a self-signed root" in problem for problem in problems(OWN))
    stranger = Authority("Test Root CA")
    assert any("not issued by" in problem for problem in problems(OWN, stranger.certificate))
    leaf = ISSUING.issue(ec.generate_private_key(ec.SECP256R1()).public_key(), ["spiffe://default/web"])
    assert any("not a CA certificate" in problem for problem in problems(leaf, OWN, ROOT))


def cross_signed() -> tuple[x509.Certificate, ...]:
    """An issuing CA, its root as two other roots signed it, and that root itself."""
    new, old, older = Authority("New Root"), Authority("Old Root"), Authority("Older Root")
    issuing = Authority("Issuing", parent=new)
    by_old = Authority("New Root", parent=old, key=new.key)
    by_older = Authority("New Root", parent=older, key=new.key)
    return issuing.certificate, by_old.certificate, by_older.certificate, old.certificate, new.certificate


@pytest.mark.parametrize(
    ("numbers", "path", "ends_in_root", "related"),
    [
        ((0, 1, 2, 4), (0, 3), True, {0, 1, 2, 3}),
        ((0, 1, 3), (0, 1, 2), True, {0, 1, 2}),
        ((0, 1, 2, 3), (0, 1, 3), True, {0, 1, 2, 3}),
        ((0, 2), (0, 1), False, {0, 1}),
        # Both lead to a root; the longer path has all CAs in it.
        ((0, 1, 3, 4), (0, 1, 2), True, {0, 1, 2, 3}),
    ],
)
def test_any_path_to_a_root_will_do(
    numbers: tuple[int, ...], path: tuple[int, ...], ends_in_root: bool, related: set[int]
) -> None:
    certificates = cross_signed()
    found = Hierarchy(tuple(certificates[number] for number in numbers))
    assert (found.path, found.ends_in_root, set(found.related)) == (path, ends_in_root, related)


def test_cas_that_all_signed_each_other_end_the_search() -> None:
    """Seven CAs, each signed by every other one: no program tries all ways, and neither do we."""
    roots = [Authority(f"Root {number}") for number in range(7)]
    crossed = [
        Authority(child.common_name, parent=parent, key=child.key).certificate
        for child in roots
        for parent in roots
        if parent is not child
    ]
    found = Hierarchy(tuple(crossed))
    assert len(found.path) == len(roots)
    assert not found.ends_in_root
    assert Hierarchy((*crossed, roots[0].certificate)).ends_in_root


def test_an_issuer_of_another_spelling_is_found_by_its_key() -> None:
    root = Authority("Root CA")
    child = Authority("Issuing", parent=Authority("ROOT  ca", key=root.key)).certificate
    found = Hierarchy((child, root.certificate))
    assert found.path == (0,)
    assert found.find_misnamed_issuer(0) == 1
    assert any("in other capitals or spaces" in problem for problem in problems(child, root.certificate))
    assert found.find_misnamed_issuer(1) is None
