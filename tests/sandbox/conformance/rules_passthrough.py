"""Rules on passthrough: what templates copy from the CSR and ApiPassthrough, and which has precedence."""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from tests.sandbox.conformance.world import BOTOCORE, TEMPLATES_DOC, World, csr, extension, refused, rule
from toolkit.pki.extensions import build_key_usage as usage

ORDER = f"{TEMPLATES_DOC} (template order of operations)"
CUSTOM = x509.ObjectIdentifier("1.2.3.4.5")
REQUESTED = (
    (usage("data_encipherment"), True),
    (x509.ExtendedKeyUsage([Eku.EMAIL_PROTECTION]), False),
    (x509.UnrecognizedExtension(CUSTOM, b"from the request"), False),
)
GIVEN: dict[str, Any] = {
    "Subject": {"CommonName": "from the API"},
    "Extensions": {
        "KeyUsage": {"KeyAgreement": True, "DigitalSignature": False},
        "ExtendedKeyUsage": [{"ExtendedKeyUsageType": "TIME_STAMPING"}, {"ExtendedKeyUsageObjectIdentifier": "1.2.3"}],
        "SubjectAlternativeNames": [{"DnsName": "api.example"}, {"IpAddress": "10.0.0.1"}],
        "CustomExtensions": [
            {"ObjectIdentifier": "1.2.3.4.5", "Value": base64.b64encode(b"from the API").decode(), "Critical": True}
        ],
    },
}


def _issued(world: World, template: str, *, given: dict[str, Any] | None = None) -> x509.Certificate:
    request = csr("from the request", ("spiffe://default/backend",), extensions=REQUESTED)
    more = {"ApiPassthrough": given} if given else {}
    return world.issued(world.root(), request, template=f"{template}/V1", **more)


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    found = extension(certificate, x509.KeyUsage)
    return found.value if found else None


def _purposes(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    found = extension(certificate, x509.ExtendedKeyUsage)
    return list(found.value) if found else []


def _custom(certificate: x509.Certificate) -> bytes | None:
    found = [item.value for item in certificate.extensions if item.oid == CUSTOM]
    return found[0].value if found and isinstance(found[0], x509.UnrecognizedExtension) else None


def _names(certificate: x509.Certificate) -> list[object]:
    found = extension(certificate, x509.SubjectAlternativeName)
    return [getattr(name, "value", None) for name in found.value] if found else []


@rule(
    "passthrough.api-ignored",
    "A template without API passthrough ignores ApiPassthrough.",
    f"{BOTOCORE}: IssueCertificateRequest.ApiPassthrough",
)
def _(world: World) -> None:
    for template in ("EndEntityCertificate", "EndEntityCertificate_CSRPassthrough"):
        leaf = _issued(world, template, given=GIVEN)
        assert leaf.subject.rfc4514_string() == "CN=from the request"
        assert _names(leaf) == ["spiffe://default/backend"]


@rule("passthrough.csr", "CSR passthrough copies only extensions that the template does not define.", ORDER)
def _(world: World) -> None:
    leaf = _issued(world, "EndEntityCertificate_CSRPassthrough")
    assert _usage(leaf) == usage("digital_signature", "key_encipherment")
    assert _purposes(leaf) == [Eku.SERVER_AUTH, Eku.CLIENT_AUTH]
    assert _custom(leaf) == b"from the request"
    assert _custom(_issued(world, "EndEntityCertificate")) is None


@rule(
    "passthrough.api",
    "With API passthrough, subject and SAN come from the API, and key usages from the template.",
    ORDER,
)
def _(world: World) -> None:
    leaf = _issued(world, "EndEntityCertificate_APIPassthrough", given=GIVEN)
    assert leaf.subject.rfc4514_string() == "CN=from the API"
    assert [str(name) for name in _names(leaf)] == ["api.example", "10.0.0.1"]
    assert _usage(leaf) == usage("digital_signature", "key_encipherment")
    assert _purposes(leaf) == [Eku.SERVER_AUTH, Eku.CLIENT_AUTH]
    assert _custom(leaf) == b"from the API"


@rule("passthrough.api-else-csr", "Without ApiPassthrough, subject and SAN come from the request.", ORDER)
def _(world: World) -> None:
    leaf = _issued(world, "EndEntityCertificate_APIPassthrough")
    assert leaf.subject.rfc4514_string() == "CN=from the request"
    assert _names(leaf) == ["spiffe://default/backend"]
    assert _custom(leaf) is None


@rule("passthrough.order", "The API has precedence over the request.", ORDER)
def _(world: World) -> None:
    leaf = _issued(world, "BlankEndEntityCertificate_APICSRPassthrough", given=GIVEN)
    assert _usage(leaf) == usage("key_agreement")
    assert _purposes(leaf) == [Eku.TIME_STAMPING, x509.ObjectIdentifier("1.2.3")]
    assert _custom(leaf) == b"from the API"


@rule("passthrough.order.csr", "Values that are not in the API come from the request.", ORDER)
def _(world: World) -> None:
    leaf = _issued(world, "BlankEndEntityCertificate_APICSRPassthrough")
    assert _usage(leaf) == usage("data_encipherment")
    assert _purposes(leaf) == [Eku.EMAIL_PROTECTION]
    assert _custom(leaf) == b"from the request"


def _blank_rule(variant: str) -> None:
    name = f"BlankEndEntityCertificate_{variant}"

    @rule(f"blank.{variant}", f"{name} has no key usages unless they are passed.", TEMPLATES_DOC)
    def _(world: World) -> None:
        leaf = world.issued(world.root(), csr("x"), template=f"{name}/V1")
        assert _usage(leaf) is None
        assert _purposes(leaf) == []
        constraints = extension(leaf, x509.BasicConstraints)
        assert constraints
        assert not constraints.value.ca
        assert constraints.critical == ("CriticalBasicConstraints" in name)
        assert extension(leaf, x509.AuthorityKeyIdentifier)
        assert extension(leaf, x509.SubjectKeyIdentifier)


for _kind in ("CSRPassthrough", "APIPassthrough", "APICSRPassthrough"):
    _blank_rule(_kind)
    _blank_rule(f"CriticalBasicConstraints_{_kind}")


@rule("passthrough.constraints", "No passthrough turns an end-entity certificate into a CA certificate.", ORDER)
def _(world: World) -> None:
    wanted = ((x509.BasicConstraints(ca=True, path_length=None), True), (usage("key_cert_sign"), True))
    for template in ("BlankEndEntityCertificate_CSRPassthrough", "EndEntityCertificate_APICSRPassthrough"):
        leaf = world.issued(world.root(), csr(extensions=wanted), template=f"{template}/V1")
        constraints = extension(leaf, x509.BasicConstraints)
        assert constraints
        assert not constraints.value.ca


@rule(
    "blank.subordinate",
    "BlankSubordinateCACertificate issues a CA certificate; its key usage is passed.",
    TEMPLATES_DOC,
)
def _(world: World) -> None:
    given = {"Extensions": {"KeyUsage": {"KeyCertSign": True, "CRLSign": True}}}
    template = "BlankSubordinateCACertificate_PathLen2_APIPassthrough/V1"
    made = world.issued(world.root(), template=template, ApiPassthrough=given)
    constraints = extension(made, x509.BasicConstraints)
    assert constraints
    assert (constraints.value, constraints.critical) == (x509.BasicConstraints(ca=True, path_length=2), True)
    assert _usage(made) == usage("key_cert_sign", "crl_sign")


@rule("passthrough.root", "A root's passthrough template takes the subject from the API, but no AKI.", TEMPLATES_DOC)
def _(world: World) -> None:
    arn = world.create()
    request = world.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    given = {"Extensions": {"CertificatePolicies": [{"CertPolicyId": "1.2.3.4"}]}}
    own = world.issued(arn, request, template="RootCACertificate_APIPassthrough/V1", ApiPassthrough=given)
    assert extension(own, x509.CertificatePolicies)
    assert extension(own, x509.AuthorityKeyIdentifier) is None
    with refused("InvalidArgsException"):
        world.issue(arn, request, template="RootCACertificate_CSRPassthrough/V1")


@rule("passthrough.blank-exists-only-with", "Blank templates exist only with a passthrough.", TEMPLATES_DOC)
def _(world: World) -> None:
    for name in ("BlankEndEntityCertificate", "BlankSubordinateCACertificate_PathLen0", "BlankRootCACertificate"):
        with refused("InvalidArgsException", "no template"):
            world.issue(world.root(), template=f"{name}/V1")


@rule(
    "passthrough.custom",
    "A custom extension can't replace an extension that has its own field.",
    f"{BOTOCORE}: CustomExtension",
)
def _(world: World) -> None:
    custom = {"ObjectIdentifier": "2.5.29.19", "Value": base64.b64encode(b"\x30\x03\x01\x01\xff").decode()}
    with refused("InvalidArgsException", "2.5.29.19"):
        _issued(world, "EndEntityCertificate_APIPassthrough", given={"Extensions": {"CustomExtensions": [custom]}})


@rule(
    "passthrough.purpose",
    "An extended key usage has either a type or an object identifier.",
    f"{BOTOCORE}: ExtendedKeyUsage",
)
def _(world: World) -> None:
    both = {"ExtendedKeyUsageType": "SERVER_AUTH", "ExtendedKeyUsageObjectIdentifier": "1.2.3"}
    for wrong in (both, {}):
        with refused("InvalidArgsException", "either a type or an object identifier"):
            given = {"Extensions": {"ExtendedKeyUsage": [wrong]}}
            _issued(world, "BlankEndEntityCertificate_APIPassthrough", given=given)


@rule("passthrough.names", "A general name has exactly one form, which can be encoded.", f"{BOTOCORE}: GeneralName")
def _(world: World) -> None:
    for wrong in ({"DnsName": "a", "IpAddress": "10.0.0.1"}, {}, {"IpAddress": "x"}, {"DnsName": "ü"}):
        with refused("InvalidArgsException"):
            given = {"Extensions": {"SubjectAlternativeNames": [wrong]}}
            _issued(world, "EndEntityCertificate_APIPassthrough", given=given)
