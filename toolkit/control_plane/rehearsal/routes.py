"""Parse requests to a control plane's HTTP API, and the resources that they name.

Sources: kumahq/kuma:pkg/api-server/resource_endpoints.go, pagination.go; emicklei/go-restful:container.go
(writeServiceError) for requests without a route.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from toolkit.control_plane.rehearsal.inventory import COLLECTIONS, LISTED
from toolkit.control_plane.rehearsal.violations import RefusedError, Reply, Violation

_KINDS = {collection: kind for kind, collection in COLLECTIONS.items()}
_ANY_COLLECTION = "|".join(_KINDS)
_RESOURCE = re.compile(rf"/meshes/(?P<mesh>[^/]+)(?:/(?P<collection>{_ANY_COLLECTION})/(?P<name>[^/]+))?")
_LIST = re.compile(rf"/meshes(?:/(?P<mesh>[^/]+)/(?P<collection>{_ANY_COLLECTION}|{'|'.join(LISTED.values())}))?")
_DEFAULT_SIZE, _MAX_SIZE = 100, 1000
# Answers to requests without a route.
PLAIN = {
    404: Reply(404, b"404: Page Not Found", "text/plain"),
    405: Reply(405, b"405: Method Not Allowed", "text/plain"),
    415: Reply(415, b"415: Unsupported Media Type", "text/plain"),
}


class Request(NamedTuple):
    """An HTTP request.

    Attributes:
        method: in capitals.
        target: the path and the query.
        host: the host for links in the answer.
        authorization: the ``Authorization`` header, or empty.
        content_type: the ``Content-Type`` header, or empty.
        body: the whole body.
    """

    method: str
    target: str
    host: str = "127.0.0.1"
    authorization: str = ""
    content_type: str = ""
    body: bytes = b""

    @property
    def path(self) -> str:
        """Return the path without the query."""
        return self.target.partition("?")[0]

    @property
    def is_json(self) -> bool:
        """Return whether the header ``Content-Type`` allows JSON."""
        return self.content_type.partition(";")[0].strip().lower() in ("application/json", "*/*")

    @property
    def parameters(self) -> dict[str, str]:
        """Return the parameters of the query; of a repeated one, the last value."""
        query = parse_qs(self.target.partition("?")[2], keep_blank_values=True)
        return {name: values[-1] for name, values in query.items()}


class Key(NamedTuple):
    """A resource, by the path of a request."""

    kind: str
    mesh: str
    name: str

    @property
    def is_mesh(self) -> bool:
        """Return whether it is a Mesh."""
        return self.kind == "Mesh"


def find_key(path: str) -> Key | None:
    """Return the resource that a path names; None if it names none."""
    match = _RESOURCE.fullmatch(path)
    if match is None:
        return None
    mesh = unquote(match["mesh"])
    return Key(_KINDS[match["collection"]], mesh, unquote(match["name"])) if match["name"] else Key("Mesh", mesh, mesh)


def find_list(path: str) -> tuple[str, str | None] | None:
    """Return the kind and mesh of the list that a path names; the mesh is None for Meshes. None if it names no list."""
    match = _LIST.fullmatch(path)
    if match is None:
        return None
    kinds = {**_KINDS, **{collection: kind for kind, collection in LISTED.items()}}
    return (kinds[match["collection"]], unquote(match["mesh"])) if match["mesh"] else ("Mesh", None)


def read_page(parameters: dict[str, str]) -> tuple[int, int]:
    """Return the size and the offset of a page of a list. A size of 0 means the whole list.

    Raises:
        RefusedError: one of them is not valid.
    """
    title = "Could not retrieve resources"
    size, offset = parameters.get("size") or str(_DEFAULT_SIZE), parameters.get("offset") or "0"
    if not re.fullmatch(r"[0-9]{1,4}", size, re.ASCII) or int(size) > _MAX_SIZE:
        reason = f"invalid page size; it is a number up to {_MAX_SIZE}"
        raise RefusedError(400, title, "Invalid page size", (Violation("size", reason),))
    if not re.fullmatch(r"[0-9]{1,9}", offset, re.ASCII):
        raise RefusedError(400, title, "Invalid offset", (Violation("offset", "Invalid format"),))
    return int(size), int(offset)
