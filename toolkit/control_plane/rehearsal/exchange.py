"""Requests to a control plane's HTTP API, the resources that they name, and the answers.

Sources: kumahq/kuma:pkg/api-server/resource_endpoints.go, pagination.go, pkg/core/validators/types.go,
pkg/core/rest/errors/error_handler.go and pkg/core/rest/errors/types/error.go; emicklei/go-restful:container.go
(writeServiceError) for requests without a route.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from toolkit.control_plane.resource_keys import COLLECTIONS, Key
from toolkit.errors import Problem
from toolkit.values import Object

# The kinds of the lists, by their collection in a mesh.
KINDS = {collection: kind for kind, collection in COLLECTIONS.items()}
_DEFAULT_SIZE, _MAX_SIZE = 100, 1000


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
    def parts(self) -> list[str]:
        """Return the parts of the path, unquoted."""
        return [unquote(part) for part in self.path.split("/")[1:]]

    @property
    def is_json(self) -> bool:
        """Return whether the header ``Content-Type`` allows JSON."""
        return self.content_type.partition(";")[0].strip().lower() in ("application/json", "*/*")

    @property
    def parameters(self) -> dict[str, str]:
        """Return the parameters of the query; of a repeated one, the last value."""
        query = parse_qs(self.target.partition("?")[2], keep_blank_values=True)
        return {name: values[-1] for name, values in query.items()}


def find_key(parts: list[str]) -> Key | None:
    """Return the resource that the parts of a path name; None if they name none."""
    match parts:
        case ["meshes", mesh] if mesh:
            return Key("Mesh", mesh, mesh)
        # Dataplanes are only listed, if they were put into the stand-in.
        case ["meshes", mesh, collection, name] if mesh and name and collection in KINDS.keys() - {"dataplanes"}:
            return Key(KINDS[collection], mesh, name)
    return None


def read_page(parameters: dict[str, str]) -> tuple[int, int]:
    """Return the size and the offset of a page of a list. A size of 0 means the whole list.

    Raises:
        RefusedError: one of them is not valid.
    """
    title = "Could not retrieve resources"
    size, offset = parameters.get("size") or str(_DEFAULT_SIZE), parameters.get("offset") or "0"
    if not re.fullmatch(r"[0-9]{1,4}", size, re.ASCII) or int(size) > _MAX_SIZE:
        reason = f"invalid page size; it is a number up to {_MAX_SIZE}"
        raise RefusedError(400, title, "Invalid page size", (Problem("size", reason),))
    if not re.fullmatch(r"[0-9]{1,9}", offset, re.ASCII):
        raise RefusedError(400, title, "Invalid offset", (Problem("offset", "Invalid format"),))
    return int(size), int(offset)


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


# Answers to requests without a route.
PLAIN = {
    404: Reply(404, b"404: Page Not Found", "text/plain"),
    405: Reply(405, b"405: Method Not Allowed", "text/plain"),
    415: Reply(415, b"415: Unsupported Media Type", "text/plain"),
}


class RefusedError(Exception):
    """A request is answered with an error in Kuma's form.

    Attributes:
        status: HTTP status of the answer.
    """

    def __init__(self, status: int, title: str, detail: str, violations: tuple[Problem, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self._title, self._detail, self._violations = title, detail, violations

    def to_reply(self) -> Reply:
        """Return the answer. ``details`` and ``causes`` are for older clients."""
        named: Object = {}
        causes: Object = {}
        if self._violations:
            named = {"invalid_parameters": [{"field": each.path, "reason": each.message} for each in self._violations]}
            causes = {"causes": [{"field": each.path, "message": each.message} for each in self._violations]}
        document = {"type": "/std-errors", "status": self.status, "title": self._title, "detail": self._detail}
        return build_json_reply(self.status, {**document, **named, "details": self._detail, **causes})


def build_json_reply(status: int, document: Object) -> Reply:
    """Return an answer with a JSON body."""
    return Reply(status, json.dumps(document, ensure_ascii=False).encode())


def build_not_found(title: str) -> RefusedError:
    """Return the error for a resource that does not exist."""
    return RefusedError(404, title, "Not found")


def require(violations: list[Problem], title: str) -> None:
    """Raise an error if there are violations.

    Raises:
        RefusedError: 400, with all violations.
    """
    if violations:
        raise RefusedError(400, title, "Resource is not valid", tuple(violations))
