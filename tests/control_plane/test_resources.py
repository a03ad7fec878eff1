"""Documents to apply are checked before any write, and every problem is listed by document and path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.control_plane.resource_keys import Key
from toolkit.control_plane.resources import Resource, read_resources
from toolkit.errors import InvalidInputError, ToolkitError
from toolkit.files import name_source
from toolkit.mesh.documents import reader

MESH = """\
type: Mesh
name: default
mtls:
  enabledBackend: acm
  backends:
    - name: acm
      type: acmpca
      dpCert: {rotation: {expiration: 24h}}
      conf:
        arn: x
        caCert: {secret: chain}
"""
SECRET = "type: Secret\nmesh: default\nname: chain\ndata: Y2hhaW4=\n"


def read(texts: list[tuple[str, str]]) -> tuple[Resource, ...]:
    return read_resources(reader.read([(name_source(source), text) for source, text in texts]))


def problems(text: str, source: str = "mesh.yaml") -> list[str]:
    with pytest.raises(InvalidInputError) as raised:
        read([(source, text)])
    return [*raised.value.lines(), *map(str, raised.value.problems)]


def test_streams_and_files_are_read_in_their_order() -> None:
    first, second, third = read([("a.yaml", f"---\n{SECRET}---\n{MESH}---\n"), ("-", MESH.replace("default", "other"))])
    assert (first.key, first.source) == (Key("Secret", "default", "chain"), "a.yaml")
    assert (str(first.key), first.key.path) == ("Secret chain of mesh default", "/meshes/default/secrets/chain")
    assert (str(second.key), second.key.path) == ("Mesh default", "/meshes/default")
    assert (third.key.mesh, third.source) == ("other", "standard input")
    assert list(second.list_secrets_named()) == [("mtls.backends[0].conf.caCert.secret", first.key)]
    assert "Y2hhaW4" not in repr((first, second))


def test_resources_of_a_mesh_are_read_with_labels_and_without_a_status() -> None:
    text = """\
type: MeshIdentity
mesh: default
name: issue
labels: {kuma.io/origin: zone}
spec: {selector: {}}
status: {conditions: []}
creationTime: x
"""
    (identity,) = read([("i.yaml", text)])
    assert (identity.key, identity.key.path) == (
        Key("MeshIdentity", "default", "issue"),
        "/meshes/default/meshidentities/issue",
    )
    assert str(identity.key) == "MeshIdentity issue of mesh default"
    assert set(identity.document) == {"type", "mesh", "name", "labels", "spec"}
    assert any(
        "MeshIdentity issue of mesh default: is defined more than once" in line
        for line in problems(f"{text}---\n{text}", "i.yaml")
    )


def test_what_an_export_carries_is_left_out() -> None:
    text = (
        MESH + "creationTime: '2026-01-01T00:00:00Z'\nmodificationTime: x\nkri: kri_m\nmesh: default\nlabels: {a: b}\n"
    )
    (mesh,) = read([("m", text)])
    assert set(mesh.document) == {"type", "name", "mtls", "labels"}
    (secret,) = read([("s", SECRET.replace("Y2hhaW4=", "|\n  Y2ho\n  YWlu") + "creationTime: x\n")])
    assert secret.document["data"] == "Y2hoYWlu"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MESH.replace("default", "Default"), "mesh.yaml: Mesh Default: name: "),
        (MESH.replace("default", "x" * 64), "name: "),
        (MESH.replace("name: default\n", ""), "mesh.yaml: Mesh: name: is missing"),
        (MESH.replace("default", "12"), "Mesh: name: "),
        (SECRET.replace("name: chain", "name: a/b"), "Secret a/b: name: "),
        (SECRET.replace("mesh: default\n", ""), "Secret chain: mesh: is missing"),
        (SECRET.replace("Y2hhaW4=", "'%%'"), "Secret chain: data: is not base64"),
        (SECRET.replace("Y2hhaW4=", "''"), "Secret chain: data: is missing"),
        (SECRET.replace("Y2hhaW4=", "' '"), "Secret chain: data: is missing"),
        (SECRET.replace("Y2hhaW4=", "'a b%'"), "Secret chain: data: is not base64"),
        (SECRET.replace("Y2hhaW4=", "'Y2hh aW4='"), "Secret chain: data: has spaces or tabs in its base64"),
        (SECRET.replace("Y2hhaW4=", "12"), "Secret chain: data: must be a text"),
        (SECRET + "value: x\n", "Secret chain: value: is not a field of a Secret"),
        (
            MESH.replace("enabledBackend: acm", "enabledBackend: old"),
            "mtls.enabledBackend: old is not among the backends",
        ),
        (MESH + "    - {name: acm, type: builtin}\n", "mtls.backends[1].name: acm is also the name of another backend"),
        (MESH.replace("24h", "1d12h"), "mtls.backends[0].dpCert.rotation.expiration: '1d12h' is not a duration"),
        (MESH.replace("24h", "24"), "dpCert.rotation.expiration: is not a text such as 24h"),
        (MESH.replace("{rotation: {expiration: 24h}}", "{}"), "dpCert.rotation.expiration: is missing"),
        (MESH.replace("arn: x", "arn: !!binary eA=="), "mtls.backends[0].conf.arn: is a bytes in YAML"),
        (MESH.replace("arn: x", "arn: .nan"), "mtls.backends[0].conf.arn: is nan"),
        (MESH.replace("arn: x", "1: x"), "mtls.backends[0].conf: has the key 1"),
        (MESH.replace("arn: x", 'arn: "\\uD800"'), "mtls.backends[0].conf.arn: contains a lone surrogate"),
        (f"{MESH}---\n{MESH}", "mesh.yaml: Mesh default: is defined more than once"),
        ("type: Mesh\nname: default\nx: &a [*a]\n", "mesh.yaml:3:8: an anchor contains itself"),
        ("type: Mesh\nname: default\nx: " + "[" * 70 + "]" * 70, "is nested without end"),
        ("", "there is nothing to apply in mesh.yaml"),
        ("---\n---\n", "there is nothing to apply in mesh.yaml"),
        ("a: [", "mesh.yaml:1:5"),
        (
            "type: MeshTimeout\nname: t\nmesh: default\n",
            "MeshTimeout t is of another kind",
        ),
        ("type: MeshIdentity\nname: i\nmesh: default\n", "mesh.yaml: MeshIdentity i: spec: is missing"),
        ("type: MeshIdentity\nname: i\nspec: {}\n", "MeshIdentity i: mesh: is missing"),
        (
            "type: MeshTLS\nname: t\nmesh: default\nspec: {}\nrules: []\n",
            "MeshTLS t: rules: is not a field of a MeshTLS",
        ),
        ("- a\n", "a document without a type is of another kind"),
        ("name: x\n", "x is of another kind"),
        ("type: [Mesh]\n", "a document without a type is of another kind"),
    ],
)
def test_what_can_not_be_applied_is_refused(text: str, said: str) -> None:
    assert any(said in line for line in problems(text)), problems(text)


def test_everything_wrong_is_said_at_once() -> None:
    text = MESH.replace("24h", "x").replace("enabledBackend: acm", "enabledBackend: z") + f"---\n{SECRET}value: x\n"
    assert len([line for line in problems(text) if line.startswith("mesh.yaml: ")]) == 3


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    assert any("too large" in line for line in problems("type: Mesh\nname: default\n" + "\n".join(lines)))


def test_the_form_of_kubernetes_goes_to_kubectl() -> None:
    kubernetes = "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata: {name: default}\nspec: {}\n"
    with pytest.raises(InvalidInputError) as raised:
        read([("a.yaml", MESH), ("my mesh.yaml", f"{kubernetes}---\n{kubernetes}"), ("-", kubernetes)])
    assert raised.value.hint == "kubectl apply -f 'my mesh.yaml' -f -"
    assert "my mesh.yaml:1:1: Mesh default is in the form for Kubernetes" in map(str, raised.value.problems)


@given(st.text(alphabet=st.sampled_from("type: Mesh\nname-{}[]&*!,'\"#|>?%@`0a\t")) | st.text())
def test_no_text_is_a_surprise(text: str) -> None:
    for document in text, f"type: Mesh\nname: default\nx:\n  {text}", SECRET + text:
        try:
            read([("x", document)])
        except ToolkitError as error:
            assert error.exit_code == 2
