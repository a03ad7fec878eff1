"""Find the stage of a move by the MeshIdentities of a mesh, and the problems with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.rotate.obstacles import FINISH, PUBLISH, SWITCH, TRUST, Obstacle
from toolkit.yamltext.plain import at, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.reader import Documents
    from toolkit.mesh.documents.typed import ScopedDocument
    from toolkit.mesh.schema.identity_spec import MeshIdentity

# The label with a resource's name on the global control plane. In a zone, the name has a suffix (kumahq/kuma:pkg/kds,
# recorded with Kuma 2.14.3).
_DISPLAY_NAME = "kuma.io/display-name"


class ExistingIdentities:
    """The MeshIdentities of a mesh.

    Args:
        documents: the given documents.
        issuer: the MeshIdentity with the provider.
        publisher: the name of the MeshIdentity without a provider.
    """

    def __init__(self, documents: Documents, issuer: MeshIdentity, publisher: str) -> None:
        self._found = {_name(each): each for each in documents.list_scoped("MeshIdentity", issuer.mesh)}
        self._issuer, self._publisher = issuer, publisher

    @property
    def has_issuer(self) -> bool:
        """Return whether the MeshIdentity with the provider exists."""
        return self._issuer.name in self._found

    def find_reached(self, *, has_mtls: bool) -> int:
        """Return the last applied stage by the documents, from 2 on; 0 for none.

        Args:
            has_mtls: whether the Mesh still has mtls.
        """
        if (issuer := self._found.get(self._issuer.name)) is not None:
            if not _selects(issuer):
                return TRUST
            return SWITCH if has_mtls else FINISH
        publishes = any(mapping(each.spec.get("provider")) == {} for each in self._found.values())
        return PUBLISH if publishes else 0

    def find_obstacles(self) -> Iterator[Obstacle]:
        """Yield the obstacles in existing MeshIdentities."""
        planned = mapping(self._issuer.spec.to_document().get("spiffeID"))
        for name, each in self._found.items():
            path = ("spec", "spiffeID")
            if name in (self._issuer.name, self._publisher):
                if mapping(each.spec.get("spiffeID")) != planned:
                    message = f"{name} has another SPIFFE ID than planned; it can't be changed, because the MeshTrust "
                    fix = "Give --trust-domain and --path as it has them, or choose another --identity-name."
                    stage = PUBLISH if name == self._publisher else TRUST
                    yield Obstacle(stage, each.show_place(path), f"{message}keeps the old trust domain", fix)
            elif _selects(each) and (_labels(each) or name < self._issuer.name):
                message = f"{name} wins over {self._issuer.name} for the proxies that it selects"
                fix = "Delete it before this stage, or choose an --identity-name that sorts before it."
                path = ("spec", "selector")
                yield Obstacle(SWITCH, each.show_place(path), message, fix)


def _name(document: ScopedDocument) -> str:
    labels = at(document.value, ("labels",) if document.is_universal else ("metadata", "labels"))
    return text(mapping(labels).get(_DISPLAY_NAME)) or document.name


def _selects(document: ScopedDocument) -> bool:
    return isinstance(at(document.spec, ("selector", "dataplane")), dict)


def _labels(document: ScopedDocument) -> object:
    return mapping(at(document.spec, ("selector", "dataplane", "matchLabels")))
