"""Describe faults of PEM texts that Go, OpenSSL or Envoy can't read (see ``pem.py``)."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

MARKER = re.compile(r"-----(BEGIN|END) ([A-Z0-9][A-Z0-9 ]*)-----")
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# Format characters and separators that editors don't show. A blank or a tab at a line's end is harmless.
_UNSEEN = {"\ufeff": "a byte order mark", "\u00a0": "a non-breaking space", "\u200b": "a zero-width space", "\0": "NUL"}
_UNSEEN_CATEGORIES = ("Cc", "Cf", "Zl", "Zp", "Zs")
_LONGEST_QUOTED = 40
_MOST_FAULTS = 3
_DER_IN_BASE64 = "MII"
# The beginning of "-----BEGIN " in base64.
PEM_IN_BASE64 = "LS0tLS1CRUdJTi"


class Fault(NamedTuple):
    """A fault that keeps a program from reading the text.

    Attributes:
        kind: a short name, for rules that handle one kind of fault separately.
        line: number of the line, from 1.
        message: the fault, the programs that can't read it, and how to fix it.
    """

    kind: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class UnreadableError(ValueError):
    """At least one program of a mesh can't read a PEM text in full.

    Args:
        faults: all faults, at least one.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults[:_MOST_FAULTS])))
        self.faults = tuple(faults)


def describe_marker(number: int, line: str) -> tuple[str, int, str]:
    """Return the fault of a line that looks like a BEGIN or END line: kind, line and message."""
    kind, message = _lost_line_ends(line) or _wrong_spelling(line)
    return kind, number, message


def _lost_line_ends(line: str) -> tuple[str, str] | None:
    if "\\n" in line:
        return "literal", r"line ends are written as \n; put real line ends in their place"
    if "\r" in line:
        return "carriage-return", "lines end with a carriage return alone; end them with a line feed"
    joined = re.search(r"END [A-Z0-9 ]+-----\s*-----BEGIN", line)
    if len(MARKER.findall(line)) > (2 if joined else 1) or re.search(r"BEGIN [A-Z0-9 ]+-----.*-----END", line):
        return "folded", "the line ends are lost; in YAML write the text under | and not under >"
    if joined:
        return "joined", "END and BEGIN are on one line; Go, OpenSSL and Envoy read neither certificate there"
    return None


def _wrong_spelling(line: str) -> tuple[str, str]:
    if strange := next((name for c in line if (name := name_unseen(c))), ""):
        return "invisible", f"{strange} is in the BEGIN or END line; Go loses this certificate; remove it"
    if MARKER.fullmatch(line.lstrip()):
        return "indented", "the BEGIN or END line is indented; remove the spaces before it"
    if MARKER.search(line):
        return "text", f"text is on the line of a BEGIN or END: {quote_line(line)}; put it on a line of its own"
    return "dashes", f"{quote_line(line)} is not a BEGIN or END line: five dashes, capitals, five dashes"


def name_unseen(character: str) -> str:
    """Return the name of a character that editors don't show; empty for any other."""
    import unicodedata  # noqa: PLC0415 - slow to load, and most texts have no fault

    if character in " \t" or unicodedata.category(character) not in _UNSEEN_CATEGORIES:
        return ""
    return _UNSEEN.get(character) or f"{unicodedata.name(character, 'a control character').lower()}"


def quote_line(line: str) -> str:
    """Return a line for an error message, cut if it is long. A line of a private key is never quoted."""
    if "PRIVATE KEY" in line:
        return "a private key"
    text = ascii(line.strip())[1:-1]
    return repr(text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}...")


def describe_text(text: str) -> str:
    """Describe a text that contains no PEM block."""
    packed = "".join(text.split())
    if BASE64.fullmatch(packed):
        if packed.startswith(_DER_IN_BASE64):
            return "this is base64 without BEGIN and END lines; wrap it as PEM"
        with suppress(ValueError):
            # Other text may precede BEGIN, such as that of openssl x509 -text. More padding than needed is ignored.
            if b"-----BEGIN" in base64.b64decode(f"{packed}=="):
                return "this is base64 of PEM; decode it once more"
    return "no PEM certificate found (-----BEGIN CERTIFICATE-----)"
