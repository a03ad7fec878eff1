"""Applying stops on concurrent changes, and when a control plane rejects a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.control_plane.applied import CHAIN, MESH, MESH_TEXT, TEXT, WHOLE, apply, holds, refused, wanted
from tests.control_plane.faulty import ARN, ON_KUBERNETES, TOKEN, Fault, Faulty
from toolkit.control_plane.rehearsal.api import READ_ONLY
from toolkit.control_plane.rehearsal.exchange import Reply
from toolkit.errors import ExternalError, InvalidInputError
from toolkit.mesh.documents.differences import are_same


@pytest.fixture
def standin() -> Iterator[Faulty]:
    with Faulty(token=TOKEN) as running:
        yield running


# Somebody else


@pytest.mark.parametrize("path", [MESH, CHAIN])
def test_what_somebody_else_changes_meanwhile_is_not_overwritten(standin: Faulty, path: str) -> None:
    apply(standin)
    changed = TEXT.replace("mode: STRICT", "mode: PERMISSIVE").replace("Y2hhaW4=", "b3RoZXI=")
    theirs: dict[str, Any] = {"type": "Mesh", "name": "default", "routing": {"localityAwareLoadBalancing": True}}
    if path == CHAIN:
        theirs = {"type": "Secret", "mesh": "default", "name": "chain", "data": "YQ=="}
    error = refused(standin, changed, between=lambda: standin.put(theirs))
    assert isinstance(error, ExternalError)
    assert "was changed by someone else" in error.message
    assert are_same(theirs, standin.state[path])
    assert ("Written: Secret" in "\n".join(error.lines())) == (path == MESH)


def test_what_somebody_else_makes_or_removes_meanwhile(standin: Faulty) -> None:
    mesh = {"type": "Mesh", "name": "default", "routing": {"localityAwareLoadBalancing": True}}
    error = refused(standin, between=lambda: standin.put(mesh))
    assert "was changed by someone else" in error.message
    assert standin.writes == []
    changed = TEXT.replace("mode: STRICT", "mode: PERMISSIVE")
    standin.state.clear()
    apply(standin)
    error = refused(standin, changed, between=standin.state.clear)
    assert "Mesh default was changed by someone else" in error.message


def test_what_somebody_else_has_already_done_is_not_done_again(standin: Faulty) -> None:
    apply(standin)
    changed = TEXT.replace("mode: STRICT", "mode: PERMISSIVE")
    (mesh,) = (r for r in wanted(changed) if r.key.kind == "Mesh")
    standin.requests.clear()
    apply(standin, changed, between=lambda: standin.put(mesh.document))
    assert standin.writes == []


def test_the_result_is_read_back(standin: Faulty) -> None:
    def undo(number: int, _method: str, _path: str) -> None:
        if number == WHOLE:
            standin.put({"type": "Secret", "mesh": "default", "name": "chain", "data": "YQ=="})

    standin.fault = undo
    error = refused(standin)
    assert isinstance(error, ExternalError)
    assert "Secret chain of mesh default: data: has another value on the control plane" in error.message
    assert "Written: Mesh default, without its mTLS" in "\n".join(error.lines())


def test_a_field_that_is_not_known_is_dropped_and_named(standin: Faulty) -> None:
    # Kuma reads with AllowUnknownFields (kumahq/kuma:pkg/util/proto/proto.go).
    misspelt = TEXT.replace("skipCreating", "skipCreatingg")
    plan, _ = apply(standin, misspelt)
    assert [step.list_dropped() for step in plan.steps] == [["skipCreatinggInitialPolicies"], []]
    plan, _ = apply(standin, misspelt)
    assert plan.writes == ()
    assert [step.list_dropped() for step in plan.steps] == [["skipCreatinggInitialPolicies"], []]


@pytest.mark.parametrize("version", ["2.15.0", "3.0.0", "0.0.0-preview.v1234", "preview"])
def test_a_newer_control_plane_may_know_a_field_that_we_do_not(standin: Faulty, version: str) -> None:
    standin.stand_in.version = version
    newer = "type: Mesh\nname: default\nnewer: {a: 1}\n"
    error = refused(standin, newer)
    assert "newer: is not on the control plane" in error.message
    assert error.lines()[-2].startswith("Written: Mesh default.")
    standin.put({"type": "Mesh", "name": "default"})
    standin.state[MESH]["newer"] = {"a": 1}
    plan, _ = apply(standin, newer)
    assert [(step.change.value, step.list_dropped()) for step in plan.steps] == [("unchanged", [])]


# What the control plane refuses


def with_backend(backend: str, more: str = "") -> str:
    return f"type: Mesh\nname: default\nmtls:\n  enabledBackend: acm\n  {more}\n  backends:\n    - {backend}\n"


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (
            with_backend("{name: acm, type: nonsense}"),
            "mtls.backends[0].type: could not find installed plugin for this type",
        ),
        (
            with_backend(f"{{name: acm, type: acmpca, conf: {{arn: '{ARN}'}}}}"),
            "mtls.backends[0].conf.caCert: has to be defined",
        ),
        (with_backend("{name: acm, type: builtin, mode: [1]}"), "invalid Mesh object: "),
    ],
)
def test_every_problem_is_named_by_document_and_path(standin: Faulty, old: bool, document: str, problem: str) -> None:
    standin.old = old
    error = refused(standin, document)
    assert isinstance(error, InvalidInputError)
    assert error.message == "the control plane rejects Mesh default"
    assert any(str(found).startswith("mesh.yaml: Mesh default: ") and problem in str(found) for found in error.problems)
    assert error.lines()[-1] == "Nothing was written."


def test_a_mesh_that_is_refused_in_the_third_write(standin: Faulty) -> None:
    error = refused(standin, TEXT.replace("type: acmpca", "type: nonsense"))
    assert error.exit_code == 2
    assert "Written: Mesh default, without its mTLS" in "\n".join(error.lines())
    apply(standin)
    assert holds(standin)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (ON_KUBERNETES, "toolkit render-mesh --format kubernetes | kubectl apply -f -"),
        (READ_ONLY, "global control plane"),
    ],
)
def test_a_control_plane_that_takes_no_writes(standin: Faulty, text: str, advice: str) -> None:
    standin.refuse_writes(text)
    error = refused(standin)
    assert isinstance(error, ExternalError)
    assert text.strip() in error.message
    assert advice in error.hint
    assert "Nothing was written." in error.lines()


def test_a_secret_that_nobody_has_is_found_before_anything_is_written(standin: Faulty) -> None:
    error = refused(standin, MESH_TEXT)
    assert isinstance(error, InvalidInputError)
    assert "mtls.backends[0].conf.caCert.secret: names chain, which is neither" in str(error.problems[0])
    assert standin.writes == []
    standin.put({"type": "Mesh", "name": "default"})
    assert "which is neither" in str(refused(standin, MESH_TEXT).lines())
    skipping = MESH_TEXT.replace("mtls:\n", "mtls:\n  skipValidation: true\n")
    apply(standin, skipping)
    assert holds(standin, skipping)


def test_who_may_not_see_secrets_may_still_apply_a_mesh_that_names_them(standin: Faulty) -> None:
    apply(standin)
    standin.fault = lambda _now, method, path: Fault(Reply(403)) if method == "GET" and "secrets" in path else None
    changed = MESH_TEXT.replace("mode: STRICT", "mode: PERMISSIVE")
    apply(standin, changed)
    assert holds(standin, changed)
    standin.fault = lambda _now, _method, path: Fault(Reply(401)) if "secrets" in path else None
    assert refused(standin, MESH_TEXT).exit_code == 3


def test_open_source_kuma(standin: Faulty) -> None:
    standin.stand_in.product = "kuma"
    error = refused(standin)
    assert isinstance(error, InvalidInputError)
    assert "mtls.backends[0].type: acmpca is a backend of Kong Mesh, and this is Kuma 2.13.1" in str(error.problems[0])
    assert standin.writes == []
    builtin = with_backend("{name: acm, type: builtin}")
    apply(standin, builtin)
    two = builtin + "    - {name: second, type: builtin}\n"
    assert "mtls.backends: cannot have more than 1 backends" in str(refused(standin, two).lines())
    other = builtin.replace("acm", "second")
    assert "mtls.enabledBackend: Changing CA when mTLS is enabled" in str(refused(standin, other).lines())
    standin.stand_in.product = "kong-mesh"
    apply(standin, two.replace("enabledBackend: acm", "enabledBackend: second"))


def test_what_has_no_mtls_any_more_gets_none(standin: Faulty) -> None:
    standin.stand_in.version = "3.0.0"
    error = refused(standin)
    assert isinstance(error, ExternalError)
    assert "Kong Mesh 3.0.0 has no mTLS in a Mesh" in error.message
    assert standin.writes == []
    apply(standin, "type: Mesh\nname: default\n")
    standin.stand_in.version = "preview"
    apply(standin)
