"""Convert the objects of the sandbox's own services to database rows and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.eks.models import eks_backends

from toolkit.sandbox.pod_identity import Association
from toolkit.sandbox.private_ca.asn1 import build_name
from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority, IssuedCertificate
from toolkit.sandbox.ram import shares
from toolkit.sandbox.state import sessions
from toolkit.sandbox.state.encoding import decode, encode, fields
from toolkit.sandbox.state.watched import K, V, Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from _typeshed import DataclassInstance

    from toolkit.sandbox.pod_identity import PodIdentity
    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.sandbox.ram.share_operations import Ram
    from toolkit.sandbox.state.store import Row, Store
    from toolkit.values import MotoObject, Value

# Fields of a CA that are not in its row: certificates have their own rows, and the name follows from the request.
_NOT_OF_A_CA = ("issued", "name")


class Objects:
    """The rows of all objects.

    Args:
        store: the database.
        registry: the private CAs.
        ram: the resource shares.
        pod: the Pod Identity associations.

    Raises:
        InvalidInputError: a row can't be read.
    """

    def __init__(self, store: Store, registry: Registry, ram: Ram, pod: PodIdentity) -> None:
        self._store = store
        self._sessions = sessions.Sessions()
        self._watched: list[Watched[Value, Value]] = []
        self._issued: dict[str, Watched[str, IssuedCertificate]] = {}
        clock, directory = registry.clock, ram.directory

        self._handed_out: Watched[str, MotoObject] = self._watch("session", {}, sessions.write, sessions.read)
        self._authorities = self._watch("authority", registry.authorities, _write_authority, _read_authority)
        registry.authorities = self._authorities
        for authority in list(registry.authorities.values()):
            self._watch_certificates(authority)
        registry.tokens = self._watch("token", registry.tokens, encode, lambda text: _read_token(text, clock()))
        self._shares = self._watch("share", directory.shares, _write_whole, _read_share)
        directory.shares = self._shares
        self._invitations = self._watch("invitation", directory.invitations, _write_invitation, self._read_invitation)
        directory.invitations = self._invitations
        directory.sharing_organizations = self._watch(
            "sharing organization", directory.sharing_organizations, encode, decode
        )
        pod.associations = self._watch("association", pod.associations, _write_association, _read_association)
        for service in (ram.service, *pod.services):
            service.repeatable = self._watch(f"{service.name} answer", service.repeatable, encode, decode)

    def read_changes(self) -> list[Row]:
        """Return the rows to write to bring the database up to date."""
        for session in self._sessions.new():
            self._handed_out[session.access_key_id] = session
        for invitation in list(self._invitations.noted):
            # Accepting an invitation, or its expiration, also changes its share.
            if invitation in self._invitations:
                self._shares.note(self._invitations.peek(invitation).share.arn)
        for arn in self._authorities.noted:
            if arn in self._authorities:
                self._watch_certificates(self._authorities.peek(arn))
        return [row for watched in self._touched() for row in watched.read_changes()]

    def mark_committed(self) -> None:
        """Record that the database has the changes."""
        # Mark the CAs last, because their mapping then forgets which CAs were changed.
        for watched in list(self._touched()):
            watched.mark_committed()

    def _touched(self) -> Iterator[Watched[Value, Value]]:
        yield from (self._issued[arn] for arn in self._authorities.noted if arn in self._issued)
        yield from self._watched

    def _watch(
        self, kind: str, values: Mapping[K, V], write: Callable[[V], str], read: Callable[[str], V | None]
    ) -> Watched[K, V]:
        watched = Watched(kind, values, write)
        watched.load(self._store, read)
        self._watched.append(watched)
        return watched

    def _watch_certificates(self, authority: CertificateAuthority) -> None:
        if authority.arn in self._issued:
            return
        watched = Watched(f"certificate {authority.identifier}", authority.issued, _write_whole)
        watched.load(self._store, lambda text: IssuedCertificate(**decode(text)))
        authority.issued = self._issued[authority.arn] = watched

    def _read_invitation(self, text: str) -> shares.Invitation:
        kept = decode(text)
        return shares.Invitation(**{**kept, "share": self._shares.peek(kept["share"])})


def _write_whole(value: DataclassInstance) -> str:
    return encode(fields(value))


def _write_authority(authority: CertificateAuthority) -> str:
    return encode(fields(authority, _NOT_OF_A_CA))


def _read_authority(text: str) -> CertificateAuthority:
    kept = decode(text)
    name = build_name(kept["request"]["CertificateAuthorityConfiguration"]["Subject"])
    return CertificateAuthority(**kept, name=name)


def _read_token(text: str, now: datetime) -> tuple[str, datetime] | None:
    arn, expires = decode(text)
    return (arn, expires) if expires > now else None


def _read_share(text: str) -> shares.ResourceShare:
    return shares.ResourceShare(**decode(text, [shares.Association]))


def _write_invitation(invitation: shares.Invitation) -> str:
    return encode({**fields(invitation, ["share"]), "share": invitation.share.arn})


def _write_association(association: Association) -> str:
    cluster = association.cluster
    region = cluster.arn.split(":")[3]
    return encode({**fields(association, ["cluster"]), "cluster": (region, cluster.name, cluster.created_at)})


def _read_association(text: str) -> Association | None:
    """Return the association; None if its cluster was deleted, even if a new cluster has the same name."""
    kept = decode(text)
    region, name, created = kept["cluster"]
    cluster = eks_backends[kept["account"]][region].clusters.get(name)
    if cluster is None or cluster.created_at != created:
        return None
    return Association(**{**kept, "cluster": cluster})
