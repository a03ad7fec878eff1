"""The rules for CAs agree with Go, OpenSSL and Envoy, which verify certificates of each CA."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.judges import asn1, defects, envoy, golang, openssl
from tests.judges.authorities import BASIC_CONSTRAINTS, KEY_USAGE, Ca, Extension, extension
from tests.judges.pem_parts import pem as pem_text
from tests.judges.verdicts import ChainCase
from toolkit.pki import certificate, chain, judging, pem
from toolkit.pki.authority import AWS, EVERYBODY, IN_A_MESH, KUMA, RULES, STRICT, Needs
from toolkit.pki.extensions import build_key_usage
from toolkit.pki.hierarchy import Hierarchy

ROOT = Ca("Root")
CASES = {case.name: case for case in defects.cases()}
IN_TABLE = frozenset({"go", "go-bundle", "openssl", "openssl-bundle", "envoy", "envoy-root"})
# Chains below which the leaf is refused for what is wrong with the leaf, and not with a CA.
OF_THE_LEAF = {
    # It names the key of its CA by the key's hash; AWS Private CA copies the CA's own identifier.
    "ski-not-the-leafs-aki",
    "ski-empty",
    # No certificate of the chain has issued it.
    "issuing-missing",
}
STRICTER = {
    "serial-zero": "RFC 5280 wants a positive serial number",
    "serial-zero-root": "same",
    "version-1-root": "it does not say that it is a CA",
    "expires-before-leaf": "it issues certificates that live longer than itself",
    "name-printable-asterisk": "cryptography can't read it",
    "algorithm-parameters": "cryptography can't read it",
    "signature-of-another-key-root": "a root that is not self-signed proves nothing",
    "cross-signed-and-both-roots": "AWS wants each certificate to be issued by the next one",
    "unrelated-in-the-middle": "same",
    "leaf-first": "same",
    "leaf-blank": "Go reads blanks in the path of a URI, and SPIFFE does not allow them",
}


def problems(case: ChainCase, by: Collection[str] = IN_A_MESH) -> list[str]:
    try:
        leaf = certificate.parse(case.peer.leaf)
        found = pem.load_certificates(case.text)
    except ValueError as error:
        return [str(error)]
    needs = Needs(tuple(chain.list_uris(leaf)), timedelta(hours=24), at=datetime.now(UTC))
    return judging.list_problems(found, needs, by)


@pytest.mark.parametrize("name", CASES)
def test_what_a_program_of_the_mesh_refuses_is_refused(name: str) -> None:
    refused = {judge.partition(":")[0] for judge in CASES[name].refused_by} & IN_TABLE
    found = problems(CASES[name])
    if name in OF_THE_LEAF:
        assert refused
        assert not found
    elif name in STRICTER:
        assert not refused
        assert found
    else:
        assert bool(found) == bool(refused), found


BREAKS = {
    "bc-absent-root": ("ca", "Go"),
    "bc-not-critical": ("basic-constraints-critical", AWS),
    "path-length-exceeded": ("path-length", AWS),
    "ku-no-cert-sign": ("key-cert-sign", KUMA),
    "ku-absent": ("key-usage", KUMA),
    "ku-no-crl-sign": ("crl-sign", "OpenSSL"),
    "ku-key-agreement": ("key-agreement", KUMA),
    "eku-any": ("extended-key-usage", "OpenSSL"),
    "eku-server-root": ("extended-key-usage", "Go"),
    "nc-uri-spiffe-only": ("name-constraints", "Envoy"),
    "nc-directory": ("name-constraint-forms", "Go"),
    "unknown-critical": ("critical-extensions", "Envoy"),
    "crl-points-critical": ("critical-extensions-of-aws", AWS),
    "policy-constraints-critical": ("policy-constraints", "Envoy"),
    "serial-21-octets": ("serial-number", STRICT),
    "rsa-1024-root": ("key-strength", STRICT),
    "sha1": ("signature-strength", "Go"),
    "expired-root": ("validity", AWS),
    "expires-before-leaf": ("validity", "Go"),
    "aki-other-key": ("authority-key-identifier", "Envoy"),
    "aki-other-serial": ("authority-key-identifier", "OpenSSL"),
    "name-empty": ("subject", STRICT),
}


@pytest.mark.parametrize(("name", "rule", "program"), [(name, *broken) for name, broken in BREAKS.items()])
def test_each_rule_finds_what_it_is_for(name: str, rule: str, program: str) -> None:
    needs = Needs(
        ("spiffe://default/web", "kuma://kuma.io/service/web"), timedelta(days=2), has_crl=True, at=datetime.now(UTC)
    )
    needs = needs if name == "expires-before-leaf" else Needs(needs.uris, has_crl=True, at=needs.at)
    path = pem.load_certificates(CASES[name].text)
    found = judging.judge_path(path, needs, EVERYBODY)
    assert rule in {breach.rule.name for breach in found}
    (breach,) = [breach for breach in found if breach.rule.name == rule]
    assert program in breach.rule.refused_by
    assert breach.rule.source
    assert breach.rule.fix.endswith(".")
    others = EVERYBODY - breach.rule.refused_by
    assert rule not in {breach.rule.name for breach in judging.judge_path(path, needs, others)}
    on_path = judging.judge(Hierarchy(path), needs, EVERYBODY)
    assert rule == "ca" or rule in {breach.rule.name for breach in on_path}


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (
            Extension("1.3.6.1.5.5.7.1.14", asn1.sequence(asn1.sequence(asn1.oid("1.3.6.1.5.5.7.21.1")))),
            "in its own way",
        ),
        (Extension("2.16.840.1.113730.1.1", asn1.bit_string(b"\x06")), ""),
        (Extension("2.16.840.1.113730.1.1", b"\x05\x00"), "Netscape certificate type that can't be read"),
    ],
)
def test_extensions_that_openssl_alone_looks_at(more: Extension, found: str) -> None:
    ca = Ca("Issuing", Ca("Root"), extra=[more])
    peer = ca.issue_leaf()
    case = ChainCase("", ca.chain(), peer, frozenset())
    assert found in "".join(problems(case))
    assert bool(problems(case)) == bool(found)
    assert bool(openssl.verify(peer.leaf, ca.chain()[:1], ca.chain()[1:], "server")) == bool(found)


@pytest.mark.parametrize(
    "name", [b"", asn1.tagged(4, x509.Name.from_rfc4514_string("CN=ca").public_bytes())], ids=["none", "directory"]
)
def test_go_refuses_a_critical_alternative_name_of_a_form_that_it_does_not_know(name: bytes) -> None:
    for critical in (True, False):
        ca = Ca("Issuing", ROOT, extensions=[Extension("2.5.29.17", asn1.sequence(name), critical)])
        peer = ca.issue_leaf()
        found = problems(ChainCase("", ca.chain(), peer, frozenset()))
        assert [problem.endswith("without a form of name that Go knows") for problem in found] == [True] * critical
        assert bool(golang.verify(peer.leaf, ca.chain()[:1], ca.chain()[1:], "server")) == critical


@pytest.mark.parametrize(
    ("permitted", "excluded"), [("CN=issuing", None), ("CN=Other", None), (None, "CN=Issuing"), (None, "O=Issuing")]
)
def test_directory_names_are_for_the_cas_below(permitted: str | None, excluded: str | None) -> None:
    subtrees = [
        [x509.DirectoryName(x509.Name.from_rfc4514_string(text))] if text else None for text in (permitted, excluded)
    ]
    root = Ca("Root", extensions=[extension(x509.NameConstraints(*subtrees))])
    ca = Ca("Issuing", root)
    peer = ca.issue_leaf()
    found = problems(ChainCase("", ca.chain(), peer, frozenset()))
    assert bool(found) == bool(openssl.verify(peer.leaf, ca.chain()[:1], ca.chain()[1:], "server"))


def test_every_rule_has_a_case() -> None:
    assert {rule for rule, _ in BREAKS.values()} | {"legacy-extensions"} == {rule.name for rule in RULES}
    assert len(RULES) == len({rule.name for rule in RULES})


def test_a_name_in_another_string_type_is_called_that() -> None:
    (found,) = judging.list_problems(pem.load_certificates(CASES["issuer-printable"].text), Needs())
    assert "in another string type, such as PrintableString for UTF8String; Go compares names byte by byte" in found


def _critical(values: st.SearchStrategy[x509.ExtensionType]) -> st.SearchStrategy[Extension]:
    return st.builds(lambda value, critical: extension(value, critical=critical), values, st.booleans())


_USAGES = ["digital_signature", "key_encipherment", "key_agreement", "key_cert_sign", "crl_sign"]
_PURPOSES = [
    ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    ExtendedKeyUsageOID.CODE_SIGNING,
]
_HOSTS = st.sampled_from(["default", "kuma.io", ".io", ".kuma.io", "io", "other.example", "DEFAULT", ""])
_NAMES = _HOSTS.map(x509.UniformResourceIdentifier) | st.sampled_from(
    [x509.DNSName("a.example"), x509.RFC822Name("a.example"), x509.DirectoryName(x509.Name([]))]
)
_SUBTREES = st.lists(_NAMES, min_size=1, max_size=3)
# Without the key identifier of a subject: AWS copies it into what the CA issues, and the test's own issuer does not.
_KNOWN_OIDS = [KEY_USAGE, "2.5.29.17", BASIC_CONSTRAINTS, "2.5.29.30", "2.5.29.31", "2.5.29.32"]
_KNOWN_OIDS += ["2.5.29.33", "2.5.29.35", "2.5.29.36", "2.5.29.37", "2.5.29.54", "1.3.6.1.5.5.7.1.1"]
_ODD_OIDS = ["2.5.29.9", "2.5.29.18", "2.5.29.46", "1.3.6.1.5.5.7.1.14", "2.16.840.1.113730.1.1", "1.2.3.4"]
_BYTES = st.recursive(
    st.binary(max_size=6) | st.sampled_from([b"default", b"kuma.io", b"\x55\x1d\x20\x00", b"\xff", b"\x00"]),
    lambda inner: (
        st.builds(asn1.tlv, st.sampled_from([1, 2, 3, 4, 6, 0x30, 0x80, 0x82, 0x86, 0xA0, 0xA1, 0xA4]), inner)
        | st.builds(bytes.__add__, inner, inner)
    ),
    max_leaves=6,
)
EXTENSIONS = st.one_of(
    _critical(
        st.builds(
            lambda ca, length: x509.BasicConstraints(ca, length if ca else None),
            st.booleans(),
            st.none() | st.integers(0, 2),
        )
    ),
    _critical(st.sets(st.sampled_from(_USAGES), min_size=1).map(lambda names: build_key_usage(*names))),
    _critical(st.lists(st.sampled_from(_PURPOSES), min_size=1, unique=True).map(x509.ExtendedKeyUsage)),
    _critical(
        st.tuples(st.none() | _SUBTREES, st.none() | _SUBTREES)
        .filter(any)
        .map(lambda both: x509.NameConstraints(*both))
    ),
    _critical(
        st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 3))
        .filter(lambda both: both != (None, None))
        .map(lambda both: x509.PolicyConstraints(*both))
    ),
    _critical(st.integers(0, 2).map(x509.InhibitAnyPolicy)),
    st.builds(Extension, st.sampled_from(_KNOWN_OIDS), _BYTES, st.booleans()),
    st.builds(Extension, st.sampled_from(_ODD_OIDS), _BYTES, st.booleans()),
)
CHANGES = st.tuples(st.booleans(), st.lists(EXTENSIONS, min_size=1, max_size=3, unique_by=lambda each: each.oid))


# Twenty CAs an example, since one Envoy judges them all.
@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=st.lists(CHANGES, min_size=20, max_size=20))
def test_a_ca_that_is_accepted_issues_what_all_accept(changes: list[tuple[bool, list[Extension]]]) -> None:
    accepted = []
    for in_root, extensions in changes:
        parent = Ca("Root", extensions=extensions) if in_root else ROOT
        ca = Ca("Issuing", parent, extensions=() if in_root else extensions)
        peer = ca.issue_leaf()
        text = pem_text(*ca.chain())
        uris = tuple(chain.list_uris(x509.load_der_x509_certificate(peer.leaf)))
        if pem.read(text).faults or judging.list_problems(pem.load_certificates(text), Needs(uris)):
            continue
        accepted.append((text, peer))
        for purpose in ("server", "client"):
            assert not openssl.verify(peer.leaf, ca.chain()[:1], ca.chain()[1:], purpose), extensions
            assert not openssl.verify_bundle(peer.leaf, text, purpose), extensions
            assert not golang.verify(peer.leaf, ca.chain()[:1], ca.chain()[1:], purpose), extensions
    for verdict, (text, _) in zip(envoy.judge([(text, [peer]) for text, peer in accepted]), accepted, strict=True):
        assert verdict.trusted == [True], (verdict, text)
