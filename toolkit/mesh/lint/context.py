"""What all checks may look at beside the Mesh in question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from toolkit.contract import StackOutputs
    from toolkit.mesh.documents.reader import Documents
    from toolkit.mesh.documents.typed import MeshDocument, SecretDocument
    from toolkit.mesh.lint.findings import Finding
    from toolkit.mesh.schema.versions import MeshVersion, Product

# Where each product's control plane lives unless told otherwise (Kong/developer.konghq.com:app/mesh/manage-secrets.md).
SYSTEM_NAMESPACES: dict[Product, str] = {"kong-mesh": "kong-mesh-system", "kuma": "kuma-system"}


@dataclass(frozen=True)
class Context:
    """What the caller said, and what else was read.

    Attributes:
        product: that the Meshes are for.
        version: of the product; None for what holds in all that are known.
        outputs: the contract; None to compare with nothing.
        now: aware of its time zone.
        tags: values of proxies' tags, to expand common names with.
        namespace: of the control plane on Kubernetes.
        documents: that were read.
        secrets: those of them that are of Kong Mesh, or were meant to be.
        named: the names of Secrets that a Mesh names.
    """

    product: Product
    version: MeshVersion | None
    outputs: StackOutputs | None
    now: datetime
    tags: Mapping[str, str]
    namespace: str
    documents: Documents
    secrets: list[SecretDocument]
    named: frozenset[str]


class Check(Protocol):
    """Looks at one Mesh."""

    def __call__(self, mesh: MeshDocument, context: Context) -> Iterator[Finding]:
        """What is wrong with it."""


class SecretCheck(Protocol):
    """Looks at one Secret."""

    def __call__(self, secret: SecretDocument, context: Context) -> Iterator[Finding]:
        """What is wrong with it."""
