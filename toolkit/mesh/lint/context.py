"""What checks look at beside the document in question."""

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

# Where each product's control plane lives unless told otherwise (Kong/developer.konghq.com:app/mesh/manage-secrets.md).
SYSTEM_NAMESPACES: dict[Product, str] = {"kong-mesh": "kong-mesh-system", "kuma": "kuma-system"}


@dataclass(frozen=True)
class Target:
    """What the documents are for, and what they are compared with.

    Attributes:
        now: the moment for which lifetimes are judged; aware of its time zone.
        product: that the documents are for.
        mesh_version: of the product; None for what holds in all versions that are known.
        outputs: the contract, to compare with; None to compare with nothing.
        tags: values of proxies' tags, with which the templates of common names are expanded.
        namespace: of the control plane on Kubernetes; None for the product's own.
    """

    now: datetime
    product: Product = "kong-mesh"
    mesh_version: MeshVersion | None = None
    outputs: StackOutputs | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    namespace: str | None = None

    @property
    def system_namespace(self) -> str:
        """The namespace of the control plane."""
        return self.namespace or SYSTEM_NAMESPACES[self.product]


@dataclass(frozen=True)
class Context:
    """The target, and what else was read.

    Attributes:
        target: as the caller described it.
        documents: that were read.
        secrets: those of them that are of Kong Mesh, or were meant to be.
        named: the names of Secrets that a Mesh names.
    """

    target: Target
    documents: Documents
    secrets: list[SecretDocument]
    named: frozenset[str]
