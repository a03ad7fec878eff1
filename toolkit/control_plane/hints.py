"""Hints for error responses and failed connections."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from toolkit.control_plane.responses import ApiResponse

CHECK_ADDRESS = "Check that --control-plane is the address of a control plane's HTTP API, such as https://host:5682."
NOT_TRUSTED = "Give the CA that signed its certificate with --ca-file; the name in the address must be in it."
PLAIN_HTTP = (
    "This port answers in plain HTTP: use the https port, 5682 unless the control plane sets another, or an http:// "
    "address."
)
_HTTPS = (
    "This port answers in TLS: use an https:// address, or the http port, 5681 unless the control plane sets another."
)
_BUSY = "The control plane has an internal error; see its log."
_SOMEONE_ELSE = "Someone else wrote at the same time; check their change, and run the same command again."
_ISSUE = "kumactl generate user-token --name NAME --group mesh-system:admin --valid-for 24h issues one"
_NO_TOKEN = f"Give a user token: TOOLKIT_CONTROL_PLANE_TOKEN, or --token-file; {_ISSUE}."
_KUBECTL = "toolkit render-mesh --format kubernetes | kubectl apply -f -"
# On Universal, KUMA_API_SERVER_READ_ONLY (kumahq/kuma:pkg/config/api-server/config.go).
_READ_ONLY = f"its API is read-only: on Kubernetes use {_KUBECTL}, on Universal set KUMA_API_SERVER_READ_ONLY=false"
# The texts of kumahq/kuma:pkg/api-server/resource_endpoints.go, readOnlyMessage. The control plane's mode selects one.
_READ_ONLY_TEXTS = (
    ("On Kubernetes", _KUBECTL),
    ("On global", f"{_READ_ONLY[0].upper()}{_READ_ONLY[1:]}."),
    ("On zone", f"Apply it to the global control plane. If this zone has none, {_READ_ONLY}."),
)
# Responses of golang/go:src/net/http/server.go and of nginx to HTTP on a TLS port.
_MEANT_TLS = re.compile(rb"HTTP request to an HTTPS server|HTTP request was sent to HTTPS port")
# Kuma's name for a user without a token (kumahq/kuma:pkg/core/user/user.go).
_ANONYMOUS = "mesh-system:anonymous"
_HINTS = {
    401: f"The token is not valid, or has expired; {_ISSUE}.",
    403: "Meshes and Secrets need an administrator: a token of the group mesh-system:admin.",
    404: CHECK_ADDRESS,
    409: _SOMEONE_ELSE,
    412: _SOMEONE_ELSE,
    413: "A proxy in front of the control plane rejects a document of this size.",
    429: "Too many requests; try again later.",
    500: _BUSY,
    502: _BUSY,
    503: _BUSY,
    504: _BUSY,
}
_UNAUTHORIZED, _FORBIDDEN, _READ_ONLY_STATUS, _BAD_REQUEST = 401, 403, 405, 400


def means_tls(response: ApiResponse) -> bool:
    """Return whether a TLS port rejected plain HTTP."""
    return response.status == _BAD_REQUEST and _MEANT_TLS.search(response.body) is not None


def choose_connection_hint(url: str) -> str:
    """Return a hint for a connection that can't be made.

    An address with a path is that of Konnect or of a proxy, which have other ports than a control plane.

    Args:
        url: the address of the control plane.
    """
    if urlsplit(url).path.strip("/"):
        return "See whether the address is correct, and whether this machine reaches it (DNS, proxy, firewall)."
    return "Check that the control plane runs and listens there (5681 for http, 5682 for https)."


def choose_hint(response: ApiResponse, *, has_token: bool) -> str:
    """Return a hint for an error response.

    Args:
        response: the response.
        has_token: whether the request had a token.
    """
    words = response.summarize()
    if means_tls(response):
        return _HTTPS
    if response.status == _UNAUTHORIZED and not has_token:
        return _NO_TOKEN
    if response.status == _FORBIDDEN and _ANONYMOUS in words:
        return _NO_TOKEN if not has_token else f"The token did not reach the control plane. {_HINTS[_FORBIDDEN]}"
    if response.status == _READ_ONLY_STATUS:
        texts = (advice for text, advice in _READ_ONLY_TEXTS if text in words)
        return next(texts, f"{_READ_ONLY[0].upper()}{_READ_ONLY[1:]}, or apply it to the global control plane.")
    return _HINTS.get(response.status, CHECK_ADDRESS)
