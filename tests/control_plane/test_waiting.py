"""Waiting for zones, with a clock of its own."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.control_plane import scoped
from tests.control_plane.applied import wanted
from toolkit.control_plane import waiting
from toolkit.control_plane.client import ControlPlane
from toolkit.control_plane.connection import Access
from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.web_server import Rehearsal
from toolkit.control_plane.waiting import State, Zone
from toolkit.control_plane.write_order import Step

if TYPE_CHECKING:
    from toolkit.mesh.schema.versions import Product


class Time:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.seconds += seconds
        self.pauses.append(seconds)

    @property
    def clock(self) -> waiting.Clock:
        return waiting.Clock(lambda: self.seconds, self.pause)


def wait(
    identity: str, delay: int = 1, timeout: float = 60, product: Product = "kuma", mesh: str = scoped.MESH
) -> tuple[list[State], list[float], list[list[State]]]:
    """Apply a MeshIdentity to a global control plane, and wait for its zone."""
    time = Time()
    rounds: list[list[State]] = []
    above = StandIn(product=product, mode="global")
    below = StandIn(product=product, delay=delay, upstream=above)
    with ExitStack() as stack:
        global_, zone = (stack.enter_context(Rehearsal(each)) for each in (above, below))
        documents = wanted(scoped.stream(mesh, identity))
        for resource in documents:
            httpx.put(global_.url + resource.key.path, json=resource.document).raise_for_status()
        asked = stack.enter_context(ControlPlane(Access(zone.url)))
        missing = waiting.wait(
            [Zone("z1", asked)], documents[1:], timeout, lambda states: rounds.append([*states]), time.clock
        )
    return missing, time.pauses, rounds


@pytest.mark.parametrize("delay", [1, 2, 5])
@pytest.mark.parametrize("identity", [scoped.issue(), scoped.PUBLISH])
def test_a_zone_that_gets_ready(identity: str, delay: int) -> None:
    missing, pauses, rounds = wait(identity, delay)
    assert missing == []
    assert pauses == [waiting.PAUSE] * delay
    assert [all(state.is_ready for state in states) for states in rounds] == [False] * delay + [True]


def test_the_time_is_over() -> None:
    missing, pauses, _ = wait(scoped.issue(), delay=99, timeout=12)
    assert pauses == [5, 5, 2]
    assert [state.zone for state in missing] == ["z1"]


@pytest.mark.parametrize(
    ("identity", "product", "said"),
    [
        (scoped.issue(provider=scoped.ACMPCA), "kuma", "ProviderNotFoundError"),
        (scoped.issue(provider="{type: Bundled, bundled: {autogenerate: {enabled: true}}}"), "kuma", "ValidationError"),
        (scoped.issue(more=", spiffeID: {trustDomain: '{{ .Nope }}'}"), "kuma", "MeshTrustCreated is False"),
    ],
)
def test_a_zone_that_never_gets_ready(identity: str, product: Product, said: str) -> None:
    missing, _, _ = wait(identity, product=product)
    assert said in missing[0].describe()[0]
    with pytest.raises(waiting.NotReadyError) as raised:
        waiting.require_ready(missing, "60 s")
    assert raised.value.exit_code == 1
    assert said in raised.value.details[0]


def test_acmpca_is_ready_as_kong_documents_it() -> None:
    assert wait(scoped.issue(provider=scoped.ACMPCA), product="kong-mesh")[0] == []


def test_without_mesh_services_it_is_said_what_to_set() -> None:
    missing, _, _ = wait(scoped.issue(), mesh="type: Mesh\nname: default\n")
    assert "set meshServices.mode: Exclusive in the Mesh" in missing[0].describe()[0]


@pytest.mark.parametrize(
    ("current", "settles"),
    [
        (None, False),
        (scoped.issue(), False),
        # The selector has no influence on conditions.
        (scoped.issue(scoped.ALL), False),
        (scoped.issue(more=", spiffeID: {path: /x}"), True),
        (scoped.issue(provider=scoped.ACMPCA), True),
    ],
)
def test_conditions_of_before_a_change_are_not_looked_at(current: str | None, settles: bool) -> None:
    (issue,) = wanted(scoped.issue())
    there = None if current is None else {**wanted(current)[0].document, "status": {}}
    assert waiting.needs_settling([Step(issue, there)]) == settles
    time = Time()
    waiting.wait([], [issue], 60, clock=time.clock, settling=waiting.SETTLING if settles else 0)
    assert time.pauses == ([waiting.SETTLING] if settles else [])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://eu.api.konghq.com/v1/mesh/control-planes/x/api", "Konnect does not show conditions"),
        ("https://mesh.example.com:5682", "Only zone control planes compute conditions"),
        ("https://api.konghq.com.evil.example", "Only zone control planes"),
    ],
)
def test_without_zones_the_requests_are_shown(url: str, said: str) -> None:
    (issue,) = wanted(scoped.issue())
    with pytest.raises(waiting.NotReadyError) as raised:
        waiting.refuse_without_zones([issue, issue], url)
    assert said in raised.value.message
    assert raised.value.details == (
        "curl --fail --silent --show-error https://ZONE_CONTROL_PLANE:5682/meshes/default/meshidentities",
    )
