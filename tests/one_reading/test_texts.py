"""Every command reads the same PEM texts: those in which Go, OpenSSL and Envoy all read both certificates."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.judges import pem_texts
from tests.one_reading import documents
from tests.one_reading.readers import CHAINS, KEPT, MERGES, REFUSED, REPLACED, SINGLE, TAKEN, UNREADABLE, World, codes
from tests.one_reading.running import alone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from tests.judges.pem_texts import PemCase

ISSUING, ROOT = pem_texts.authorities()
TEXTS = pem_texts.cases(ISSUING.der, ROOT.der)
RECORDED = TEXTS[:39]
# Go, OpenSSL and Envoy read both certificates in these texts, and we refuse them on purpose.
STRICTER = {
    "50_end_alone": "an END line without BEGIN is the rest of a certificate that was cut off",
    "59_cr_in_line": "a carriage return inside a line is the rest of a line end that was lost",
    "94_nul_in_comment": "NUL ends a text in other programs in C",
    "95_begin_in_comment": "a BEGIN on a line of text may be a certificate that every program loses",
    "96_begin_and_words": "the same",
    "105_request": "a signing request is no part of a trust bundle",
    "107_ec_key": "a private key must not be where everybody can read it",
    "108_pkcs8_key": "the same",
    "110_unknown_block": "a block of another kind is no part of a trust bundle",
}
# Every program reads all of these. They are not the issuing CA and its root, for which a command can refuse them.
OTHER_CHAINS = {"25_dup": "AAB", "123_only_first": "A", "124_only_second": "B", "125_root_first": "BA"}


@pytest.fixture
def world(tmp_path: Path, aws: TestSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Files, a sandbox, a port on which nobody listens, and no way out of this machine."""
    connect = socket.socket.connect

    def connect_on_loopback(self: socket.socket, address: Any) -> None:
        assert address[0] == "127.0.0.1", f"a command connects to {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_on_loopback)
    with alone(tmp_path, monkeypatch) as port:
        yield World(tmp_path, ISSUING, ROOT, f"https://127.0.0.1:{port}", aws.client("acm-pca"), monkeypatch)


class Wanted(NamedTuple):
    """The outcomes that agree with what the programs read.

    Attributes:
        chain: for a text in which all of them read the issuing CA and then its root.
        other: for a text in which all of them read other certificates, or these in another order.
        unreadable: for a text of which one of them loses a certificate.
    """

    chain: str
    other: tuple[str, ...] = (TAKEN, REFUSED)
    unreadable: str = UNREADABLE


def is_readable(case: PemCase) -> bool:
    """Whether every program reads everything that is in a text, by measurement, and so do we."""
    return (case.readable or case.name in OTHER_CHAINS) and case.name not in STRICTER


def disagreements(texts: Sequence[PemCase], read: Callable[[str], str], wanted: Wanted) -> dict[str, str]:
    """Return the texts of which a command makes something else than the programs do, and what it makes of them."""
    found = {}
    for case in texts:
        of_both = wanted.chain if is_readable(case) else wanted.unreadable
        outcomes = wanted.other if case.name in OTHER_CHAINS else (of_both,)
        if (outcome := read(case.text)) not in outcomes:
            found[case.name] = f"{outcome}; wanted: {' or '.join(outcomes)}"
    return found


def test_what_is_measured_and_what_we_refuse_on_purpose() -> None:
    assert [int(case.name[:2]) for case in RECORDED] == list(range(39))
    cases = {case.name: case for case in TEXTS}
    assert all(cases[name].readable for name in STRICTER)
    assert not STRICTER.keys() & {case.name for case in RECORDED}
    for name, certificates in OTHER_CHAINS.items():
        case = cases[name]
        assert case.go_reads == case.openssl_reads == certificates
        assert {*case.envoy_trusts} == {*certificates}
    # Neither outcome is that of every text.
    assert sum(map(is_readable, RECORDED)) == 16
    assert sum(map(is_readable, TEXTS)) == 41


@pytest.mark.slow
@pytest.mark.parametrize("name", CHAINS)
def test_every_command_reads_the_same_chains(world: World, name: str) -> None:
    assert disagreements(TEXTS, partial(CHAINS[name], world), Wanted(chain=TAKEN)) == {}


@pytest.mark.parametrize("name", SINGLE)
def test_who_wants_one_certificate_reads_the_same_texts(world: World, name: str) -> None:
    assert disagreements(TEXTS, partial(SINGLE[name], world), Wanted(chain=REFUSED)) == {}


@pytest.mark.parametrize("name", MERGES)
def test_a_chain_in_another_spelling_is_kept_and_an_unreadable_one_is_replaced(world: World, name: str) -> None:
    # A rotation takes longer, and merges as render-mesh does.
    texts = RECORDED if name.startswith("rotate") else TEXTS
    wanted = Wanted(chain=KEPT, other=(REPLACED,), unreadable=REPLACED)
    assert disagreements(texts, partial(MERGES[name], world), wanted) == {}


def test_lint_has_a_code_of_its_own_for_private_keys(world: World) -> None:
    with_key = {case.name for case in TEXTS if "MESH071" in codes(world, documents.inline_string(case.text))}
    assert with_key == {"27_key_between", "107_ec_key", "108_pkcs8_key"}
