"""Read X.501 names of certificates as bytes and as text.

Programs differ in the texts that they accept in a name. This module accepts the same texts as Go
(golang/go:src/crypto/x509/parser.go, parseASN1String), some of which :mod:`cryptography` rejects. Go compares names by
their bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from toolkit.pki.der import Element, read_elements

if TYPE_CHECKING:
    from cryptography import x509

_VERSION, _UTF8, _NUMERIC, _PRINTABLE, _T61, _IA5, _BMP = 0xA0, 0x0C, 0x12, 0x13, 0x14, 0x16, 0x1E
COMMON_NAME = bytes.fromhex("550403")
_PATTERNS = {_NUMERIC: re.compile("[0-9 ]*"), _PRINTABLE: re.compile(r"[A-Za-z0-9'()+,\-./ :=?*&]*")}
# Go and BoringSSL decode T.61 as Latin-1.
_ENCODINGS = {
    _UTF8: "utf-8",
    _NUMERIC: "ascii",
    _PRINTABLE: "ascii",
    _T61: "latin-1",
    _IA5: "ascii",
    _BMP: "utf-16-be",
}
# Noncharacters, which Go rejects in a BMPString.
_RESERVED = "[\ufdd0-\ufdef\ufffe\uffff]"


class Attribute(NamedTuple):
    """One attribute of a name.

    Attributes:
        oid: the attribute's type: an OID in DER without tag and length.
        text: the attribute's value.
    """

    oid: bytes
    text: str


def read_subject(certificate: x509.Certificate) -> bytes:
    """Return the subject as DER."""
    return _fields(certificate)[4].whole


def read_issuer(certificate: x509.Certificate) -> bytes:
    """Return the issuer's name as DER."""
    return _fields(certificate)[2].whole


def read_public_key(certificate: x509.Certificate) -> bytes:
    """Return a certificate's SubjectPublicKeyInfo in DER (RFC 5280, 4.1.2.7)."""
    return _fields(certificate)[5].whole


def read_attributes(name: bytes) -> list[Attribute]:
    """Return the attributes of a name, in order.

    Args:
        name: the name in DER.

    Raises:
        ValueError: Go can't parse one of the attributes. The message continues a sentence.
    """
    pairs = [
        pair
        for relative in read_elements(next(read_elements(name)).content)
        for pair in read_elements(relative.content)
    ]
    return [Attribute(oid.content, _text(value)) for oid, value in (read_elements(pair.content) for pair in pairs)]


def fold(name: list[Attribute]) -> list[tuple[bytes, str]]:
    """Return attributes with case and blanks normalized, because OpenSSL ignores these differences."""
    return [(oid, " ".join(text.split()).casefold()) for oid, text in name]


def _fields(certificate: x509.Certificate) -> list[Element]:
    """Return the certificate's fields from the serial number on, without the version (RFC 5280, 4.1)."""
    body = next(read_elements(certificate.tbs_certificate_bytes))
    return [part for part in read_elements(body.content) if part.tag != _VERSION]


def _text(value: Element) -> str:
    encoding, pattern = _ENCODINGS.get(value.tag), _PATTERNS.get(value.tag)
    try:
        text = value.content.decode(encoding) if encoding else None
    except UnicodeDecodeError:
        text = None
    wrong = text is None or (pattern and not pattern.fullmatch(text))
    if wrong or (value.tag == _BMP and re.search(_RESERVED, text or "")):
        raise ValueError(f"has a name that Go can't read: {value.content.decode(errors='replace')!a}")
    return text or ""
