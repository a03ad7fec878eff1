"""Name the resources of a control plane, by their paths in its HTTP API.

Sources: kumahq/kuma:pkg/api-server/resource_endpoints.go, pkg/core/resources/apis/*/rest.yaml.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from toolkit.mesh.schema import scoped

# The collections of a mesh's resources, by their kinds.
COLLECTIONS: dict[str, str] = {"Secret": "secrets", "Dataplane": "dataplanes"} | dict(scoped.COLLECTIONS.items())


class Key(NamedTuple):
    """The key of a resource.

    Attributes:
        kind: such as Mesh or Secret.
        mesh: the mesh that it belongs to; for a Mesh, its own name.
        name: name of the resource.
    """

    kind: str
    mesh: str
    name: str

    def __str__(self) -> str:
        return f"Mesh {self.name}" if self.is_mesh else f"{self.kind} {self.name} of mesh {self.mesh}"

    @property
    def is_mesh(self) -> bool:
        """Return whether it is a Mesh."""
        return self.kind == "Mesh"

    @property
    def path(self) -> str:
        """Return the resource's path, quoted."""
        if self.is_mesh:
            return f"/meshes/{quote(self.mesh, safe='')}"
        return f"{build_list_path(self.kind, self.mesh)}/{quote(self.name, safe='')}"


def build_list_path(kind: str, mesh: str) -> str:
    """Return the path of all resources of a kind in a mesh."""
    return f"/meshes/{quote(mesh, safe='')}/{COLLECTIONS[kind]}"
