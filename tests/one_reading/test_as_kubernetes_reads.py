"""Texts that can be read in two ways are read as kubectl and kumactl read them, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.judges import kubernetes_yaml
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.editable import read_editable, write_mesh
from toolkit.mesh.documents.reader import read_stream

if TYPE_CHECKING:
    from toolkit.mesh.schema.mesh import Form

SCALARS = (
    *("yes", "On", "oN", "y", "NO", "off", "true", "tRUE", "~", "null", "Null", "nUll", "", "'yes'", '"1"', "=", "<<"),
    *("1", "+1", "-0", "010", "-010", "08", "0o17", "0x1F", "0x_1", "0b11", "-0b11", "1_000", "1__0", "_1", "1_0h"),
    *("9223372036854775808", "-9223372036854775809", "18446744073709551616", "1:30", "190:20:30", "0b2", "0x", "+"),
    *("1e3", "1.", ".5", "-.5", "+.5e-1", "1_0.5", ".1_0", "._5", ".5_", "1e400", "0x1p4", "1e", ".", "24h", "1.2.3"),
    *("2026-01-01", "2026-1-1", "2026-01-01T00:00:00Z", "2026-01-01 00:00:00", "2026-13-45"),
    *("!!str 5", "!!int '5'", "!!float 5", "!!bool 'yes'", "! 5", "!!timestamp 2026-01-01"),
)
STREAMS = (
    *(
        "a: 1\n---\nb: 2\n",
        "---\na: 1\n---\n---\nb: 2\n",
        "a: 1\n--- # c\nb: 2\n",
        "a: 1\r\n---\r\nb: 2\r\n",
        "a: 1\n---",
    ),
    *(
        "a: |\n  x\n  ---\n  y\n",
        "# c\n---\na: 1\n",
        "a: 1\n...\n",
        "a: 1\n...\n---\nb: 2\n",
        "a: 1\n...\n%YAML 1.2\n---\nb: on\n",
        "{a: 1}\n---\nb: 2\n",
    ),
    # What a merge key merges overrides the keys before it.
    *("a: &x {b: 1}\nc:\n  b: 2\n  <<: *x\n", "a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n"),
    "p: &x {b: 1, c: 1}\nq: &y {b: 2, d: 2}\nr:\n  b: 3\n  d: 3\n  <<: [*x, *y]\n  c: 3\n",
    "p: &x {b: 1}\nq: &y {b: 2, <<: *x}\nr: {b: 3, <<: *y}\n",
)
# What is wrong, and where.
OTHERS = {
    "a: 1\n...\nb: 2\n": "x:3:1",
    "a: 1\n... # c\nb: 2\n": "x:3:1",
    "a: 1\r---\rb: 2\r": "x:2:1",
    "%YAML 1.1\n---\na: 1\n": "x:1:1",
    "a: 1\n---\n%YAML 1.1\n---\nb: 2\n": "x:3:1",
    'a: "x\n---y"\n': "x:2:1",
    "a: 1\n---b: 2\n": "x:2:1",
    "kind: Mesh\n--- {b: 2}\n": "x:2:1",
}


def read(text: str) -> list[object]:
    return [document.value for document in read_stream(text, "x").parsed if document.value is not None]


@pytest.mark.parametrize("program", ["kubectl", "kumactl"])
@pytest.mark.parametrize("text", [*(f"a: {scalar}\n" for scalar in SCALARS), *STREAMS])
def test_both_read_the_same(text: str, program: kubernetes_yaml.Program) -> None:
    documents, error = kubernetes_yaml.read(text, program)
    assert not error
    # Kumactl drops white space at the end of a document.
    assert repr(_without_ends(read(text))) == repr(_without_ends(documents))


def _without_ends(value: object) -> object:
    """Return a value without line ends behind texts; JSON knows one kind of number."""
    if isinstance(value, dict):
        return {key: _without_ends(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_without_ends(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value.rstrip("\n") if isinstance(value, str) else value


@pytest.mark.parametrize("text", OTHERS)
def test_what_they_divide_otherwise_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="kubectl and kumactl read other documents in x") as caught:
        read(text)
    assert caught.value.problems[0].path == OTHERS[text]
    documents, error = kubernetes_yaml.read(text, "kubectl")
    assert error or len(documents) == 1


@pytest.mark.parametrize("program", ["kubectl", "kumactl"])
@pytest.mark.parametrize(
    "key", ["? [a]\n: b\n", "? {a: b}\n: c\n", "~: x\n", ": x\n", "a: {null: x}\n", "a: [{? []}]\n", "!!null null: x\n"]
)
def test_keys_that_json_can_not_have_are_refused(key: str, program: kubernetes_yaml.Program) -> None:
    assert kubernetes_yaml.read(key, program).error
    with pytest.raises(InvalidInputError, match="x is not YAML") as caught:
        read(key)
    assert "a key is" in caught.value.problems[0].message


def test_a_document_behind_the_mark_is_for_kumactl() -> None:
    text = "--- {type: Mesh, name: default}\n"
    assert read(text) == kubernetes_yaml.read(text, "kumactl").documents
    assert kubernetes_yaml.read(text, "kubectl").error


def test_an_edit_is_proven_in_the_same_reading() -> None:
    text = "type: Mesh\nname: default\nmtls: {enabledBackend: a, backends: []}\nrouting: {zoneEgress: yes}\n"
    (mesh,) = read_editable(text, "x")
    assert mesh.zone_egress
    mesh.set(("enabledBackend",), "on")
    assert mesh.editor.text == text.replace("enabledBackend: a", "enabledBackend: 'on'")


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
def test_texts_of_a_control_plane_stay_texts(form: Form) -> None:
    texts = [text for text in SCALARS if not text.startswith("!")] + ["x: y", "# x", "line\nline", "\U0001f600"]
    tags = dict(zip([*texts, "a"], ["b", *texts], strict=True))
    mesh = {"type": "Mesh", "name": "on", "labels": {"y": "yes"}, "constraints": {"tags": tags}, "creationTime": "x"}
    (document,), error = kubernetes_yaml.read(write_mesh(mesh, form), "kubectl")
    assert not error
    spec = document if form == "universal" else document["spec"]
    head = document if form == "universal" else document["metadata"]
    assert spec["constraints"]["tags"] == tags
    assert (head["name"], head["labels"]) == ("on", {"y": "yes"})
