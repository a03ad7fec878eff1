"""DER, encoded and split by hand: libraries refuse to build certificates that break the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT_IDENTIFIER = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, PRINTABLE_STRING, TELETEX_STRING, IA5_STRING, UTC_TIME, GENERALIZED_TIME = (
    0x0C,
    0x13,
    0x14,
    0x16,
    0x17,
    0x18,
)
BMP_STRING, SEQUENCE, SET, CONTEXT_0 = 0x1E, 0x30, 0x31, 0xA0
# RFC 5280, 4.1.2.5: years from here on are GeneralizedTime.
_FIRST_LONG_YEAR = 2050


class Element(NamedTuple):
    """A tag, what is in it, and both as they were encoded."""

    tag: int
    content: bytes
    encoded: bytes


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def integer(number: int) -> bytes:
    return tlv(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    first, second, *others = (int(arc) for arc in dotted.split("."))
    return tlv(OBJECT_IDENTIFIER, *(_base128(arc) for arc in (40 * first + second, *others)))


def _base128(arc: int) -> bytes:
    digits = [arc & 0x7F]
    while arc := arc >> 7:
        digits.append(0x80 | arc & 0x7F)
    return bytes(reversed(digits))


def bit_string(content: bytes) -> bytes:
    return tlv(BIT_STRING, b"\0", content)


def tagged(number: int, *parts: bytes) -> bytes:
    """Wrap in an explicit context tag."""
    return tlv(CONTEXT_0 | number, *parts)


def time(moment: datetime) -> bytes:
    if moment.year < _FIRST_LONG_YEAR:
        return tlv(UTC_TIME, f"{moment:%y%m%d%H%M%SZ}".encode())
    return tlv(GENERALIZED_TIME, f"{moment:%Y%m%d%H%M%SZ}".encode())


def common_name(text: str, tag: int = UTF8_STRING) -> bytes:
    """Encode a distinguished name that is a common name alone."""
    content = text.encode("utf-16-be" if tag == BMP_STRING else "latin-1" if tag == TELETEX_STRING else "utf-8")
    return sequence(tlv(SET, sequence(oid("2.5.4.3"), tlv(tag, content))))


def elements(content: bytes) -> list[Element]:
    """Split what is in a constructed element."""
    found: list[Element] = []
    while content:
        size, start = content[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(content[2:start], "big")
        found.append(Element(content[0], content[start : start + size], content[: start + size]))
        content = content[start + size :]
    return found
