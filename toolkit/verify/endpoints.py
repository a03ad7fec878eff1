"""Check the URLs of AWS endpoints, and find those that are local or not encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolkit.network_settings import is_loopback
from toolkit.pki import arn

if TYPE_CHECKING:
    from collections.abc import Iterable


def find_problem(url: str) -> str:
    """Return the problem with an endpoint's URL; empty if it is valid. botocore itself checks only the host.

    Raises:
        ValueError: the port is not a number, or too large.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{arn.quote(url)} is not an HTTP URL"
    if parts.username is not None or parts.query or parts.fragment:
        return "it must not contain a user, a query or a fragment"
    return "" if parts.port != 0 else "port 0 is not valid"


def is_on_this_machine(url: str) -> bool:
    """Return whether an endpoint is on the loopback interface, as the sandbox's is: AWS is not."""
    return is_loopback(urlsplit(url).hostname or "")


def list_plaintext(urls: Iterable[str]) -> list[str]:
    """Return the endpoints to which credentials are sent unencrypted over a network."""
    return [url for url in urls if urlsplit(url).scheme == "http" and not is_on_this_machine(url)]
