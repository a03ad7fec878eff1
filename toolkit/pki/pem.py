"""Read PEM texts, and report everything that Go, OpenSSL or Envoy can't read.

The three programs skip different errors silently: Envoy may start with a text and still miss one of its certificates.
Here a text is valid only if all three read every certificate. Each fault below was measured with Go 1.26
(``CertPool.AppendCertsFromPEM``), OpenSSL 3.0 and Envoy 1.40 (``tests/judges``).

Sources: golang/go:src/encoding/pem/pem.go (Decode); openssl/openssl:crypto/pem/pem_lib.c (PEM_read_bio_ex);
google/boringssl:crypto/pem/pem_lib.cc, which Envoy reads with; RFC 7468.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509

from toolkit.errors import flatten
from toolkit.pki.certificate import parse
from toolkit.pki.pem_faults import (
    BASE64,
    MARKER,
    Fault,
    UnreadableError,
    describe_marker,
    describe_text,
    name_unseen,
    quote_line,
)
from toolkit.text import NotTextError, decode_utf8

CERTIFICATE = "CERTIFICATE"
REQUEST = "CERTIFICATE REQUEST"
_LINE = 64
# BoringSSL reads lines in pieces of this many characters, and fails if a line ends exactly with a piece.
_PIECE = 253
# Anything that looks like a marker to a person, with any kind and number of dashes.
_DASH = "-\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_LIKE_A_MARKER = rf"(?i:[{_DASH}]{{2,}}\s*(?:BEGIN|END)\b)"
# The first bytes of the DER of every certificate that is longer than 255 bytes.
_DER = b"0\x82"
_DER_AS_TEXT = ("0\x82", "0\ufffd")


class Reading:
    """The contents of a PEM text.

    Attributes:
        certificates: the valid certificates, in order.
        contents: the same certificates in DER.
        faults: why other certificates can't be read. A single fault makes the whole text invalid.
        text_lines: numbers of the lines outside of blocks, which every program ignores.
    """

    def __init__(self) -> None:
        self.certificates: list[x509.Certificate] = []
        self.contents: list[bytes] = []
        self.faults: list[Fault] = []
        self.text_lines: list[int] = []

    def fail(self, kind: str, line: int, message: str) -> None:
        """Record a fault."""
        self.faults.append(Fault(kind, line, message))


def read(text: str | bytes) -> Reading:
    """Read every certificate of a PEM text, and find everything that Go, OpenSSL or Envoy can't read.

    Args:
        text: the text from a document or a file. Bytes are decoded as UTF-8.
    """
    reading = Reading()
    decoded = _decoded(text, reading)
    if decoded is None:
        return reading
    for block in _blocks(decoded, reading):
        if block.label != CERTIFICATE:
            reading.fail(*_other_label(block))
        elif (content := _content(block, reading)) is not None:
            try:
                reading.certificates.append(parse(content))
                reading.contents.append(content)
            except ValueError as error:
                reading.fail("certificate", block.line, f"the certificate that begins here {error}")
    if not reading.certificates and not reading.faults:
        reading.fail("nothing", 1, describe_text(decoded))
    reading.faults.sort(key=lambda fault: fault.line)
    return reading


def load_certificates(text: str | bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM text, in order.

    Raises:
        UnreadableError: Go, OpenSSL or Envoy can't read a certificate, or there is no certificate.
    """
    return tuple(_load(text).certificates)


def rewrite(text: str | bytes) -> str:
    """Return the certificates of a PEM text as canonical PEM; see :func:`write`.

    Raises:
        UnreadableError: Go, OpenSSL or Envoy can't read a certificate, or there is no certificate.
    """
    return "".join(_encoded(content, CERTIFICATE) for content in _load(text).contents)


# A contract's validators read the same chain in turn. A text with a private key has a fault, so it is never kept.
@lru_cache(maxsize=4)
def _load(text: str | bytes) -> Reading:
    reading = read(text)
    if reading.faults:
        raise UnreadableError(reading.faults)
    return reading


def load_certificate(text: str | bytes) -> x509.Certificate:
    """Return the only certificate of a PEM text.

    Raises:
        ValueError: there is not exactly one certificate, or Go, OpenSSL or Envoy can't read it.
    """
    certificates = load_certificates(text)
    if len(certificates) != 1:
        raise ValueError(f"contains {len(certificates)} certificates; exactly one is expected")
    return certificates[0]


def load_request(text: str | bytes) -> x509.CertificateSigningRequest:
    """Return the only certificate signing request of a PEM text.

    AWS Private CA accepts only the label ``CERTIFICATE REQUEST`` (aws/aws-cli#9613).

    Raises:
        ValueError: there is not exactly one request, or it can't be parsed.
    """
    reading = Reading()
    decoded = _decoded(text, reading)
    blocks = [] if decoded is None else list(_blocks(decoded, reading))
    contents = [_content(block, reading) for block in blocks if block.label == REQUEST]
    if reading.faults:
        raise UnreadableError(reading.faults)
    if len(blocks) != 1 or len(contents) != 1 or contents[0] is None:
        raise ValueError(f"is not exactly one PEM request (-----BEGIN {REQUEST}-----)")
    try:
        return x509.load_der_x509_csr(contents[0])
    except (ValueError, x509.InvalidVersion) as error:
        raise ValueError(f"is a request that can't be read; it was cut off or changed: {flatten(error)}") from error


def write(certificates: Sequence[x509.Certificate]) -> str:
    """Return certificates as canonical PEM: lines of 64 characters that end with a line feed (RFC 7468, 2)."""
    return "".join(_encoded(_to_der(certificate), CERTIFICATE) for certificate in certificates)


def write_request(request: x509.CertificateSigningRequest) -> str:
    """Return a certificate signing request as canonical PEM."""
    return _encoded(_to_der(request), REQUEST)


def _to_der(content: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    # Imported late: it takes a tenth of a command's start time, and most commands don't need it.
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - see above

    return content.public_bytes(Encoding.DER)


def _encoded(content: bytes, label: str) -> str:
    text = base64.b64encode(content).decode()
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


class _Line(NamedTuple):
    """One line of a text.

    Attributes:
        number: from 1.
        text: the line without its line end and trailing blanks.
        length: in characters, with everything but the line feed.
    """

    number: int
    text: str
    length: int


class _Block(NamedTuple):
    """One PEM block.

    Attributes:
        label: the label of the BEGIN line.
        line: number of the BEGIN line.
        lines: the lines between BEGIN and END.
    """

    label: str
    line: int
    lines: list[_Line]


def _decoded(text: str | bytes, reading: Reading) -> str | None:
    if text.startswith(_DER_AS_TEXT) if isinstance(text, str) else text.startswith(_DER):
        reading.fail("der", 1, "this is DER; convert it with: openssl x509 -inform DER -outform PEM")
        return None
    try:
        decoded = text if isinstance(text, str) else decode_utf8(text)
    except NotTextError as error:
        reading.fail("encoding", error.line, str(error))
        return None
    if (at := decoded.find("\ufffd")) >= 0:
        # The replacement character of an earlier, failed decoding.
        reading.fail("encoding", decoded.count("\n", 0, at) + 1, "the text was not UTF-8; save it as UTF-8")
        return None
    return decoded


def _blocks(text: str, reading: Reading) -> Iterator[_Block]:
    """Yield every block from BEGIN to END, and record faults of markers and of text outside of blocks."""
    open_block: _Block | None = None
    # Whether the last marker was invalid. Lines after it belong to no block, and no further faults are recorded.
    is_lost = False
    for number, raw in enumerate(text.split("\n"), start=1):
        # Like Go's getLine: a carriage return is part of the line end only directly before the line feed.
        line = raw.removesuffix("\r").rstrip(" \t")
        marker = MARKER.fullmatch(line)
        if marker is None:
            if re.search(_LIKE_A_MARKER, line):
                reading.fail(*describe_marker(number, line))
                open_block, is_lost = None, True
            elif open_block is not None:
                open_block.lines.append(_Line(number, line, len(raw)))
            elif line and not is_lost:
                _outside(number, line, reading)
            continue
        word, label = marker.groups()
        if word == "BEGIN":
            _require_closed(open_block, reading)
            open_block = _Block(label, number, [])
        elif open_block is not None:
            if open_block.label == label:
                yield open_block
            else:
                reading.fail("labels", number, f"END {label} closes BEGIN {open_block.label}: the labels differ")
            open_block = None
        elif not is_lost:
            reading.fail("no-begin", number, f"END {label} has no BEGIN line before it")
        is_lost = False
    _require_closed(open_block, reading)


def _require_closed(block: _Block | None, reading: Reading) -> None:
    if block is None:
        return
    if "PRIVATE KEY" in block.label:
        reading.fail(*_other_label(block))
    else:
        reading.fail("no-end", block.line, f"BEGIN {block.label} has no END line: the block is cut off")


def _outside(number: int, line: str, reading: Reading) -> None:
    """Record a line of text outside of blocks. A carriage return or NUL in it is a fault."""
    if "\r" in line:
        reading.fail("carriage-return", number, "a carriage return is inside the line; end lines with a line feed")
    elif "\0" in line:
        reading.fail("invisible", number, "NUL is in the text; remove it")
    else:
        reading.text_lines.append(number)


def _content(block: _Block, reading: Reading) -> bytes | None:
    """Return the DER of a block; record a fault and return None if the block is invalid."""
    body = [line for line in block.lines if line.text]
    for line in block.lines:
        if fault := _wrong_line(line, block.line, body):
            reading.faults.append(fault)
            return None
    text = "".join(line.text for line in body).replace(" ", "").replace("\t", "")
    if not text:
        reading.fail("empty", block.line, "the block that begins here is empty")
        return None
    if not BASE64.fullmatch(text) or len(text) % 4:
        reason = "its = padding is missing, or a part of it is" if len(text) % 4 else "= is only allowed at its end"
        reading.fail("base64", body[-1].number, f"the block's base64 is not whole: {reason}")
        return None
    return base64.b64decode(text)


def _wrong_line(line: _Line, begin: int, body: list[_Line]) -> Fault | None:
    """Return the fault of a line of a block; None if it has none.

    Args:
        line: the line.
        begin: number of the BEGIN line.
        body: the block's lines that are not empty.
    """
    if not line.text:
        # An empty line ends the headers (RFC 1421). Directly after BEGIN, OpenSSL accepts it if all lines are full.
        is_first = bool(body) and line.number == begin + 1 and body[0].number == begin + 2
        if is_first and all(len(each.text) == _LINE for each in body[:-1]) and len(body[-1].text) <= _LINE:
            return None
        return Fault("empty-line", line.number, "an empty line is inside the block; OpenSSL and Envoy can't read it")
    if ":" in line.text:
        return Fault("headers", line.number, "the block has headers (RFC 1421); Go, OpenSSL and Envoy can't read it")
    if line.length % _PIECE == 0:
        message = f"the line has {line.length} characters, and Envoy can't read a multiple of {_PIECE}"
        return Fault("line-length", line.number, f"{message}; use lines of {_LINE}")
    strange = next((c for c in line.text if not (c.isascii() and c.isalnum()) and c not in "+/= \t"), None)
    return _strange(line.number, line.text, strange) if strange else None


def _strange(number: int, line: str, character: str) -> Fault:
    """Return the fault of a character that is not base64."""
    if character == "\r":
        return Fault("carriage-return", number, "a carriage return is inside the line; end lines with a line feed")
    if name := name_unseen(character):
        return Fault("invisible", number, f"{name} is in the base64; Go loses this certificate; remove it")
    return Fault("comment", number, f"{quote_line(line)} is not base64; move text out of the block")


def _other_label(block: _Block) -> tuple[str, int, str]:
    """Return the fault of a block that is not a certificate: kind, line and message."""
    if "PRIVATE KEY" in block.label:
        return "private-key", block.line, "a private key is among the certificates; remove it, and replace the key"
    if block.label in ("X509 CERTIFICATE", "TRUSTED CERTIFICATE"):
        return "label", block.line, f"the label is {block.label}, which Go passes over; write CERTIFICATE"
    return "label", block.line, f"a {block.label} is among the certificates; remove it"
