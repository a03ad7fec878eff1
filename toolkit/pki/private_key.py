"""Read a private key as Go's ``tls.X509KeyPair`` does, and compare it with a certificate's key.

That function uses the first block whose label ends with PRIVATE KEY, and tries PKCS #1, PKCS #8 and SEC 1 for any such
label. Kuma validates a provided CA with it (kumahq/kuma:pkg/plugins/ca/provided/ca_cert_validator.go), and every TLS
client in Go loads its certificate with it.

Sources: golang/go:src/crypto/tls/tls.go (X509KeyPair, parsePrivateKey); src/crypto/x509/pkcs1.go, pkcs8.go, sec1.go;
RFC 5208, 5915, 8017 and 8410. Measured with Go 1.26 (``tests/judges``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from toolkit.pki import certificate, go_pem
from toolkit.pki.der import Element, read_elements
from toolkit.pki.pem_faults import PEM_IN_BASE64

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.pki.go_pem import Block

_INTEGER, _OCTETS, _OID, _SEQUENCE, _CURVE = 0x02, 0x04, 0x06, 0x30, 0xA0
_RSA, _EC, _ED25519 = "2a864886f70d010101", "2a8648ce3d0201", "2b6570"
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "2b81040021": ec.SECP224R1,
    "2a8648ce3d030107": ec.SECP256R1,
    "2b81040022": ec.SECP384R1,
    "2b81040023": ec.SECP521R1,
}
# cryptography rejects smaller RSA keys, so their consistency can't be checked.
_MIN_RSA = 1024
_TWO_PRIMES, _WITHOUT_REST = 9, 6
# A DER sequence that begins with a version, even after its bytes were decoded as text.
_DER = re.compile(r"0.{1,3}\x02\x01", re.DOTALL)
# What blocks contain, by the end of their labels, the longest first.
_CONTENTS = {
    "CERTIFICATE REQUEST": "a certificate signing request",
    "CERTIFICATE": "a certificate",
    "PRIVATE KEY": "a private key",
    "PUBLIC KEY": "a public key",
    # The first block that openssl ecparam -genkey writes.
    "EC PARAMETERS": "the parameters of a curve",
}
# The types of keys that Go supports in TLS.
PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class NotAKeyError(ValueError):
    """A text does not contain the expected private key or certificate.

    Args:
        message: continues a sentence that begins with the text ("contains a certificate").
    """


class EncryptedKeyError(ValueError):
    """A private key is encrypted. Go can't decrypt it."""


class UnusableKeyError(ValueError):
    """Go can't read a private key.

    Args:
        message: continues a sentence that begins with the key ("is cut off").
    """


def is_private(label: str) -> bool:
    """Return whether Go uses a block with this label as a private key."""
    return label == "PRIVATE KEY" or label.endswith(" PRIVATE KEY")


def load(text: str) -> PublicKey:
    """Read the private key that Go uses in a PEM text, and return its public half.

    Raises:
        NotAKeyError: the text contains no private key.
        EncryptedKeyError: the key is encrypted.
        UnusableKeyError: Go can't read the key.
    """
    blocks = list(go_pem.read_blocks(text))
    block = next((each for each in blocks if is_private(each.label)), None)
    if block is None:
        raise NotAKeyError(_other(text, blocks, "private key"))
    if "ENCRYPTED" in block.headers.get("Proc-Type", "") or block.label == "ENCRYPTED PRIVATE KEY":
        raise EncryptedKeyError("is encrypted")
    if block.label == "OPENSSH PRIVATE KEY":
        raise UnusableKeyError("is in the form of OpenSSH, which Go's TLS can't read")
    try:
        return _parse(block.content)
    except (EncryptedKeyError, UnusableKeyError):
        raise
    except (ValueError, ArithmeticError, IndexError) as error:
        raise UnusableKeyError("is cut off or damaged") from error


def load_certificate(text: str) -> x509.Certificate | None:
    """Return the first certificate of a PEM text, which the key must belong to; None if it can't be parsed.

    Raises:
        NotAKeyError: the text contains no certificate.
    """
    blocks = list(go_pem.read_blocks(text))
    block = next((each for each in blocks if each.label == "CERTIFICATE"), None)
    if block is None:
        raise NotAKeyError(_other(text, blocks, "certificate"))
    try:
        return certificate.parse(block.content)
    except ValueError:
        return None


def find_difference(certified: x509.Certificate, key: PublicKey) -> str | None:
    """Return how a key differs from a certificate's key; None if they are the same."""
    public = certified.public_key()
    if not isinstance(public, PublicKey):
        return "can't be that of the certificate: Go supports RSA, elliptic curves and Ed25519"
    family, expected = _name_family(key), _name_family(public)
    if family != expected:
        return f"is a key of {family}, and the certificate has one of {expected}"
    return None if public == key else "is not that of the certificate"


def _name_family(key: PublicKey) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"the curve {key.curve.name}"
    return "RSA" if isinstance(key, rsa.RSAPublicKey) else "Ed25519"


def _other(text: str, blocks: Sequence[Block], wanted: str) -> str:
    """Describe a text in which Go does not find the wanted block."""
    if blocks:
        label = blocks[0].label
        known = (content for ending, content in _CONTENTS.items() if label.endswith(ending))
        what = next(known, "a PEM block of another kind")
        return f"contains {what} and no {wanted}" if what != f"a {wanted}" else f"has the label {label}"
    if "-----BEGIN" in text:
        return "contains PEM that is incomplete: Go finds no block from BEGIN to END"
    if PEM_IN_BASE64 in text:
        return "contains base64 of PEM: it is encoded once too often"
    return "is DER, and not PEM" if _DER.match(text) else "contains no PEM"


def _parse(der: bytes) -> PublicKey:
    outer = _first(der)
    parts = list(read_elements(outer.content))
    tags = [part.tag for part in parts]
    if outer.tag != _SEQUENCE:
        raise UnusableKeyError("is not a private key")
    if tags[:2] == [_SEQUENCE, _OCTETS]:
        raise EncryptedKeyError("is encrypted")
    if tags[:3] == [_INTEGER, _SEQUENCE, _OCTETS]:
        return _pkcs8(parts)
    if tags[:2] == [_INTEGER, _OCTETS]:
        return _sec1(parts, None)
    if tags[:2] == [_INTEGER, _INTEGER]:
        if len(outer.whole) < len(der):
            raise UnusableKeyError("has bytes after its end")
        return _pkcs1(parts)
    raise UnusableKeyError("is not a private key")


def _pkcs8(parts: Sequence[Element]) -> PublicKey:
    algorithm, *parameters = read_elements(parts[1].content)
    oid, content = algorithm.content.hex(), parts[2].content
    if oid == _RSA:
        return _pkcs1(list(read_elements(_first(content).content)))
    if oid == _EC:
        named = next((each.content for each in parameters if each.tag == _OID), None)
        return _sec1(list(read_elements(_first(content).content)), named)
    if oid == _ED25519:
        return ed25519.Ed25519PrivateKey.from_private_bytes(_first(content).content).public_key()
    raise UnusableKeyError("is of an algorithm that Go does not support; it supports RSA, elliptic curves and Ed25519")


def _pkcs1(parts: Sequence[Element]) -> PublicKey:
    """Read an RSA key and check that its numbers are consistent, as Go does. The last three numbers are optional."""
    numbers = [int.from_bytes(part.content, signed=True) for part in parts[:_TWO_PRIMES] if part.tag == _INTEGER]
    if len(numbers) < _WITHOUT_REST:
        raise UnusableKeyError("is not an RSA key, and Go can't read it")
    version, n, e, d, p, q, *rest = numbers
    public = rsa.RSAPublicNumbers(e, n)
    if version == 0 and n.bit_length() >= _MIN_RSA:
        known = [rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)]
        first, second, coefficient = rest + known[len(rest) :]
        rsa.RSAPrivateNumbers(p, q, d, first, second, coefficient, public).private_key()
    return public.public_key()


def _first(data: bytes) -> Element:
    element = next(read_elements(data), None)
    if element is None:
        raise ValueError("is empty")
    return element


def _sec1(parts: Sequence[Element], curve: bytes | None) -> PublicKey:
    if curve is None:
        curve = next((_first(part.content).content for part in parts if part.tag == _CURVE), b"")
    if (chosen := _CURVES.get(curve.hex())) is None:
        raise UnusableKeyError("is on a curve that Go does not support, or names none")
    scalar = int.from_bytes(parts[1].content)
    # Go derives the public key and ignores the one in the structure.
    return ec.derive_private_key(scalar, chosen()).public_key()
