"""Walking through DER."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Element(NamedTuple):
    """One value in DER.

    Attributes:
        tag: the first byte.
        content: what the value contains.
        whole: tag, length and content.
    """

    tag: int
    content: bytes
    whole: bytes


def single(data: bytes) -> Element:
    """Return the one value that DER contains.

    Raises:
        ValueError: it is none, or there are more.
    """
    found = list(elements(data))
    if len(found) != 1:
        raise ValueError("is not one value in DER")
    return found[0]


def elements(data: bytes) -> Iterator[Element]:
    """Yield the values that follow each other in DER.

    Raises:
        ValueError: a value goes beyond the end, or its length is not in DER.
    """
    while data:
        if len(data) < 2 or data[0] & 0x1F == 0x1F:  # noqa: PLR2004 - a tag and a length
            raise ValueError("is not DER")
        length, start = data[1], 2
        if length >= 0x80:  # noqa: PLR2004 - the long form: so many bytes of length follow
            start += length & 0x7F
            length = int.from_bytes(data[2:start])
            if start == 2 or start > len(data):  # noqa: PLR2004 - the indefinite form is BER
                raise ValueError("is not DER")
        if start + length > len(data):
            raise ValueError("is cut off")
        yield Element(data[0], data[start : start + length], data[: start + length])
        data = data[start + length :]
