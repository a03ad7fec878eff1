"""Answer requests to the HTTP API of a stand-in control plane, without the network.

Sources: kumahq/kuma:pkg/api-server/resource_endpoints.go, index_endpoints.go, config_ws.go, pagination.go,
pkg/core/resources/access/admin_resource_access.go, pkg/core/secrets/manager/validator.go. Measured with Kuma 2.14.3 on
Universal (``tests/control_plane/recorded/``).
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from toolkit.control_plane.rehearsal import ca_plugins, mesh_validation, names_and_labels
from toolkit.control_plane.rehearsal.exchange import (
    KINDS,
    PLAIN,
    RefusedError,
    Reply,
    Request,
    build_json_reply,
    build_not_found,
    find_key,
    read_page,
    require,
)
from toolkit.control_plane.rehearsal.identity_conditions import reconcile
from toolkit.control_plane.rehearsal.inventory import Inventory, find_path, pull, push
from toolkit.control_plane.rehearsal.specs import read_spec
from toolkit.errors import Problem
from toolkit.mesh.schema.field_types import Spec
from toolkit.mesh.schema.messages import MessageError, Meta, Secret, add_defaults, read_message
from toolkit.mesh.schema.scoped import SCOPED_KINDS
from toolkit.values import Object

if TYPE_CHECKING:
    from toolkit.control_plane.rehearsal.names_and_labels import Mode
    from toolkit.control_plane.resource_keys import Key
    from toolkit.mesh.schema.versions import Product

VERSION = "2.14.3"
NAMES: dict[Product, str] = {"kuma": "Kuma", "kong-mesh": "Kong Mesh"}
# The answer of a control plane on Kubernetes, or of a zone that is connected to a global control plane.
READ_ONLY = (
    "On zone control plane you can only modify zone resources with 'kumactl apply' or via the HTTP API."
    " You can still use 'kumactl' or the HTTP API to modify the rest of the resource on the global control plane.\n"
)
_logger = logging.getLogger(__name__)
# Resources with a status.
_WITH_STATUS = ("MeshIdentity", "MeshTrust")
_ANONYMOUS = "mesh-system:anonymous/mesh-system:unauthenticated"


@dataclass
class StandIn:
    """A control plane in memory.

    Attributes:
        product: ``kuma`` allows only one backend in a mesh, no change of the enabled backend, and no backend types of
            Kong Mesh.
        mode: determines the labels of resources, and whether MeshIdentities get conditions. ``read-only`` rejects
            every write.
        version: the product's version in the index; empty for the recorded one, ``VERSION``.
        token: the administrator's token. If it is empty, every user is an administrator, as on the control plane's
            own host.
        read_only: the detail of the error for rejected writes.
        inventory: the resources.
        insights: MeshInsights by the mesh's name.
        delay: number of reads after which a MeshIdentity has its conditions, instead of the seconds that Kuma needs.
        chains: returns the chain of a private CA as PEM, by its ARN, for Kong Mesh's provider ``acmpca``.
        upstream: the global control plane to which a zone's is connected.
        zone: name of the zone. Labels of written resources are those of the default name.
    """

    product: Product = "kong-mesh"
    mode: Mode = "zone"
    version: str = ""
    token: str = ""
    read_only: str = READ_ONLY
    inventory: Inventory = field(default_factory=Inventory)
    insights: dict[str, Object] = field(default_factory=dict)
    delay: int = 1
    chains: Callable[[str], str] = lambda _: ""
    upstream: StandIn | None = None
    zone: str = names_and_labels.ZONE
    _zones: list[StandIn] = field(default_factory=list)
    # The reads that are left until a MeshIdentity has its conditions, by its path.
    _waiting: dict[str, int] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Create the default mesh, as every control plane does."""
        self.inventory.write({"type": "Mesh", "name": "default"}, None)
        if self.upstream is not None:
            self.upstream._zones.append(self)  # noqa: SLF001 - of the same class

    def answer(self, request: Request) -> Reply:
        """Return the answer to a request."""
        try:
            reply = self._answer(request)
        except RefusedError as refused:
            reply = refused.to_reply()
        except Exception:  # a defect must not cost the client its connection
            _logger.exception("%s %s failed", request.method, request.target)
            reply = RefusedError(500, "Internal Server Error", "The stand-in has a defect.").to_reply()
        # Another request may have changed the same resource; then the next one computes it again.
        with contextlib.suppress(RefusedError):
            self._advance(is_read=request.method == "GET")
        return reply

    def _answer(self, request: Request) -> Reply:
        parts = request.parts
        if parts != [""] and self.token and request.authorization not in ("", f"Bearer {self.token}"):
            raise RefusedError(401, "Invalid authentication data", "Unauthenticated")
        if key := find_key(parts):
            return self._resource(request, key)
        match parts:
            case [""]:
                answer = self._index
            case ["config"]:
                answer = self._configuration
            case ["mesh-insights", mesh] if mesh:
                answer = partial(self._insight, mesh)
            case ["meshes"]:
                answer = partial(self._list, request, "Mesh", None)
            case ["meshes", mesh, collection] if mesh and collection in KINDS:
                answer = partial(self._list, request, KINDS[collection], mesh)
            case _:
                return PLAIN[404]
        return answer() if request.method == "GET" else PLAIN[405]

    def _resource(self, request: Request, key: Key) -> Reply:
        methods = {"GET": self._get, "PUT": self._put, "DELETE": self._delete}
        if request.method not in methods:
            return PLAIN[405]
        if request.method == "PUT" and not request.is_json:
            return PLAIN[415]
        is_read_only = self.mode == "read-only" or (self.upstream is not None and key.kind in ("Mesh", "Secret"))
        if request.method != "GET" and is_read_only:
            raise RefusedError(405, "Method not allowed", self.read_only)
        if not key.is_mesh:
            self._require_mesh(key.mesh)
        return methods[request.method](request, key)

    def _index(self) -> Reply:
        identity = {"hostname": "stand-in", "instanceId": "stand-in-0000", "clusterId": "stand-in"}
        product = {"product": NAMES[self.product], "version": self.version or VERSION}
        return build_json_reply(200, {**product, **identity, "gui": "The gui is available at /gui"})

    def _configuration(self) -> Reply:
        mode = "global" if self.mode == "global" else "zone"
        address = "" if self.upstream is None else "grpcs://127.0.0.1:5685"
        zone = {"name": self.zone, "globalAddress": address}
        return build_json_reply(200, {"mode": mode, "environment": "universal", "multizone": {"zone": zone}})

    def _insight(self, mesh: str) -> Reply:
        if mesh not in self.insights:
            raise build_not_found("Could not retrieve a resource")
        return build_json_reply(200, self.insights[mesh])

    def _list(self, request: Request, kind: str, mesh: str | None) -> Reply:
        parameters = request.parameters
        size, offset = read_page(parameters)
        if mesh is not None:
            self._require_mesh(mesh)
        self._require_access(request, kind)
        documents = self.inventory.list(kind, mesh)
        documents = [each for each in documents if parameters.get("name", "") in each["name"]]
        after = offset + (size or len(documents))
        following = None
        if after < len(documents):
            encoded = urlencode(sorted({**parameters, "offset": str(after)}.items()))
            following = f"http://{request.host}{request.path}?{encoded}"
        items = [self.inventory.render(each) for each in documents[offset:after]]
        return build_json_reply(200, {"total": len(documents), "items": items, "next": following})

    def _get(self, request: Request, key: Key) -> Reply:
        self._require_access(request, key.kind)
        document = self.inventory.find(*key)
        if document is None:
            raise build_not_found("Could not retrieve a resource")
        return build_json_reply(200, self.inventory.render(document))

    def _put(self, request: Request, key: Key) -> Reply:
        meta, rest = _read_body(request.body, key.kind, self.product)
        if key.is_mesh:
            most = 1 if self.product == "kuma" else None
            require(mesh_validation.list_violations(rest, most), "Could not process a resource")
        before = self.inventory.find(*key)
        require(
            names_and_labels.list_meta_violations(meta, *key, self.mode, is_federated=self.upstream is not None),
            "Could not process a resource",
        )
        self._require_access(request, key.kind)
        labels = names_and_labels.compute_labels(meta, key.kind, self.mode)
        if before is not None:
            kept = names_and_labels.list_change_violations(before.get("labels", {}), labels)
            require(kept, "Could not update a resource")
        if key.is_mesh:
            rest = self._valid_mesh(key, rest, before)
        if key.kind in _WITH_STATUS:
            rest = {**rest, "status": (before or {}).get("status", {})}
        named = {"type": key.kind, **({} if key.is_mesh else {"mesh": key.mesh}), "name": key.name}
        self.inventory.write({**named, **({"labels": labels} if labels else {}), **rest}, before)
        if key.kind == "MeshIdentity":
            with self._lock:
                self._waiting[key.path] = self.delay
        warnings = names_and_labels.list_warnings(key.name)
        return build_json_reply(201 if before is None else 200, {"warnings": warnings} if warnings else {})

    def _advance(self, *, is_read: bool) -> None:
        """Let time pass: compute conditions that are due, and synchronize with the zones."""
        with self._lock:
            for zone in self._zones:
                for document in push(self.inventory, zone.inventory):
                    if document["type"] == "MeshIdentity":
                        zone._waiting[find_path(document)] = zone.delay  # noqa: SLF001
            if is_read:
                for stand_in in (self, *self._zones):
                    stand_in._reconcile()  # noqa: SLF001
            for zone in self._zones:
                pull(zone.inventory, self.inventory, zone.zone)

    def _reconcile(self) -> None:
        """Compute the conditions of the MeshIdentities for which the time has come."""
        if self.mode == "global":
            return
        self._waiting = {path: left - 1 for path, left in self._waiting.items()}
        for path in [path for path, left in self._waiting.items() if left <= 0]:
            identity = self.inventory.documents.get(path)
            if identity is not None:
                status = reconcile(self.inventory, identity, self.zone, self.product, self.chains)
                self.inventory.write({**identity, "status": status}, identity)
            self._waiting.pop(path, None)

    def _valid_mesh(self, key: Key, spec: Object, before: Object | None) -> Object:
        """Return a Mesh with its defaults.

        Raises:
            RefusedError: its backends are not valid.
        """
        title = f"Failed to {'create' if before is None else 'update'} a resource"
        if self.product == "kuma":
            require(ca_plugins.list_change_violations(before or {}, spec), title)
        violations = names_and_labels.check_mesh_name(key.name)
        violations += ca_plugins.list_violations(spec, key.mesh, self.inventory, self.product)
        require(violations, title)
        ca_plugins.require_lifetimes(spec)
        add_defaults(spec)
        return spec

    def _delete(self, request: Request, key: Key) -> Reply:
        document = self.inventory.find(*key)
        if document is None:
            raise build_not_found("Could not delete a resource")
        self._require_access(request, key.kind)
        if key.kind == "Secret":
            self._require_unused(key)
        self.inventory.delete(document)
        return build_json_reply(200, {})

    def _require_unused(self, key: Key) -> None:
        mesh = self.inventory.find("Mesh", key.mesh, key.mesh) or {}
        violations = []
        for backend in mesh.get("mtls", {}).get("backends", []):
            name = backend.get("name", "")
            if key.name in ca_plugins.list_secrets_in_use(backend.get("conf")):
                reason = (
                    f'The secret "{key.name}" that you are trying to remove is currently in use in Mesh "{key.mesh}" '
                    f'in mTLS backend "{name}". Please remove the reference from the "{name}" backend before removing '
                    "the secret."
                )
                violations.append(Problem("name", reason))
        require(violations, "Could not delete a resource")

    def _require_mesh(self, mesh: str) -> None:
        if self.inventory.find("Mesh", mesh, mesh) is None:
            raise build_not_found("Failed to retrieve Mesh")

    def _require_access(self, request: Request, kind: str) -> None:
        """Deny access to a Secret without a token. Other resources need no token."""
        if kind == "Secret" and self.token and not request.authorization:
            detail = f'user "{_ANONYMOUS}" cannot access the resource of type "Secret"'
            raise RefusedError(403, "Access Denied", detail)


def _read_body(body: bytes, kind: str, product: Product) -> tuple[Object, Object]:
    """Return the metadata and the other fields of a resource.

    Source: kumahq/kuma:pkg/core/resources/model/rest/unmarshaller.go.

    Raises:
        RefusedError: the body is not JSON or not a resource of this kind, or its spec is not valid.
    """
    try:
        document = json.loads(body, parse_constant=_no_constant)
        # A lone surrogate can't be encoded in the answer.
        json.dumps(document, ensure_ascii=False).encode()
        meta = read_message(Meta, document)
        if kind in SCOPED_KINDS:
            return meta, {"spec": read_spec(kind, document.get("spec"), product)}
        return meta, read_message(Secret if kind == "Secret" else Spec, document)
    except (MessageError, ValueError, RecursionError) as error:
        reason = error if isinstance(error, MessageError) else "it is not JSON"
        raise RefusedError(400, "Bad Request", f'invalid {kind} object: "{reason}"') from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
