"""Reading PEM as Go, OpenSSL and Envoy all read it.

The three differ in what they pass over: a text can start Envoy and still have lost a certificate there. A text is
readable here only if all three get every certificate out of it. Each fault below was measured with Go 1.26
(``CertPool.AppendCertsFromPEM``), OpenSSL 3.0 and Envoy 1.40 (``tests/judges``).

Sources: golang/go:src/encoding/pem/pem.go (Decode); openssl/openssl:crypto/pem/pem_lib.c (PEM_read_bio_ex);
google/boringssl:crypto/pem/pem_lib.cc, which Envoy reads with; RFC 7468.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from toolkit.errors import one_line
from toolkit.pki.certificate import parse
from toolkit.text import NotTextError, from_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CERTIFICATE = "CERTIFICATE"
REQUEST = "CERTIFICATE REQUEST"
_LINE = 64
# BoringSSL reads lines in pieces of so many characters, and loses its place where a line ends with a piece.
_PIECE = 253
_MARKER = re.compile(r"-----(BEGIN|END) ([A-Z0-9][A-Z0-9 ]*)-----")
# Whatever a person would take for a marker, with any kind and number of dashes.
_DASH = "-\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_LIKE_A_MARKER = re.compile(rf"[{_DASH}]{{2,}}\s*(?:BEGIN|END)\b", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# Formats and separators that no editor shows; a blank or a tab at a line's end does no harm.
_UNSEEN = {"\ufeff": "a byte order mark", "\u00a0": "a non-breaking space", "\u200b": "a zero-width space", "\0": "NUL"}
_UNSEEN_CATEGORIES = ("Cc", "Cf", "Zl", "Zp", "Zs")
_LONGEST_QUOTED = 40
_MOST_FAULTS = 3
# The first bytes of the DER of every certificate that is longer than 255 bytes.
_DER, _DER_IN_BASE64 = b"0\x82", "MII"
_DER_AS_TEXT = ("0\x82", "0\ufffd")


class Fault(NamedTuple):
    """One thing that keeps a program from reading the text.

    Attributes:
        kind: a short name, for rules that treat one kind in a special way.
        line: where it is, from 1.
        message: what is wrong there, who can't read it, and how to fix it.
    """

    kind: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class UnreadableError(ValueError):
    """A PEM text that some program of a mesh can't read in full.

    Args:
        faults: everything that is wrong with it, at least one.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults[:_MOST_FAULTS])))
        self.faults = tuple(faults)


@dataclass
class Reading:
    """What a PEM text contains.

    Attributes:
        certificates: those that can be read, in their order.
        faults: why other certificates can't be read; with one fault the text is of no use as a whole.
        text_lines: the numbers of lines of text outside of blocks, which every program passes over.
    """

    certificates: list[x509.Certificate] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    text_lines: list[int] = field(default_factory=list)

    def fail(self, kind: str, line: int, message: str) -> None:
        """Record a fault."""
        self.faults.append(Fault(kind, line, message))


def read(text: str | bytes) -> Reading:
    """Read every certificate of a PEM text and find everything that Go, OpenSSL or Envoy can't read.

    Args:
        text: the text as it is in a document or a file; bytes are read as UTF-8.
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
            except ValueError as error:
                reading.fail("certificate", block.line, f"the certificate that begins here {error}")
    if not reading.certificates and not reading.faults:
        reading.fail("nothing", 1, _no_block(decoded))
    reading.faults.sort(key=lambda fault: fault.line)
    return reading


def load_certificates(text: str | bytes) -> tuple[x509.Certificate, ...]:
    """Read every certificate of a PEM text, in their order.

    Raises:
        UnreadableError: Go, OpenSSL or Envoy can't read one of them, or there is none.
    """
    reading = read(text)
    if reading.faults:
        raise UnreadableError(reading.faults)
    return tuple(reading.certificates)


def load_certificate(text: str | bytes) -> x509.Certificate:
    """Read exactly one certificate.

    Raises:
        ValueError: there is none, more than one, or one that Go, OpenSSL or Envoy can't read.
    """
    certificates = load_certificates(text)
    if len(certificates) != 1:
        raise ValueError(f"contains {len(certificates)} certificates; exactly one is expected")
    return certificates[0]


def load_request(text: str | bytes) -> x509.CertificateSigningRequest:
    """Read exactly one certificate signing request.

    AWS Private CA takes no other label than ``CERTIFICATE REQUEST`` (aws/aws-cli#9613).

    Raises:
        ValueError: there is none, more than one, or one that can't be read.
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
        raise ValueError(f"is a request that can't be read; it was cut off or changed: {one_line(error)}") from error


def write(certificates: Sequence[x509.Certificate]) -> str:
    """Return the certificates as canonical PEM: lines of 64 characters, each ended by a line feed (RFC 7468, 2)."""
    return "".join(_encoded(certificate.public_bytes(Encoding.DER), CERTIFICATE) for certificate in certificates)


def write_request(request: x509.CertificateSigningRequest) -> str:
    """Return a certificate signing request as canonical PEM."""
    return _encoded(request.public_bytes(Encoding.DER), REQUEST)


def _encoded(content: bytes, label: str) -> str:
    text = base64.b64encode(content).decode()
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


class _Line(NamedTuple):
    """One line.

    Attributes:
        number: from 1.
        text: without its end, and blanks before that.
        length: in characters, without the line feed alone.
    """

    number: int
    text: str
    length: int


class _Block(NamedTuple):
    """One PEM block.

    Attributes:
        label: between BEGIN and the dashes.
        line: the number of its BEGIN line.
        lines: what is between BEGIN and END.
    """

    label: str
    line: int
    lines: list[_Line]


def _decoded(text: str | bytes, reading: Reading) -> str | None:
    if text.startswith(_DER_AS_TEXT) if isinstance(text, str) else text.startswith(_DER):
        reading.fail("der", 1, "this is DER; convert it with: openssl x509 -inform DER -outform PEM")
        return None
    try:
        decoded = text if isinstance(text, str) else from_utf8(text)
    except NotTextError as error:
        reading.fail("encoding", error.line, str(error))
        return None
    if (at := decoded.find("\ufffd")) >= 0:
        # What stands for bytes that could not be decoded before.
        reading.fail("encoding", decoded.count("\n", 0, at) + 1, "the text was not UTF-8; save it as UTF-8")
        return None
    return decoded


def _blocks(text: str, reading: Reading) -> Iterator[_Block]:
    """Yield every block from BEGIN to END; faults of markers and of text are recorded on the way."""
    open_block: _Block | None = None
    # Whether a wrong marker was the last one: what follows it belongs to no block, and says nothing new.
    is_lost = False
    for number, raw in enumerate(text.split("\n"), start=1):
        # As Go's getLine: a carriage return belongs to the line end only right before the line feed.
        line = raw.removesuffix("\r").rstrip(" \t")
        marker = _MARKER.fullmatch(line)
        if marker is None:
            if _LIKE_A_MARKER.search(line):
                reading.fail(*_wrong_marker(number, line))
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
    """Record a line of text outside of blocks; a line that holds what no program takes for text is a fault."""
    if "\r" in line:
        reading.fail("carriage-return", number, "a carriage return is inside the line; end lines with a line feed")
    elif "\0" in line:
        reading.fail("invisible", number, "NUL is in the text; remove it")
    else:
        reading.text_lines.append(number)


def _content(block: _Block, reading: Reading) -> bytes | None:
    """Return the DER of a block; None after a fault was recorded."""
    body = [line for line in block.lines if line.text]
    for line in block.lines:
        if fault := _wrong_line(line, block.line, body):
            reading.faults.append(fault)
            return None
    text = "".join(line.text for line in body).replace(" ", "").replace("\t", "")
    if not text:
        reading.fail("empty", block.line, "the block that begins here is empty")
        return None
    if not _BASE64.fullmatch(text) or len(text) % 4:
        reason = "its = padding is missing, or a part of it is" if len(text) % 4 else "= is only allowed at its end"
        reading.fail("base64", body[-1].number, f"the block's base64 is not whole: {reason}")
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        reading.fail("base64", body[-1].number, f"the block's base64 can't be decoded: {one_line(error)}")
        return None


def _wrong_line(line: _Line, begin: int, body: list[_Line]) -> Fault | None:
    """Return what is wrong with a line between BEGIN, at line `begin`, and END; `body` has those that are not empty."""
    if not line.text:
        # An empty line ends headers (RFC 1421). Right after BEGIN it ends none; OpenSSL then takes full lines alone.
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
    """Say what a character does in base64 that is none of it."""
    if character == "\r":
        return Fault("carriage-return", number, "a carriage return is inside the line; end lines with a line feed")
    if name := _unseen(character):
        return Fault("invisible", number, f"{name} is in the base64; Go loses this certificate; remove it")
    return Fault("comment", number, f"{_quoted(line)} is not base64; move text out of the block")


def _other_label(block: _Block) -> tuple[str, int, str]:
    """Return what to say of a block that is not a certificate."""
    if "PRIVATE KEY" in block.label:
        return "private-key", block.line, "a private key is among the certificates; remove it, and replace the key"
    if block.label in ("X509 CERTIFICATE", "TRUSTED CERTIFICATE"):
        return "label", block.line, f"the label is {block.label}, which Go passes over; write CERTIFICATE"
    return "label", block.line, f"a {block.label} is among the certificates; remove it"


def _wrong_marker(number: int, line: str) -> tuple[str, int, str]:
    """Say what is wrong with a line that looks like a BEGIN or END line."""
    kind, message = _lost_line_ends(line) or _wrong_spelling(line)
    return kind, number, message


def _lost_line_ends(line: str) -> tuple[str, str] | None:
    if "\\n" in line:
        return "literal", r"line ends are written as \n; put real line ends in their place"
    if "\r" in line:
        return "carriage-return", "lines end with a carriage return alone; end them with a line feed"
    joined = re.search(r"END [A-Z0-9 ]+-----\s*-----BEGIN", line)
    if len(_MARKER.findall(line)) > (2 if joined else 1) or re.search(r"BEGIN [A-Z0-9 ]+-----.*-----END", line):
        return "folded", "the line ends are lost; in YAML write the text under | and not under >"
    if joined:
        return "joined", "END and BEGIN are on one line; Go, OpenSSL and Envoy read neither certificate there"
    return None


def _wrong_spelling(line: str) -> tuple[str, str]:
    if strange := next((name for c in line if (name := _unseen(c))), ""):
        return "invisible", f"{strange} is in the BEGIN or END line; Go loses this certificate; remove it"
    if _MARKER.fullmatch(line.lstrip()):
        return "indented", "the BEGIN or END line is indented; remove the blanks before it"
    if _MARKER.search(line):
        return "text", f"text is on the line of a BEGIN or END: {_quoted(line)}; put it on a line of its own"
    return "dashes", f"{_quoted(line)} is not a BEGIN or END line: five dashes, capitals, five dashes"


def _unseen(character: str) -> str:
    """Return the name of a character that no editor shows; empty for any other."""
    if character in " \t" or unicodedata.category(character) not in _UNSEEN_CATEGORIES:
        return ""
    return _UNSEEN.get(character) or f"{unicodedata.name(character, 'a control character').lower()}"


def _quoted(line: str) -> str:
    """Return a line for an error message, cut; never a part of a key."""
    if "PRIVATE KEY" in line:
        return "a private key"
    text = ascii(line.strip())[1:-1]
    return repr(text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}...")


def _no_block(text: str) -> str:
    """Say what a text is in which there is no block at all."""
    packed = "".join(text.split())
    if _BASE64.fullmatch(packed):
        if packed.startswith(_DER_IN_BASE64):
            return "this is base64 without BEGIN and END lines; wrap it as PEM"
        with_padding = packed + "=" * (-len(packed) % 4)
        try:
            inside = base64.b64decode(with_padding, validate=True)
        except binascii.Error:
            inside = b""
        if b"-----BEGIN" in inside:
            return "this is base64 of PEM; decode it once more"
    return "no PEM certificate found (-----BEGIN CERTIFICATE-----)"
