"""Meshes that are found in a text, or are not."""

from __future__ import annotations

import pytest

from tests.yamltext.yaml_writing import load_stream
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.editable import choose, read_editable, write_mesh

KUBECTL_LIST = """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Secret
  metadata: {name: chain, labels: {kuma.io/mesh: default}}
  type: system.kuma.io/secret
  stringData: {value: x}
- apiVersion: kuma.io/v1alpha1
  kind: Mesh
  metadata: {name: default}   # the one
  spec:
    mtls:
      enabledBackend: a
      backends: [{name: a, type: builtin}]
"""
KUMACTL_LIST = (
    "total: 1\nitems:\n- type: Mesh\n  name: default\n  mtls: {enabledBackend: a, backends: []}\nnext: null\n"
)


@pytest.mark.parametrize("text", [KUBECTL_LIST, KUMACTL_LIST])
def test_a_mesh_in_a_list_is_edited_in_place(text: str) -> None:
    (mesh,) = read_editable(text, "x.yaml")
    mesh.set(("enabledBackend",), "b")
    assert mesh.editor.text == text.replace("enabledBackend: a", "enabledBackend: b")
    assert mesh.enabled_backend == "b"
    assert str(mesh.refuse(("enabledBackend",), "is wrong").problems[0]).startswith("x.yaml:")


def test_a_secret_in_a_list_keeps_its_form() -> None:
    (mesh,) = read_editable(KUBECTL_LIST, "x.yaml")
    secret = mesh.find_secret("chain", "kong-mesh-system")
    assert secret
    mesh.set_secret(secret, "new")
    assert mesh.editor.text == KUBECTL_LIST.replace("value: x", "value: new")


def test_no_mesh_at_all_is_told_what_one_is() -> None:
    with pytest.raises(InvalidInputError, match=r"no Mesh found in x\.yaml") as caught:
        choose(read_editable("kind: Meshes\n", "x.yaml"), None, "x.yaml")
    assert "kuma.io/v1alpha1" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: Mesh\nmetadata: {name: default}\n", "x.yaml:1:1 apiVersion: is missing"),
        (
            "apiVersion: kuma.io/v1\nkind: Mesh\nmetadata: {name: default}\n",
            "x.yaml:1:1 apiVersion: is not kuma.io/v1alpha1",
        ),
        ("type: Mesh\n", "x.yaml:1:1 name: is missing or is not a text"),
        (
            "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata:\n  name: default\n  mtls: {}\n",
            "x.yaml:5:3 metadata.mtls: no control plane reads it here; mTLS is off",
        ),
        (
            "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata:\n  name: default\nmtls: {}\n",
            "x.yaml:5:1 mtls: no control plane reads it here; mTLS is off",
        ),
        (
            "type: Mesh\nname: default\nspec: {mtls: {}}\n",
            "x.yaml:3:8 spec.mtls: no control plane reads it here; mTLS is off",
        ),
    ],
)
def test_what_no_control_plane_accepts_as_a_mesh_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        choose(read_editable(text, "x.yaml"), None, "x.yaml")
    assert [str(found) for found in caught.value.problems] == [problem]


def test_a_name_that_another_secret_has_is_refused() -> None:
    text = KUBECTL_LIST.replace("kuma.io/mesh: default", "kuma.io/mesh: other")
    (mesh,) = read_editable(text, "x.yaml")
    with pytest.raises(InvalidInputError, match="Secret chain can't be replaced") as caught:
        mesh.find_secret("chain", "kong-mesh-system")
    assert "belongs to mesh 'other', not 'default'" in caught.value.problems[0].message
    elsewhere = text.replace("{name: chain,", "{name: chain, namespace: other,")
    (mesh,) = read_editable(elsewhere, "x.yaml")
    assert mesh.find_secret("chain", "kong-mesh-system") is None


def test_a_backend_that_signs_is_named_by_a_text() -> None:
    (mesh,) = read_editable("type: Mesh\nname: default\nmtls:\n  enabledBackend: 1\n", "x.yaml")
    with pytest.raises(InvalidInputError) as caught:
        _ = mesh.enabled_backend
    assert caught.value.lines()[1:] == ["  x.yaml:4:3 mtls.enabledBackend: must be a text", "Hint: Put it in quotes."]


def test_a_key_in_what_kubectl_keeps_is_a_credential_too() -> None:
    head = "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata:\n  name: default\n  annotations:\n"
    for kept, is_private in (
        ('{"spec": {"key": {"inline": "a2V5"}}}', True),
        ('{"spec": {"key": {"secret": "name"}}}', False),
        ("{", False),
    ):
        text = f"{head}    kubectl.kubernetes.io/last-applied-configuration: |\n      {kept}\n"
        (mesh,) = read_editable(text, "x.yaml")
        assert mesh.is_confidential is is_private


MANY = "x0: &a0 [x, x]\n" + "".join(f"x{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    ("tail", "is_private"),
    [
        (MANY, False),
        (f"{MANY}y: {{key: {{inline: a}}}}\n", True),
    ],
)
def test_aliases_are_followed_once(tail: str, is_private: bool) -> None:
    (mesh,) = read_editable(f"type: Mesh\nname: default\n{tail}", "x.yaml")
    assert mesh.is_confidential is is_private


def test_a_section_without_end_is_refused_by_its_place() -> None:
    found = read_editable(f"type: Mesh\nname: default\n{MANY}mtls: {{backends: *a59}}\n", "x.yaml")
    with pytest.raises(InvalidInputError) as caught:
        choose(found, None, "x.yaml")
    assert caught.value.problems[0].path == "x.yaml:63:1 mtls"


def test_what_a_control_plane_hands_out_can_be_written_in_both_forms() -> None:
    resource = {
        "type": "Mesh",
        "name": "default",
        "creationTime": "2026-01-01T00:00:00Z",
        "modificationTime": "2026-01-01T00:00:00Z",
        "kri": "kri_m____default_",
        "labels": {"team": "shop"},
        "mtls": {"enabledBackend": "ca-1", "backends": [{"name": "ca-1", "type": "builtin"}]},
        "routing": {"zoneEgress": True},
    }
    (universal,) = load_stream(write_mesh(resource, "universal"), "x")
    kept = ("type", "name", "labels", "mtls", "routing")
    assert universal == {key: resource[key] for key in kept}
    (kubernetes,) = load_stream(write_mesh(resource, "kubernetes"), "x")
    assert kubernetes == {
        "apiVersion": "kuma.io/v1alpha1",
        "kind": "Mesh",
        "metadata": {"name": "default", "labels": {"team": "shop"}},
        "spec": {"mtls": resource["mtls"], "routing": resource["routing"]},
    }
