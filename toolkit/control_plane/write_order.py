"""Order the writes of one mesh, so that no write needs a later one and no proxy loses its certificate in between.

A control plane rejects a Secret of a mesh that does not exist, and a Mesh whose backends name Secrets that do not
exist (kumahq/kuma:pkg/core/managers/apis/mesh/mesh_validator.go, kumahq/kuma:pkg/core/rest/errors/error_handler.go).
So a new mesh is written twice: before its resources without ``mtls``, and after its Secrets in full. Zone egress needs
``mtls.enabledBackend``, so it is part of the second write too
(kumahq/kuma:pkg/core/resources/apis/mesh/mesh_validator.go, validateZoneEgress).

The order of the other kinds was measured with Kuma 2.14.3 and two proxies. ``docs/reference/apply.md`` has the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from toolkit.mesh.documents.differences import are_same, find_lost, find_unknown, write_diff
from toolkit.values import Object
from toolkit.yamltext.plain import mapping

if TYPE_CHECKING:
    from toolkit.control_plane.resources import Resource

_BEFORE_THE_MESH = ("Secret", "MeshTrafficPermission", "MeshTLS")
_AFTER_THE_MESH = ("MeshTrust", "MeshIdentity")


class Change(Enum):
    """The effect of applying a document."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Step:
    """One document and its current state on the control plane.

    Attributes:
        resource: the document.
        current: the resource on the control plane; None if it does not exist.
        heed_unknown: whether to compare fields that Kuma 2.14 does not have, because the control plane may have them.
    """

    resource: Resource
    current: Object | None
    heed_unknown: bool = False

    @property
    def change(self) -> Change:
        """Return the effect of applying the document."""
        if self.current is None:
            return Change.CREATED
        is_same = are_same(self.resource.document, self.current, heed_unknown=self.heed_unknown)
        return Change.UNCHANGED if is_same else Change.CHANGED

    def diff(self) -> list[str]:
        """Return the lines of a unified diff of YAML, without secret values."""
        return write_diff(self.resource.document, self.current, self.resource.source, heed_unknown=self.heed_unknown)

    def list_lost(self) -> list[str]:
        """Return the sections and backends of a Mesh that applying the document removes from the control plane."""
        return find_lost(self.resource.document, self.current)

    def list_dropped(self) -> list[str]:
        """Return the paths of fields that this control plane does not know and would drop."""
        return [] if self.heed_unknown else find_unknown(self.resource.document, self.current)


@dataclass(frozen=True)
class Write:
    """One write request.

    Attributes:
        resource: the document.
        body: the request's body: the document, or a new Mesh without the fields that need its Secrets.
        awaited: for such a Mesh, the resources that are written before the whole document.
    """

    resource: Resource
    body: Object = field(repr=False)
    awaited: str = "Secrets"

    @property
    def is_whole(self) -> bool:
        """Return whether the request writes the whole document."""
        return self.body is self.resource.document

    def __str__(self) -> str:
        if self.is_whole:
            return str(self.resource.key)
        held_back = "its mTLS" + (" and zone egress" if has_zone_egress(self.resource.document) else "")
        return f"{self.resource.key}, without {held_back} until its {self.awaited} are there"


def order_writes(steps: Sequence[Step]) -> Iterator[Write]:
    """Yield the requests for one mesh, in order."""
    needed = [step for step in steps if step.change is not Change.UNCHANGED]
    mesh = next((step for step in needed if step.resource.key.kind == "Mesh"), None)
    others = [step.resource for step in needed if step is not mesh]
    if mesh is not None and mesh.current is None and others:
        document = mesh.resource.document
        needs_more = bool(mapping(document.get("mtls")))
        awaited = "Secrets" if any(each.key.kind == "Secret" for each in others) else "permissions and TLS settings"
        yield Write(mesh.resource, without_mtls(document) if needs_more else document, awaited)
        if not needs_more:
            mesh = None
    yield from _list_writes(others, _BEFORE_THE_MESH)
    # A Mesh that loses mTLS comes last, so that proxies have other certificates by then.
    is_last = mesh is not None and removes_mtls(mesh)
    if mesh is not None and not is_last:
        yield Write(mesh.resource, mesh.resource.document)
    yield from _list_writes(others, _AFTER_THE_MESH)
    if mesh is not None and is_last:
        yield Write(mesh.resource, mesh.resource.document)


def _list_writes(resources: Sequence[Resource], kinds: Sequence[str]) -> Iterator[Write]:
    chosen = sorted(
        (resource for resource in resources if resource.key.kind in kinds),
        # A MeshIdentity without a provider publishes SPIFFE IDs before another one issues certificates for them.
        key=lambda resource: (kinds.index(resource.key.kind), bool(get_provider(resource.document))),
    )
    yield from (Write(resource, resource.document) for resource in chosen)


def removes_mtls(mesh: Step) -> bool:
    """Return whether applying a Mesh turns off the mTLS that it has on the control plane."""
    return has_mtls(mesh.current or {}) and not has_mtls(mesh.resource.document)


def has_mtls(mesh: Object) -> bool:
    """Return whether a Mesh has an enabled backend."""
    return bool(mapping(mesh.get("mtls")).get("enabledBackend"))


def get_provider(document: Object) -> Object:
    """Return the provider of a MeshIdentity; empty if it has none, or for another kind."""
    return mapping(mapping(document.get("spec")).get("provider")) if document.get("type") == "MeshIdentity" else {}


def without_mtls(document: Object) -> Object:
    """Return a Mesh without mTLS and zone egress, which needs mTLS."""
    made = {name: value for name, value in document.items() if name != "mtls"}
    if has_zone_egress(document):
        made["routing"] = {name: value for name, value in document["routing"].items() if name != "zoneEgress"}
    return made


def has_zone_egress(document: Object) -> bool:
    """Return whether a Mesh sends traffic to external services through zone egress."""
    return mapping(document.get("routing")).get("zoneEgress") is True
