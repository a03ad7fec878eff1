"""Text from bytes that somebody else wrote."""

from __future__ import annotations

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class NotTextError(ValueError):
    """Bytes that are not UTF-8.

    Args:
        message: what they are, and what to do.
        line: where, from 1.
    """

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


def from_utf8(content: bytes) -> str:
    """Return the text of bytes in UTF-8; a byte order mark stays in it.

    Raises:
        NotTextError: they are something else.
    """
    if content.startswith(_UTF16):
        raise NotTextError("the text is UTF-16, as PowerShell's > writes it; save it as UTF-8")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotTextError("the text is not UTF-8; save it as UTF-8", line) from None
