"""Permissions and other resources that an operator gives for a move."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import pytest

from tests.mesh.golden_documents import golden_outputs
from tests.mesh.rotate.old_meshes import allow_all, backend, given, mesh, scoped, stream
from tests.yamltext.yaml_writing import load_stream
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.confidential import LAST_APPLIED
from toolkit.mesh.documents.reader import read
from toolkit.mesh.render.identity_documents import IdentityOptions
from toolkit.mesh.rotate.identity_move import Given, IdentityMove, plan_move_to_identity
from toolkit.mesh.rotate.obstacles import PREPARE, PUBLISH
from toolkit.mesh.schema.mesh import Form

OUTPUTS = golden_outputs()
FORMS = get_args(Form)


def plan(start: Given, **options: Any) -> IdentityMove:
    return plan_move_to_identity(start, OUTPUTS, IdentityOptions(**options))


def in_one_file(*documents: dict[str, Any]) -> Given:
    return Given(stream(*documents), "all.yaml", None, read([]))


def of_kind(documents: Iterable[Any], kind: str) -> list[Any]:
    return [each for each in documents if kind in (each.get("kind"), each.get("type"))]


def prepared(move: IdentityMove) -> list[Any]:
    return of_kind(load_stream(move.steps[0].text, "1"), "MeshTrafficPermission")


def at_stage_1(move: IdentityMove) -> list[str]:
    return [each.message for each in move.obstacles if each.before == PREPARE]


@pytest.mark.parametrize("form", FORMS)
def test_a_permission_in_the_meshs_file_is_changed_in_its_place(form: Form) -> None:
    permission = allow_all(form)
    move = plan(in_one_file(mesh(form, backend("own")), permission))
    apart = plan(given(mesh(form, backend("own")), permission))
    (only,) = prepared(move)
    assert only["spec"] == prepared(apart)[0]["spec"] != permission["spec"]
    # The last stage must not put it back: without mtls, it would deny all.
    assert of_kind(load_stream(move.steps[-1].text, "5"), "MeshTrafficPermission") == [only]
    # The way back is in the file as it was.
    assert of_kind(load_stream(move.before, "0"), "MeshTrafficPermission") == [permission]


def test_a_permission_in_a_list_is_changed_in_its_place() -> None:
    items = [mesh("kubernetes", backend("own")), allow_all("kubernetes")]
    move = plan(in_one_file({"apiVersion": "v1", "kind": "List", "items": items}))
    found: list[Any] = load_stream(move.steps[0].text, "1")
    (first,) = found
    assert [each["kind"] for each in first["items"]] == ["Mesh", "MeshTrafficPermission"]
    assert "rules" in first["items"][1]["spec"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["MeshIdentity", "MeshTrust"])
def test_what_stages_write_is_not_in_the_meshs_file(form: Form, kind: str) -> None:
    other = scoped(form, kind, "acmpca", {"selector": {}})
    with pytest.raises(InvalidInputError, match="stages 1 and 5 contain all of") as caught:
        plan(in_one_file(mesh(form, backend("own")), other))
    assert f"{kind} 'acmpca' is in the Mesh's file" in "\n".join(caught.value.lines())
    # The move ignores resources of another mesh.
    of_another = other | {"mesh": "other"}
    of_another |= {"metadata": {**other["metadata"], "labels": {"kuma.io/mesh": "other"}}} if "kind" in other else {}
    assert plan(in_one_file(mesh(form, backend("own")), of_another | {"name": "x"}))


def test_annotations_stay() -> None:
    permission = allow_all("kubernetes")
    permission["metadata"]["annotations"] = {"team": "a: b # c", LAST_APPLIED: "{}"}
    move = plan(given(mesh("kubernetes", backend("own")), permission))
    assert prepared(move)[0]["metadata"]["annotations"] == {"team": "a: b # c"}


def test_one_name_in_two_namespaces_is_two_permissions() -> None:
    found = [allow_all("kubernetes"), allow_all("kubernetes")]
    found[1]["metadata"] = {**found[1]["metadata"], "namespace": "apps"}
    move = plan(given(mesh("kubernetes", backend("own")), *found))
    assert [each["metadata"]["namespace"] for each in prepared(move)] == ["kong-mesh-system", "apps"]
    assert at_stage_1(move) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_permission_that_is_there_twice(form: Form) -> None:
    one, other = allow_all(form), allow_all(form)
    in_two_files = Given(
        stream(mesh(form, backend("own"))), "m", None, read([("a.yaml", stream(one)), ("b.yaml", stream(one))])
    )
    assert len(prepared(plan(in_two_files))) == 1
    assert at_stage_1(plan(in_two_files)) == []
    other["spec"] = {"rules": []}
    (message,) = at_stage_1(plan(given(mesh(form, backend("own")), one, other)))
    assert message == "allow-all is also in others.yaml:1:1"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["", "a: b\n- c", "\x1b[31m", "..", "$(reboot)", "x" * 254, "\u202eabc", "A", "~"])
def test_a_name_that_no_permission_has(form: Form, name: str) -> None:
    move = plan(given(mesh(form, backend("own")), scoped(form, "MeshTrafficPermission", name, {})))
    (message,) = at_stage_1(move)
    assert message.startswith("the name '")
    assert message.isprintable()
    assert prepared(move) == []


def test_permissions_have_the_form_of_the_mesh() -> None:
    for form, other in (FORMS, FORMS[::-1]):
        move = plan(given(mesh(form, backend("own")), allow_all(other)))
        assert at_stage_1(move) == [f"allow-all is in the form for {other}, and the Mesh in that for {form}"]
        assert prepared(move) == []


_LAUGHS = "".join(f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))


def test_aliases_without_end() -> None:
    spec = f"  a0: &a0 x\n{_LAUGHS}  targetRef: *a11\n  rules: [{{default: {{}}}}]\n"
    text = f"type: MeshTrafficPermission\nmesh: default\nname: p\nspec:\n{spec}"
    start = Given(stream(mesh("universal", backend("own"))), "m", None, read([("a", text), ("b", text)]))
    assert at_stage_1(plan(start)) == ["p is nested without end, or is larger than a document needs"] * 2


@pytest.mark.parametrize(("kind", "name"), [("MeshIdentity", "acmpca"), ("MeshTrust", "acmpca-zone-1")])
def test_a_name_of_another_mesh_on_kubernetes(kind: str, name: str) -> None:
    other = scoped("kubernetes", kind, name, {})
    other["metadata"]["labels"] = {"kuma.io/mesh": "other"}
    names = [zone.name for zone in OUTPUTS.zones]
    assert name.removeprefix("acmpca-") in ("acmpca", *names)
    start = given(mesh("kubernetes", backend("own")), allow_all("kubernetes"), other)
    (found,) = plan(start).list_blocking(PUBLISH)
    assert found.message == f"{kind} {name} is of mesh other, and a name belongs to one mesh only"
    assert plan(start, name="another").list_blocking(PUBLISH) == []
    other["metadata"]["namespace"] = "elsewhere"
    start = given(mesh("kubernetes", backend("own")), allow_all("kubernetes"), other)
    assert plan(start).list_blocking(PUBLISH) == []
    # On Universal, each mesh has names of its own.
    of_mesh = {"type": kind, "mesh": "other", "name": name, "spec": {}}
    start = given(mesh("universal", backend("own")), allow_all("universal"), of_mesh)
    assert plan(start).list_blocking(PUBLISH) == []


_EVIL = "\x1b]0;x\x07\u202e\nstage 1 done\ud83d"


def test_everything_that_a_person_must_decide_is_printable() -> None:
    old = {**backend("vault"), "name": _EVIL, _EVIL: {"a": 1}}
    rules = [{"default": {"allow": [{"spiffeID": {"type": "Exact", "value": f"spiffe://default/{_EVIL}"}}]}}]
    start = given(
        mesh("universal", old),
        scoped("universal", "MeshTrafficPermission", "a", {"rules": rules}),
        scoped("universal", "MeshTrafficPermission", "b", {"from": [{"targetRef": {"kind": _EVIL, "name": _EVIL}}]}),
        scoped("universal", "MeshIdentity", _EVIL, {"selector": {"dataplane": {"matchLabels": {"a": "b"}}}}),
        {
            "type": "Dataplane",
            "mesh": "default",
            "name": _EVIL,
            "networking": {"outbound": [{"tags": {"kuma.io/service": _EVIL}}]},
        },
    )
    found = plan(start).obstacles
    assert len(found) >= 5
    assert all(text.isprintable() for each in found for text in each[1:])


@pytest.mark.parametrize("form", FORMS)
def test_meshes_of_one_contract_need_different_names_on_kubernetes(form: Form) -> None:
    start = given(mesh(form, backend("own")), allow_all(form))
    both = OUTPUTS.model_copy(update={"meshes": ("default", "other")})
    shown = [note for note in plan_move_to_identity(start, both, IdentityOptions()).notes if "default, other" in note]
    assert len(shown) == (form == "kubernetes")
    assert plan(start).notes == ()


@pytest.mark.parametrize("form", FORMS)
def test_what_is_null_in_a_permission_is_left_out(form: Form) -> None:
    permission = allow_all(form)
    permission["spec"] |= {"targetRef": None}
    move = plan(given(mesh(form, backend("own")), permission))
    (before,) = of_kind(load_stream(move.before, "0"), "MeshTrafficPermission")
    assert before["spec"] == {"from": permission["spec"]["from"]}
    assert list(prepared(move)[0]["spec"]) == ["rules"]
