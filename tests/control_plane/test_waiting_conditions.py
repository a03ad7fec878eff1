"""Conditions of zone control planes: where they are found, and what is said of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.control_plane import scoped
from tests.control_plane.applied import wanted
from tests.control_plane.clients import client, reply
from tests.control_plane.faulty import Fault, Faulty
from toolkit.control_plane.rehearsal.exchange import Reply
from toolkit.control_plane.resource_keys import Key
from toolkit.control_plane.resources import Resource
from toolkit.control_plane.waiting import State, Zone, read_states
from toolkit.errors import ExternalError

RECORDED = Path(__file__).parent / "recorded" / "kuma-2.14.3-identity-zone.jsonl"
LINES = [json.loads(line) for line in RECORDED.read_text().splitlines()]
LATER = [line["kept"] for line in LINES if line.get("kind") == "meshidentities"]
(ISSUE,) = wanted(scoped.issue())


@pytest.fixture
def standin() -> Iterator[Faulty]:
    with Faulty() as running:
        for resource in wanted(scoped.MESH):
            running.put(resource.document)
        yield running


def state(standin: Faulty, identity: Resource = ISSUE) -> State:
    with client(standin) as control_plane:
        (found,) = read_states(Zone("z1", control_plane), [identity])
    return found


def condition(kind: str, status: str = "False", reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def have(standin: Faulty, *conditions: Any, document: dict[str, Any] | None = None) -> None:
    standin.put({**(document or ISSUE.document), "status": {"conditions": list(conditions)}})


@pytest.mark.parametrize("there", LATER, ids=[each["name"] for each in LATER])
def test_what_kuma_recorded_is_read(standin: Faulty, there: dict[str, Any]) -> None:
    standin.state[scoped.path("meshidentities", there["name"])] = there
    document = {name: value for name, value in there.items() if name in ("type", "mesh", "name", "spec")}
    found = state(standin, Resource(Key("MeshIdentity", "default", there["name"]), document, "x"))
    ready = {each["type"]: each["status"] for each in there["status"]["conditions"]}["Ready"] == "True"
    assert found.is_ready == (ready or "provider" not in there["spec"])
    assert not found.problem


def test_without_a_provider_spiffe_ids_are_enough(standin: Faulty) -> None:
    (publish,) = wanted(scoped.PUBLISH)
    partly = condition("Ready", "False", "PartiallyReady")
    for conditions, ready in (
        ([condition("SpiffeIDProvider", "True"), partly], True),
        ([condition("SpiffeIDProvider", "False"), partly], False),
        ([condition("SpiffeIDProvider", "True"), condition("Ready", "False", "Failure")], False),
        ([partly], False),
    ):
        have(standin, *conditions, document=publish.document)
        assert state(standin, publish).is_ready == ready
    # With a provider they are not.
    have(standin, condition("SpiffeIDProvider", "True"), partly)
    assert not state(standin).is_ready


def test_the_copy_of_the_global_control_plane_counts(standin: Faulty) -> None:
    labels = {"kuma.io/display-name": "issue", "kuma.io/origin": "global"}
    have(standin, condition("Ready", "True"), document={**ISSUE.document, "name": "issue-b868", "labels": labels})
    assert state(standin).is_ready
    # Another zone's own one with that name is not the one that was applied.
    have(standin, condition("Ready", "False"))
    assert state(standin).is_ready


@pytest.mark.parametrize("name", [{}, {"name": None}, {"name": ["issue"]}])
def test_a_copy_without_a_name_is_read(standin: Faulty, name: dict[str, Any]) -> None:
    labels = {"kuma.io/display-name": "issue", "kuma.io/origin": "global"}
    nameless = {field: value for field, value in ISSUE.document.items() if field != "name"}
    conditions = {"conditions": [condition("Ready", "True")]}
    item = {**nameless, **name, "labels": labels, "status": conditions}
    reply(standin, 200, json.dumps({"items": [item]}).encode())
    assert state(standin).is_ready


def test_what_is_not_there_yet(standin: Faulty) -> None:
    assert state(standin).describe() == ["z1: MeshIdentity issue of mesh default: is not in the zone yet"]
    standin.put(ISSUE.document)
    assert "has not computed its conditions yet" in state(standin).describe()[0]
    (selecting,) = wanted(scoped.issue(scoped.ALL))
    have(standin, condition("Ready", "True"))
    assert "is not in the zone as it was applied yet" in state(standin, selecting).describe()[0]
    have(standin, condition("Provider", "True"))
    assert state(standin).describe() == ["z1: MeshIdentity issue of mesh default: has no condition Ready yet"]
    standin.state.clear()
    assert "404" in state(standin).problem


@pytest.mark.parametrize(
    ("kind", "reason", "said"),
    [
        ("Provider", "MeshServicesDisabled", "set meshServices.mode: Exclusive"),
        ("Provider", "ProviderNotFoundError", "this control plane has no such provider"),
        ("Provider", "ProviderInitializationError", "AWS credentials"),
        ("Provider", "ProviderValidationError", "insecureAllowSelfSigned"),
        ("Provider", "SomethingNew", "see the zone control plane's log"),
        ("MeshTrustCreated", "MeshTrustCreationError", "acm-pca:GetCertificateAuthorityCertificate"),
        ("SpiffeIDProvider", "x", "SPIFFE IDs are not published"),
        ("DependenciesReady", "x", "waits for what it needs"),
    ],
)
def test_each_condition_is_explained(standin: Faulty, kind: str, reason: str, said: str) -> None:
    have(standin, condition(kind, "False", reason, "why\nnot"), condition("Ready", "False", "Failure", "One of"))
    (line,) = state(standin).describe()
    assert line.startswith(f"z1: MeshIdentity issue of mesh default: {kind} is False ({reason}: why not): ")
    assert said in line


def test_ready_alone_and_unknown_conditions_are_said_as_they_are(standin: Faulty) -> None:
    have(standin, condition("Ready", "False", "Failure", "no"))
    assert state(standin).describe() == ["z1: MeshIdentity issue of mesh default: Ready is False (Failure: no)"]
    have(standin, condition("New", "False"))
    assert state(standin).describe() == ["z1: MeshIdentity issue of mesh default: New is False"]


@pytest.mark.parametrize("status", [401, 403, 405])
def test_a_zone_that_rejects_the_request_is_named(standin: Faulty, status: int) -> None:
    reply(standin, status, b'{"title": "No", "detail": "no"}')
    with pytest.raises(ExternalError, match=r"^zone z1: GET /meshes/default/meshidentities: "):
        state(standin)


def test_a_zone_that_is_away_for_a_while_is_asked_again(standin: Faulty) -> None:
    standin.fault = lambda _number, _method, _path: Fault(hang_up="before")
    assert "connection to" in state(standin).problem
    reply(standin, 503)
    assert "503" in state(standin).problem


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=3),
        lambda below: (
            st.lists(below)
            | st.dictionaries(st.sampled_from(["type", "status", "reason", "message", "conditions"]), below)
        ),
        max_leaves=6,
    )
)
def test_any_status_is_read(status: Any) -> None:
    with Faulty() as standin:
        standin.put({"type": "Mesh", "name": "default"})
        standin.put(ISSUE.document)
        standin.state[ISSUE.key.path] = {**ISSUE.document, "status": status}
        found = state(standin)
    assert found.is_ready or found.describe()


def test_lists_have_pages(standin: Faulty) -> None:
    for number in range(120):
        have(standin, document={**ISSUE.document, "name": f"i{number}"})
    with client(standin) as control_plane:
        names = [each["name"] for each in control_plane.list_resources("MeshIdentity", "default")]
    assert len(names) == len(set(names)) == 120
    assert [path for _, path in standin.requests] == [
        "/meshes/default/meshidentities",
        "/meshes/default/meshidentities?offset=100",
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"items": [], "next": "http://elsewhere/x?offset=1"}', "the list has no end"),
        # Offsets in other forms of the same text, and one for which there is no URL.
        (b'{"items": [], "next": "?offset=a b"}', "the list has no end"),
        (b'{"items": [], "next": "?offset=%s"}' % (b"a" * 70_000), "the list has no end"),
        # Links that are no URLs.
        (b'{"items": [], "next": "http://[/?offset=1"}', "the list has no end"),
        (b'{"items": [], "next": "?offset=\\ud800"}', "the list has no end"),
        (b'{"items": 1}', "200 OK"),
        (b"[]", "200 OK"),
    ],
)
def test_a_list_that_is_none_or_has_no_end(standin: Faulty, body: bytes, said: str) -> None:
    reply(standin, 200, body)
    with client(standin) as control_plane, pytest.raises(ExternalError, match=said):
        control_plane.list_resources("MeshIdentity", "default")


@pytest.mark.parametrize("link", ["7", "[]", '"http://["', '"?offset="', '"\\ud800"', "null"])
def test_a_link_without_an_offset_ends_the_list(standin: Faulty, link: str) -> None:
    reply(standin, 200, f'{{"items": [], "next": {link}}}'.encode())
    with client(standin) as control_plane:
        assert control_plane.list_resources("MeshIdentity", "default") == []


def test_a_next_link_is_followed_on_the_same_host(standin: Faulty) -> None:
    first = Reply(200, b'{"items": [], "next": "http://elsewhere.example/x?offset=2%2F3&size=1"}')
    standin.fault = lambda number, _method, _path: Fault(first if number == 1 else Reply(200, b'{"items": []}'))
    with client(standin) as control_plane:
        assert control_plane.list_resources("MeshIdentity", "default") == []
    assert standin.requests[1] == ("GET", "/meshes/default/meshidentities?offset=2%2F3")
