"""Private keys in every form that people have them in, and what Go's `tls.X509KeyPair` answers to each."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.judges import asn1
from tests.judges.authorities import Ca, Key
from tests.judges.pem_parts import block, pem, wrap
from tests.support import request_pem

PKCS8, PKCS1, OPENSSH = (
    serialization.PrivateFormat.PKCS8,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.PrivateFormat.OpenSSH,
)
_PLAIN, _ENCRYPTED = serialization.NoEncryption(), serialization.BestAvailableEncryption(b"made up")
_RSA, _EC, _ED25519, _PSS = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.3.101.112", "1.2.840.113549.1.1.10"
_P256 = "1.2.840.10045.3.1.7"
# Parts of Go's errors.
UNREADABLE, MISMATCH, OTHER_TYPE = "failed to parse private key", "does not match public key", "type does not match"
NO_PEM, NO_KEY, NO_CERTIFICATE = "any PEM data in key", 'type ending in "PRIVATE KEY"', "found a certificate rather"


class KeyCase(NamedTuple):
    """A certificate and a key as texts.

    Attributes:
        name: of what is special.
        certificates: PEM.
        key: what is in the place of its key.
        go: a part of Go's error; empty where it accepts the pair.
        verdict: the toolkit's: the name of an exception, `difference`, or empty.
    """

    name: str
    certificates: str
    key: str
    go: str = ""
    verdict: str = ""


def private(key: Key, form: serialization.PrivateFormat = PKCS8, *, encrypted: bool = False) -> str:
    return key.private_bytes(Encoding.PEM, form, _ENCRYPTED if encrypted else _PLAIN).decode()


def labelled(der: bytes, label: str = "PRIVATE KEY") -> str:
    return block(wrap(base64.b64encode(der).decode()), label)


def der(key: Key, form: serialization.PrivateFormat = PKCS8) -> bytes:
    return key.private_bytes(Encoding.DER, form, _PLAIN)


def cases() -> list[KeyCase]:
    keys: list[Key] = [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP224R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ]
    found = [case for key in keys for case in _forms(key)]
    return [*found, *_texts(), *_elliptic(), *_rsa(), *_edwards(), *_unsupported()]


def _forms(key: Key) -> Iterator[KeyCase]:
    name = key.curve.name if isinstance(key, ec.EllipticCurvePrivateKey) else type(key).__name__
    text = pem(Ca("CA", key=key).der)
    yield KeyCase(f"{name} in PKCS #8", text, private(key))
    yield KeyCase(f"{name} of another type", text, private(_other(key)), OTHER_TYPE, "difference")
    yield KeyCase(f"{name} encrypted", text, private(key, encrypted=True), UNREADABLE, "EncryptedKeyError")
    yield KeyCase(f"{name} cut off", text, labelled(der(key)[:-9]), UNREADABLE, "UnusableKeyError")
    yield KeyCase(f"{name} with bytes after PKCS #8", text, labelled(der(key) + b"\0\0"))
    yield (
        KeyCase(f"{name} for OpenSSH", text, private(key, OPENSSH), *_unusable())
        if "224" not in name
        else KeyCase(f"{name} with CRLF", text, private(key).replace("\n", "\r\n"))
    )
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        traditional = private(key, PKCS1)
        yield KeyCase(f"{name} in the traditional form", text, traditional)
        yield KeyCase(f"{name} with another label", text, labelled(der(key, PKCS1), "ANY PRIVATE KEY"))
        yield KeyCase(
            f"{name} encrypted with headers", text, private(key, PKCS1, encrypted=True), UNREADABLE, "EncryptedKeyError"
        )


def _unusable() -> tuple[str, str]:
    return UNREADABLE, "UnusableKeyError"


def _other(key: Key) -> Key:
    is_p256 = isinstance(key, ec.EllipticCurvePrivateKey)
    return rsa.generate_private_key(65537, 2048) if is_p256 else ec.generate_private_key(ec.SECP256R1())


def _texts() -> Iterator[KeyCase]:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    text, second, good = pem(Ca("CA", key=key).der), pem(Ca("Other", key=other).der), private(key)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    parameters = labelled(asn1.oid(_P256), "EC PARAMETERS")
    not_a_key = "NotAKeyError"
    yield KeyCase("key of another", text, private(other), MISMATCH, "difference")
    yield KeyCase("key of the second certificate", text + second, private(other), MISMATCH, "difference")
    yield KeyCase("two certificates", text + second, good)
    yield KeyCase("two keys", text, good + private(other))
    yield KeyCase("two keys, the other one first", text, private(other) + good, MISMATCH, "difference")
    yield KeyCase("both in one text", text + good, text + good)
    yield KeyCase("parameters before the key", text, parameters + private(key, PKCS1))
    yield KeyCase("parameters alone", text, parameters, NO_KEY, not_a_key)
    yield KeyCase("certificate for a key", text, text, NO_CERTIFICATE, not_a_key)
    yield KeyCase("swapped", good, text, "PEM inputs may have been switched", not_a_key)
    yield KeyCase("public key", text, public, NO_KEY, not_a_key)
    yield KeyCase("request", text, request_pem(key=key), NO_KEY, not_a_key)
    yield KeyCase("base64 of PEM", text, base64.b64encode(good.encode()).decode(), NO_PEM, not_a_key)
    yield KeyCase("line ends lost", text, good.replace("\n", " "), NO_PEM, not_a_key)
    yield KeyCase("no END", text, good.partition("-----END")[0], NO_PEM, not_a_key)
    yield KeyCase("no PEM", text, "made up", NO_PEM, not_a_key)
    yield KeyCase("nothing", text, "", NO_PEM, not_a_key)
    yield KeyCase("byte order mark", text, f"\ufeff{good}", NO_PEM, not_a_key)
    yield KeyCase("indented", text, good.replace("-----BEGIN", " -----BEGIN"), NO_PEM, not_a_key)
    yield KeyCase("text around", text, f"# CA\n{good}# end\n")
    yield KeyCase("headers in plain", text, good.replace("KEY-----\n", "KEY-----\nComment: CA\n\n", 1))
    yield KeyCase("no base64", text, block("...", "PRIVATE KEY"), NO_PEM, not_a_key)
    yield KeyCase("no DER", text, block("AAAA", "PRIVATE KEY"), *_unusable())
    yield KeyCase("empty", text, block("", "PRIVATE KEY"), *_unusable())
    yield KeyCase("label KEY", text, labelled(der(key), "KEY"), NO_KEY, not_a_key)
    yield KeyCase(
        "a public key under the label of a private one", text, public.replace("PUBLIC", "PRIVATE"), *_unusable()
    )


def _elliptic() -> Iterator[KeyCase]:
    key = ec.generate_private_key(ec.SECP256R1())
    text, scalar = pem(Ca("CA", key=key).der), key.private_numbers().private_value
    octets, curve = asn1.tlv(asn1.OCTET_STRING, scalar.to_bytes(32)), asn1.tagged(0, asn1.oid(_P256))
    version = asn1.integer(1)
    wrong = asn1.tagged(1, asn1.bit_string(b"\x04" + b"\1" * 64))

    def inside(sec1: bytes, *parameters: bytes) -> str:
        algorithm = asn1.sequence(asn1.oid(_EC), *parameters)
        return labelled(asn1.sequence(asn1.integer(0), algorithm, asn1.tlv(asn1.OCTET_STRING, sec1)))

    yield KeyCase("curve without its public key", text, labelled(asn1.sequence(version, octets, curve)))
    yield KeyCase("curve with a wrong public key", text, labelled(asn1.sequence(version, octets, curve, wrong)))
    yield KeyCase("curve unnamed", text, labelled(asn1.sequence(version, octets)), *_unusable())
    yield KeyCase("curve named by PKCS #8", text, inside(asn1.sequence(version, octets), asn1.oid(_P256)))
    yield KeyCase("curve named within PKCS #8", text, inside(asn1.sequence(version, octets, curve)))
    long = asn1.tlv(asn1.OCTET_STRING, b"\0\0" + scalar.to_bytes(32))
    yield KeyCase("curve with leading zeros", text, labelled(asn1.sequence(version, long, curve)))
    for name, number in (("zero", 0), ("too large", 2**256 - 1)):
        refused = asn1.tlv(asn1.OCTET_STRING, number.to_bytes(32))
        yield KeyCase(
            f"curve with a number that is {name}", text, labelled(asn1.sequence(version, refused, curve)), *_unusable()
        )
    yield KeyCase("curve with bytes after its end", text, labelled(der(key, PKCS1) + b"\0\0", "EC PRIVATE KEY"))


def _rsa() -> Iterator[KeyCase]:
    key = rsa.generate_private_key(65537, 2048)
    numbers, text = key.private_numbers(), pem(Ca("CA", key=key).der)
    public = numbers.public_numbers
    good = [0, public.n, public.e, numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp]
    names = "version", "modulus", "exponent", "secret", "prime", "prime", "first rest", "second rest", "coefficient"

    def encoded(values: list[int], *more: bytes) -> str:
        return labelled(asn1.sequence(*map(asn1.integer, values), *more), "RSA PRIVATE KEY")

    yield KeyCase("numbers of RSA", text, encoded(good))
    for place in range(3, len(good)):
        changed = [value + 2 * (place == index) for index, value in enumerate(good)]
        yield KeyCase(f"RSA, wrong {names[place]} ({place})", text, encoded(changed), *_unusable())
    yield KeyCase("RSA, the primes at the end", text, encoded(good[:6]))
    yield KeyCase("RSA, one prime", text, encoded(good[:5]), *_unusable())
    yield KeyCase(
        "RSA, bytes after its end", text, labelled(der(key, PKCS1) + b"\0\0", "RSA PRIVATE KEY"), *_unusable()
    )
    swapped = [good[0], *good[1:4], good[5], good[4], good[7], good[6], pow(numbers.p, -1, numbers.q)]
    yield KeyCase("RSA, primes in the other order", text, encoded(swapped))
    pss = asn1.sequence(asn1.integer(0), asn1.sequence(asn1.oid(_PSS)), asn1.tlv(asn1.OCTET_STRING, der(key, PKCS1)))
    yield KeyCase("RSA for PSS alone", text, labelled(pss), *_unusable())
    yield _three_primes(key)
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - Go reads it
    yield KeyCase("RSA of 1024 bits", pem(Ca("CA", key=small).der), private(small))


def _three_primes(key: rsa.RSAPrivateKey) -> KeyCase:
    numbers, third = key.private_numbers(), rsa.generate_private_key(65537, 2048).private_numbers().p
    primes, e = (numbers.p, numbers.q, third), numbers.public_numbers.e
    n, d = math.prod(primes), pow(e, -1, math.lcm(*(prime - 1 for prime in primes)))
    values = [1, n, e, d, *primes[:2], d % (primes[0] - 1), d % (primes[1] - 1), pow(primes[1], -1, primes[0])]
    extra = (third, d % (third - 1), pow(primes[0] * primes[1], -1, third))
    infos = asn1.sequence(asn1.sequence(*map(asn1.integer, extra)))
    public = rsa.RSAPublicNumbers(e, n).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = pem(Ca("CA", key=key, public_key=public).der)
    return KeyCase("RSA of three primes", text, labelled(asn1.sequence(*map(asn1.integer, values), infos)))


def _edwards() -> Iterator[KeyCase]:
    key = ed25519.Ed25519PrivateKey.generate()
    text, seed = pem(Ca("CA", key=key).der), key.private_bytes_raw()
    algorithm, public = asn1.sequence(asn1.oid(_ED25519)), key.public_key().public_bytes_raw()
    inner = asn1.tlv(asn1.OCTET_STRING, asn1.tlv(asn1.OCTET_STRING, seed))
    both = asn1.sequence(asn1.integer(1), algorithm, inner, asn1.tlv(0x81, b"\0" + public))
    yield KeyCase("Ed25519 of version 2", text, labelled(both))
    short = asn1.tlv(asn1.OCTET_STRING, asn1.tlv(asn1.OCTET_STRING, seed[:-1]))
    yield KeyCase("Ed25519, too short", text, labelled(asn1.sequence(asn1.integer(0), algorithm, short)), *_unusable())


def _unsupported() -> Iterator[KeyCase]:
    text = pem(Ca("CA").der)
    ours: list[tuple[str, str]] = [
        ("secp256k1", private(ec.generate_private_key(ec.SECP256K1()))),
        ("brainpoolP256r1", private(ec.generate_private_key(ec.BrainpoolP256R1()))),
        ("secp256k1 in the traditional form", private(ec.generate_private_key(ec.SECP256K1()), PKCS1)),
        ("Ed448", private(ed448.Ed448PrivateKey.generate())),
    ]
    for name, key in ours:
        yield KeyCase(name, text, key, *_unusable())
    for exchange in (x448.X448PrivateKey.generate(), x25519.X25519PrivateKey.generate()):
        content = exchange.private_bytes(Encoding.PEM, PKCS8, _PLAIN).decode()
        is_known = isinstance(exchange, x25519.X25519PrivateKey)
        says = "unknown private key type in PKCS#8" if is_known else UNREADABLE
        yield KeyCase(type(exchange).__name__, text, content, says, "UnusableKeyError")
    signer = dsa.generate_private_key(2048)
    for name, form in (("PKCS #8", PKCS8), ("the traditional form", PKCS1)):
        content = signer.private_bytes(Encoding.PEM, form, _PLAIN).decode()
        yield KeyCase(f"DSA in {name}", text, content, *_unusable())
