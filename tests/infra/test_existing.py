"""Certificates of existing CAs are checked before anything is created; errors name the config path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.infra.shapes import HOME, changed, functions, shape
from tests.judges import asn1
from tests.judges.authorities import KEY_USAGE, Ca, Extension, extension
from tests.judges.pem_parts import pem
from tests.support import AUTHORITY_ARN, NOW
from toolkit.infra.reading import check_settings
from toolkit.infra.settings import SettingsError
from toolkit.pki.extensions import build_key_usage
from toolkit.pki.judging import MAX_CERTIFICATE

if TYPE_CHECKING:
    from tests.infra.conftest import RunProgram

ROOT = Ca("Offline Root")
ZONE = {
    "name": "zone-1",
    "region": "eu-central-1",
    "oidcProviderArn": f"arn:aws:iam::{HOME}:oidc-provider/oidc.example/id/1",
}
NOT_CRITICAL = extension(x509.BasicConstraints(ca=True, path_length=None))
NO_SIGN = extension(build_key_usage("digital_signature"), critical=True)
SERVER = extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]))
UNKNOWN = Extension("1.3.6.1.4.1.99999.7", b"\x05\x00", critical=True)
HOSTS = extension(x509.NameConstraints([x509.UniformResourceIdentifier("brookline.example")], None), critical=True)
LONG = Extension("1.2.3.4", asn1.tlv(asn1.OCTET_STRING, b"x" * MAX_CERTIFICATE))
SOON = (NOW - timedelta(hours=1), NOW + timedelta(hours=12))


def problems(certificate: str, above: str, **more: Any) -> dict[str, str]:
    given = {"issuedCertificate": certificate, "issuedCertificateChain": above, "topology": "under-external-ca"}
    try:
        check_settings({"zones": [ZONE], **given, **more}, "p")
    except SettingsError as error:
        return {problem.path.removeprefix("p:"): problem.message for problem in error.problems}
    return {}


def test_a_good_certificate_is_taken_however_its_lines_end() -> None:
    own, above = pem(Ca("Issuing", ROOT).der), pem(ROOT.der)
    for form in ("\n", "\r\n", " \n", "\n\n"[:1]):
        assert problems(own.replace("\n", form), above.replace("\n", form)) == {}
    assert problems(f"Certificate:\n    Data:\n{own}", above.strip()) == {}


@pytest.mark.parametrize(
    ("authority", "key", "words"),
    [
        (Ca("Issuing", ROOT, extensions=[NOT_CRITICAL]), "issuedCertificate", "basicConstraints that are not critical"),
        (Ca("Issuing", ROOT, extra=[UNKNOWN]), "issuedCertificate", "99999.7, which AWS does not import"),
        (Ca("Issuing", ROOT, extra=[SERVER]), "issuedCertificate", "an extendedKeyUsage without clientAuth"),
        (Ca("Issuing", ROOT, validity=SOON), "issuedCertificate", "before a data plane certificate that is issued now"),
        (Ca("Issuing", ROOT, extensions=[NO_SIGN]), "issuedCertificate", "a keyUsage without keyCertSign"),
        (Ca("Issuing", ROOT, extra=[HOSTS]), "issuedCertificate", "refuse spiffe://default/service"),
        (Ca("Issuing", Ca("Root", extra=[HOSTS])), "issuedCertificateChain", "refuse spiffe://default/service"),
        (Ca("Issuing", Ca("Root", extensions=[NOT_CRITICAL])), "issuedCertificateChain", "not critical"),
        (Ca("Issuing", Ca("Root", validity=SOON)), "issuedCertificateChain", "expires on"),
        (Ca("Issuing", ROOT, extra=[LONG]), "issuedCertificate", "longer than the 32,768 bytes that AWS imports"),
        (Ca("Issuing", ROOT, serial=b"\x80\x01"), "issuedCertificate", "line 1: the certificate that begins here"),
        (ROOT, "issuedCertificate", "a root is never imported here"),
        (
            Ca("Issuing", ROOT, issuer=asn1.common_name("Offline Root", asn1.PRINTABLE_STRING)),
            "issuedCertificateChain",
            "in another string type",
        ),
    ],
)
def test_what_aws_or_a_proxy_would_refuse(authority: Ca, key: str, words: str) -> None:
    found = problems(pem(authority.der), pem(*((authority.parent or ROOT).chain())))
    assert words in found[key]


def test_the_chain_is_without_the_certificate_itself() -> None:
    issuing = Ca("Issuing", ROOT)
    found = problems(pem(issuing.der), pem(*issuing.chain()))
    assert "contains the CA's own certificate" in found["issuedCertificateChain"]


def test_a_revocation_list_needs_its_usage() -> None:
    issuing = Ca("Issuing", ROOT, extensions=[extension(build_key_usage("key_cert_sign"), critical=True)])
    texts = pem(issuing.der), pem(ROOT.der)
    assert problems(*texts) == {}
    assert "without cRLSign" in problems(*texts, revocation={"crl": True})["issuedCertificate"]


def look_up(authority: Ca) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
    above = authority.chain()[1:]
    return functions(certificate=pem(authority.der), certificateChain=pem(*above) if above else "")


@pytest.mark.parametrize("name", ["adopt", "under-aws-ca"])
@pytest.mark.parametrize(
    ("authority", "words"),
    [
        (Ca("Issuing", ROOT, extensions=[NO_SIGN]), "certificate 1 (Issuing) has a keyUsage without keyCertSign"),
        (Ca("Issuing", Ca("Root", extra=[SERVER])), "certificate 2 (Root) has an extendedKeyUsage without clientAuth"),
    ],
)
def test_an_existing_ca_that_no_proxy_takes(run_program: RunProgram, name: str, authority: Ca, words: str) -> None:
    key = "adoptArn" if name == "adopt" else "parent.arn"
    with pytest.raises(SettingsError) as caught:
        run_program(shape(name), preview=True, functions=look_up(authority))
    assert [problem.path.removeprefix("kong-mesh-pca:") for problem in caught.value.problems] == [key]
    assert words in caught.value.problems[0].message


def test_a_chain_that_can_not_be_read_is_not_a_ca_that_waits(run_program: RunProgram) -> None:
    glued = pem(*Ca("Issuing", ROOT).chain()).replace("-----\n-----", "----------")
    with pytest.raises(SettingsError, match=r"its certificate or chain can't be read: line [0-9]+: END and BEGIN"):
        run_program(shape("adopt"), functions=functions(certificate=glued))


def test_a_ca_that_waits_for_its_certificate_is_told_of(run_program: RunProgram, warnings: list[str]) -> None:
    run_program(shape("under-external-ca"), functions=functions(status="PENDING_CERTIFICATE", certificate=""))
    (warning,) = warnings
    assert warning.startswith("The CA waits for its certificate: toolkit contract csr prints the request.")


def test_former_cas_are_warned_of(run_program: RunProgram, warnings: list[str]) -> None:
    former = changed(shape("root"), formerAuthorityArns=[AUTHORITY_ARN])
    run_program(former, functions=look_up(Ca("Issuing", ROOT, validity=SOON)))
    assert "formerAuthorityArns[0]: in the CA's chain, certificate 1 (Issuing) expires on" in warnings[0]


def test_strict_clients_are_told_of(run_program: RunProgram, warnings: list[str]) -> None:
    issuing = Ca("Issuing", Ca("Root", without=[KEY_USAGE]))
    given = changed(
        shape("under-external-ca"), issuedCertificate=pem(issuing.der), issuedCertificateChain=pem(*issuing.chain()[1:])
    )
    with pytest.raises(SettingsError, match="is for another key than that of the CA's CSR"):
        run_program(given)
    assert "issuedCertificateChain: certificate 2 (Root) has no keyUsage" in warnings[0]
