"""Record which objects of the sandbox's own services have changed, and convert them to database rows and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, TypeVar

from moto.core.utils import utcnow
from moto.eks.models import eks_backends
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, sts_backends
from moto.utilities.utils import get_partition

from toolkit.sandbox.pod_identity import Association, PodIdentity
from toolkit.sandbox.principals import TAGS
from toolkit.sandbox.private_ca.asn1 import build_name
from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority, IssuedCertificate
from toolkit.sandbox.ram import shares
from toolkit.sandbox.state.encoding import decode, encode, fields
from toolkit.sandbox.state.store import Row, Store
from toolkit.values import MotoObject, Value

if TYPE_CHECKING:
    from datetime import datetime

    from _typeshed import DataclassInstance

    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.sandbox.ram.share_operations import Ram

# Fields of a CA that are not in its row: certificates have their own rows, and the name follows from the request.
_NOT_OF_A_CA = ("issued", "name")
_SESSION_FIELDS = ("account_id", "region_name", "role_session_name", "role_arn", "policy", "external_id")
K = TypeVar("K")
V = TypeVar("V")


class Watched(MutableMapping[K, V]):
    """A mapping that notes each key that is set, deleted or looked up, and writes the values as rows.

    Looked-up values count as changed, because the caller may change them in place.

    Args:
        kind: the kind of the rows.
        items: the initial content; its keys are noted.
        write: returns a value as JSON.

    Attributes:
        noted: the keys, in the order in which they were first noted.
    """

    def __init__(self, kind: str, items: Mapping[K, V], write: Callable[[V], str]) -> None:
        self._kind = kind
        self._items = dict(items)
        self._write = write
        self.noted: dict[K, None] = dict.fromkeys(self._items)
        # The hashes of the database's values, by row name.
        self._kept: dict[str, int] = {}
        self._next: dict[str, int | None] = {}

    def __getitem__(self, key: K) -> V:
        value = self._items[key]
        self.noted[key] = None
        return value

    def __setitem__(self, key: K, value: V) -> None:
        self._items[key] = value
        self.noted[key] = None

    def __delitem__(self, key: K) -> None:
        del self._items[key]
        self.noted[key] = None

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def note(self, key: K) -> None:
        """Note a key as if its value had been looked up."""
        self.noted[key] = None

    def peek(self, key: K) -> V:
        """Return a value without noting its key."""
        return self._items[key]

    def load(self, store: Store, read: Callable[[str], V | None]) -> None:
        """Fill the mapping from the database.

        Args:
            store: the database.
            read: returns the value for a row's JSON; None if the value is no longer needed.

        Raises:
            InvalidInputError: a row can't be read.
        """
        for name, text in store.rows(self._kind):
            with store.reading(f"{self._kind} {name}"):
                value, key = read(text), _to_key(name)
                if value is not None:
                    self[key] = value
                self._kept[name] = hash(text) if value is not None else 0
                self.note(key)

    def read_changes(self) -> Iterator[Row]:
        """Yield the rows to write to bring the database up to date with the mapping."""
        self._next = {}
        for key in self.noted:
            name = key if isinstance(key, str) else json.dumps(key)
            if key in self:
                text = self._write(self.peek(key))
                if self._kept.get(name) != hash(text):
                    self._next[name] = hash(text)
                    yield Row(self._kind, name, text)
            elif name in self._kept:
                self._next[name] = None
                yield Row(self._kind, name, None)

    def mark_committed(self) -> None:
        """Record that the database has the changes."""
        self.noted.clear()
        for name, digest in self._next.items():
            if digest is None:
                del self._kept[name]
            else:
                self._kept[name] = digest


def _to_key(name: str) -> Value:
    """Return the key for a row's name: a string, or a tuple of strings."""
    return tuple(json.loads(name)) if name.startswith("[") else name


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
        self._watched: list[Watched[Value, Value]] = []
        self._issued: dict[str, Watched[str, IssuedCertificate]] = {}
        # The number of sessions by account and partition.
        self._sessions_seen: dict[tuple[str, str], int] = {}
        clock, directory = registry.clock, ram.directory

        self._handed_out: Watched[str, MotoObject] = self._watch("session", {}, _write_session, _read_session)
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
        for session in self._find_new_sessions():
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

    def _find_new_sessions(self) -> Iterator[AssumedRole]:
        """Yield the sessions that STS has issued since the last call."""
        for account, partitions in list(sts_backends.items()):
            for partition, backend in list(partitions.items()):
                # moto only appends to this list.
                seen = self._sessions_seen.get((account, partition), 0)
                new = backend.assumed_roles[seen:]
                self._sessions_seen[account, partition] = seen + len(new)
                yield from new

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


def _write_session(session: MotoObject) -> str:
    """Return a session as JSON."""
    return encode(
        {
            "account_id": session.account_id,
            "region_name": session.region_name,
            "role_session_name": session.session_name,
            "role_arn": session.role_arn,
            "policy": session.policy,
            "external_id": session.external_id,
            "key": session.access_key_id,
            "secret": session.secret_access_key,
            "token": session.session_token,
            "begins": session.access_key.create_date,
            "expires": session.expiration,
            "tags": getattr(session, TAGS, {}),
        }
    )


def _read_session(text: str) -> MotoObject:
    """Add a stored session to moto and return it; return None if it has expired."""
    kept = decode(text)
    if kept["expires"] <= utcnow():
        return None
    account, partition = kept["account_id"], get_partition(kept["region_name"])
    keys = iam_backends[account][partition]
    key = keys.create_temp_access_key()
    del keys.access_keys[key.physical_resource_id]
    key.access_key_id, key.secret_access_key, key.create_date = kept["key"], kept["secret"], kept["begins"]
    key.role_arn = kept["role_arn"]
    keys.access_keys[key.physical_resource_id] = key
    session = AssumedRole(access_key=key, duration=0, **{name: kept[name] for name in _SESSION_FIELDS})
    session.session_token, session.expiration = kept["token"], kept["expires"]
    setattr(session, TAGS, kept["tags"])
    sts_backends[account][partition].assumed_roles.append(session)
    return session
