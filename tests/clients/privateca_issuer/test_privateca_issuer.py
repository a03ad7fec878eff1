"""aws-privateca-issuer gets the certificates that cert-manager asks it for, each from the right template."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.clients.recorder import Recorder
from tests.judges import openssl
from tests.sandbox.conformance.world import KEY, World, csr, extension
from toolkit.pki import templates
from toolkit.pki.extensions import build_key_usage
from toolkit.sandbox.faults import Fault, FaultPlan

if TYPE_CHECKING:
    from tests.clients.privateca_issuer.controller import Controller
    from tests.conftest import TestSandbox

pytestmark = pytest.mark.slow
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
TLS = build_key_usage("digital_signature", "key_encipherment")
SIGNING = build_key_usage("digital_signature")
PURPOSES: dict[openssl.Usage, x509.ObjectIdentifier] = {"server": SERVER, "client": CLIENT}
CLUSTER, NAMESPACED = "AWSPCAClusterIssuer", "AWSPCAIssuer"


@dataclass(frozen=True)
class Case:
    """What is asked for, and the certificate that the template makes of it."""

    usages: tuple[str, ...]
    template: str
    extended: frozenset[x509.ObjectIdentifier]
    usage: x509.KeyUsage
    is_ca: bool = False


# cert-manager/aws-privateca-issuer: pkg/aws/pca.go, buildTemplateArn.
CASES = {
    "server": Case(("server auth",), "EndEntityServerAuthCertificate/V1", frozenset({SERVER}), TLS),
    "client": Case(("client auth",), "EndEntityClientAuthCertificate/V1", frozenset({CLIENT}), TLS),
    "both": Case(("client auth", "server auth"), "EndEntityCertificate/V1", frozenset({SERVER, CLIENT}), TLS),
    "code": Case(
        ("code signing",), "CodeSigningCertificate/V1", frozenset({ExtendedKeyUsageOID.CODE_SIGNING}), SIGNING
    ),
    "ocsp": Case(
        ("ocsp signing",), "OCSPSigningCertificate/V1", frozenset({ExtendedKeyUsageOID.OCSP_SIGNING}), SIGNING
    ),
    "authority": Case(
        ("cert sign",),
        "SubordinateCACertificate_PathLen0/V1",
        frozenset(),
        build_key_usage("digital_signature", "key_cert_sign", "crl_sign"),
        is_ca=True,
    ),
    "other": Case(
        ("email protection", "digital signature", "server auth"),
        "BlankEndEntityCertificate_APICSRPassthrough/V1",
        frozenset({EMAIL}),
        SIGNING,
    ),
}
# What only the blank template takes from the CSR.
ASKED = ((x509.ExtendedKeyUsage([EMAIL]), False), (SIGNING, True))


@pytest.fixture
def world(aws: TestSandbox) -> World:
    return World(aws)


@pytest.fixture
def authority(world: World) -> str:
    """A CA below a root, with room for one more below it."""
    return world.subordinate(world.root(), path_length=1)


def new_name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def issuer(controller: Controller, kind: str, authority: str, **spec: Any) -> tuple[str, str]:
    name = new_name()
    controller.add_issuer(kind, name, arn=authority, region="eu-central-1", **spec)
    return kind, name


def request(controller: Controller, chosen: tuple[str, str], case: Case) -> str:
    name = new_name()
    asked = csr(f"{name}.example.com", extensions=ASKED)
    controller.add_request(name, chosen, asked, usages=list(case.usages), isCA=case.is_ca, duration="2h")
    return name


def certificates(found: dict[str, Any]) -> list[x509.Certificate]:
    """The certificate of a request, and what is above it up to the root."""
    status = found["status"]
    text = b"".join(base64.b64decode(status[name]) for name in ("certificate", "ca"))
    return x509.load_pem_x509_certificates(text)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_template(controller: Controller, world: World, authority: str, case: Case) -> None:
    chosen = issuer(controller, CLUSTER, authority)
    name = request(controller, chosen, case)
    found = controller.issued(name)
    leaf, *above = certificates(found)
    assert leaf.public_key() == KEY.public_key()
    assert leaf.subject.rfc4514_string() == f"CN={name}.example.com"
    extended = extension(leaf, x509.ExtendedKeyUsage)
    assert (set(extended.value) if extended else set()) == case.extended
    assert required(leaf, x509.KeyUsage) == case.usage
    assert required(leaf, x509.BasicConstraints) == x509.BasicConstraints(case.is_ca, 0 if case.is_ca else None)
    assert timedelta(hours=1) < leaf.not_valid_after_utc - leaf.not_valid_before_utc < timedelta(hours=4)
    known = world.aws.private_ca.registry.authorities[authority]
    arn = found["metadata"]["annotations"]["aws-privateca-issuer/certificate-arn"]
    assert known.issued[arn].template == templates.build_arn(case.template)
    assert above == list(known.certificates)
    verify(leaf, above, case.extended)


def test_a_template_of_the_issuer(controller: Controller, world: World, authority: str) -> None:
    chosen = issuer(
        controller, NAMESPACED, authority, pcaTemplate={"defaultTemplateName": "EndEntityCertificate_CSRPassthrough/V1"}
    )
    leaf, *_ = certificates(controller.issued(request(controller, chosen, CASES["code"])))
    assert set(required(leaf, x509.ExtendedKeyUsage)) == {SERVER, CLIENT}
    assert required(leaf, x509.KeyUsage) == TLS
    assert world.status(authority) == "ACTIVE"


def test_a_role_that_may_use_one_template(controller: Controller, world: World, authority: str) -> None:
    pinned = {"StringEquals": {"acm-pca:TemplateArn": templates.build_arn(CASES["server"].template)}}
    reading = ["acm-pca:DescribeCertificateAuthority", "acm-pca:GetCertificate"]
    role = world.make_role(
        {"Effect": "Allow", "Action": "acm-pca:IssueCertificate", "Resource": authority, "Condition": pinned},
        {"Effect": "Allow", "Action": reading, "Resource": authority},
    )
    chosen = issuer(controller, NAMESPACED, authority, role=role)
    allowed, denied = (request(controller, chosen, CASES[name]) for name in ("server", "client"))
    controller.issued(allowed)
    message = controller.message(denied, "Failed")
    assert "AccessDeniedException" in message
    assert "acm-pca:IssueCertificate" in message
    assert len(world.aws.private_ca.registry.authorities[authority].issued) == 1


def test_a_certificate_that_takes_a_moment(controller: Controller, world: World, authority: str) -> None:
    """The controller asks again after RequestInProgressException."""
    world.aws.private_ca.registry.issuance_delay = timedelta(hours=1)
    name = request(controller, issuer(controller, CLUSTER, authority), CASES["server"])
    assert controller.message(name, "Pending") == "waiting for certificate to be issued"
    world.aws.clock.shift = timedelta(hours=1)
    controller.issued(name)


@pytest.mark.parametrize("effect", ["throttle", "error", "reset"])
def test_faults(controller: Controller, world: World, authority: str, effect: Any) -> None:
    chosen = issuer(controller, CLUSTER, authority)
    operations = ("IssueCertificate", "GetCertificate")
    faults = tuple(Fault(effect=effect, operation=operation, times=2) for operation in operations)
    world.aws.faults = recorder = Recorder(FaultPlan(faults=faults))
    controller.issued(request(controller, chosen, CASES["server"]))
    # The third attempt of each call succeeds.
    assert [recorder.operations().count(operation) for operation in operations] == [3, 3]
    assert len(world.aws.private_ca.registry.authorities[authority].issued) == 1


def test_a_csr_that_aws_rejects(controller: Controller, authority: str) -> None:
    """An empty subject with a SAN that is not critical (cert-manager/aws-privateca-issuer#6)."""
    chosen, name = issuer(controller, CLUSTER, authority), new_name()
    asked = csr(None, ("spiffe://default/web",), san_critical=False)
    controller.add_request(name, chosen, asked, usages=["server auth"])
    assert "MalformedCSRException" in controller.message(name, "Failed")


def required(certificate: x509.Certificate, kind: type[Any]) -> Any:
    found = extension(certificate, kind)
    assert found
    return found.value


def verify(leaf: x509.Certificate, above: list[x509.Certificate], extended: frozenset[x509.ObjectIdentifier]) -> None:
    """OpenSSL must verify a certificate strictly, for the purposes that it has; one without a list has all of them."""
    encoded, *intermediates, root = (certificate.public_bytes(Encoding.DER) for certificate in (leaf, *above))
    for purpose, oid in PURPOSES.items():
        expected = "" if oid in extended or not extended else "unsuitable certificate purpose at depth 0"
        assert openssl.verify(encoded, intermediates, [root], purpose, strict=True) == expected, purpose
