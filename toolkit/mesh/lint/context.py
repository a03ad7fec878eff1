"""Define the input of checks besides the checked document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.reader import Documents
    from toolkit.mesh.documents.typed import SecretDocument
    from toolkit.mesh.schema.versions import MeshVersion, Product

# The default namespace of each product's control plane (Kong/developer.konghq.com:app/mesh/manage-secrets.md).
SYSTEM_NAMESPACES: dict[Product, str] = {"kong-mesh": "kong-mesh-system", "kuma": "kuma-system"}


@dataclass(frozen=True)
class Target:
    """The product that the documents are for, and what they are compared with.

    Attributes:
        now: the time at which lifetimes are checked, with a time zone.
        product: the product that the documents are for.
        mesh_version: its version; None to report only what applies to all known versions.
        outputs: the contract to compare with; None for no comparison.
        tags: values of proxies' tags, which expand the templates of common names.
        namespace: the control plane's namespace on Kubernetes; None for the product's default.
    """

    now: datetime
    product: Product = "kong-mesh"
    mesh_version: MeshVersion | None = None
    outputs: StackOutputs | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    namespace: str | None = None

    @property
    def system_namespace(self) -> str:
        """Return the namespace of the control plane."""
        return self.namespace or SYSTEM_NAMESPACES[self.product]


@dataclass(frozen=True)
class Context:
    """The target, and all documents of the input.

    Attributes:
        target: as given by the caller.
        documents: all documents of the input.
        secrets: the Secrets of Kong Mesh among them, or meant for it.
        named: the names of Secrets that a Mesh names.
    """

    target: Target
    documents: Documents
    secrets: list[SecretDocument]
    named: frozenset[str]
