"""A mesh as its data plane proxies see it: their certificates, whom they trust, and whom they permit.

The rules are Kuma's, as they were measured on a mesh of Kuma 2.14.3 during a move from ``Mesh.mtls`` to MeshIdentity:
kumahq/kuma:pkg/xds/context/mesh_context_builder.go (from the first MeshTrust on, the CAs of ``mtls`` are those of the
trust domain with the mesh's name), meshidentity/api/v1alpha1/helpers.go (which MeshIdentity is matched), and
meshtrafficpermission (``rules`` takes the place of ``from``).
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from toolkit.control_plane.rehearsal.inventory import hash_name
from toolkit.mesh.documents.reader import read
from toolkit.mesh.documents.typed import Document, MeshDocument, ScopedDocument
from toolkit.mesh.schema.spiffe_id import expand_trust_domain
from toolkit.verify.handshakes.openssl import PeerTrust, Trust
from toolkit.verify.handshakes.trust_domains import SpiffeTrust

SERVICE, ZONE = "web", "zone-1"


class MeshWorld:
    """The documents of one mesh as they were applied, the last of a name in the place of the ones before."""

    def __init__(self, *texts: str) -> None:
        self.documents: dict[tuple[str, str], Document] = {}
        for text in texts:
            self.apply(text)

    def apply(self, text: str) -> None:
        for document in read([("applied.yaml", text)]).all:
            self.documents[document.kind, document.name] = document

    def delete(self, kind: str, name: str) -> None:
        del self.documents[kind, name]

    @property
    def mesh(self) -> MeshDocument:
        (found,) = [each for each in self.documents.values() if isinstance(each, MeshDocument)]
        return found

    def scoped(self, kind: str) -> list[ScopedDocument]:
        return [each for each in self.documents.values() if isinstance(each, ScopedDocument) and each.kind == kind]

    def matched(self) -> dict[str, Any] | None:
        """The MeshIdentity of a proxy without labels of its own: the smallest name in the zone, with its suffix."""
        matching = []
        for identity in self.scoped("MeshIdentity"):
            dataplane = identity.spec.get("selector", {}).get("dataplane")
            if dataplane is not None and not dataplane.get("matchLabels"):
                matching.append((hash_name(identity.mesh, identity.name), identity.spec))
        return min(matching, key=lambda pair: pair[0])[1] if matching else None

    def certificate(self) -> str:
        """Which certificate a proxy gets: ``old``, ``new``, or ``none``."""
        identity = self.matched()
        if identity is not None and identity.get("provider"):
            return "new"
        return "old" if self.mesh.mtls.get("enabledBackend") else "none"

    def trust(self, old_chain: str, new_id: str) -> PeerTrust:
        """What all proxies require of their peers.

        Args:
            old_chain: the CAs of mtls, as the control plane hands them out.
            new_id: the SPIFFE ID of the proxies with the new certificate.
        """
        mesh = self.mesh.name
        has_mtls = bool(self.mesh.mtls.get("enabledBackend"))
        bundles: defaultdict[str, str] = defaultdict(str)
        for trust in self.scoped("MeshTrust"):
            for bundle in trust.spec["caBundles"]:
                bundles[trust.spec["trustDomain"]] += bundle["pem"]["value"]
        if not bundles:
            return Trust(old_chain, mesh, SERVICE)
        # The zone's control plane makes a MeshTrust of its own beside those that were applied.
        if has_mtls:
            bundles[mesh] += old_chain
        return SpiffeTrust(dict(bundles), (f"spiffe://{mesh}/{SERVICE}", new_id))

    def permits(self, client: str) -> bool:
        """Whether the MeshTrafficPermissions of the whole mesh allow a SPIFFE ID."""
        allowed = False
        for permission in self.scoped("MeshTrafficPermission"):
            if "rules" in permission.spec:
                matches = [
                    match["spiffeID"] for rule in permission.spec["rules"] for match in rule["default"].get("allow", [])
                ]
                allowed |= any(_is_matched(match, client) for match in matches)
            else:
                # `from` names old proxies by their tags.
                allowed |= client.startswith(f"spiffe://{self.mesh.name}/") and bool(permission.spec.get("from"))
        return allowed


def _is_matched(match: dict[str, str], client: str) -> bool:
    if match["type"] == "Exact":
        return client == match["value"]
    return client == match["value"] or client.startswith(match["value"] + "/")


def expand_new_id(path: str) -> str:
    return f"spiffe://{expand_trust_domain(None, 'default', ZONE).text}{path}"
