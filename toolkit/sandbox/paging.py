"""Split lists into pages with tokens."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, TypeVar

from toolkit.sandbox.aws_error import AwsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.values import Object

Item = TypeVar("Item")


def cut(items: Sequence[Item], token: str | None, size: int, code: str) -> tuple[list[Item], str | None]:
    """Return one page of a list, and the token of the next page; None after the last page.

    Args:
        items: the whole list.
        token: the client's token; None for the first page.
        size: the number of items on a page.
        code: the error code for an unknown token.

    Raises:
        AwsError: the token is invalid for a list of this length.
    """
    start = 0 if token is None else _read(token, len(items))
    if start is None:
        raise AwsError(code, "The token was not given out by this service.")
    end = start + size
    return list(items[start:end]), _write(end) if end < len(items) else None


def page(items: list[Object], params: Object, most: int, name: str, code: str) -> Object:
    """Return one page of a list under its name, as REST-JSON services do.

    Args:
        items: the whole list.
        params: the request's parameters, with ``maxResults`` and ``nextToken`` if it has them.
        most: the default number of items on a page.
        name: the list's name in the response.
        code: the error code for an unknown token.
    """
    some, token = cut(items, params.get("nextToken"), params.get("maxResults", most), code)
    return {name: some, "nextToken": token}


def _write(position: int) -> str:
    return base64.b64encode(f"from:{position}".encode()).decode()


def _read(token: str, length: int) -> int | None:
    try:
        position = int(base64.b64decode(token, validate=True).decode().removeprefix("from:"))
    except (binascii.Error, ValueError):
        return None
    return position if 0 < position <= length and _write(position) == token else None
