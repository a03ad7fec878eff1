"""Encode the sessions of moto's STS as JSON, and decode them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.utils import utcnow
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, sts_backends
from moto.utilities.utils import get_partition

from toolkit.sandbox.principals import TAGS
from toolkit.sandbox.state import encoding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.values import MotoObject

_FIELDS = ("account_id", "region_name", "role_session_name", "role_arn", "policy", "external_id")


class Sessions:
    """Finds new sessions."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}

    def new(self) -> Iterator[AssumedRole]:
        """Yield the sessions that were issued since the last call."""
        for account, partitions in list(sts_backends.items()):
            for partition, backend in list(partitions.items()):
                # moto only appends to this list.
                seen = self._seen.get((account, partition), 0)
                fresh = backend.assumed_roles[seen:]
                self._seen[account, partition] = seen + len(fresh)
                yield from fresh


def write(session: MotoObject) -> str:
    """Return a session as JSON."""
    return encoding.encode(
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


def read(text: str) -> MotoObject:
    """Add a stored session to moto and return it; return None if it has expired."""
    kept = encoding.decode(text)
    if kept["expires"] <= utcnow():
        return None
    account, partition = kept["account_id"], get_partition(kept["region_name"])
    keys = iam_backends[account][partition]
    key = keys.create_temp_access_key()
    del keys.access_keys[key.physical_resource_id]
    key.access_key_id, key.secret_access_key, key.create_date = kept["key"], kept["secret"], kept["begins"]
    key.role_arn = kept["role_arn"]
    keys.access_keys[key.physical_resource_id] = key
    session = AssumedRole(access_key=key, duration=0, **{name: kept[name] for name in _FIELDS})
    session.session_token, session.expiration = kept["token"], kept["expires"]
    setattr(session, TAGS, kept["tags"])
    sts_backends[account][partition].assumed_roles.append(session)
    return session
