"""A private key is read as Go reads it. Go's verdicts are recorded, and checked again if Go is installed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.judges import golang, key_texts, pem_texts
from toolkit.pki import go_pem, private_key

CASES = key_texts.cases()
MARKERS = [f"-----{word} {label}-----" for word in ("BEGIN", "END") for label in "AB"]
PARTS = [
    *MARKERS,
    *(f"{marker}\n" for marker in MARKERS),
    *("\n", "\r\n", "x: y\n", ":", "AAAA\n", "AA==", "A", " ", "\t", "-", "-----BEGIN ", "-----END ", "é"),
    "Proc-Type: 4,ENCRYPTED\n\n",
]


def verdict(certificates: str, key: str) -> str:
    """What the toolkit says of a pair."""
    try:
        found = private_key.load(key)
        certified = private_key.load_certificate(certificates)
    except (private_key.NotAKeyError, private_key.EncryptedKeyError, private_key.UnusableKeyError) as error:
        return type(error).__name__
    return "difference" if certified and private_key.find_difference(certified, found) else ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_key_is_judged_as_go_judges_it(case: key_texts.KeyCase) -> None:
    assert verdict(case.certificates, case.key) == case.verdict
    assert bool(case.verdict) == bool(case.go)


def test_go_says_what_is_recorded() -> None:
    said = {case.name: golang.key_pair(case.certificates, case.key) for case in CASES}
    assert {case.name: said[case.name] for case in CASES if not said[case.name]} == {
        case.name: "" for case in CASES if not case.go
    }
    assert [(case.name, said[case.name]) for case in CASES if case.go not in said[case.name]] == []


def test_no_message_shows_a_key() -> None:
    for case in CASES:
        try:
            private_key.load(case.key)
        except ValueError as error:
            assert not [line for line in case.key.splitlines()[1:-1] if len(line) > 4 and line in str(error)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (key_texts.labelled(b"x", "PUBLIC KEY"), "contains a public key and no private key"),
        (key_texts.labelled(b"x", "EC PARAMETERS"), "contains the parameters of a curve and no private key"),
        (key_texts.labelled(b"x", "PKCS7"), "contains a PEM block of another kind and no private key"),
        ("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg==", "is encoded once too often"),
        ("-----BEGIN PRIVATE KEY-----", "is incomplete"),
    ],
)
def test_what_is_in_the_place_of_a_key_is_named(text: str, words: str) -> None:
    with pytest.raises(private_key.NotAKeyError, match=words):
        private_key.load(text)


def test_der_is_named() -> None:
    for form in (key_texts.PKCS8, key_texts.PKCS1):
        for key in (ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP521R1())):
            text = key_texts.der(key, form).decode(errors="replace")
            with pytest.raises(private_key.NotAKeyError, match="is DER, and not PEM"):
                private_key.load(text)


def test_what_is_in_the_place_of_a_certificate_is_named() -> None:
    with pytest.raises(private_key.NotAKeyError, match="contains a private key and no certificate"):
        private_key.load_certificate(key_texts.labelled(b"x"))
    with pytest.raises(private_key.NotAKeyError, match="contains a certificate and no private key"):
        private_key.load(key_texts.labelled(b"x", "CERTIFICATE"))
    with pytest.raises(private_key.NotAKeyError, match="has the label X509 CERTIFICATE"):
        private_key.load_certificate(key_texts.labelled(b"x", "X509 CERTIFICATE"))
    assert private_key.load_certificate(key_texts.labelled(b"x", "CERTIFICATE")) is None


def read(text: str) -> list[tuple[str, dict[str, str], bytes]]:
    return [(block.label, block.headers, block.content) for block in go_pem.read_blocks(text)]


def test_blocks_of_pem_texts_are_those_of_go() -> None:
    for case in pem_texts.cases(*(authority.der for authority in pem_texts.authorities())):
        assert read(case.text) == golang.blocks(case.text), case.name


@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join))
def test_blocks_of_any_text_are_those_of_go(text: str) -> None:
    assert read(text) == golang.blocks(text)


def test_a_long_line_is_not_read_again_for_each_end_line() -> None:
    """Otherwise this would take minutes: 2 MB for each of 150,000 lines."""
    assert read("x" * 2_000_000 + "\n-----END x" * 150_000) == []


@given(st.text() | st.binary().map(key_texts.labelled))
def test_any_text_is_judged(text: str) -> None:
    assert verdict(text, text) in ("NotAKeyError", "UnusableKeyError", "EncryptedKeyError", "")
