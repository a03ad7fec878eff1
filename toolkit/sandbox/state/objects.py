"""The objects of our own services: which there are, and how each becomes a row and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.eks.models import eks_backends

from toolkit.sandbox.pod_identity import pod_sessions
from toolkit.sandbox.private_ca import subject
from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority, IssuedCertificate
from toolkit.sandbox.ram import shares
from toolkit.sandbox.state import sessions
from toolkit.sandbox.state.encoding import decode, encode, fields
from toolkit.sandbox.state.watched import Table, Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from toolkit.sandbox.pod_identity.associations import PodIdentity
    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.sandbox.ram.share_operations import Ram
    from toolkit.sandbox.state.store import Row, Store

# Of a CA: its certificates have rows of their own, its name follows from what was requested.
_NOT_OF_A_CA = ("lock", "issued", "name")


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
        self._tables: list[Table[Any, Any]] = []
        self._issued: dict[str, Table[str, IssuedCertificate]] = {}
        clock, directory = registry.clock, ram.directory

        self._handed_out = self._table("session", {}, sessions.write, sessions.read)
        self._authorities = self._table("authority", registry.authorities, _write_authority, _read_authority)
        registry.authorities = self._authorities
        for found in list(registry.authorities.values()):
            self._watch_certificates(found)
        registry.tokens = self._table("token", registry.tokens, encode, lambda _, text: _read_token(text, clock()))
        self._shares = self._table("share", directory.shares, _write_whole, _read_share)
        directory.shares = self._shares
        self._invitations = self._table(
            "invitation", directory.invitations, _write_invitation, lambda _, text: self._read_invitation(text)
        )
        directory.invitations = self._invitations
        directory.sharing_organizations = self._table(
            "sharing organization", directory.sharing_organizations, encode, lambda _, text: decode(text)
        )
        pod.associations = self._table("association", pod.associations, _write_association, _read_association)
        for service in (ram.service, *pod.services):
            service.repeatable = self._table(
                f"{service.name} answer", service.repeatable, encode, lambda _, text: decode(text)
            )

    def changes(self) -> list[Row]:
        """Return the rows to write so that the database has every object as it is now."""
        for session in self._sessions.new():
            self._handed_out[session.access_key_id] = session
        for invitation in list(self._invitations.noted):
            # Answering an invitation, or its expiration, changes the share that it belongs to.
            if invitation in self._invitations:
                self._shares.note(self._invitations.peek(invitation).share.arn)
        for arn in self._authorities.noted:
            if arn in self._authorities:
                self._watch_certificates(self._authorities.peek(arn))
        return [row for table in self._touched() for row in table.changes()]

    def committed(self) -> None:
        """Take note that the database has the changes."""
        # The CAs' own table forgets which CAs were touched, so it is the last.
        for table in list(self._touched()):
            table.committed()

    def _touched(self) -> Iterator[Table[Any, Any]]:
        yield from (self._issued[arn] for arn in self._authorities.noted if arn in self._issued)
        yield from self._tables

    def _table(
        self,
        kind: str,
        values: Mapping[Any, Any],
        write: Callable[[Any], str],
        read: Callable[[str, str], Any],
    ) -> Watched[Any, Any]:
        watched = Watched(values)
        table = Table(kind, watched, write)
        table.load(self._store, read)
        self._tables.append(table)
        return watched

    def _watch_certificates(self, authority: CertificateAuthority) -> None:
        if authority.arn in self._issued:
            return
        authority.issued = watched = Watched(authority.issued)
        table = Table(f"certificate {authority.identifier}", watched, _write_whole)
        table.load(self._store, lambda _, text: IssuedCertificate(**decode(text)))
        self._issued[authority.arn] = table

    def _read_invitation(self, text: str) -> shares.Invitation:
        found = decode(text)
        return shares.Invitation(**{**found, "share": self._shares.peek(found["share"])})


def _write_whole(value: object) -> str:
    return encode(fields(value))


def _write_authority(authority: CertificateAuthority) -> str:
    return encode(fields(authority, _NOT_OF_A_CA))


def _read_authority(_: str, text: str) -> CertificateAuthority:
    found = decode(text)
    name = subject.name(found["request"]["CertificateAuthorityConfiguration"]["Subject"])
    return CertificateAuthority(**found, name=name)


def _read_token(text: str, now: datetime) -> Any:  # noqa: ANN401 - an ARN and a time
    arn, expires = decode(text)
    return (arn, expires) if expires > now else None


def _read_share(_: str, text: str) -> shares.ResourceShare:
    return shares.ResourceShare(**decode(text, [shares.Association]))


def _write_invitation(invitation: shares.Invitation) -> str:
    return encode({**fields(invitation, ["share"]), "share": invitation.share.arn})


def _write_association(association: pod_sessions.Association) -> str:
    cluster = association.cluster
    region = cluster.arn.split(":")[3]
    return encode({**fields(association, ["cluster"]), "cluster": (region, cluster.name, cluster.created_at)})


def _read_association(_: str, text: str) -> pod_sessions.Association | None:
    """Return the association; None if its cluster was deleted, even if there is another of the same name."""
    found = decode(text)
    region, name, created = found["cluster"]
    cluster = eks_backends[found["account"]][region].clusters.get(name)
    if cluster is None or cluster.created_at != created:
        return None
    return pod_sessions.Association(**{**found, "cluster": cluster})
