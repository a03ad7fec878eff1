"""Text that every form of a report can carry, whatever AWS, a zone's name or an error put into it."""

from __future__ import annotations

import re

# What XML 1.0 has no way to write (https://www.w3.org/TR/xml/#NT-Char), and the other control characters and
# noncharacters, which it discourages and which HTML calls errors. Line feed and tab stay. Nor may text turn round what
# stands beside it (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
_UNSPEAKABLE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u061b\u061d-\u200d\u2010-\u2029\u202f-\u2065\u206a-\ud7ff"
    "\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]"
)
_LINE_ENDS = re.compile("\r\n?|\x85")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def legible(text: str) -> str:
    """The text with each character that a report can't carry replaced by U+FFFD, and each line end by a line feed."""
    return _UNSPEAKABLE.sub(REPLACEMENT, _LINE_ENDS.sub("\n", text))
