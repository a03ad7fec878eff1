"""Every command refuses the CA chains that Go, OpenSSL or Envoy refuse by measurement, but for a few named ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.judges import defects
from tests.one_reading import deciders
from tests.one_reading.deciders import COMMANDS, Place

if TYPE_CHECKING:
    from pathlib import Path

    from tests.judges.verdicts import ChainCase

CASES = {case.name: case for case in defects.cases()}
# Not those who are strict: OpenSSL with -x509_strict, and at its security level 2.
JUDGES = frozenset({"go", "go-bundle", "openssl", "openssl-bundle", "envoy", "envoy-root"})
EVERY = frozenset(COMMANDS)
# Those that see a chain alone, and no certificate that its CA issued.
OF_CAS = EVERY - {"verify"}
# Those that want the chain that AWS imports and returns: the issuing CA first, then each CA's issuer, a root last.
OF_CHAINS = frozenset({"contract", "settings", "adoption"})


class Exceptional(NamedTuple):
    """Chains of which not all commands say what the judges say.

    Attributes:
        reason: why that is right.
        refusing: the commands that refuse them; all others take them.
        names: of the chains.
    """

    reason: str
    refusing: frozenset[str]
    names: frozenset[str]


def _row(reason: str, refusing: set[str] | frozenset[str], names: str) -> Exceptional:
    return Exceptional(reason, frozenset(refusing), frozenset(names.split()))


LEAF = _row(
    "the leaf is not a CA. The check `chain` passes over it; `chain-order` of the same report refuses it",
    OF_CAS,
    "leaf-first",
)
# Chains that no judge refuses.
STRICTER = (
    LEAF,
    _row("a root without basicConstraints does not say that it is a CA", EVERY, "version-1-root"),
    _row(
        "RFC 5280, 4.1.2.2: a serial number is positive. Go, OpenSSL and Envoy accept 0 all the same",
        EVERY,
        "serial-zero serial-zero-root",
    ),
    _row(
        "the library cryptography, with which we read certificates, can't read these",
        EVERY,
        "name-printable-asterisk algorithm-parameters",
    ),
    _row(
        "only a self-signed root ends a chain. No program checks the signature of a root, so lint only warns",
        OF_CHAINS | {"verify"},
        "signature-of-another-key-root",
    ),
    _row(
        "AWS imports and returns a chain in order, without other certificates in between",
        OF_CHAINS,
        "cross-signed-and-both-roots unrelated-in-the-middle",
    ),
    _row(
        "AWS does not import such a certificate. Adoption has to refuse it because the contract does",
        OF_CHAINS,
        "bc-not-critical bc-not-critical-root policy-constraints-critical-root",
    ),
    _row("a root can't be the contract's issuing CA below an external one", {"settings"}, "sound-root-issues"),
    _row(
        "the CA expires before a certificate with the contract's dataPlaneLifetime. The judges were asked about now",
        {"settings", "adoption"},
        "expires-before-leaf",
    ),
    _row(
        "the CA can issue the only URI of the leaf, but not the kuma:// URIs that every proxy has too",
        OF_CAS,
        "nc-permitted-host nc-permitted-host-other-case nc-permitted-host-with-port",
    ),
    _row("the leaf is odd, not the CA. RFC 3986: a URI has no blanks", {"verify"}, "leaf-blank"),
)
INCOMPLETE = _row(
    "Go and Envoy accept a trust bundle without the upper end of the chain, so lint only warns",
    EVERY - {"lint"},
    "root-missing root-missing-above-middle cross-signed-alone middle-missing",
)
STRAY = _row(
    "Go and Envoy accept it as a trust bundle, so lint only warns. `chain` trusts the self-signed certificates, and "
    "finds a path to one; `chain-order` of the same report refuses it",
    OF_CHAINS,
    "cross-signed-old-root-missing unrelated-last",
)
# Chains that a judge refuses.
MILDER = (
    INCOMPLETE,
    STRAY,
    _row(
        "every program accepts it as a trust bundle. Only a program that trusts the last certificate alone refuses it",
        OF_CHAINS,
        "cross-signed-last-old-root-missing",
    ),
    _row(
        "OpenSSL finds a path to a root, and so does `chain`; `chain-order` of the same report refuses it",
        OF_CAS,
        "issuer-printable issuer-other-case issuer-blank-at-end reversed middle-last",
    ),
    _row(
        "the leaf is odd, not the CA: no proxy has such a URI",
        {"verify"},
        "leaf-bad-port leaf-bad-escape nc-excluded-other-no-host nc-excluded-other-underscore-host "
        "nc-excluded-other-address",
    ),
    _row(
        "the leaf is odd, not the CA: AWS copies the CA's key identifier into what it issues",
        {"verify"},
        "ski-not-the-leafs-aki ski-empty",
    ),
    _row(
        "a root alone is a sound chain. Only the leaf shows that another CA issues; settings refuse every root",
        {"settings", "verify"},
        "issuing-missing",
    ),
    _row(
        "a contract must stay readable when its CA expires, so the contract does not judge lifetimes",
        EVERY - {"contract"},
        "expired expired-root not-yet-valid not-yet-valid-root expires-before-it-begins",
    ),
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def is_refused(case: ChainCase) -> bool:
    """Whether a judge refuses what a chain's first CA issues, for servers or for clients."""
    return bool({judge.partition(":")[0] for judge in case.refused_by} & JUDGES)


def test_the_exceptions_are_exceptions() -> None:
    assert len(CASES) == 184
    assert sum(map(is_refused, CASES.values())) == 108
    rows = STRICTER + MILDER
    names = [name for row in rows for name in row.names]
    assert len(names) == len(set(names)), "a chain has one reason"
    assert not any(is_refused(CASES[name]) for row in STRICTER for name in row.names)
    assert all(is_refused(CASES[name]) for row in MILDER for name in row.names)
    assert all(row.refusing for row in STRICTER)
    assert not any(row.refusing == EVERY for row in MILDER)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_what_a_program_refuses(place: Place, command: str) -> None:
    refusing = {name: row.refusing for row in STRICTER + MILDER for name in row.names}
    found = {}
    for name, case in CASES.items():
        wanted = command in refusing.get(name, EVERY if is_refused(case) else frozenset())
        reason = COMMANDS[command](place, case)
        if bool(reason) != wanted:
            by = ", ".join(sorted(case.refused_by)) or "nobody"
            found[name] = f"refused by {by}, and here: {reason}" if reason else f"refused by {by}, and not here"
    assert found == {}


@pytest.mark.parametrize("name", sorted(INCOMPLETE.names | STRAY.names))
def test_lint_warns_where_it_finds_no_error(place: Place, name: str) -> None:
    assert "warning" in {severity for severity, _ in deciders.findings(place, CASES[name])}


def test_what_the_check_chain_accepts_is_refused_by_chain_order() -> None:
    accepted = {name for row in (LEAF, *MILDER) if "verify" not in row.refusing for name in row.names}
    assert len(accepted) == 9
    assert {name for name in accepted if not deciders.chain_order(CASES[name])} == set()
