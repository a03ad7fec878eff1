"""Answer requests to the HTTP API of a stand-in control plane, without the network.

Sources: kumahq/kuma:pkg/api-server/resource_endpoints.go, index_endpoints.go, pagination.go,
pkg/core/resources/access/admin_resource_access.go, pkg/core/secrets/manager/validator.go; emicklei/go-restful for
requests without a route. Measured with Kuma 2.14.3 on Universal (``tests/control_plane/recorded/``).
"""

from __future__ import annotations

import base64
import json
import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, unquote, urlencode

from toolkit.control_plane.rehearsal import ca_plugins, mesh_validation, messages, names_and_labels
from toolkit.control_plane.rehearsal.inventory import Inventory
from toolkit.control_plane.rehearsal.jsonpb import MessageError, read_message
from toolkit.control_plane.rehearsal.violations import (
    RefusedError,
    Reply,
    Violation,
    build_json_reply,
    build_not_found,
    require,
)

if TYPE_CHECKING:
    from toolkit.control_plane.rehearsal.names_and_labels import Mode
    from toolkit.mesh.schema.versions import Product
    from toolkit.values import Object

VERSIONS: dict[Product, str] = {"kuma": "2.14.3", "kong-mesh": "2.14.2"}
NAMES: dict[Product, str] = {"kuma": "Kuma", "kong-mesh": "Kong Mesh"}
# The answer of a control plane on Kubernetes, or of a zone that is connected to a global control plane.
READ_ONLY = (
    "On zone control plane you can only modify zone resources with 'kumactl apply' or via the HTTP API."
    " You can still use 'kumactl' or the HTTP API to modify the rest of the resource on the global control plane.\n"
)
_logger = logging.getLogger(__name__)
_RESOURCE = re.compile(r"/meshes/(?P<mesh>[^/]+)(?:/secrets/(?P<secret>[^/]+))?")
_LIST = re.compile(r"/meshes(?:/(?P<mesh>[^/]+)/secrets)?")
_INSIGHT = re.compile(r"/mesh-insights/(?P<mesh>[^/]+)")
_DEFAULT_SIZE, _MAX_SIZE = 100, 1000
_ANONYMOUS = "mesh-system:anonymous/mesh-system:unauthenticated"


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


@dataclass
class StandIn:
    """A control plane in memory.

    Attributes:
        product: ``kuma`` allows only one backend in a mesh, no change of the enabled backend, and no backend types of
            Kong Mesh.
        mode: determines the labels of Secrets. ``read-only`` rejects every write.
        version: the product's version in the index; empty for the version in ``VERSIONS``.
        token: the administrator's token. If it is empty, every user is an administrator, as on the control plane's
            own host.
        read_only: the detail of the error for rejected writes.
        inventory: the resources.
        insights: MeshInsights by the mesh's name.
    """

    product: Product = "kong-mesh"
    mode: Mode = "zone"
    version: str = ""
    token: str = ""
    read_only: str = READ_ONLY
    inventory: Inventory = field(default_factory=Inventory)
    insights: dict[str, Object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Create the default mesh, as every control plane does."""
        self.inventory.write({"type": "Mesh", "name": "default"}, None)

    def answer(self, request: Request) -> Reply:
        """Return the answer to a request."""
        try:
            return self._answer(request)
        except RefusedError as refused:
            return refused.to_reply()
        except Exception:  # a defect must not cost the client its connection
            _logger.exception("%s %s failed", request.method, request.target)
            return RefusedError(500, "Internal Server Error", "The stand-in has a defect.").to_reply()

    def _answer(self, request: Request) -> Reply:
        path, _, query = request.target.partition("?")
        if path != "/" and self.token and request.authorization not in ("", f"Bearer {self.token}"):
            raise RefusedError(401, "Invalid authentication data", "Unauthenticated")
        if match := _RESOURCE.fullmatch(path):
            return self._resource(request, _Key(unquote(match["mesh"]), unquote(match["secret"] or "")))
        if path != "/" and not _LIST.fullmatch(path) and not _INSIGHT.fullmatch(path):
            return _PLAIN[404]
        if request.method != "GET":
            return _PLAIN[405]
        if match := _LIST.fullmatch(path):
            return self._list(request, match["mesh"], query)
        if match := _INSIGHT.fullmatch(path):
            return self._insight(unquote(match["mesh"]))
        return self._index()

    def _resource(self, request: Request, key: _Key) -> Reply:
        if request.method == "GET":
            return self._get(request, key)
        if request.method not in ("PUT", "DELETE"):
            return _PLAIN[405]
        if request.method == "PUT" and not _is_json(request.content_type):
            return _PLAIN[415]
        if self.mode == "read-only":
            raise RefusedError(405, "Method not allowed", self.read_only)
        return self._put(request, key) if request.method == "PUT" else self._delete(request, key)

    def _index(self) -> Reply:
        identity = {"hostname": "stand-in", "instanceId": "stand-in-0000", "clusterId": "stand-in"}
        product = {"product": NAMES[self.product], "version": self.version or VERSIONS[self.product]}
        return build_json_reply(200, {**product, **identity, "gui": "The gui is available at /gui"})

    def _insight(self, mesh: str) -> Reply:
        if mesh not in self.insights:
            raise build_not_found("Could not retrieve a resource")
        return build_json_reply(200, self.insights[mesh])

    def _list(self, request: Request, mesh: str | None, query: str) -> Reply:
        parameters = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
        size, offset = _page(parameters)
        if mesh is not None:
            self._require_mesh(unquote(mesh))
            self._require_access(request)
            documents = self.inventory.list("Secret", unquote(mesh))
        else:
            documents = self.inventory.list("Mesh")
        documents = [each for each in documents if parameters.get("name", "") in each["name"]]
        after = offset + (size or len(documents))
        following = None
        if after < len(documents):
            encoded = urlencode(sorted({**parameters, "offset": str(after)}.items()))
            following = f"http://{request.host}{request.target.partition('?')[0]}?{encoded}"
        items = [self.inventory.render(each) for each in documents[offset:after]]
        return build_json_reply(200, {"total": len(documents), "items": items, "next": following})

    def _get(self, request: Request, key: _Key) -> Reply:
        if key.secret:
            self._require_mesh(key.mesh)
            self._require_access(request)
        document = self.inventory.find(key.kind, key.mesh, key.name)
        if document is None:
            raise build_not_found("Could not retrieve a resource")
        return build_json_reply(200, self.inventory.render(document))

    def _put(self, request: Request, key: _Key) -> Reply:
        if key.secret:
            self._require_mesh(key.mesh)
        meta, spec = self._read(request.body, key)
        before = self.inventory.find(key.kind, key.mesh, key.name)
        require(
            names_and_labels.list_meta_violations(meta, key.kind, key.mesh, key.name, self.mode),
            "Could not process a resource",
        )
        if key.secret:
            self._require_access(request)
        labels = names_and_labels.compute_labels(meta, key.kind, self.mode)
        if before is not None:
            kept = names_and_labels.list_change_violations(before.get("labels", {}), labels)
            require(kept, "Could not update a resource")
        if not key.secret:
            spec = self._valid_mesh(key, spec, before)
        named = {"type": key.kind, **({"mesh": key.mesh} if key.secret else {}), "name": key.name}
        self.inventory.write({**named, **({"labels": labels} if labels else {}), **spec}, before)
        warnings = names_and_labels.list_warnings(key.name)
        return build_json_reply(201 if before is None else 200, {"warnings": warnings} if warnings else {})

    def _read(self, body: bytes, key: _Key) -> tuple[Object, Object]:
        """Return the metadata and the rest of a resource."""
        try:
            document = json.loads(body, parse_constant=_no_constant)
            # A lone surrogate can't be encoded in the answer.
            json.dumps(document, ensure_ascii=False).encode()
            meta = read_message(messages.META, document)
            spec = read_message(messages.SECRET if key.secret else messages.MESH, document)
        except (MessageError, ValueError, RecursionError) as error:
            reason = error if isinstance(error, MessageError) else "it is not JSON"
            raise RefusedError(400, "Bad Request", f'invalid {key.kind} object: "{reason}"') from None
        if not key.secret:
            most = 1 if self.product == "kuma" else None
            require(mesh_validation.list_violations(spec, most), "Could not process a resource")
        return meta, spec

    def _valid_mesh(self, key: _Key, spec: Object, before: Object | None) -> Object:
        """Return a Mesh with its defaults.

        Raises:
            RefusedError: its backends are not valid.
        """
        title = f"Failed to {'create' if before is None else 'update'} a resource"
        if self.product == "kuma":
            require(ca_plugins.list_change_violations(before or {}, spec), title)
        violations = names_and_labels.check_mesh_name(key.name)
        is_kong_mesh = self.product == "kong-mesh"
        violations += ca_plugins.list_violations(
            spec, key.mesh, lambda name: self._secret_value(key.mesh, name), is_kong_mesh=is_kong_mesh
        )
        require(violations, title)
        ca_plugins.require_lifetimes(spec)
        return mesh_validation.add_defaults(spec)

    def _secret_value(self, mesh: str, name: str) -> bytes | None:
        document = self.inventory.find("Secret", mesh, name)
        return None if document is None else base64.b64decode(document.get("data", ""))

    def _delete(self, request: Request, key: _Key) -> Reply:
        if key.secret:
            self._require_mesh(key.mesh)
        document = self.inventory.find(key.kind, key.mesh, key.name)
        if document is None:
            raise build_not_found("Could not delete a resource")
        if key.secret:
            self._require_access(request)
            self._require_unused(key)
        self.inventory.delete(document)
        return build_json_reply(200, {})

    def _require_unused(self, key: _Key) -> None:
        mesh = self.inventory.find("Mesh", key.mesh, key.mesh) or {}
        violations = []
        for backend in mesh.get("mtls", {}).get("backends", []):
            name = backend.get("name", "")
            if key.secret in ca_plugins.list_secrets_in_use(backend):
                reason = (
                    f'The secret "{key.secret}" that you are trying to remove is currently in use in Mesh "{key.mesh}" '
                    f'in mTLS backend "{name}". Please remove the reference from the "{name}" backend before removing '
                    "the secret."
                )
                violations.append(Violation("name", reason))
        require(violations, "Could not delete a resource")

    def _require_mesh(self, mesh: str) -> None:
        if self.inventory.find("Mesh", mesh, mesh) is None:
            raise build_not_found("Failed to retrieve Mesh")

    def _require_access(self, request: Request) -> None:
        """Deny access to a Secret without a token. Meshes need no token."""
        if self.token and not request.authorization:
            detail = f'user "{_ANONYMOUS}" cannot access the resource of type "Secret"'
            raise RefusedError(403, "Access Denied", detail)


class _Key(NamedTuple):
    mesh: str
    secret: str

    @property
    def kind(self) -> str:
        return "Secret" if self.secret else "Mesh"

    @property
    def name(self) -> str:
        return self.secret or self.mesh


# go-restful's answers to requests without a route (emicklei/go-restful:container.go, writeServiceError).
_PLAIN = {
    404: Reply(404, b"404: Page Not Found", "text/plain"),
    405: Reply(405, b"405: Method Not Allowed", "text/plain"),
    415: Reply(415, b"415: Unsupported Media Type", "text/plain"),
}


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() in ("application/json", "*/*")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _page(parameters: dict[str, str]) -> tuple[int, int]:
    """Return the size and the offset of a page of a list. A size of 0 means the whole list."""
    title = "Could not retrieve resources"
    size, offset = parameters.get("size") or str(_DEFAULT_SIZE), parameters.get("offset") or "0"
    if not re.fullmatch(r"[0-9]{1,4}", size, re.ASCII) or int(size) > _MAX_SIZE:
        reason = f"invalid page size; it is a number up to {_MAX_SIZE}"
        raise RefusedError(400, title, "Invalid page size", (Violation("size", reason),))
    if not re.fullmatch(r"[0-9]{1,9}", offset, re.ASCII):
        raise RefusedError(400, title, "Invalid offset", (Violation("offset", "Invalid format"),))
    return int(size), int(offset)
