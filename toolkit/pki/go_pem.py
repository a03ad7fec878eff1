"""Decode PEM blocks exactly as Go's ``encoding/pem`` does.

Only control planes, which are written in Go, read private keys. For texts that OpenSSL and Envoy read too, use
:mod:`toolkit.pki.pem`.

Source: golang/go:src/encoding/pem/pem.go (Decode), version 1.26.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGIN, _END, _DASHES = b"-----BEGIN ", b"\n-----END ", b"-----"
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")


class Block(NamedTuple):
    """One PEM block.

    Attributes:
        label: the label of the BEGIN line.
        headers: RFC 1421 headers, such as those of an encrypted key.
        content: the decoded base64.
    """

    label: str
    headers: dict[str, str]
    content: bytes


class _Head(NamedTuple):
    """A BEGIN line and the headers below it.

    Attributes:
        type_line: the label and the dashes after it.
        headers: RFC 1421 headers.
        at: index at which the base64 begins.
    """

    type_line: bytes
    headers: dict[str, str]
    at: int


def read_blocks(text: str) -> Iterator[Block]:
    """Yield every block that Go finds in a text, in order."""
    data, at = text.encode(errors="replace"), 0
    while (decoded := _decode(data, at)) is not None:
        block, at = decoded
        yield block


def _decode(data: bytes, at: int) -> tuple[Block, int] | None:
    """Return the first block from an index on, and the index of its end; None if there is none."""
    while (end := data.find(_END, at)) >= 0:
        begin = data.rfind(_BEGIN, at, end)
        is_line = begin == at or data[begin - 1 : begin] == b"\n"
        at = end + len(_END)
        if begin < 0 or not is_line:
            continue
        head = _head(data, begin + len(_BEGIN))
        # If the text ends within the headers, or they go beyond END, Go stops and does not search for further blocks.
        if head.type_line.endswith(_DASHES) and (head.at >= len(data) or head.at > at):
            return None
        if block := _block(data, head, end):
            return block, _line(data, at)[1]
    return None


def _head(data: bytes, at: int) -> _Head:
    type_line, at = _line(data, at)
    headers: dict[str, str] = {}
    while at < len(data):
        line, after = _line(data, at)
        key, colon, value = line.partition(b":")
        if not colon:
            break
        headers[_text(key).strip()] = _text(value).strip()
        at = after
    return _Head(type_line, headers, at)


def _block(data: bytes, head: _Head, end: int) -> Block | None:
    """Return the block that ends at a marker; None if Go continues with the next END."""
    trailer = end + len(_END)
    after = trailer + len(head.type_line)
    is_closed = data[trailer:after] == head.type_line and not _line(data, after)[0]
    # Headers must end with a line end before END. An empty block without headers needs none.
    if not head.type_line.endswith(_DASHES) or not is_closed or (head.headers and end < head.at):
        return None
    body = data[head.at : max(end, head.at)].translate(None, b" \t\r\n")
    if len(body) % 4 or not _BASE64.fullmatch(body):
        return None
    return Block(_text(head.type_line.removesuffix(_DASHES)), head.headers, base64.b64decode(body))


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the rest of a line without trailing blanks, and the index of the next line."""
    end = data.find(b"\n", at)
    if end < 0:
        return data[at:].rstrip(b" \t"), len(data)
    stop = end - 1 if end > at and data[end - 1 : end] == b"\r" else end
    return data[at:stop].rstrip(b" \t"), end + 1


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
