"""The PEM reader accepts exactly the texts that Go, OpenSSL and Envoy all read."""

from __future__ import annotations

import base64
import functools
import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.judges import envoy, golang, openssl, pem_texts
from tests.support import hierarchy, request_pem
from toolkit.pki import pem
from toolkit.pki.pem_faults import UnreadableError

ISSUING = hierarchy()
OWN, ROOT = ISSUING.chain()
KEY = ISSUING.key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
AUTHORITIES = pem_texts.authorities()
TEXTS = pem_texts.cases(*(authority.der for authority in AUTHORITIES))
# Texts that Go, OpenSSL and Envoy all read, and we refuse: what is more in them belongs in no trust bundle.
STRICTER = {
    "50_end_alone": "no-begin",
    "59_cr_in_line": "carriage-return",
    "94_nul_in_comment": "invisible",
    "95_begin_in_comment": "text",
    "96_begin_and_words": "text",
    "105_request": "label",
    "107_ec_key": "private-key",
    "108_pkcs8_key": "private-key",
    "110_unknown_block": "label",
}
KINDS = {
    "01_glued": "joined",
    "04_headers": "headers",
    "05_bom": "invisible",
    "06_zwsp": "invisible",
    "07_indented_all": "indented",
    "10_empty_middle": "empty-line",
    "11_empty_before_end": "empty-line",
    "14_cr_only": "carriage-return",
    "18_trusted_label": "label",
    "19_nl_literal": "literal",
    "20_folded": "folded",
    "22_nbsp_end": "invisible",
    "23_text_after_end": "text",
    "24_comment_inside": "comment",
    "26_4dash": "dashes",
    "27_key_between": "private-key",
    "28_trunc_last": "no-end",
    "29_no_padding": "base64",
    "31_text_same_line": "text",
    "32_nul": "invisible",
    "33_lower": "dashes",
    "36_bom_second": "invisible",
    "37_trail_garbage_der": "certificate",
    "39_empty_after_begin_76": "empty-line",
    "72_line253": "line-length",
    "106_crl": "label",
}


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case.name)
def test_a_text_is_read_when_all_programs_read_it(case: pem_texts.PemCase) -> None:
    found = pem.read(case.text)
    if found.faults:
        assert not case.readable or STRICTER[case.name] == found.faults[0].kind
        with pytest.raises(UnreadableError, match=r"^line \d+: "):
            pem.load_certificates(case.text)
    else:
        letters = {authority.der: letter for authority, letter in zip(AUTHORITIES, "AB", strict=True)}
        read = "".join(letters[_der(certificate)] for certificate in found.certificates)
        assert case.go_reads == case.openssl_reads == read
        assert set(case.envoy_trusts) == set(read)
        assert pem.load_certificates(pem.write(found.certificates)) == tuple(found.certificates)


def _der(certificate: object) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_what_is_wrong_is_named(name: str, kind: str) -> None:
    (text,) = [case.text for case in TEXTS if case.name == name]
    first = pem.read(text).faults[0]
    assert first.kind == kind
    assert "\n" not in first.message


def test_one_wrong_marker_is_one_fault() -> None:
    for name in ("01_glued", "05_bom", "26_4dash", "31_text_same_line"):
        (text,) = [case.text for case in TEXTS if case.name == name]
        assert len(pem.read(text).faults) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no PEM certificate found"),
        ("hello", "no PEM certificate found"),
        (pem.write([OWN]).encode("utf-16"), "UTF-16, as PowerShell's > writes it"),
        (b"\xff" + pem.write([OWN]).encode(), "line 1: the text is not UTF-8"),
        (pem.write([OWN]).encode() + b"\xe9", "is not UTF-8"),
        (_der(OWN), "this is DER; convert it with: openssl x509"),
        (_der(OWN).decode(errors="replace"), "this is DER"),
        ("".join(pem.write([OWN]).splitlines()[1:-1]), "base64 without BEGIN and END lines"),
        (base64.b64encode(pem.write([OWN]).encode()).decode(), "base64 of PEM"),
        (base64.b64encode(f"subject=CN = own\n{pem.write([OWN])}".encode()).decode().rstrip("="), "base64 of PEM"),
        ("a" * 5, "no PEM certificate found"),
        (pem.write([OWN])[:200], "line 1: BEGIN CERTIFICATE has no END line: the block is cut off"),
        ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "the block that begins here is empty"),
        (
            "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n",
            "the certificate that begins here is not DER",
        ),
        (pem.write([OWN]).replace("BEGIN", "BEGIN X509"), "END CERTIFICATE closes BEGIN X509 CERTIFICATE"),
        (KEY, "a private key is among the certificates"),
        (KEY[:-60], "a private key is among the certificates"),
    ],
)
def test_what_is_no_bundle(text: str | bytes, words: str) -> None:
    with pytest.raises(UnreadableError, match=r".") as caught:
        pem.load_certificates(text)
    assert words in str(caught.value)
    assert KEY.splitlines()[1] not in str(caught.value)


def test_a_private_key_is_never_quoted() -> None:
    for text in KEY, f"x {KEY}", KEY.replace("\n", " "), KEY.replace("\n", "\\n"), KEY.replace("-----\n", "-----x\n"):
        with pytest.raises(ValueError, match=r".") as caught:
            pem.load_certificates(text)
        assert KEY.splitlines()[1][:20] not in str(caught.value)


def test_exactly_one_certificate() -> None:
    assert pem.load_certificate(pem.write([OWN])) == OWN
    with pytest.raises(ValueError, match="contains 2 certificates; exactly one"):
        pem.load_certificate(pem.write([OWN, ROOT]))


def test_text_around_is_told_of() -> None:
    assert pem.read(f"Größe\n{pem.write([OWN])}\nroot:\n{pem.write([ROOT])}").text_lines == [1, OWN_LINES + 3]
    assert pem.read(f"\n{pem.write([OWN])}\n").text_lines == []


OWN_LINES = len(pem.write([OWN]).splitlines())


def test_what_is_written_is_what_openssl_writes() -> None:
    theirs = OWN.public_bytes(serialization.Encoding.PEM).decode()
    assert pem.write([OWN]) == theirs


def test_a_request() -> None:
    text = request_pem()
    request = pem.load_request(text)
    assert pem.write_request(request) == text
    assert pem.load_request(text.replace("\n", " \r\n").encode()) == request
    for wrong, words in [
        ("", "exactly one PEM request"),
        (text * 2, "exactly one PEM request"),
        (pem.write([OWN]), "exactly one PEM request"),
        (text.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"), "exactly one PEM request"),
        (f"\ufeff{text}", "byte order mark"),
        (text.replace("MI", "IM", 1), "it was cut off or changed"),
        (text[:-10], "is not a BEGIN or END line"),
    ]:
        with pytest.raises(ValueError, match=words):
            pem.load_request(wrong)


def _wrap(text: str, width: int) -> str:
    """Wrap what is one line, or join and wrap the lines up to the next marker."""
    body, dashes, rest = text.partition("-----END")
    packed = body.replace("\n", "")
    return "\n".join([packed[at : at + width] for at in range(0, len(packed), width)] + [dashes + rest])


def _edit(text: str, kind: str, place: float, what: str, width: int) -> str:
    """Change a text at a place that is a fraction of its length."""
    at = int(place * len(text))
    lines, number = text.split("\n"), text.count("\n", 0, at)
    line = lines[number]
    changed = {
        "before line": f"{what}\n{line}",
        "at line end": line + what,
        "at line begin": what + line,
        "lower": line.lower(),
        "twice": f"{line}\n{line}",
        "empty": "",
        "long": "x" * width + line,
    }
    if kind in changed:
        return "\n".join([*lines[:number], changed[kind], *lines[number + 1 :]])
    whole = {
        "insert": text[:at] + what + text[at:],
        "delete": text[:at] + text[at + width :],
        "wrap": text[:at] + _wrap(text[at:], width),
    }
    return whole[kind]


CHARACTERS = [*" \t\r\n-:=+/A#,\0\v\f\x85", "\ufeff", "\u200b", "\u00a0", "\u2028", "\u00ad", "ü", "\r\n", "\n\n"]
LINES = ["", "text", "# x", "a: b", "-----", "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "A" * 64]
KINDS_OF_EDIT = ["before line", "at line end", "at line begin", "lower", "twice", "empty", "long"]
EDITS = st.tuples(
    st.sampled_from([*KINDS_OF_EDIT, "insert", "delete", "wrap"]),
    st.floats(0, 1, exclude_max=True, allow_nan=False, width=16),
    st.sampled_from([*CHARACTERS, *LINES]),
    st.integers(1, 300),
)
BASES = {case.name: case.text for case in TEXTS if len(case.text) < 10_000}
MUTANTS = st.tuples(st.sampled_from(sorted(BASES)), st.lists(EDITS, max_size=3))


# Many texts an example, since one Envoy judges them all.
@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutants=st.lists(MUTANTS, min_size=60, max_size=60))
def test_nobody_reads_less_than_we_do(mutants: list[tuple[str, list[tuple[str, float, str, int]]]]) -> None:
    texts = {
        f"{base} {edits}": functools.reduce(lambda text, edit: _edit(text, *edit), edits, BASES[base])
        for base, edits in mutants
    }
    accepted = {name: text for name, text in texts.items() if not pem.read(text).faults}
    peers = [authority.issue_leaf() for authority in AUTHORITIES]
    trusted = envoy.trusted([(text, peers) for text in accepted.values()])
    for (name, text), by_envoy in zip(accepted.items(), trusted, strict=True):
        ders = [_der(certificate) for certificate in pem.load_certificates(text)]
        assert openssl.certificates(text) == ders, name
        assert golang.certificates(text) == [hashlib.sha256(der).hexdigest() for der in ders], name
        # A certificate with other bytes in its signature is another one, and as good an anchor.
        assert all(by_envoy[number] for number, authority in enumerate(AUTHORITIES) if authority.der in ders), name
