"""CAs that may break any rule: their certificates are encoded by hand, so that no library refuses to build them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.judges import asn1
from tests.support import NOW, Authority
from toolkit.pki.extensions import build_key_usage

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

URIS = ("spiffe://default/web", "kuma://kuma.io/service/web")
BOTH_USAGES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
SUBJECT_KEY_ID, KEY_USAGE, BASIC_CONSTRAINTS, AUTHORITY_KEY_ID = "2.5.29.14", "2.5.29.15", "2.5.29.19", "2.5.29.35"
_SHA_1, _SHA_256, _SHA_384 = hashes.SHA1(), hashes.SHA256(), hashes.SHA384()  # noqa: S303 - a defect to test
_ECDSA = {"sha1": "1.2.840.10045.4.1", "sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3"}
_RSA = {"sha1": "1.2.840.113549.1.1.5", "sha256": "1.2.840.113549.1.1.11", "sha384": "1.2.840.113549.1.1.12"}
_HASHES: dict[str, hashes.HashAlgorithm] = {"sha1": _SHA_1, "sha256": _SHA_256, "sha384": _SHA_384}
_NULL = asn1.tlv(asn1.NULL)


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


_LEAF_KEY = p256()


class Extension(NamedTuple):
    """An extension as it is encoded; `value` is DER."""

    oid: str
    value: bytes
    critical: bool = False

    def encode(self) -> bytes:
        critical = [asn1.tlv(asn1.BOOLEAN, b"\xff")] if self.critical else []
        return asn1.sequence(asn1.oid(self.oid), *critical, asn1.tlv(asn1.OCTET_STRING, self.value))


def extension(value: x509.ExtensionType, *, critical: bool = False) -> Extension:
    return Extension(value.oid.dotted_string, value.public_bytes(), critical)


@dataclass(frozen=True)
class Peer:
    """Somebody who presents certificates (DER), leaf first, and has the leaf's key."""

    certificates: tuple[bytes, ...]
    key: ec.EllipticCurvePrivateKey

    @property
    def leaf(self) -> bytes:
        return self.certificates[0]

    @classmethod
    def of(cls, authority: Authority, uris: Sequence[str] = URIS) -> Peer:
        """Return a peer with a new leaf of an authority, which it presents alone."""
        leaf = authority.issue(_LEAF_KEY.public_key(), list(uris), san_critical=True)
        return cls((leaf.public_bytes(Encoding.DER),), _LEAF_KEY)


class Algorithm(NamedTuple):
    """An AlgorithmIdentifier (DER), and how to sign with it."""

    identifier: bytes
    sign: Callable[[bytes], bytes]


def algorithm(key: Key, digest: str = "sha256", *, pss: bool = False) -> Algorithm:
    """Return how a key signs."""
    digested = _HASHES[digest]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return Algorithm(asn1.sequence(asn1.oid("1.3.101.112")), key.sign)
    if isinstance(key, ed448.Ed448PrivateKey):
        return Algorithm(asn1.sequence(asn1.oid("1.3.101.113")), key.sign)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return Algorithm(asn1.sequence(asn1.oid(_ECDSA[digest])), lambda content: key.sign(content, ec.ECDSA(digested)))
    if pss:
        salted = padding.PSS(padding.MGF1(digested), digested.digest_size)
        return Algorithm(_pss_sha256(), lambda content: key.sign(content, salted, digested))
    identifier = asn1.sequence(asn1.oid(_RSA[digest]), _NULL)
    return Algorithm(identifier, lambda content: key.sign(content, padding.PKCS1v15(), digested))


def _pss_sha256() -> bytes:
    sha256 = asn1.sequence(asn1.oid("2.16.840.1.101.3.4.2.1"), _NULL)
    mgf1 = asn1.sequence(asn1.oid("1.2.840.113549.1.1.8"), sha256)
    parameters = asn1.sequence(asn1.tagged(0, sha256), asn1.tagged(1, mgf1), asn1.tagged(2, asn1.integer(32)))
    return asn1.sequence(asn1.oid("1.2.840.113549.1.1.10"), parameters)


@dataclass
class Ca:
    """A CA; without a parent it is a root. Each option is a way in which its certificate can be wrong.

    Attributes:
        common_name: in its subject, unless `subject` is given.
        parent: issues its certificate.
        key: its private key.
        extensions: replace those that a CA has by default.
        without: the default extensions that it lacks, by OID.
        extra: further extensions, at the end.
        subject: its name (DER).
        issuer: its parent's name, unless given (DER).
        serial: the octets of its serial number.
        validity: from when until when; bytes are DER.
        version: of the certificate.
        signing: how its parent signs it.
        inner_algorithm: the AlgorithmIdentifier (DER) within what is signed, unless the outer one.
        public_key: its SubjectPublicKeyInfo (DER).
    """

    common_name: str
    parent: Ca | None = None
    _: KW_ONLY
    key: Key = field(default_factory=p256)
    extensions: Sequence[Extension] = ()
    without: Sequence[str] = ()
    extra: Sequence[Extension] = ()
    subject: bytes = b""
    issuer: bytes = b""
    serial: bytes | None = None
    validity: tuple[datetime | bytes, datetime | bytes] = (NOW - timedelta(hours=1), NOW + timedelta(days=3650))
    version: int = 3
    signing: Algorithm | None = None
    inner_algorithm: bytes = b""
    public_key: bytes = b""
    der: bytes = field(init=False)

    def __post_init__(self) -> None:
        parent = self.parent or self
        self.subject = self.subject or asn1.common_name(self.common_name)
        self.public_key = self.public_key or _public_key(self.key)
        defaults = {
            BASIC_CONSTRAINTS: extension(x509.BasicConstraints(ca=True, path_length=None), critical=True),
            KEY_USAGE: extension(build_key_usage("digital_signature", "key_cert_sign", "crl_sign"), critical=True),
            SUBJECT_KEY_ID: extension(x509.SubjectKeyIdentifier(self.key_id)),
        }
        if self.parent:
            defaults[AUTHORITY_KEY_ID] = _authority_key_id(parent)
        changed = defaults | {changed.oid: changed for changed in self.extensions}
        self.der = _certificate(
            version=self.version,
            serial=_serial() if self.serial is None else self.serial,
            issuer=self.issuer or parent.subject,
            validity=self.validity,
            subject=self.subject,
            public_key=self.public_key,
            extensions=[*(kept for kept in changed.values() if kept.oid not in self.without), *self.extra],
            signing=self.signing or algorithm(parent.key),
            inner_algorithm=self.inner_algorithm,
        )

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate as the library reads it, which may warn or raise."""
        return x509.load_der_x509_certificate(self.der)

    @property
    def key_id(self) -> bytes:
        """Identifies its public key (RFC 5280, 4.2.1.2, method 1)."""
        [spki] = asn1.elements(self.public_key)
        _, bits = asn1.elements(spki.content)
        return hashlib.sha1(bits.content[1:], usedforsecurity=False).digest()

    def chain(self) -> tuple[bytes, ...]:
        """Return its certificate and those above it; DER."""
        return (self.der, *(self.parent.chain() if self.parent else ()))

    def issue_leaf(
        self, uris: Sequence[str] = URIS, usages: Sequence[x509.ObjectIdentifier] = BOTH_USAGES, days: int = 1
    ) -> Peer:
        """Issue a data plane certificate, with an empty subject and critical URIs; it is presented alone."""
        uri_names = [asn1.tlv(0x86, uri.encode()) for uri in uris]
        leaf = _certificate(
            version=3,
            serial=_serial(),
            issuer=self.subject,
            validity=(NOW - timedelta(hours=1), NOW + timedelta(days=days)),
            subject=asn1.sequence(),
            public_key=_public_key(_LEAF_KEY),
            extensions=[
                extension(x509.BasicConstraints(ca=False, path_length=None), critical=True),
                extension(build_key_usage("digital_signature", "key_encipherment"), critical=True),
                extension(x509.SubjectKeyIdentifier.from_public_key(_LEAF_KEY.public_key())),
                _authority_key_id(self),
                Extension("2.5.29.17", asn1.sequence(*uri_names), critical=True),
                extension(x509.ExtendedKeyUsage(usages)),
            ],
            signing=algorithm(self.key),
        )
        return Peer((leaf,), _LEAF_KEY)


def _certificate(
    *,
    version: int,
    serial: bytes,
    issuer: bytes,
    validity: tuple[datetime | bytes, datetime | bytes],
    subject: bytes,
    public_key: bytes,
    extensions: Sequence[Extension],
    signing: Algorithm,
    inner_algorithm: bytes = b"",
) -> bytes:
    # Version 1 is the default, which DER leaves out.
    signed = asn1.sequence(
        *([asn1.tagged(0, asn1.integer(version - 1))] if version > 1 else []),
        asn1.tlv(asn1.INTEGER, serial),
        inner_algorithm or signing.identifier,
        issuer,
        asn1.sequence(*(moment if isinstance(moment, bytes) else asn1.time(moment) for moment in validity)),
        subject,
        public_key,
        *([asn1.tagged(3, asn1.sequence(*(each.encode() for each in extensions)))] if extensions else []),
    )
    return asn1.sequence(signed, signing.identifier, asn1.bit_string(signing.sign(signed)))


def _public_key(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _authority_key_id(authority: Ca) -> Extension:
    return extension(x509.AuthorityKeyIdentifier(authority.key_id, None, None))


def _serial() -> bytes:
    """Return a random serial number of 16 octets, as AWS Private CA makes them."""
    # One size, so that certificates of the same kind have almost the same size.
    return b"\x40" + x509.random_serial_number().to_bytes(20, "big")[-15:]
