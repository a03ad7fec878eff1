"""Split DER into its elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

# ITU-T X.690, 8.1.2.4 and 8.1.3.
_HIGH_TAG, _LONG_FORM, _INDEFINITE = 0x1F, 0x80, 0x80


class Element(NamedTuple):
    """One value in DER.

    Attributes:
        tag: the first byte.
        content: the content bytes.
        whole: tag, length and content.
    """

    tag: int
    content: bytes
    whole: bytes


def read_one(data: bytes) -> Element:
    """Return the only value in DER.

    Raises:
        ValueError: the data is not DER, or has not exactly one value.
    """
    values = list(read_elements(data))
    if len(values) != 1:
        raise ValueError("is not one value in DER")
    return values[0]


def read_elements(data: bytes) -> Iterator[Element]:
    """Yield consecutive values in DER.

    Raises:
        ValueError: a value is cut off, or its length is not encoded in DER.
    """
    while data:
        tag, length, start = data[0], int.from_bytes(data[1:2]), 2
        # The indefinite form of lengths is BER, not DER.
        if len(data) < start or tag & _HIGH_TAG == _HIGH_TAG or length == _INDEFINITE:
            raise ValueError("is not DER")
        if length > _LONG_FORM:
            # In the long form, the first byte has the number of length bytes.
            start += length - _LONG_FORM
            length = int.from_bytes(data[2:start])
            if start > len(data):
                raise ValueError("is not DER")
        if start + length > len(data):
            raise ValueError("is cut off")
        yield Element(tag, data[start : start + length], data[: start + length])
        data = data[start + length :]
