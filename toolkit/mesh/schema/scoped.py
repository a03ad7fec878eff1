"""Define resources of one mesh in their forms for Kubernetes and Universal.

On Kubernetes, MeshIdentity and MeshTrust live in the control plane's namespace (kumahq/kuma:pkg/core/resources/apis/
meshidentity/api/v1alpha1/meshidentity.go).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from toolkit.mesh.schema.mesh import API_VERSION, Form
from toolkit.mesh.schema.model import DnsLabel, Model
from toolkit.mesh.schema.secret import MESH_LABEL, ObjectName
from toolkit.values import Object

ScopedKind = Literal["MeshIdentity", "MeshTrust", "MeshTLS", "MeshTrafficPermission"]
SCOPED_KINDS: tuple[ScopedKind, ...] = ("MeshIdentity", "MeshTrust", "MeshTLS", "MeshTrafficPermission")
# The kinds' collections in the HTTP API (kumahq/kuma:pkg/core/resources/apis/*/api/v1alpha1/rest.yaml).
COLLECTIONS: dict[ScopedKind, str] = {
    "MeshIdentity": "meshidentities",
    "MeshTrust": "meshtrusts",
    "MeshTLS": "meshtlses",
    "MeshTrafficPermission": "meshtrafficpermissions",
}


class ScopedResource(Model):
    """A resource of one mesh.

    Attributes:
        namespace: the control plane's, for the form of Kubernetes.
    """

    kind: ClassVar[ScopedKind]

    name: ObjectName
    mesh: DnsLabel
    namespace: DnsLabel
    # Each kind narrows it.
    spec: Model

    def to_form(self, form: Form) -> Object:
        """Return the document for ``kubectl apply`` or ``kumactl apply``."""
        spec = self.spec.to_document()
        if form == "universal":
            return {"type": self.kind, "mesh": self.mesh, "name": self.name, "spec": spec}
        return {
            "apiVersion": API_VERSION,
            "kind": self.kind,
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": {MESH_LABEL: self.mesh}},
            "spec": spec,
        }
