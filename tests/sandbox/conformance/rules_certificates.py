"""Rules on issued certificates: templates, validity, chains, waiting."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from tests.sandbox.conformance.world import (
    BOTOCORE,
    TEMPLATES_DOC,
    World,
    csr,
    extension,
    now,
    refused,
    rule,
)
from toolkit.pki import chain, judging, pem
from toolkit.pki.authority import EVERYBODY, Needs
from toolkit.pki.extensions import build_key_usage as usage

ISSUE_DOC = "docs.aws.amazon.com/acm-pca/latest/userguide/PcaIssueCert.html"
URIS = ("spiffe://default/backend", "kuma://kuma.io/service/backend")


def _profile_rule(
    template: str, key_usage: x509.KeyUsage, extended: tuple[x509.ObjectIdentifier, ...], critical: bool
) -> None:
    @rule(f"template.{template}", f"{template} has exactly its key usages, and is not a CA certificate.", TEMPLATES_DOC)
    def _(world: World) -> None:
        leaf = world.issued(world.root(), template=f"{template}/V1")
        usages, purposes = extension(leaf, x509.KeyUsage), extension(leaf, x509.ExtendedKeyUsage)
        assert usages
        assert purposes
        assert (usages.value, usages.critical) == (key_usage, True)
        assert (tuple(purposes.value), purposes.critical) == (extended, critical)
        assert not chain.is_ca(leaf)
        assert len(leaf.extensions) == 5


_TLS, _SIGN = usage("digital_signature", "key_encipherment"), usage("digital_signature")
_profile_rule("EndEntityCertificate", _TLS, (Eku.SERVER_AUTH, Eku.CLIENT_AUTH), critical=False)
_profile_rule("EndEntityClientAuthCertificate", _TLS, (Eku.CLIENT_AUTH,), critical=False)
_profile_rule("EndEntityServerAuthCertificate", _TLS, (Eku.SERVER_AUTH,), critical=False)
_profile_rule("CodeSigningCertificate", _SIGN, (Eku.CODE_SIGNING,), critical=True)
_profile_rule("OCSPSigningCertificate", _SIGN, (Eku.OCSP_SIGNING,), critical=True)


@rule(
    "template.default",
    "The default template is EndEntityCertificate/V1.",
    f"{BOTOCORE}: IssueCertificateRequest.TemplateArn",
)
def _(world: World) -> None:
    leaf = world.issued(world.root())
    purposes = extension(leaf, x509.ExtendedKeyUsage)
    assert purposes
    assert set(purposes.value) == {Eku.SERVER_AUTH, Eku.CLIENT_AUTH}


@rule("template.root", "RootCACertificate has a critical CA:TRUE without a path length, and no AKI.", TEMPLATES_DOC)
def _(world: World) -> None:
    own = world.certificate(world.root())
    constraints, usages = extension(own, x509.BasicConstraints), extension(own, x509.KeyUsage)
    assert constraints
    assert usages
    assert (constraints.value, constraints.critical) == (x509.BasicConstraints(ca=True, path_length=None), True)
    assert (usages.value, usages.critical) == (usage("digital_signature", "key_cert_sign", "crl_sign"), True)
    assert extension(own, x509.AuthorityKeyIdentifier) is None
    assert extension(own, x509.ExtendedKeyUsage) is None
    assert chain.is_self_signed(own)


def _subordinate_rule(length: int) -> None:
    name = f"SubordinateCACertificate_PathLen{length}"

    @rule(f"template.{name}", f"{name} is a critical CA:TRUE with path length {length}.", TEMPLATES_DOC)
    def _(world: World) -> None:
        root = world.root()
        own = world.certificate(world.subordinate(root, length))
        constraints, usages = extension(own, x509.BasicConstraints), extension(own, x509.KeyUsage)
        assert constraints
        assert usages
        assert (constraints.value, constraints.critical) == (x509.BasicConstraints(ca=True, path_length=length), True)
        assert (usages.value, usages.critical) == (usage("digital_signature", "key_cert_sign", "crl_sign"), True)
        assert extension(own, x509.ExtendedKeyUsage) is None
        assert judging.list_problems([own, world.certificate(root)], Needs(), EVERYBODY) == []


for _length in range(4):
    _subordinate_rule(_length)


@rule("template.identifiers", "The SKI is derived from the request's key, and the AKI is the CA's SKI.", TEMPLATES_DOC)
def _(world: World) -> None:
    arn = world.root()
    leaf, own = world.issued(arn), extension(world.certificate(arn), x509.SubjectKeyIdentifier)
    subject, issuer = extension(leaf, x509.SubjectKeyIdentifier), extension(leaf, x509.AuthorityKeyIdentifier)
    assert subject
    assert issuer
    assert own
    assert subject.value == x509.SubjectKeyIdentifier.from_public_key(leaf.public_key())
    assert issuer.value.key_identifier == own.value.digest


@rule(
    "template.names",
    "Subject and SAN come from the request, in the same order.",
    f"{TEMPLATES_DOC} (order of operations)",
)
def _(world: World) -> None:
    leaf = world.issued(world.root(), csr("backend.mesh", URIS))
    names = extension(leaf, x509.SubjectAlternativeName)
    assert names
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == list(URIS)
    assert leaf.subject.rfc4514_string() == "CN=backend.mesh"


@rule("template.usages-not-from-csr", "Base templates ignore key usages in the request.", TEMPLATES_DOC)
def _(world: World) -> None:
    asked = (
        (usage("key_cert_sign"), True),
        (x509.ExtendedKeyUsage([Eku.CODE_SIGNING]), False),
        (x509.BasicConstraints(ca=True, path_length=None), True),
    )
    leaf = world.issued(world.root(), csr(extensions=asked))
    usages, purposes = extension(leaf, x509.KeyUsage), extension(leaf, x509.ExtendedKeyUsage)
    assert usages
    assert purposes
    assert usages.value == _TLS
    assert Eku.CODE_SIGNING not in list(purposes.value)
    assert not chain.is_ca(leaf)


@rule("template.unknown", "An unknown template is rejected.", f"{BOTOCORE}: IssueCertificateRequest.TemplateArn")
def _(world: World) -> None:
    with refused("InvalidArgsException", "There is no template"):
        world.issue(world.root(), template="MadeUpCertificate/V1")
    with refused("InvalidArgsException"):
        world.issue(world.root(), template="EndEntityCertificate/V2")


@rule("template.arn", "An ARN that is not a template's is rejected.", f"{BOTOCORE}: InvalidArnException")
def _(world: World) -> None:
    arn = world.root()
    with refused("InvalidArnException"):
        world.issue(arn, template=arn)


@rule(
    "template.partition",
    "A template's ARN must be in the CA's partition.",
    "cert-manager/aws-privateca-issuer: pkg/aws/pca.go",
)
def _(world: World) -> None:
    with refused("InvalidArnException", "partition aws"):
        world.issue(world.root(), template="arn:aws-cn:acm-pca:::template/EndEntityCertificate/V1")


@rule(
    "path-length.exceeded",
    "A CA below another must have a smaller path length.",
    f"{BOTOCORE}: IssueCertificateRequest.TemplateArn",
)
def _(world: World) -> None:
    issuing = world.subordinate(world.root(), 1)
    request = world.pca.get_certificate_authority_csr(CertificateAuthorityArn=world.create("SUBORDINATE"))[
        "Csr"
    ].encode()
    for length in (1, 2, 3):
        with refused("InvalidArgsException", "path length"):
            world.issue(issuing, request, template=f"SubordinateCACertificate_PathLen{length}/V1")
    world.issue(issuing, request, template="SubordinateCACertificate_PathLen0/V1")


@rule("path-length.zero", "No CA can be below a CA with path length 0.", "RFC 5280, 4.2.1.9")
def _(world: World) -> None:
    issuing = world.subordinate(world.root(), 0)
    with refused("InvalidArgsException", "path length"):
        world.issue(issuing, template="SubordinateCACertificate_PathLen0/V1")


@rule("root.own-key", "The root template is only for a root's own CSR.", f"{TEMPLATES_DOC} (RootCACertificate)")
def _(world: World) -> None:
    root = world.create()
    with refused("InvalidArgsException"):
        world.issue(root, template="RootCACertificate/V1")
    subordinate = world.create("SUBORDINATE")
    request = world.pca.get_certificate_authority_csr(CertificateAuthorityArn=subordinate)["Csr"].encode()
    with refused("InvalidArgsException"):
        world.issue(subordinate, request, template="RootCACertificate/V1")


@rule(
    "signature.algorithm",
    "A certificate has the requested signing algorithm.",
    f"{BOTOCORE}: IssueCertificateRequest.SigningAlgorithm",
)
def _(world: World) -> None:
    arn = world.root()
    for name, expected in (("SHA256", hashes.SHA256), ("SHA384", hashes.SHA384), ("SHA512", hashes.SHA512)):
        leaf = world.issued(arn, signing=f"{name}WITHECDSA")
        assert isinstance(leaf.signature_hash_algorithm, expected)


@rule(
    "signature.family",
    "The signing algorithm must match the CA's key, not the request's key.",
    f"{BOTOCORE}: IssueCertificateRequest.SigningAlgorithm",
)
def _(world: World) -> None:
    elliptic, classic = world.root(), world.root(key="RSA_2048")
    with refused("InvalidArgsException", "does not match the key algorithm"):
        world.issue(elliptic, signing="SHA256WITHRSA")
    with refused("InvalidArgsException", "does not match the key algorithm"):
        world.issue(classic, signing="SHA256WITHECDSA")
    world.issue(classic, csr(), signing="SHA256WITHRSA")
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    world.issue(elliptic, csr(key=own), signing="SHA256WITHECDSA")


@rule("issue.pending", "A pending CA does not issue.", "hashicorp/terraform-provider-aws#37592")
def _(world: World) -> None:
    with refused("InvalidStateException", "not in a valid state for issuing"):
        world.issue(world.create("SUBORDINATE"))


@rule(
    "issue.arn",
    "A certificate's ARN is the CA's ARN, /certificate/ and 32 hexadecimal digits.",
    f"{BOTOCORE}: IssueCertificateResponse",
)
def _(world: World) -> None:
    arn = world.root()
    before, _, identifier = world.issue(arn).partition("/certificate/")
    assert before == arn
    assert len(bytes.fromhex(identifier)) == 16


@rule(
    "issue.chain",
    "CertificateChain is complete: the issuing CA first, the root last.",
    f"{BOTOCORE}: GetCertificateResponse.CertificateChain",
)
def _(world: World) -> None:
    root = world.root()
    middle = world.subordinate(root, 1)
    issuing = world.subordinate(middle, 0, days=100)
    answer = world.get(issuing, world.issue(issuing, csr(None, URIS)))
    above = pem.load_certificates(answer["CertificateChain"])
    assert above == (world.certificate(issuing), world.certificate(middle), world.certificate(root))
    leaf = pem.load_certificate(answer["Certificate"])
    assert len(chain.verify_to_root(leaf, above[:-1], above[-1:], now())) == 4


@rule("issue.serial", "Serial numbers are positive, unique and at most 20 octets long.", "RFC 5280, 4.1.2.2")
def _(world: World) -> None:
    arn = world.root()
    serials = {world.issued(arn).serial_number for _ in range(5)}
    assert len(serials) == 5
    assert all(0 < serial < 2**159 for serial in serials)


@rule(
    "issue.idempotency",
    "The same token issues one certificate within five minutes.",
    f"{BOTOCORE}: IssueCertificateRequest.IdempotencyToken",
)
def _(world: World) -> None:
    arn = world.root()
    first = world.issue(arn, IdempotencyToken="once")
    assert world.issue(arn, IdempotencyToken="once") == first
    assert world.issue(arn, IdempotencyToken="other") != first
    assert world.issue(world.root(), IdempotencyToken="once") != first
    world.later(minutes=4, seconds=30)
    assert world.issue(arn, IdempotencyToken="once") == first
    world.later(seconds=31)
    assert world.issue(arn, IdempotencyToken="once") != first


@rule(
    "get.in-progress",
    "GetCertificate returns RequestInProgressException until the certificate is issued.",
    f"{BOTOCORE}: GetCertificate",
)
def _(world: World) -> None:
    arn = world.root()
    world.aws.private_ca.registry.issuance_delay = timedelta(seconds=30)
    issued = world.issue(arn)
    with refused("RequestInProgressException"):
        world.get(arn, issued)
    world.later(seconds=31)
    assert world.get(arn, issued)["Certificate"]


@rule("get.unknown", "An unknown certificate is not found.", f"{BOTOCORE}: GetCertificate")
def _(world: World) -> None:
    arn = world.root()
    with refused("ResourceNotFoundException"):
        world.get(arn, f"{arn}/certificate/{'0' * 32}")


@rule(
    "get.foreign", "The ARN of another CA's certificate is invalid.", f"{BOTOCORE}: GetCertificate, InvalidArnException"
)
def _(world: World) -> None:
    arn, other = world.root(), world.root()
    for foreign in (world.issue(other), arn, f"{arn}/certificat/{'0' * 32}"):
        with refused("InvalidArnException"):
            world.get(arn, foreign)


@rule("get.disabled", "The certificates of a disabled CA can still be read.", f"{BOTOCORE}: GetCertificate")
def _(world: World) -> None:
    arn = world.root()
    issued = world.issue(arn)
    world.disable(arn)
    assert world.get(arn, issued)["Certificate"]
