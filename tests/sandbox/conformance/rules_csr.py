"""Rules on certificate signing requests: which are malformed, and which parts the certificate copies."""

from __future__ import annotations

import subprocess
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.sandbox.conformance.world import BOTOCORE, KEY, World, csr, der, extension, refused, rule, signed

VALIDATION = "docs.aws.amazon.com/privateca/latest/userguide/certguard-validation.html"


@rule("csr.empty-names", "A request without subject and SAN is malformed.", f"{BOTOCORE}: IssueCertificateRequest.Csr")
def _(world: World) -> None:
    arn = world.root()
    with refused("MalformedCSRException", "subject"):
        world.issue(arn, csr(None))
    world.issue(arn, csr("only-a-subject"))
    world.issue(arn, csr(None, ("spiffe://only/a-san",)))


@rule("csr.header", "The PEM header is BEGIN CERTIFICATE REQUEST.", "aws/aws-cli#9613")
def _(world: World) -> None:
    renamed = csr().replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")
    with refused("MalformedCSRException", "BEGIN CERTIFICATE REQUEST"):
        world.issue(world.root(), renamed)


@rule("csr.garbage", "Text that is not a CSR is malformed.", f"{BOTOCORE}: MalformedCSRException")
def _(world: World) -> None:
    arn = world.root()
    for garbage in (
        b"x",
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        csr()[:200],
    ):
        with refused("MalformedCSRException"):
            world.issue(arn, garbage)


@rule(
    "csr.signature",
    "A request whose signature does not match its key is malformed.",
    "RFC 2986, 3 (proof of possession)",
)
def _(world: World) -> None:
    der = bytearray(x509.load_pem_x509_csr(csr()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)
    with refused("MalformedCSRException"):
        world.issue(world.root(), forged)


@rule("csr.key", "A key of a type that AWS does not support is rejected.", f"{BOTOCORE}: KeyAlgorithm")
def _(world: World) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None)
    with refused("MalformedCSRException"):
        world.issue(world.root(), request.public_bytes(Encoding.PEM))


@rule(
    "csr.key-size",
    "An RSA key has at least 2048 bits, as those of CAs; whether AWS accepts shorter ones is not documented.",
    f"{BOTOCORE}: KeyAlgorithm",
)
def _(world: World) -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - short on purpose
    with refused("MalformedCSRException", "2048"):
        world.issue(world.root(), csr(key=short))


# Object identifiers as DER.
_EC_KEY, _P256 = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06082a8648ce3d030107")
_EXTENSION_REQUEST, _SERVER_AUTH = bytes.fromhex("06092a864886f70d01090e"), bytes.fromhex("06082b06010505070301")
_ANY_TYPE = bytes.fromhex("06032a0304")
_SAN, _BASIC_CONSTRAINTS = x509.SubjectAlternativeName.oid, x509.BasicConstraints.oid
_KEY_USAGE, _EXTENDED_KEY_USAGE = x509.KeyUsage.oid, x509.ExtendedKeyUsage.oid


def _with(oid: x509.ObjectIdentifier, content: bytes) -> bytes:
    """A request with an extension of those very bytes."""
    return csr(extensions=((x509.UnrecognizedExtension(oid, content), False),))


def _named(*entries: bytes) -> bytes:
    return _with(_SAN, der(0x30, *entries))


def _directory(*common_names: bytes) -> bytes:
    """A SAN entry that is a name of common names, each an UTF8String."""
    oid = bytes.fromhex("0603550403")
    return der(0xA4, der(0x30, *(der(0x31, der(0x30, oid, der(0x0C, text))) for text in common_names)))


def _other(tag: int, text: bytes) -> bytes:
    """A SAN entry of a type that X.509 does not know, with a string of that tag."""
    return der(0xA0, _ANY_TYPE, der(0xA0, der(tag, text)))


def _assembled(*lists: tuple[bytes, ...], version: int = 0, parameters: bytes = _P256) -> bytes:
    """A request that no builder makes, signed: lists of SAN extensions, a version, parameters of an EC key."""
    point = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    key = der(0x30, der(0x30, _EC_KEY, parameters), der(0x03, b"\0", point))
    extensions = [[der(0x30, b"\x06\x03\x55\x1d\x11\x01\x01\xff", der(0x04, san)) for san in found] for found in lists]
    attributes = [der(0x30, _EXTENSION_REQUEST, der(0x31, der(0x30, *found))) for found in extensions]
    return signed(der(0x30, der(0x02, bytes([version])), der(0x30), key, der(0xA0, *sorted(attributes))))


def _openssl(*options: str) -> bytes:
    """A request of OpenSSL's with an EC key."""
    command = ("openssl", "req", "-new", "-newkey", "ec", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x")
    pairs = [word for option in options for word in ("-pkeyopt", option)]
    return subprocess.run([*command, *pairs], check=True, capture_output=True).stdout


@rule(
    "csr.names-critical",
    "A request without a subject must have a critical SAN.",
    "cert-manager/aws-privateca-issuer#6, cert-manager/istio-csr#90; RFC 5280, 4.2.1.6",
)
def _(world: World) -> None:
    arn = world.root()
    uris = ("spiffe://only/a-san",)
    with refused("MalformedCSRException", "CSR must mark the SAN extension critical when it has an empty subject"):
        world.issue(arn, csr(None, uris, san_critical=False))
    world.issue(arn, csr(None, uris, san_critical=True))
    world.issue(arn, csr("a-subject", uris, san_critical=False))
    world.issue(arn, csr("a-subject", uris, san_critical=True))


@rule(
    "csr.names-text",
    "A SAN entry must not be empty or blank, or contain control characters.",
    VALIDATION,
)
def _(world: World) -> None:
    arn = world.root()
    wrong = [der(tag, text) for tag in (0x81, 0x82, 0x86) for text in (b"", b" ", b"\t ", b"a\0b", b"a\n", b"\x7f")]
    wrong += [_directory(), _directory(b"a", b" "), _directory(b"a\rb"), _directory("a\x85".encode())]
    wrong += [_other(0x0C, b""), _other(0x16, b" "), _other(0x1E, b"\0a\0\n")]
    for entry in wrong:
        with refused("MalformedCSRException", "An entry of the SAN extension"):
            world.issue(arn, _named(der(0x82, b"a.example"), entry))
    right = (der(0x81, b"a@b.example"), der(0x82, b"a b"), der(0x86, b"spiffe://a/b"), der(0x88, b"\x2a\x03"))
    world.issue(arn, _named(*right, _directory("\u00fc".encode()), _other(0x0C, b"a"), _other(0x02, b"\0")))


@rule("csr.names-none", "A SAN must have an entry.", "RFC 5280, 4.2.1.6 (GeneralNames)")
def _(world: World) -> None:
    with refused("MalformedCSRException", "at least one entry"):
        world.issue(world.root(), _named())


@rule("csr.names-address", "An IP address in the SAN must be 4 or 16 bytes long.", VALIDATION)
def _(world: World) -> None:
    arn = world.root()
    for length in (0, 1, 3, 5, 8, 15, 17, 32):
        with refused("MalformedCSRException"):
            world.issue(arn, _named(der(0x87, bytes(length))))
    world.issue(arn, _named(der(0x87, bytes(4)), der(0x87, bytes(16))))


@rule("csr.names-unreadable", "A SAN that can't be parsed is malformed.", VALIDATION)
def _(world: World) -> None:
    arn = world.root()
    # No sequence, cut off, bytes after it, a tag that no general name has, x400Address and ediPartyName, and text that
    # is not in its type's character set.
    wholes = (b"", b"\x05\x00", b"\x30\x03\x82\x05a", der(0x30, der(0x82, b"a")) + b"\0", der(0x30, der(0x8F, b"a")))
    texts = (der(0x82, b"\xff"), der(0x86, "\u00fc".encode()), _directory(b"\xff"), _other(0x0C, b"\xff"))
    forms = (_named(der(0xA3)), _named(der(0xA5, der(0xA1, der(0x0C, b"a")))))
    for request in (*forms, *(_with(_SAN, whole) for whole in wholes), *(_named(text) for text in texts)):
        with refused("MalformedCSRException"):
            world.issue(arn, request)


@rule("csr.key-usage", "A key usage that can't be parsed is malformed.", VALIDATION)
def _(world: World) -> None:
    arn = world.root()
    for content in (b"", b"\x03\x00", b"\x04\x02\x05\xa0", b"\x03\x02\x05\xff", b"\x03\x02\x05\xa0\0"):
        with refused("MalformedCSRException"):
            world.issue(arn, _with(_KEY_USAGE, content))
    world.issue(arn, _with(_KEY_USAGE, b"\x03\x02\x05\xa0"))


@rule("csr.basic-constraints", "Basic constraints that can't be parsed are malformed.", VALIDATION)
def _(world: World) -> None:
    arn = world.root()
    for content in (b"", b"\x05\x00", b"\x30\x06\x01\x01\xff\x02\x01\xff", b"\x30\x03\x02\x01\x00", b"\x30\x00\x00"):
        with refused("MalformedCSRException"):
            world.issue(arn, _with(_BASIC_CONSTRAINTS, content))
    world.issue(arn, _with(_BASIC_CONSTRAINTS, b"\x30\x06\x01\x01\xff\x02\x01\x00"))


@rule(
    "csr.extended-key-usage",
    "Extra bytes after the extended key usage are malformed; AWS accepts one or two.",
    VALIDATION,
)
def _(world: World) -> None:
    arn = world.root()
    usage = der(0x30, _SERVER_AUTH)
    for trailing in (b"\0\0\0", b"\0", usage):
        with refused("MalformedCSRException"):
            world.issue(arn, _with(_EXTENDED_KEY_USAGE, usage + trailing))
    world.issue(arn, _with(_EXTENDED_KEY_USAGE, usage))


@rule(
    "csr.extension-twice",
    "A request must have one list of extensions, and each extension once.",
    "RFC 5280, 4.2; RFC 2985, 5.4.2",
)
def _(world: World) -> None:
    arn = world.root()
    first, second = der(0x30, der(0x82, b"a.example")), der(0x30, der(0x82, b"b.example"))
    for lists in (((first, second),), ((first, first),), ((first,), (second,))):
        with refused("MalformedCSRException"):
            world.issue(arn, _assembled(*lists))
    world.issue(arn, _assembled((first,)))


@rule("csr.version", "A request must have version 1, which is encoded as 0.", "RFC 2986, 4.1")
def _(world: World) -> None:
    with refused("MalformedCSRException"):
        world.issue(world.root(), _assembled((der(0x30, der(0x82, b"a.example")),), version=1))


@rule(
    "csr.curve",
    "An EC key must have a named curve that AWS supports for CAs; AWS also accepts explicit parameters.",
    f"{VALIDATION}; {BOTOCORE}: KeyAlgorithm",
)
def _(world: World) -> None:
    arn = world.root()
    for name in ("P-256", "P-384", "P-521"):
        world.issue(arn, _openssl(f"ec_paramgen_curve:{name}", "ec_param_enc:named_curve"))
        with refused("MalformedCSRException", "named curve"):
            world.issue(arn, _openssl(f"ec_paramgen_curve:{name}", "ec_param_enc:explicit"))
    for name in ("secp256k1", "secp224r1", "sect233k1"):
        for encoding in ("named_curve", "explicit"):
            with refused("MalformedCSRException"):
                world.issue(arn, _openssl(f"ec_paramgen_curve:{name}", f"ec_param_enc:{encoding}"))
    names = (der(0x30, der(0x82, b"a.example")),)
    world.issue(arn, _assembled(names))
    # implicitCurve, no parameters, and an identifier that is no curve's.
    for parameters in (b"\x05\x00", b"", bytes.fromhex("06082a8648ce3d03017f")):
        with refused("MalformedCSRException"):
            world.issue(arn, _assembled(names, parameters=parameters))


@rule(
    "issue.names-critical",
    "With every template, the certificate's SAN is critical if that of the request is.",
    "cert-manager/cert-manager#5494",
)
def _(world: World) -> None:
    arn = world.root()
    uris = ("spiffe://default/backend",)
    requests = ((csr(None, uris), True), (csr("x", uris), False), (csr("x", uris, san_critical=True), True))
    for variant in ("", "_CSRPassthrough", "_APIPassthrough", "_APICSRPassthrough"):
        for request, critical in requests:
            leaf = world.issued(arn, request, template=f"EndEntityCertificate{variant}/V1")
            found = extension(leaf, x509.SubjectAlternativeName)
            assert found
            assert found.critical == critical


@rule("passthrough.names-text", "A SAN that is malformed in a request is malformed in ApiPassthrough, too.", VALIDATION)
def _(world: World) -> None:
    arn = world.root()
    blank = {"CommonName": " "}
    wrong: tuple[dict[str, Any], ...] = (
        {"DnsName": ""},
        {"UniformResourceIdentifier": "a\0"},
        {"DirectoryName": blank},
    )
    for name in wrong:
        given = {"Extensions": {"SubjectAlternativeNames": [{"DnsName": "a.example"}, name]}}
        with refused("MalformedCSRException", "An entry of the SAN extension"):
            world.issue(arn, template="EndEntityCertificate_APIPassthrough/V1", ApiPassthrough=given)
        world.issue(arn, template="EndEntityCertificate/V1", ApiPassthrough=given)


@rule("csr.size", "A request has at most 32,768 bytes.", f"{BOTOCORE}: CsrBlob")
def _(world: World) -> None:
    with refused("ValidationException", "32768"):
        world.issue(world.root(), b"x" * 32769)
