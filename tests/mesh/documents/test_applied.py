from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import contract, hierarchy
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents import applied as reading
from toolkit.mesh.documents.reader import read
from toolkit.mesh.render import templating
from toolkit.mesh.render.building import Choice, MeshOptions

if TYPE_CHECKING:
    from toolkit.mesh.documents.applied import Applied

OUTPUTS = contract(hierarchy())


def applied(texts: list[tuple[str, str]], mesh: str | None = None, backend: str | None = None) -> Applied:
    return reading.read_applied(read(texts), mesh, backend)


BY_HAND = """\
apiVersion: kuma.io/v1alpha1
kind: Mesh
metadata:
  name: default
spec:
  logging: {backends: []}
  mtls:
    enabledBackend: acm
    backends:
      - {name: old, type: builtin}
      - name: acm
        type: acmpca
        conf:
          arn: arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/x
          caCert:
            inlineString: |
""" + textwrap.indent(OUTPUTS.certificate_chain, " " * 14)


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
@pytest.mark.parametrize("ca_cert", ["inline", "secret"])
def test_what_was_rendered_is_read_back(form: Any, ca_cert: Any) -> None:
    rendered = templating.render(OUTPUTS, "default", MeshOptions(form=form, ca_cert=Choice(ca_cert)))
    texts = [("mesh.yaml", rendered.mesh), ("secret.yaml", templating.join_documents(rendered.secrets))]
    assert applied(texts)[:2] == ("default", OUTPUTS.certificate_chain)
    stream = templating.join_documents([text for _, text in reversed(texts) if text])
    assert applied([("all.yaml", stream)], "default")[:2] == ("default", OUTPUTS.certificate_chain)


def test_a_mesh_written_by_hand() -> None:
    assert applied([("mesh.yaml", BY_HAND)])[:2] == ("default", OUTPUTS.certificate_chain)


def test_a_backend_that_is_trusted_and_does_not_sign_yet() -> None:
    text = BY_HAND.replace("enabledBackend: acm", "enabledBackend: old")
    with pytest.raises(InvalidInputError) as caught:
        applied([("mesh.yaml", text)])
    assert "--backend-name" in caught.value.hint
    found = applied([("mesh.yaml", text)], backend="acm")
    assert found.bundle == OUTPUTS.certificate_chain
    assert found.authority_arn.endswith("certificate-authority/x")
    assert found.common_name is None
    with pytest.raises(InvalidInputError) as caught:
        applied([("mesh.yaml", text)], backend="other")
    assert "have none named 'other'" in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("enabledBackend: acm", "enabledBackend: old", "spec.mtls.backends[0].type: is 'builtin', not acmpca"),
        ("enabledBackend: acm", "enabledBackend: none", "names 'none', which is not among the backends"),
        ("    enabledBackend: acm\n", "", "spec.mtls.enabledBackend: is missing"),
        ("inlineString: |", "inline: |", "spec.mtls.backends[1].conf.caCert.inline: contains PEM that is not encoded"),
        ("            inlineString: |", "            file: /x\n            inlineString: |", "exactly one of"),
        ("kind: Mesh", "kind: MeshService", "no Mesh found in mesh.yaml"),
        ("kuma.io/v1alpha1", "appmesh.k8s.aws/v1beta2", "no Mesh found in mesh.yaml"),
        ("  name: default", "  name: [default]", "metadata.name: is missing or is not a text"),
        ("BEGIN CERTIFICATE", "BEGIN", "spec.mtls.backends[1].conf.caCert.inlineString: line 1: "),
        ("  name: default", "  name: a: b", "mesh.yaml:4:10"),
        ("kind: Mesh", "kind: Mesh\nkind: Mesh", "mesh.yaml:3:1"),
    ],
)
def test_what_can_not_be_used_is_named_by_place(old: str, new: str, words: str) -> None:
    assert old in BY_HAND
    with pytest.raises(InvalidInputError) as caught:
        applied([("mesh.yaml", BY_HAND.replace(old, new, 1))])
    assert words in "\n".join(caught.value.lines())


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("inlineString: hello", "inlineString: line 1: no PEM certificate found"),
        ("inlineString: 5", "inlineString: must be a text"),
        ("inline: aGVsbG8=", "inline: line 1: no PEM certificate found"),
        ("inline: !!binary aGVsbG8=", "inline: must be a text"),
    ],
)
def test_a_bundle_that_is_none(source: str, words: str) -> None:
    text = BY_HAND[: BY_HAND.index("inlineString")] + source + "\n"
    with pytest.raises(InvalidInputError) as caught:
        applied([("mesh.yaml", text)])
    assert words in "\n".join(caught.value.lines())


def test_a_file_on_the_control_planes_host_can_not_be_read() -> None:
    text = BY_HAND[: BY_HAND.index("            inlineString")] + "            file: /etc/chain.pem\n"
    with pytest.raises(InvalidInputError, match="Mesh default") as caught:
        applied([("mesh.yaml", text)])
    assert "Run without -f" in caught.value.hint


def test_a_secret_that_was_not_given_or_is_another_meshs() -> None:
    rendered = templating.render(OUTPUTS, "default", MeshOptions(ca_cert=Choice("secret")))
    (secret,) = rendered.secrets
    another_meshs = secret.replace("kuma.io/mesh: default", "kuma.io/mesh: other")
    # Kuma takes Secrets of its own type only.
    opaque = secret.replace("system.kuma.io/secret", "Opaque")
    for others, words, hint in (
        ([], "which is not among the documents", "Give the Secret's document, too"),
        (
            [("secret.yaml", another_meshs)],
            "which belongs to mesh 'other', not 'default'",
            "label kuma.io/mesh: default",
        ),
        ([("secret.yaml", opaque)], "which is of type 'Opaque'", "type: system.kuma.io/secret"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            applied([("mesh.yaml", rendered.mesh), *others])
        assert words in caught.value.problems[0].message
        assert hint in caught.value.hint


def test_several_meshes_need_a_name() -> None:
    other = BY_HAND.replace("name: default", "name: other")
    with pytest.raises(InvalidInputError, match=r"several Meshes in a\.yaml, b\.yaml\. Meshes: default, other"):
        applied([("a.yaml", BY_HAND), ("b.yaml", other)])
    assert applied([("a.yaml", BY_HAND), ("b.yaml", other)], "other")[0] == "other"
    with pytest.raises(InvalidInputError, match="no Mesh third"):
        applied([("a.yaml", BY_HAND)], "third")


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidInputError):
        applied([("mesh.yaml", text)])


bombs = [
    "a: &a [*a]",
    "a: &a [x,x]\nb: [*a,*a]",
    "? [a]\n: b",
    "!!python/object/apply:os.system [id]",
    "[" * 5000,
    "*x",
    "!!bool x",
    "!!timestamp 2026-13-45",
    "a: " + "9" * 5000,
    "%YAML 1.3\n---\na",
    "&a {<<: *a}",
]


@pytest.mark.parametrize("text", bombs)
def test_what_yaml_can_do_to_a_reader(text: str) -> None:
    with pytest.raises(InvalidInputError):
        applied([("mesh.yaml", text)])


def test_merge_keys_that_would_grow_to_millions_are_refused_at_once() -> None:
    lines = ["a0: &a0 {key: value}"]
    lines += [f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 9)}]}}" for level in range(1, 30)]
    with pytest.raises(InvalidInputError) as caught:
        applied([("mesh.yaml", "\n".join(lines))])
    assert "merges far more than a document needs" in caught.value.problems[0].message


def test_a_merge_key_of_ordinary_size_is_read() -> None:
    text = BY_HAND.replace("      - name: acm\n", "      - &acm\n        <<: {name: acm, mode: STRICT}\n", 1)
    assert applied([("mesh.yaml", text)])[:2] == ("default", OUTPUTS.certificate_chain)


def test_a_value_that_is_not_what_its_tag_says_is_named_by_line_and_column() -> None:
    with pytest.raises(InvalidInputError) as caught:
        applied([("mesh.yaml", "a: 1\nb: !!bool maybe\n")])
    assert caught.value.lines()[1] == "  mesh.yaml:2:4: can't be read as !!bool"
