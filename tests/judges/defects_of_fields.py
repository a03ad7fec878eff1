"""CAs with a defect in a field of the certificate, in its key or in its signature."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from tests.judges import asn1
from tests.judges.authorities import Algorithm, Ca, Key, algorithm, p256
from tests.judges.verdicts import EVERYONE
from tests.support import NOW

Row = tuple[str, Ca, str]

_ROOT = Ca("Root")
_DAY, _YEAR = timedelta(days=1), timedelta(days=365)
_ONES = b"\x01" * 30


def fields() -> Iterator[Row]:
    yield from _serials()
    yield from _versions()
    yield from _lifetimes()
    yield from _times()
    yield from _names()
    yield from _keys()
    yield from _signatures()


def _serials() -> Iterator[Row]:
    def roots(serial: bytes) -> Ca:
        return Ca("Issuing", Ca("Root", serial=serial))

    def issuing(serial: bytes) -> Ca:
        return Ca("Issuing", _ROOT, serial=serial)

    yield "serial-negative", issuing(b"\x80\x01"), "go go-bundle"
    yield "serial-negative-root", roots(b"\x80\x01"), "go"
    yield "serial-zero", issuing(b"\0"), ""
    yield "serial-zero-root", roots(b"\0"), ""
    yield "serial-20-octets", issuing(b"\x40" + _ONES[:19]), ""
    yield "serial-20-octets-and-sign", issuing(b"\0\x80" + _ONES[:19]), ""
    yield "serial-21-octets", issuing(b"\x40" + _ONES[:20]), ""
    yield "serial-21-octets-root", roots(b"\x40" + _ONES[:20]), ""
    yield "serial-30-octets", issuing(b"\x40" + _ONES[:29]), ""
    yield "serial-leading-zero", issuing(b"\0\x01"), EVERYONE
    yield "serial-empty", issuing(b""), EVERYONE


def _versions() -> Iterator[Row]:
    nothing = ("2.5.29.14", "2.5.29.15", "2.5.29.19", "2.5.29.35")
    yield (
        "version-1",
        Ca("Issuing", _ROOT, version=1, without=nothing),
        "go openssl openssl-bundle strict level2 envoy-root",
    )
    yield "version-1-root", Ca("Issuing", Ca("Root", version=1, without=nothing)), "strict"
    yield "version-1-with-extensions", Ca("Issuing", _ROOT, version=1), "go strict envoy envoy-root"
    yield "version-1-with-extensions-root", Ca("Issuing", Ca("Root", version=1)), "strict envoy envoy-root"
    yield "version-2-with-extensions", Ca("Issuing", _ROOT, version=2), "go strict envoy envoy-root"
    yield (
        "version-3-no-extensions-root",
        Ca("Issuing", Ca("Root", without=nothing)),
        "go openssl openssl-bundle strict level2",
    )
    yield "version-4", Ca("Issuing", _ROOT, version=4), "go go-bundle envoy envoy-root"


def _lifetimes() -> Iterator[Row]:
    over, later = (NOW - _YEAR, NOW - _DAY), (NOW + _DAY, NOW + _YEAR)
    forever = (NOW - _DAY, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    yield "expired", Ca("Issuing", _ROOT, validity=over), EVERYONE
    yield (
        "expired-root",
        Ca("Issuing", Ca("Root", validity=over)),
        "go openssl openssl-bundle strict level2 envoy envoy-root",
    )
    yield "not-yet-valid", Ca("Issuing", _ROOT, validity=later), EVERYONE
    yield (
        "not-yet-valid-root",
        Ca("Issuing", Ca("Root", validity=later)),
        "go openssl openssl-bundle strict level2 envoy envoy-root",
    )
    yield "outlives-root", Ca("Issuing", Ca("Root", validity=(NOW - _DAY, NOW + _YEAR))), ""
    yield "expires-before-leaf", Ca("Issuing", _ROOT, validity=(NOW - _DAY, NOW + _DAY / 2)), ""
    yield "expires-in-9999-root", Ca("Issuing", Ca("Root", validity=forever)), ""
    yield "expires-before-it-begins", Ca("Issuing", _ROOT, validity=(NOW + _YEAR, NOW - _DAY)), EVERYONE


def _times() -> Iterator[Row]:
    end = NOW + _YEAR
    for_year = asn1.tlv(asn1.GENERALIZED_TIME, f"{end:%Y%m%d%H%M%SZ}".encode())
    no_seconds = asn1.tlv(asn1.UTC_TIME, f"{end:%y%m%d%H%MZ}".encode())
    offset = asn1.tlv(asn1.UTC_TIME, f"{end:%y%m%d%H%M%S}+0000".encode())
    yield "time-generalized-before-2050", Ca("Issuing", _ROOT, validity=(NOW - _DAY, for_year)), ""
    yield (
        "time-without-seconds",
        Ca("Issuing", _ROOT, validity=(NOW - _DAY, no_seconds)),
        "openssl openssl-bundle strict level2 envoy envoy-root",
    )
    yield "time-with-offset", Ca("Issuing", _ROOT, validity=(NOW - _DAY, offset)), EVERYONE


def _names() -> Iterator[Row]:
    def issuer(text: str, tag: int = asn1.UTF8_STRING) -> Ca:
        return Ca("Issuing", _ROOT, issuer=asn1.common_name(text, tag))

    def subject(text: str, tag: int = asn1.UTF8_STRING) -> Ca:
        return Ca("Issuing", Ca("Root", subject=asn1.common_name(text, tag)))

    yield "issuer-printable", issuer("Root", asn1.PRINTABLE_STRING), "go"
    yield "issuer-other-case", issuer("ROOT"), "go"
    yield "issuer-blank-at-end", issuer("Root "), "go"
    yield "issuer-other", issuer("Other"), "go openssl openssl-bundle strict level2 envoy-root"
    yield "name-printable", subject("Root", asn1.PRINTABLE_STRING), ""
    yield "name-printable-at", subject("pki@ferries.example", asn1.PRINTABLE_STRING), "go go-bundle"
    yield "name-printable-underscore", subject("my_root", asn1.PRINTABLE_STRING), "go go-bundle"
    yield "name-printable-asterisk", subject("*.example", asn1.PRINTABLE_STRING), ""
    yield "name-teletex", subject("Grün", asn1.TELETEX_STRING), ""
    yield "name-bmp", subject("Grün", asn1.BMP_STRING), ""
    yield "name-ia5", subject("Root", asn1.IA5_STRING), ""
    yield "name-utf8-umlaut", subject("Grün"), ""
    yield "name-not-utf8", Ca("Issuing", Ca("Root", subject=_raw_name(b"\xff\xfe"))), EVERYONE
    yield "name-nul", subject("Ro\0ot"), ""
    yield "name-no-text", subject(""), ""
    yield "name-empty-root", Ca("Issuing", Ca("Root", subject=asn1.sequence())), "strict"
    yield "name-empty", Ca("Issuing", _ROOT, subject=asn1.sequence()), "strict"
    yield "name-same-as-root", Ca("Root", _ROOT), ""


def _raw_name(text: bytes) -> bytes:
    return asn1.sequence(asn1.tlv(asn1.SET, asn1.sequence(asn1.oid("2.5.4.3"), asn1.tlv(asn1.UTF8_STRING, text))))


def _keys() -> Iterator[Row]:
    def issuing(key: Key) -> Ca:
        return Ca("Issuing", _ROOT, key=key)

    def root(key: Key) -> Ca:
        return Ca("Issuing", Ca("Root", key=key))

    yield "rsa-1024", issuing(rsa.generate_private_key(65537, 1024)), "level2"  # noqa: S505 - a defect to test
    yield "rsa-1024-root", root(rsa.generate_private_key(65537, 1024)), "level2"  # noqa: S505 - a defect to test
    yield "rsa-2048-root", root(rsa.generate_private_key(65537, 2048)), ""
    yield "rsa-exponent-3", issuing(rsa.generate_private_key(3, 2048)), ""
    yield "p-224", issuing(ec.generate_private_key(ec.SECP224R1())), ""
    yield "p-224-root", root(ec.generate_private_key(ec.SECP224R1())), ""
    yield "p-521", issuing(ec.generate_private_key(ec.SECP521R1())), ""
    yield "secp256k1", issuing(ec.generate_private_key(ec.SECP256K1())), "go go-bundle envoy envoy-root"
    yield "secp256k1-root", root(ec.generate_private_key(ec.SECP256K1())), "go envoy envoy-root"
    yield "brainpool", issuing(ec.generate_private_key(ec.BrainpoolP256R1())), "go go-bundle envoy envoy-root"
    yield "ed25519", issuing(ed25519.Ed25519PrivateKey.generate()), ""
    yield "ed25519-root", root(ed25519.Ed25519PrivateKey.generate()), ""
    yield "ed448-root", root(ed448.Ed448PrivateKey.generate()), "go envoy envoy-root"
    explicit = p256()
    yield "ec-explicit-parameters", Ca("Issuing", _ROOT, key=explicit, public_key=_explicit(explicit)), EVERYONE
    yield (
        "ec-explicit-parameters-root",
        Ca("Issuing", Ca("Root", key=explicit, public_key=_explicit(explicit))),
        "go openssl openssl-bundle strict level2 envoy envoy-root",
    )


def _explicit(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public key with the numbers of the curve P-256 in place of its name."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    x = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
    y = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5

    def octets(*numbers: int) -> bytes:
        return b"".join(number.to_bytes(32, "big") for number in numbers)

    def point(x: int, y: int) -> bytes:
        return b"\x04" + octets(x, y)

    curve = asn1.sequence(asn1.tlv(asn1.OCTET_STRING, octets(prime - 3)), asn1.tlv(asn1.OCTET_STRING, octets(b)))
    parameters = asn1.sequence(
        asn1.integer(1),
        asn1.sequence(asn1.oid("1.2.840.10045.1.1"), asn1.integer(prime)),
        curve,
        asn1.tlv(asn1.OCTET_STRING, point(x, y)),
        asn1.integer(order),
        asn1.integer(1),
    )
    numbers = key.public_key().public_numbers()
    algorithm = asn1.sequence(asn1.oid("1.2.840.10045.2.1"), parameters)
    return asn1.sequence(algorithm, asn1.bit_string(point(numbers.x, numbers.y)))


def _signatures() -> Iterator[Row]:
    root = Ca("Root", key=rsa.generate_private_key(65537, 2048))
    sha1, sha1_ec = algorithm(root.key, "sha1"), algorithm(_ROOT.key, "sha1")
    pss, key = algorithm(root.key, pss=True), p256()
    sha384 = algorithm(_ROOT.key, "sha384")
    yield "sha1", Ca("Issuing", root, signing=sha1), "go level2"
    yield "sha1-ecdsa", Ca("Issuing", _ROOT, signing=sha1_ec), "go level2"
    yield "sha1-root", Ca("Issuing", Ca("Root", key=key, signing=algorithm(key, "sha1"))), ""
    yield "rsa-pss", Ca("Issuing", root, signing=pss), ""
    yield "rsa-pss-root", Ca("Issuing", Ca("Root", key=root.key, signing=pss)), ""
    for_pss = asn1.sequence(asn1.sequence(asn1.oid("1.2.840.113549.1.1.10")), _bits(root.public_key))
    yield (
        "rsa-pss-key-root",
        Ca("Issuing", Ca("Root", key=root.key, signing=pss, public_key=for_pss), signing=pss),
        "go envoy envoy-root",
    )
    yield "algorithm-mismatch", Ca("Issuing", _ROOT, inner_algorithm=sha384.identifier), EVERYONE
    yield "algorithm-mismatch-root", Ca("Issuing", Ca("Root", inner_algorithm=sha384.identifier)), "go strict"
    yield "algorithm-parameters", Ca("Issuing", _ROOT, signing=_with_null(_ROOT)), ""
    yield (
        "signature-of-another-key",
        Ca("Issuing", _ROOT, signing=algorithm(p256())),
        "go openssl openssl-bundle strict level2 envoy envoy-root",
    )
    yield "signature-of-another-key-root", Ca("Issuing", Ca("Root", signing=algorithm(p256()))), ""


def _bits(public_key: bytes) -> bytes:
    """Return the key in a SubjectPublicKeyInfo, without its algorithm."""
    [info] = asn1.elements(public_key)
    return asn1.elements(info.content)[1].encoded


def _with_null(ca: Ca) -> Algorithm:
    """Return ECDSA with parameters, which RFC 5758 forbids."""
    right = algorithm(ca.key)
    [identifier] = asn1.elements(right.identifier)
    return right._replace(identifier=asn1.sequence(identifier.content, asn1.tlv(asn1.NULL)))
