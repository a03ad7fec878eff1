"""Meshes that are found in a text, or are not."""

from __future__ import annotations

import pytest

from toolkit.errors import InvalidInputError
from toolkit.mesh import existing


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("apiVersion: v1\nkind: List\nitems:\n- apiVersion: kuma.io/v1alpha1\n  kind: Mesh\n", "x.yaml:4:3 items[0]"),
        ("total: 1\nitems:\n- type: Mesh\n  name: default\nnext: null\n", "x.yaml:3:3 items[0]"),
    ],
)
def test_a_list_of_meshes_is_refused_by_its_place(text: str, place: str) -> None:
    with pytest.raises(InvalidInputError, match="holds a list of meshes") as caught:
        existing.meshes(text, "x.yaml")
    assert caught.value.problems[0].path == place
    assert "kubectl get mesh NAME -o yaml" in caught.value.hint
    assert existing.meshes("items: [1, {kind: Dataplane}]\n---\ntype: Mesh\nname: default\n", "x.yaml")


def test_no_mesh_at_all_is_told_what_one_is() -> None:
    with pytest.raises(InvalidInputError, match=r"x\.yaml holds no Mesh") as caught:
        existing.choose(existing.meshes("kind: Mesh\n", "x.yaml"), None, "x.yaml")
    assert "kuma.io/v1alpha1" in caught.value.hint


def test_a_backend_that_signs_is_named_by_a_text() -> None:
    (mesh,) = existing.meshes("type: Mesh\nname: default\nmtls:\n  enabledBackend: 1\n", "x.yaml")
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
        (mesh,) = existing.meshes(text, "x.yaml")
        assert mesh.has_credentials is is_private


MANY = "x0: &a0 [x, x]\n" + "".join(f"x{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    ("tail", "is_private"),
    [
        (MANY, False),
        (f"{MANY}y: {{key: {{inline: a}}}}\n", True),
        ("x: &a [*a]\n", False),
        ("x: &a {y: *a, token: {inlineString: a}}\n", True),
    ],
)
def test_aliases_are_followed_once(tail: str, is_private: bool) -> None:
    (mesh,) = existing.meshes(f"type: Mesh\nname: default\n{tail}", "x.yaml")
    assert mesh.has_credentials is is_private


def test_a_section_without_end_is_refused_by_its_place() -> None:
    found = existing.meshes("type: Mesh\nname: default\nmtls: &a {backends: [*a]}\n", "x.yaml")
    with pytest.raises(InvalidInputError) as caught:
        existing.choose(found, None, "x.yaml")
    assert caught.value.problems[0].path == "x.yaml:3:1 mtls"
