"""Pages of a list: the tokens that lead from one to the next."""

from __future__ import annotations

import base64
import binascii


def token(position: int) -> str:
    """What a client sends to get the page that begins there."""
    return base64.b64encode(f"from:{position}".encode()).decode()


def start(text: str | None, length: int) -> int:
    """Where a page begins.

    Raises:
        ValueError: :func:`token` made no such token for a list of that length.
    """
    if text is None:
        return 0
    try:
        position = int(base64.b64decode(text, validate=True).decode().removeprefix("from:"))
    except (binascii.Error, ValueError) as error:
        raise ValueError(text) from error
    if not 0 < position <= length or token(position) != text:
        raise ValueError(text)
    return position
