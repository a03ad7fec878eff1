"""What PEM texts are put together from."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
REJECTED = "rejected"


def wrap(body: str, width: int = 64) -> str:
    return "\n".join(body[start : start + width] for start in range(0, len(body), width))


def block(body: str, label: str = "CERTIFICATE") -> str:
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


def pem(*certificates: bytes) -> str:
    """Encode certificates (DER) that may be too odd for a library."""
    return "".join(block(wrap(base64.b64encode(der).decode())) for der in certificates)


def change_lines(text: str, change: Callable[[str], str]) -> str:
    return "".join(f"{change(line)}\n" for line in text.splitlines())


@dataclass(frozen=True)
class Parts:
    """Two certificates (DER), A and B, and their usual PEM."""

    first: bytes
    second: bytes

    @property
    def a(self) -> str:
        return pem(self.first)

    @property
    def b(self) -> str:
        return pem(self.second)

    @property
    def good(self) -> str:
        return self.a + self.b

    @property
    def a_body(self) -> str:
        """The first certificate's Base64 text, without line ends."""
        return base64.b64encode(self.first).decode()

    def with_line(self, after: int, line: str) -> str:
        """Return both, with one more line in the first block, after so many lines of Base64 text."""
        lines = self.a.splitlines()
        return "\n".join([*lines[: after + 1], line, *lines[after + 1 :], self.b])

    def with_inserted(self, position: int, characters: str) -> str:
        """Return both, with characters inserted in the first line of Base64 text."""
        start = len(BEGIN) + 1 + position
        return self.a[:start] + characters + self.a[start:] + self.b
