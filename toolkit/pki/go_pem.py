"""Decode PEM blocks exactly as Go's ``encoding/pem`` does.

Only control planes, which are written in Go, read private keys. For texts that OpenSSL and Envoy read too, use
:mod:`toolkit.pki.pem`.

Source: golang/go:src/encoding/pem/pem.go (Decode), version 1.26.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import NamedTuple

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
        type_line, start = _line(data, begin + len(_BEGIN))
        if not type_line.endswith(_DASHES):
            continue
        headers, start = _headers(data, start)
        # If the text ends within the headers, or they go beyond END, Go stops and does not search for further blocks.
        if start >= len(data) or start > at:
            return None
        body = data[start : max(end, start)].translate(None, b" \t\r\n")
        after = at + len(type_line)
        is_closed = data[at:after] == type_line and not _line(data, after)[0]
        # Headers must end with a line end before END. An empty block without headers needs none.
        is_apart = start <= end or not headers
        if is_closed and is_apart and len(body) % 4 == 0 and _BASE64.fullmatch(body):
            label = _text(type_line.removesuffix(_DASHES))
            return Block(label, headers, base64.b64decode(body)), _line(data, at)[1]
    return None


def _headers(data: bytes, at: int) -> tuple[dict[str, str], int]:
    """Return the headers (RFC 1421) from an index on, and the index of their end."""
    headers: dict[str, str] = {}
    while at < len(data):
        line, after = _line(data, at)
        key, colon, value = line.partition(b":")
        if not colon:
            break
        headers[_text(key).strip()] = _text(value).strip()
        at = after
    return headers, at


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the rest of a line without trailing blanks, and the index of the next line."""
    end = data.find(b"\n", at)
    if end < 0:
        return data[at:].rstrip(b" \t"), len(data)
    stop = end - 1 if end > at and data[end - 1 : end] == b"\r" else end
    return data[at:stop].rstrip(b" \t"), end + 1


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
