"""Read a control plane's responses safely, without trust in their content, and find hints for its errors.

Sources: kumahq/kuma:pkg/api-server/index_endpoints.go, kumahq/kuma:pkg/core/rest/errors/types/error.go (the form of an
error, with its older names) and kumahq/kuma:pkg/core/rest/errors/error_handler.go (the meaning of each status).
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from toolkit.errors import Problem
from toolkit.mesh.schema.versions import FIRST_WITHOUT_MTLS, MeshVersion
from toolkit.redaction import blot
from toolkit.text import MAX_LINE, take_line
from toolkit.values import Object
from toolkit.yamltext.plain import is_tame, items

# The first version that may have other fields than the models in toolkit.mesh.schema.
_UNKNOWN_FROM = MeshVersion(2, 15)
_MAX_PROBLEMS = 50
# The lists of fields in an error, with the name of the reason in each.
_PARAMETERS = (("invalid_parameters", "reason"), ("invalidParameters", "reason"), ("causes", "message"))
# Names of fields in errors of Kuma's validators, and in a document.
_RENAMED = (
    # kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, validateMtls: it names no backend.
    (re.compile(r"^mtls\.dpcert\."), "mtls.backends[].dpCert."),
    # The field's name before Kuma 1.1, kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go.
    (re.compile(r"^(mtls\.backends\[\d+\])\.config\b"), r"\1.conf"),
)
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


@dataclass(frozen=True)
class Index:
    """A control plane's index.

    Attributes:
        product: ``Kong Mesh`` or ``Kuma``.
        version: such as ``2.13.1``.
        mode: ``global``, ``zone`` or ``standalone``; empty if the index does not contain it.
    """

    product: str
    version: str
    mode: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.product, self.version, self.mode and f"({self.mode})")))

    @property
    def number(self) -> MeshVersion | None:
        """Return the version; None for a development build."""
        with suppress(ValueError):
            number = MeshVersion.parse(self.version)
            # A development build has the version 0.0.0-preview (kumahq/kuma:mk/build.mk).
            return number if number.major else None
        return None

    @property
    def may_know_more(self) -> bool:
        """Return whether a Mesh may have fields that Kuma 2.14 lacks: in newer versions and development builds."""
        return self.number is None or self.number >= _UNKNOWN_FROM

    @property
    def has_no_mtls(self) -> bool:
        """Return whether this version removed ``Mesh.mtls``.

        Source: Kong/developer.konghq.com:app/assets/mesh/raw/UPGRADE.md.
        """
        return self.number is not None and self.number >= FIRST_WITHOUT_MTLS


@dataclass(frozen=True)
class ApiResponse:
    """A response's status and its whole body."""

    status: int
    body: bytes

    def parse_document(self) -> Object | None:
        """Return the body as a JSON object; None if it is not an object, or is nested too deeply."""
        try:
            value = json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) and is_tame(value) else None

    @property
    def is_of_kuma(self) -> bool:
        """Return whether the error is from the control plane itself and not from a proxy."""
        document = self.parse_document() or {}
        return isinstance(document.get("title"), str) and ("detail" in document or "details" in document)

    def summarize(self) -> str:
        """Return the error in the response as one line; empty if the response has no text."""
        document = self.parse_document()
        if document is None:
            return _said(self.body[: 4 * MAX_LINE].decode(errors="replace"))
        said = [document.get("title"), document.get("detail") or document.get("details")]
        told = dict.fromkeys(_said(text) for text in said if isinstance(text, str) and text.strip())
        return ": ".join(told) or _said(json.dumps(document))

    def list_problems(self) -> tuple[Problem, ...]:
        """Return the problem of each field in an error, with the field's name in a document."""
        document = self.parse_document() or {}
        problems: dict[Problem, None] = {}
        for name, reason in _PARAMETERS:
            for entry in items(document.get(name)):
                if isinstance(entry, dict):
                    problems[Problem(_field(entry.get("field")), _said(entry.get(reason)) or "is not valid")] = None
        return tuple(problems)[:_MAX_PROBLEMS]

    def list_warnings(self) -> tuple[str, ...]:
        """Return the control plane's warnings on an accepted document (``{"warnings": [...]}``)."""
        texts = map(_said, items((self.parse_document() or {}).get("warnings")))
        return tuple(text for text in texts if text)[:_MAX_PROBLEMS]


def _said(value: object) -> str:
    """Return a text of a response as one line, without secrets. A cut secret would not be found, so they go first."""
    return take_line(blot(value) if isinstance(value, str) else value)


def _field(value: object) -> str:
    name = _said(value)
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    return name


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


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
