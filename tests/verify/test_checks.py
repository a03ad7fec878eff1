"""Each mutation of an issued certificate fails exactly the expected checks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support import NOW, Authority, hierarchy
from toolkit.pki import csr
from toolkit.pki.extensions import build_key_usage as usage
from toolkit.verify.checks import CERTIFICATE_CHECKS, Evidence, check_lifetime, check_usage_mode
from toolkit.verify.issue import IssuedCertificate
from toolkit.verify.results import Check, Outcome

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.contract import UsageMode


URIS = ["spiffe://default/backend", "kuma://kuma.io/service/backend"]
KEY = csr.create_data_plane_key()
NOT_AFTER = NOW + timedelta(hours=24)
ISSUING = hierarchy()
OWN, ROOT = ISSUING.chain()
STRANGER = Authority("Test Issuing CA", parent=Authority("Test Root CA"), path_length=0)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def failed(
    leaf: x509.Certificate,
    bundle: tuple[x509.Certificate, ...] = (OWN, ROOT),
    returned: tuple[x509.Certificate, ...] = (OWN, ROOT),
) -> set[str]:
    evidence = Evidence(IssuedCertificate(leaf, returned), KEY.public_key(), URIS, NOT_AFTER, bundle, at=NOW)
    checks = [check(evidence) for _, check in CERTIFICATE_CHECKS]
    for (name, _), check in zip(CERTIFICATE_CHECKS, checks, strict=True):
        assert check.name == name
        assert check.expected
        assert check.found
        assert bool(check.advice) == check.failed
    return {check.name for check in checks if check.outcome is not Outcome.PASSED}


def test_a_good_certificate_passes_every_check() -> None:
    assert failed(ISSUING.issue(KEY.public_key(), URIS)) == set()
    assert failed(ISSUING.issue(KEY.public_key(), URIS), bundle=(ROOT,)) == set()
    assert failed(ISSUING.issue(KEY.public_key(), URIS), returned=()) == {"chain-order"}


def other_key() -> rsa.RSAPublicKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()


@pytest.mark.parametrize(
    ("leaf", "names"),
    [
        (ISSUING.issue(other_key(), URIS), {"public-key"}),
        (ISSUING.issue(KEY.public_key(), URIS[:1]), {"subject-alternative-names"}),
        (ISSUING.issue(KEY.public_key(), URIS[::-1]), {"subject-alternative-names"}),
        (ISSUING.issue(KEY.public_key(), [*URIS, "spiffe://default/admin"]), {"subject-alternative-names"}),
        (ISSUING.issue(KEY.public_key(), ["spiffe://other/backend", URIS[1]]), {"subject-alternative-names"}),
        (ISSUING.issue(KEY.public_key(), URIS, usage=usage("digital_signature")), {"key-usage"}),
        (
            ISSUING.issue(KEY.public_key(), URIS, usage=usage("digital_signature", "key_encipherment", "crl_sign")),
            {"key-usage"},
        ),
        (ISSUING.issue(KEY.public_key(), URIS, extended=(CLIENT,)), {"extended-key-usage"}),
        (
            ISSUING.issue(KEY.public_key(), URIS, extended=(SERVER, CLIENT, ExtendedKeyUsageOID.CODE_SIGNING)),
            {"extended-key-usage"},
        ),
        (ISSUING.issue(KEY.public_key(), URIS, extended=(SERVER,)), {"extended-key-usage"}),
        (ISSUING.issue(KEY.public_key(), URIS, is_ca=True), {"basic-constraints"}),
        (ISSUING.issue(KEY.public_key(), URIS, not_after=NOW + timedelta(hours=23)), {"lifetime"}),
        (ISSUING.issue(KEY.public_key(), URIS, not_after=NOW + timedelta(days=365)), {"lifetime"}),
        (ISSUING.issue(KEY.public_key(), URIS, not_before=NOW - timedelta(hours=3)), {"lifetime"}),
        (
            ISSUING.issue(
                KEY.public_key(), URIS, not_before=NOW - timedelta(days=2), not_after=NOW - timedelta(days=1)
            ),
            {"lifetime", "chain"},
        ),
        (STRANGER.issue(KEY.public_key(), URIS), {"chain", "chain-order"}),
    ],
)
def test_a_broken_issuer_is_named(leaf: x509.Certificate, names: set[str]) -> None:
    assert failed(leaf) == names


def test_a_mesh_that_carries_the_wrong_bundle() -> None:
    leaf = ISSUING.issue(KEY.public_key(), URIS)
    assert failed(leaf, bundle=STRANGER.chain()) == {"chain"}
    assert failed(leaf, bundle=(OWN,)) == {"chain"}
    assert failed(leaf, bundle=(ROOT,), returned=()) == {"chain", "chain-order"}


@pytest.mark.parametrize("returned", [(ROOT, OWN), (OWN,), (ROOT,), (OWN, OWN, ROOT), (OWN, STRANGER.chain()[-1])])
def test_a_chain_that_is_none(returned: tuple[x509.Certificate, ...]) -> None:
    assert failed(ISSUING.issue(KEY.public_key(), URIS), returned=returned) == {"chain-order"}


def names_check(*, common_name: str | None, critical: bool) -> Check:
    leaf = ISSUING.issue(KEY.public_key(), URIS, common_name=common_name, san_critical=critical)
    evidence = Evidence(
        IssuedCertificate(leaf, ()), KEY.public_key(), URIS, NOT_AFTER, (OWN, ROOT), common_name=common_name, at=NOW
    )
    (found,) = [check(evidence) for name, check in CERTIFICATE_CHECKS if name == "subject-alternative-names"]
    return found


def test_without_a_subject_names_that_are_not_critical_are_a_failure() -> None:
    good = names_check(common_name=None, critical=True)
    assert (good.outcome, good.found, good.note) == (Outcome.PASSED, ", ".join(URIS), "")
    assert good.expected == f"{', '.join(URIS)} (critical: the subject is empty)"
    bad = names_check(common_name=None, critical=False)
    assert (bad.outcome, bad.expected) == (Outcome.FAILED, good.expected)
    assert bad.found == f"{', '.join(URIS)} (not critical)"
    assert "commonName" in bad.advice


@pytest.mark.parametrize("critical", [False, True])
def test_with_a_subject_the_names_may_be_critical_or_not(critical: bool) -> None:
    check = names_check(common_name="backend.mesh", critical=critical)
    assert (check.outcome, check.note) == (Outcome.PASSED, "")
    assert check.expected == check.found == ", ".join(URIS)


@pytest.mark.parametrize(("days", "outcome"), [(7, Outcome.PASSED), (8, Outcome.FAILED)])
def test_a_short_lived_certificate_is_backdated(days: int, outcome: Outcome) -> None:
    ends = NOW + timedelta(days=days)
    leaf = ISSUING.issue(KEY.public_key(), URIS, not_before=NOW - timedelta(hours=1), not_after=ends)
    mode: UsageMode = "SHORT_LIVED_CERTIFICATE"
    check = check_usage_mode(
        Evidence(IssuedCertificate(leaf, ()), KEY.public_key(), URIS, ends, (OWN, ROOT), mode, at=NOW)
    )
    assert check.outcome is outcome
    assert check.expected == "at most 7 days, backdated by at most 60 minutes: the CA is in short-lived mode"
    # As the check lifetime shows it.
    assert check.found == check_lifetime(Evidence(IssuedCertificate(leaf, ()), KEY.public_key(), URIS, ends, ())).found
