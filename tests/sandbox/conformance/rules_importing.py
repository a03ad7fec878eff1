"""Rules on the certificate of a CA that was signed outside AWS."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.judges.authorities import Ca, Extension, extension
from tests.judges.pem_parts import pem
from tests.sandbox.conformance.world import BOTOCORE, World, refused, rule

IMPORT = f"{BOTOCORE}: ImportCertificateAuthorityCertificate"
OFFLINE = Ca("Offline Root")
NOT_CRITICAL = extension(x509.BasicConstraints(ca=True, path_length=0))


def signed(
    world: World, arn: str, *extensions: Extension, parent: Ca = OFFLINE, more: tuple[Extension, ...] = ()
) -> Ca:
    """The CA's own request, signed by an authority outside AWS."""
    request = x509.load_pem_x509_csr(
        world.pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    )
    key = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    name = request.subject.public_bytes()
    return Ca("", parent, subject=name, public_key=key, extensions=extensions, extra=more)


def bring(world: World, arn: str, certificate: str, above: str) -> None:
    world.pca.import_certificate_authority_certificate(
        CertificateAuthorityArn=arn, Certificate=certificate.encode(), CertificateChain=above.encode()
    )


@rule("import.constraints-critical", "Basic constraints must be critical in every certificate of the chain.", IMPORT)
def _(world: World) -> None:
    arn = world.create("SUBORDINATE")
    with refused("MalformedCertificateException", "basicConstraints that are not critical"):
        bring(world, arn, pem(signed(world, arn, NOT_CRITICAL).der), pem(OFFLINE.der))
    root = Ca("Lax Root", extensions=[NOT_CRITICAL])
    with refused("MalformedCertificateException", "basicConstraints that are not critical"):
        bring(world, arn, pem(signed(world, arn, parent=root).der), pem(root.der))


@rule("import.critical-extensions", "Critical extensions that are not on AWS's list are rejected.", IMPORT)
def _(world: World) -> None:
    arn = world.create("SUBORDINATE")
    point = x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.example/ca.crl")], None, None, None)
    for rejected in (
        Extension("1.3.6.1.4.1.99999.7", b"\x05\x00", critical=True),
        extension(x509.PolicyConstraints(None, 0), critical=True),
        extension(x509.CRLDistributionPoints([point]), critical=True),
        extension(x509.FreshestCRL([point]), critical=True),
    ):
        with refused("MalformedCertificateException", "which AWS does not import"):
            bring(world, arn, pem(signed(world, arn, more=(rejected,)).der), pem(OFFLINE.der))


@rule("import.critical-extensions-allowed", "Critical extensions on AWS's list are accepted.", IMPORT)
def _(world: World) -> None:
    allowed = (
        extension(
            x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)]), critical=True
        ),
        extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True),
        extension(x509.InhibitAnyPolicy(0), critical=True),
        extension(x509.NameConstraints([x509.DNSName("mesh.example")], None), critical=True),
    )
    arn = world.create("SUBORDINATE")
    bring(world, arn, pem(signed(world, arn, more=allowed).der), pem(OFFLINE.der))
    assert world.status(arn) == "ACTIVE"


@rule("import.self-signed", "A self-signed certificate can be imported to a root, not to a subordinate CA.", IMPORT)
def _(world: World) -> None:
    own = world.pca.get_certificate_authority_certificate(CertificateAuthorityArn=world.root())["Certificate"]
    arn = world.create("SUBORDINATE")
    with refused("CertificateMismatchException"):
        bring(world, arn, own, pem(OFFLINE.der))
    root = world.create("ROOT")
    with refused("MalformedCertificateException", "only a self-signed certificate"):
        world.pca.import_certificate_authority_certificate(
            CertificateAuthorityArn=root, Certificate=pem(signed(world, root).der).encode()
        )


@rule("import.own-certificate", "The chain must not contain the imported certificate.", IMPORT)
def _(world: World) -> None:
    arn = world.create("SUBORDINATE")
    own = signed(world, arn)
    with refused("MalformedCertificateException", "contains the CA's own certificate"):
        bring(world, arn, pem(own.der), pem(*own.chain()))


@rule("import.pem", "PEM in which Go, OpenSSL or Envoy miss a certificate is rejected.", "lint.md: MESH070")
def _(world: World) -> None:
    arn = world.create("SUBORDINATE")
    middle = Ca("Offline Middle", OFFLINE)
    own, above = pem(signed(world, arn, parent=middle).der), pem(middle.der, OFFLINE.der)
    for broken in above.replace("-----\n-----", "----------"), f"\ufeff{above}", above.replace("\n", "\r"):
        with refused("MalformedCertificateException"):
            bring(world, arn, own, broken)
    bring(world, arn, own.replace("\n", "\r\n"), above.strip())
    assert world.status(arn) == "ACTIVE"


@rule(
    "import.name",
    "The issuer name in a certificate has the same string type as the CA's own subject.",
    "RFC 5280, 4.1.2.4",
)
def _(world: World) -> None:
    arn = world.create("SUBORDINATE")
    own = signed(world, arn)
    printable = Ca("", OFFLINE, subject=own.subject.replace(b"\x0c", b"\x13"), public_key=own.public_key)
    bring(world, arn, pem(printable.der), pem(OFFLINE.der))
    leaf = x509.load_pem_x509_certificate(world.get(arn, world.issue(arn))["Certificate"].encode())
    assert leaf.issuer.public_bytes() == printable.subject != own.subject
