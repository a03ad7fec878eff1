"""Decode text from other sources, and make it safe to show on a terminal and in documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# The longest line of a message that people still read.
MAX_LINE = 500
_MAX_NAME = 80
# Patterns as strings: most commands need none of them, and compiling them takes a tenth of the start-up time.
# Characters that str.isprintable() accepts although a terminal shows nothing for them, or that change their neighbor:
# the rest of Default_Ignorable_Code_Point (https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point), and
# the Braille blank.
_INVISIBLE = "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
# Everything that XML 1.0 can't represent (https://www.w3.org/TR/xml/#NT-Char), and other control characters and
# noncharacters, which XML discourages and HTML treats as errors. Line feed and tab are kept. Marks that reorder the
# text next to them are replaced, too (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
_ILLEGIBLE = (
    "[^\t\n\x20-\x7e\xa0-\u061b\u061d-\u200d\u2010-\u2029\u202f-\u2065\u206a-\ud7ff"
    "\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]"
)
_LINE_ENDS = "\r\n?|\x85"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class NotTextError(ValueError):
    """Bytes that are not UTF-8.

    Args:
        message: the actual encoding, and the fix.
        line: the line number, from 1.
    """

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


def decode_utf8(content: bytes) -> str:
    """Return the text of bytes in UTF-8; a byte order mark is kept.

    Raises:
        NotTextError: the bytes are not UTF-8.
    """
    if content.startswith(_UTF16):
        raise NotTextError("the text is UTF-16, as PowerShell's > writes it; save it as UTF-8")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotTextError("the text is not UTF-8; save it as UTF-8", line) from None


def escape(text: str) -> str:
    r"""Return the text with all characters escaped that a terminal would interpret or not show.

    Escaped as in Python (``\x1b``, ``\u202e``): control characters and line ends, marks that reorder text, characters
    without a width, lone surrogates, and unassigned characters.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = text if text.isprintable() else "".join(map(_escaped, text))
    return re.sub(_INVISIBLE, lambda match: _escaped(match[0], force=True), shown)


def _escaped(character: str, *, force: bool = False) -> str:
    if character.isprintable() and not force:
        return character
    return character.encode("unicode_escape").decode()


def escape_lines(text: str) -> str:
    """Return a text of several lines with each line escaped; only line feeds are kept."""
    return "\n".join(map(escape, text.split("\n")))


def take_line(value: object, limit: int = MAX_LINE) -> str:
    """Return text from elsewhere as one printable, truncated line; empty if the value is not text."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return escape(text if len(text) <= limit else text[:limit] + "…")


def list_names(names: Sequence[str], most: int) -> str:
    """Return the first names for a message, each on one short line, and how many more there are."""
    shown = ", ".join(take_line(name, _MAX_NAME) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def replace_illegible(text: str) -> str:
    """Return the text for HTML, XML and other documents: characters that they can't represent become U+FFFD.

    Each line end becomes a line feed. The caller must escape markup.
    """
    return re.sub(_ILLEGIBLE, REPLACEMENT, re.sub(_LINE_ENDS, "\n", text))


def suggest(word: str, known: Iterable[str], likeness: float = 0.6, most: int = 1) -> str:
    """Return "Did you mean ...?" with the most similar known words; empty if none is similar enough.

    Args:
        word: the unknown word; case does not matter.
        known: the known words.
        likeness: how similar a word must be, from 0 to 1.
        most: the maximum number of words in the answer.
    """
    import difflib  # noqa: PLC0415 - slow to import, and only a mistake needs it

    lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(word.lower()[:100], lower, n=most, cutoff=likeness)
    return f"Did you mean {' or '.join(lower[each] for each in close)}?" if close else ""


def describe_type(wanted: str, value: object) -> str:
    """Return that a value in a document has a wrong type, and the fix if it is known.

    Args:
        wanted: the expected type, such as ``text`` or ``a list``.
        value: the value, which is not shown.
    """
    fix = "; quote it" if wanted == "text" and isinstance(value, int | float) else ""
    return f"must be {wanted}, and it is {_name_kind(value)}{fix}"


def _name_kind(value: object) -> str:
    """Return the kind of a value in a document, without the value."""
    if value is None:
        return "empty"
    kinds = ((bool, "true or false"), (str, "text"), (int | float, "a number"), (list | tuple, "a list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "an object")
