"""The judges of PEM texts and CA chains still give the recorded verdicts, on which other tests rely."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.judges import defects, envoy, golang, openssl, pem_texts, tables, verdicts
from tests.judges.authorities import URIS, Ca, Peer
from tests.judges.pem_parts import REJECTED, pem
from tests.support import hierarchy


def test_go_openssl_and_envoy_read_pem_texts_as_measured() -> None:
    readings = tables.pem_readings()
    assert {case.name: columns for case, *columns in readings} == {
        case.name: [case.go_reads, case.openssl_reads, case.envoy_trusts] for case, *_ in readings
    }


def test_the_columns_of_a_text() -> None:
    cases = {case.name: case for case in pem_texts.cases(*(authority.der for authority in pem_texts.authorities()))}
    good, bom, headers = cases["00_good"], cases["05_bom"], cases["04_headers"]
    assert (good.go, good.openssl, good.envoy_loads, good.readable) == (2, 2, True, True)
    assert (bom.go, bom.openssl, bom.envoy_loads, bom.readable) == (1, 2, True, False)
    assert (headers.go, headers.openssl, headers.envoy_loads, headers.readable) == (1, 0, False, False)
    assert headers.envoy_trusts == REJECTED


def test_a_text_needs_padding_to_remove() -> None:
    issuing, root = pem_texts.authorities()
    unpadded = issuing.der[: len(issuing.der) // 3 * 3]
    with pytest.raises(ValueError, match="no padding"):
        pem_texts.cases(unpadded, root.der)


def test_a_context_of_openssl_trusts_what_the_program_reads() -> None:
    for case in pem_texts.cases(*(authority.der for authority in pem_texts.authorities())):
        assert openssl.anchors(case.text) == frozenset(openssl.certificates(case.text)), case.name


def test_envoy_judges_several_texts_at_once() -> None:
    issuing = hierarchy()
    assert issuing.parent
    peers = [Peer.of(issuing), Peer.of(issuing.parent)]
    chain = [certificate.public_bytes(Encoding.DER) for certificate in issuing.chain()]
    texts = [pem(*chain), pem(chain[0]), pem(chain[1]), "no certificate", ""]
    verdicts = envoy.judge([(text, peers) for text in texts])
    assert [verdict.trusted for verdict in verdicts] == [
        [True, True],
        [True, False],
        [False, True],
        [False, False],
        [False, False],
    ]
    assert [verdict.loads for verdict in verdicts] == [True, True, True, False, False]
    assert verdicts[1].refusals[1] == "unable to get local issuer certificate at depth 0"
    assert verdicts[3].problem == "Failed to load trusted CA certificates from <inline>"
    assert envoy.trusted([(texts[0], peers)]) == [[True, True]]
    assert [envoy.accepts(texts[0]), envoy.accepts(texts[3])] == [True, False]


def test_a_sound_ca_is_one() -> None:
    root = Ca("Root")
    issuing = Ca("Issuing", root)
    issuing.certificate.verify_directly_issued_by(root.certificate)
    leaf = x509.load_der_x509_certificate(issuing.issue_leaf().leaf)
    leaf.verify_directly_issued_by(issuing.certificate)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert not list(leaf.subject)
    assert names.critical
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == list(URIS)


def test_go_and_openssl_say_why_they_refuse() -> None:
    root = Ca("Root")
    issuing = Ca("Issuing", root)
    leaf = issuing.issue_leaf().leaf
    assert not golang.verify(leaf, [issuing.der], [root.der], "server")
    assert not golang.verify_bundle(leaf, pem(*issuing.chain()), "client")
    assert golang.verify(leaf, [], [root.der], "client") == "x509: certificate signed by unknown authority"
    assert golang.verify(leaf, [], [root.der + b"\0"], "client") == "root 1: x509: trailing data"
    assert not openssl.verify(leaf, [issuing.der], [root.der], "server", strict=True)
    assert openssl.verify(leaf, [], [root.der], "client") == "unable to get local issuer certificate at depth 0"
    assert openssl.verify_bundle(leaf, "none", "client") == "no certificate or crl found"


@pytest.mark.slow
def test_every_judge_refuses_the_chains_that_it_refused() -> None:
    cases = defects.cases()
    reasons = verdicts.reasons(cases)
    refused = {case.name: verdicts.refused_by(said) for case, said in zip(cases, reasons, strict=True)}
    assert refused == {case.name: case.refused_by for case in cases}
    assert len(refused) == len(cases), "two chains have the same name"
