"""The resources of a stand-in control plane, in memory."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from toolkit.control_plane.rehearsal.violations import RefusedError
from toolkit.mesh.schema import scoped

if TYPE_CHECKING:
    from toolkit.values import Object

# The collections of a mesh's resources in the API.
COLLECTIONS: dict[str, str] = {"Secret": "secrets"} | dict(scoped.COLLECTIONS.items())
# Of which the stand-in only lists what was put into it.
LISTED = {"Dataplane": "dataplanes"}


def build_path(kind: str, mesh: str, name: str) -> str:
    """Return the path of a resource in the API."""
    path = f"/meshes/{quote(mesh, safe='')}"
    return path if kind == "Mesh" else f"{path}/{(COLLECTIONS | LISTED)[kind]}/{quote(name, safe='')}"


class Inventory:
    """Resources by their paths.

    Attributes:
        documents: every resource by its path, as a control plane stores it. Callers may change it.
    """

    def __init__(self) -> None:
        self.documents: dict[str, Object] = {}
        self._times: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def find(self, kind: str, mesh: str, name: str) -> Object | None:
        """Return a resource; None if it does not exist."""
        return self.documents.get(build_path(kind, mesh, name))

    def list(self, kind: str, mesh: str | None = None) -> list[Object]:
        """Return the resources of a kind, sorted by mesh and name; only those of a mesh, if it is given."""
        with self._lock:
            documents = list(self.documents.values())
        chosen = [each for each in documents if each.get("type") == kind and mesh in (None, each.get("mesh"))]
        return sorted(chosen, key=lambda each: (each.get("mesh", ""), each["name"]))

    def render(self, document: Object) -> Object:
        """Return a resource for an answer, with the fields that the control plane adds, such as times."""
        path = _path(document)
        created, modified = self._times.get(path) or (_now(), _now())
        added = {"creationTime": created, "modificationTime": modified}
        if document["type"] == "Mesh":
            # kumahq/kuma:pkg/core/kri/kri.go: type, mesh, zone, namespace, name, section.
            added["kri"] = f"kri_m____{document['name']}_"
        meta: Object = {name: document[name] for name in ("type", "mesh", "name") if name in document}
        return {**meta, **added, **document}

    def write(self, document: Object, before: Object | None) -> None:
        """Write a resource, unless another request changed it since it was read.

        Args:
            document: the resource.
            before: the result of :meth:`find`.

        Raises:
            RefusedError: 409: the resource was changed in the meantime.
        """
        path = _path(document)
        with self._lock:
            if self.documents.get(path) is not before:
                mesh = document.get("mesh", "")
                detail = f'resource conflict: type="{document["type"]}" name="{document["name"]}" mesh="{mesh}"'
                raise RefusedError(409, "Conflict", detail)
            self.documents[path] = document
            created, _ = self._times.get(path) or (_now(), "")
            self._times[path] = (created, _now())

    def delete(self, document: Object) -> None:
        """Delete a resource; for a Mesh, its resources too."""
        path = _path(document)
        with self._lock:
            below = [each for each in self.documents if each == path or each.startswith(f"{path}/")]
            for each in below:
                del self.documents[each]
                self._times.pop(each, None)


def _path(document: Object) -> str:
    name: str = document["name"]
    return build_path(document["type"], document.get("mesh", name), name)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
