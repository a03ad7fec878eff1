"""What tests of the control plane's client share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.mesh.standin import Fault, Reply, StandIn
from toolkit.mesh.connection import Access
from toolkit.mesh.control_plane import ControlPlane
from toolkit.mesh.resources import Key

if TYPE_CHECKING:
    from collections.abc import Iterator

MESH = {"type": "Mesh", "name": "default", "routing": {"zoneEgress": True}}
KEY = Key("Mesh", "default", "default")
SECRET = Key("Secret", "chain", "default")


@contextmanager
def client(standin: StandIn, **access: Any) -> Iterator[ControlPlane]:
    """A client that waits for nothing between two tries."""
    with ControlPlane(Access(**{"url": standin.url, **access}), pause=lambda _: None) as control_plane:
        yield control_plane


def reply(standin: StandIn, status: int, body: bytes = b"", **more: Any) -> None:
    standin.fault = lambda _number, _method, _path: Fault(Reply(status, body, **more))
