"""The order in which the documents of a mesh are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.control_plane import scoped
from tests.control_plane.applied import wanted
from toolkit.control_plane.write_order import Change, Step, order_writes

if TYPE_CHECKING:
    from toolkit.control_plane.resources import Resource

SECRET = "type: Secret\nmesh: default\nname: chain\ndata: Y2hhaW4=\n"
DOCUMENTS = (
    scoped.issue(),
    scoped.PUBLISH,
    scoped.TRUST,
    scoped.TLS,
    scoped.PERMISSION,
    SECRET,
    scoped.MESH + scoped.MTLS,
)
ORDER = ["Secret", "MeshTrafficPermission", "MeshTLS", "Mesh", "MeshTrust", "MeshIdentity", "MeshIdentity"]


def order(*documents: str, mesh: str | None = None) -> list[str]:
    """The kinds of the writes, when the control plane has a Mesh, or nothing."""
    there = None if mesh is None else wanted(mesh)[0].document
    steps = [Step(each, there if each.key.kind == "Mesh" else None) for each in wanted(scoped.stream(*documents))]
    return [write.resource.key.kind + ("" if write.is_whole else " (part)") for write in order_writes(steps)]


@given(st.permutations(DOCUMENTS))
def test_a_new_mesh_with_everything(documents: list[str]) -> None:
    assert order(*documents) == ["Mesh (part)", *ORDER]


def test_a_new_mesh_without_mtls_is_written_once() -> None:
    assert order(*DOCUMENTS[:-1], scoped.MESH) == ["Mesh", *(kind for kind in ORDER if kind != "Mesh")]


def test_a_mesh_that_gets_or_keeps_mtls_comes_before_identities() -> None:
    for there in (scoped.MESH, "type: Mesh\nname: default\n" + scoped.MTLS):
        assert order(*DOCUMENTS, mesh=there) == ORDER


def test_a_mesh_that_loses_mtls_comes_last() -> None:
    kinds = order(*DOCUMENTS[:-1], scoped.MESH, mesh=scoped.MESH + scoped.MTLS)
    assert kinds == [*(kind for kind in ORDER if kind != "Mesh"), "Mesh"]


def test_who_publishes_spiffe_ids_comes_before_who_issues() -> None:
    steps = [Step(each, None) for each in wanted(scoped.stream(scoped.issue(), scoped.PUBLISH))]
    assert [write.resource.key.name for write in order_writes(steps)] == ["publish", "issue"]


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        ((SECRET, DOCUMENTS[-1]), "Mesh default, without its mTLS until its Secrets are there"),
        (
            (scoped.TLS, DOCUMENTS[-1]),
            "Mesh default, without its mTLS until its permissions and TLS settings are there",
        ),
    ],
)
def test_what_a_part_of_a_mesh_waits_for(documents: tuple[str, ...], said: str) -> None:
    resources: tuple[Resource, ...] = wanted(scoped.stream(*documents))
    writes = list(order_writes([Step(each, None) for each in resources]))
    assert str(writes[0]) == said


def test_what_is_the_same_is_not_written() -> None:
    resources = wanted(scoped.stream(*DOCUMENTS))
    steps = [Step(each, each.document) for each in resources]
    assert {step.change for step in steps} == {Change.UNCHANGED}
    assert list(order_writes(steps)) == []
