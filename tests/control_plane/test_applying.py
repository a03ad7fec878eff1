"""Plans and their execution against a stand-in control plane that validates like Kuma and fails at every request."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.control_plane.applied import CHAIN, INLINE, MESH, OTHER, SECOND, TEXT, WHOLE, apply, holds, refused, wanted
from tests.control_plane.faulty import ARN, TOKEN, Fault, Faulty
from toolkit.control_plane import applying, resources
from toolkit.control_plane.client import ControlPlane
from toolkit.control_plane.connection import Access, Token
from toolkit.control_plane.rehearsal.exchange import Reply
from toolkit.control_plane.resource_keys import Key
from toolkit.control_plane.write_order import Change
from toolkit.errors import ExternalError, InterruptedByUserError, InvalidInputError
from toolkit.mesh.documents.differences import are_same


@pytest.fixture
def standin() -> Iterator[Faulty]:
    with Faulty(token=TOKEN) as running:
        yield running


# The order


def test_a_new_mesh_is_written_without_mtls_then_its_secrets_then_whole(standin: Faulty) -> None:
    first: dict[str, Any] = {}

    def look(_number: int, method: str, _path: str) -> None:
        if method == "PUT" and len(standin.writes) == 2:
            first.update(standin.state[MESH])

    standin.fault = look
    plan, told = apply(standin, TEXT + "---\n" + OTHER)
    assert standin.writes == [MESH, CHAIN, SECOND, MESH]
    assert "mtls" not in first
    assert first["skipCreatingInitialPolicies"] == ["*"]
    assert holds(standin, TEXT + "---\n" + OTHER)
    assert told == [
        "Mesh default, without its mTLS until its Secrets are there",
        "Secret chain of mesh default",
        "Secret other of mesh default",
        "Mesh default",
    ]
    assert [step.change for step in plan.steps] == [Change.CREATED] * 3


def test_a_second_run_writes_nothing(standin: Faulty) -> None:
    apply(standin)
    standin.requests.clear()
    plan, told = apply(standin)
    assert plan.writes == ()
    assert [step.change for step in plan.steps] == [Change.UNCHANGED] * 2
    assert [step.diff() for step in plan.steps] == [[], []]
    assert standin.writes == told == []


def test_a_new_mesh_without_secrets_is_written_once(standin: Faulty) -> None:
    apply(standin, INLINE)
    assert standin.writes == [MESH]
    assert holds(standin, INLINE)


def test_a_new_mesh_without_mtls_is_written_once_before_its_secrets(standin: Faulty) -> None:
    apply(standin, f"{OTHER}---\ntype: Mesh\nname: default\n")
    assert standin.writes == [MESH, SECOND]


def test_of_a_mesh_that_exists_the_secrets_are_written_first(standin: Faulty) -> None:
    standin.put({"type": "Mesh", "name": "default", "metrics": {"backends": [{"name": "p", "type": "prometheus"}]}})
    plan, _ = apply(standin)
    assert standin.writes == [CHAIN, MESH]
    assert plan.steps[0].list_lost() == ["metrics"]
    standin.requests.clear()
    apply(standin, TEXT.replace("mode: STRICT", "mode: PERMISSIVE"))
    assert standin.writes == [MESH]


def test_a_secret_alone(standin: Faulty) -> None:
    error = refused(standin, OTHER)
    assert isinstance(error, InvalidInputError)
    assert "mesh.yaml: Secret other of mesh default: mesh: mesh default does not exist" in str(error.problems[0])
    standin.put({"type": "Mesh", "name": "default"})
    apply(standin, OTHER)
    assert standin.writes == [SECOND]


def test_several_meshes_each_in_its_order(standin: Faulty) -> None:
    both = TEXT + "---\n" + TEXT.replace("default", "second")
    apply(standin, both)
    second = [path.replace("default", "second") for path in (MESH, CHAIN, MESH)]
    assert standin.writes == [MESH, CHAIN, MESH, *second]
    assert holds(standin, both)


# Breaking off, and going on


@pytest.mark.parametrize("hang_up", ["before", "after", "middle"])
@pytest.mark.parametrize("number", range(1, WHOLE + 1))
def test_a_run_that_dies_anywhere_is_finished_by_the_next(standin: Faulty, number: int, hang_up: str) -> None:
    standin.fault = lambda now, _method, _path: Fault(hang_up=hang_up) if now >= number else None
    error = refused(standin)
    assert error.exit_code == 3
    said = "\n".join(error.lines())
    written = [path for method, path in standin.requests[: number - 1] if method == "PUT"]
    if not written and "PUT" not in {method for method, _ in standin.requests}:
        assert "Written: " not in said
    for path, name in (CHAIN, "Secret chain"), (MESH, "Mesh default"):
        assert path not in written or name in said
    if written:
        assert "Written: Mesh default, without its mTLS" in said
        assert "The same command finishes the job" in said
    standin.fault = lambda _now, _method, _path: None
    apply(standin)
    assert holds(standin)
    standin.requests.clear()
    apply(standin)
    assert standin.writes == []


@pytest.mark.parametrize(
    "fault", [Fault(hang_up="before"), Fault(hang_up="after"), Fault(Reply(503)), Fault(Reply(429))]
)
@pytest.mark.parametrize("number", range(1, WHOLE + 1))
def test_one_passing_failure_anywhere_is_survived(standin: Faulty, number: int, fault: Fault) -> None:
    standin.fault = lambda now, _method, _path: fault if now == number else None
    apply(standin)
    assert holds(standin)
    # Nothing is written twice that has arrived.
    repeated = fault.hang_up != "after" and standin.requests[number - 1][0] == "PUT"
    assert len(standin.writes) == 3 + repeated


@pytest.mark.parametrize("status", [401, 403, 409, 412, 500, 503])
@pytest.mark.parametrize("put", [1, 2, 3])
def test_a_refusal_says_how_far_it_came(standin: Faulty, status: int, put: int) -> None:
    standin.fault = lambda _now, method, _path: (
        Fault(Reply(status)) if method == "PUT" and len(standin.writes) >= put else None
    )
    error = refused(standin)
    assert isinstance(error, ExternalError)
    mesh, secret = (
        "Mesh default, without its mTLS until its Secrets are there",
        "Secret chain of mesh",
    )
    said = error.lines()
    assert said[0].startswith(f"PUT {(MESH, CHAIN, MESH)[put - 1]}: ")
    assert said[-1].startswith("Hint: ")
    maybe = "May have been written: " if status >= 500 else "Not written: "
    if put == 1 and status < 500:
        assert said[1] == "Nothing was written."
        return
    assert said[1].startswith(f"{maybe}{mesh}" if put == 1 else f"Written: {mesh}")
    assert any(line.startswith(f"{maybe}{(mesh, secret, 'Mesh default')[put - 1]}") for line in said)
    assert ("Not written: " in "\n".join(said)) == (status < 500 or put < 3)
    again = "the same command finishes the job"
    assert said[-2].startswith(f"Once that is fixed, {again}" if status in (401, 403) else again.capitalize())


@pytest.mark.parametrize("number", range(1, WHOLE + 1))
def test_stopped_anywhere_it_says_how_far_it_came(standin: Faulty, number: int) -> None:
    """The user presses Ctrl-C while a request is under way."""

    class Stopped(ControlPlane):
        asked = 0

        def _exchange(self, method: str, path: str, body: bytes | None = None) -> Any:
            answer = super()._exchange(method, path, body)
            self.asked += 1
            if self.asked == number:
                raise KeyboardInterrupt
            return answer

    with Stopped(Access(standin.url, Token(TOKEN, "test")), pause=lambda _: None) as control_plane:
        try:
            applying.execute(applying.plan(control_plane, wanted(TEXT)), control_plane)
        except KeyboardInterrupt:
            assert standin.writes == [], "while it plans, nothing can have been written"
            return
        except InterruptedByUserError as error:
            raised = error
    said = "\n".join(raised.lines())
    assert raised.exit_code == 130
    if standin.requests[-1][0] == "PUT":
        assert "May have been written: " in said
    elif not standin.writes:
        assert "Nothing was written." in said
    else:
        assert "Written: Mesh default, without its mTLS" in said
    apply(standin)
    assert holds(standin)


# Anything else


SECRETS = st.dictionaries(st.sampled_from("abc"), st.binary(min_size=1, max_size=3), max_size=3)
BACKENDS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("xyz"), "type": st.sampled_from(["builtin", "acmpca"])},
        optional={"mode": st.sampled_from(["STRICT", "PERMISSIVE"])},
    ),
    max_size=3,
    unique_by=lambda backend: backend["name"],
)
SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "routing": st.fixed_dictionaries({}, optional={"zoneEgress": st.booleans()}),
        "networking": st.just({"outbound": {"passthrough": False}}),
        "metrics": st.just({"backends": [{"name": "p", "type": "prometheus", "conf": {"skipMTLS": False}}]}),
    },
)


def documents(secrets: dict[str, bytes], backends: list[dict[str, Any]], sections: dict[str, Any]) -> Any:
    """A Mesh whose acmpca backends take their chains from the Secrets in turn."""
    names = sorted(secrets)
    for index, backend in enumerate(backends):
        if backend["type"] == "acmpca":
            source = {"secret": names[index % len(names)]} if names else {"inline": "YQ=="}
            backend["conf"] = {"arn": ARN, "caCert": source}
    mtls = {"mtls": {"enabledBackend": backends[0]["name"], "backends": backends}} if backends else {}
    if not backends:
        # It needs mTLS.
        sections.get("routing", {}).pop("zoneEgress", None)
    yield {"type": "Mesh", "name": "default", **sections, **mtls}
    for name, value in secrets.items():
        yield {"type": "Secret", "mesh": "default", "name": name, "data": base64.b64encode(value).decode()}


WORLDS = st.builds(lambda *parts: list(documents(*parts)), SECRETS, BACKENDS, SECTIONS)


@settings(max_examples=60)
@given(
    before=st.none() | WORLDS, after=WORLDS, dies_at=st.integers(1, 30), hang_up=st.sampled_from(["before", "after"])
)
def test_from_any_state_to_any_other_and_broken_anywhere(before: Any, after: Any, dies_at: int, hang_up: str) -> None:
    found = [resources.Resource(Key(d["type"], d.get("mesh", d["name"]), d["name"]), d, "x") for d in after]
    with Faulty() as standin, ControlPlane(Access(standin.url), pause=lambda _: None) as control_plane:
        for document in before or []:
            standin.put(document)

        def run() -> None:
            plan = applying.plan(control_plane, found)
            applying.execute(plan, control_plane, pause=lambda _: None)

        standin.fault = lambda now, _method, _path: Fault(hang_up=hang_up) if now >= dies_at else None
        try:
            run()
        except ExternalError as error:
            assert len(standin.requests) >= dies_at, error
        standin.fault = lambda _now, _method, _path: None
        run()
        assert all(are_same(resource.document, standin.state[resource.key.path]) for resource in found)
        standin.requests.clear()
        run()
        assert standin.writes == []
