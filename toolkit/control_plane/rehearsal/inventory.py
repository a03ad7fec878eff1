"""Keep the resources of stand-in control planes, and synchronize those of a global one and a zone's as Kuma's KDS does.

Sources: kumahq/kuma:pkg/kds/hash/hash.go (names), pkg/kds/context/context.go (labels); answers of Kuma 2.14.3 in
``tests/control_plane/recorded/kuma-2.14.3-identity-pair.jsonl``.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from toolkit.control_plane.rehearsal.exchange import RefusedError
from toolkit.control_plane.rehearsal.names_and_labels import DISPLAY_NAME, ORIGIN, ZONE_LABEL
from toolkit.control_plane.resource_keys import Key
from toolkit.mesh.schema.scoped import SCOPED_KINDS
from toolkit.mesh.schema.secret import MESH_LABEL
from toolkit.values import Object

# golang/go:src/hash/fnv/fnv.go, New64a.
_OFFSET, _PRIME, _BITS = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1
# kubernetes/apimachinery:pkg/util/rand/rand.go, SafeEncodeString.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST = 253 - 17


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
        return self.documents.get(Key(kind, mesh, name).path)

    def read_secret(self, mesh: str, name: str) -> bytes | None:
        """Return the value of a Secret; None if it does not exist."""
        secret = self.find("Secret", mesh, name)
        return None if secret is None else base64.b64decode(secret.get("data", ""))

    def list(self, kind: str, mesh: str | None = None) -> list[Object]:
        """Return the resources of a kind, sorted by mesh and name; only those of a mesh, if it is given."""
        with self._lock:
            documents = list(self.documents.values())
        chosen = [each for each in documents if each.get("type") == kind and mesh in (None, each.get("mesh"))]
        return sorted(chosen, key=lambda each: (each.get("mesh", ""), each["name"]))

    def render(self, document: Object) -> Object:
        """Return a resource for an answer, with the fields that the control plane adds, such as times."""
        path = find_path(document)
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
        path = find_path(document)
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
        path = find_path(document)
        with self._lock:
            below = [each for each in self.documents if each == path or each.startswith(f"{path}/")]
            for each in below:
                del self.documents[each]
                self._times.pop(each, None)


def find_path(document: Object) -> str:
    """Return the path of a resource."""
    name: str = document["name"]
    return Key(document["type"], document.get("mesh", name), name).path


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hash_name(mesh: str, name: str, *more: str) -> str:
    """Return the name that a resource has on another control plane."""
    number = _OFFSET
    for byte in "".join((mesh, name, *more)).encode():
        number = ((number ^ byte) * _PRIME) & _BITS
    encoded = "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in f"{number:016x}")
    return f"{name[:_LONGEST]}-{encoded}"


def push(source: Inventory, zone: Inventory) -> list[Object]:
    """Copy the resources of a global control plane to a zone's; return the copies that are new or changed."""
    wanted = {find_path(copy): copy for copy in _list_copies_for_zone(source)}
    for path, document in list(zone.documents.items()):
        is_copy = document["type"] not in SCOPED_KINDS or _origin(document) == "global"
        if is_copy and path not in wanted:
            zone.delete(document)
    changed = []
    for path, copy in wanted.items():
        before = zone.documents.get(path)
        # A zone control plane computes the status itself.
        made = {**copy, "status": before["status"]} if before is not None and "status" in before else copy
        if made != before:
            zone.write(made, before)
            changed.append(made)
    return changed


def pull(zone: Inventory, source: Inventory, name: str) -> None:
    """Copy the MeshTrusts of a zone to the global control plane.

    Args:
        zone: the resources of the zone control plane.
        source: the resources of the global control plane.
        name: the zone's name.
    """
    wanted: dict[str, Object] = {}
    for trust in zone.list("MeshTrust"):
        if _origin(trust) != "global":
            added = {DISPLAY_NAME: trust["name"], ORIGIN: "zone", ZONE_LABEL: name}
            labels = {**trust.get("labels", {}), **added}
            copy = {**trust, "name": hash_name(trust["mesh"], trust["name"], name), "labels": labels}
            wanted[find_path(copy)] = copy
    for path, document in list(source.documents.items()):
        if document["type"] == "MeshTrust" and _origin(document) == "zone" and path not in wanted:
            source.delete(document)
    for path, copy in wanted.items():
        if source.documents.get(path) != copy:
            source.write(copy, source.documents.get(path))


def _list_copies_for_zone(source: Inventory) -> Iterator[Object]:
    for document in list(source.documents.values()):
        if document["type"] not in SCOPED_KINDS:
            yield document
        elif _origin(document) != "zone":
            mesh, name = document["mesh"], document["name"]
            added = {DISPLAY_NAME: name, MESH_LABEL: mesh, ORIGIN: "global"}
            yield {**document, "name": hash_name(mesh, name), "labels": {**document.get("labels", {}), **added}}


def _origin(document: Object) -> object:
    return document.get("labels", {}).get(ORIGIN)
