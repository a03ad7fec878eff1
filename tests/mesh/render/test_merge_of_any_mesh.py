"""Our backend into any mesh that people may have written; what is merged into it by hand is in test_merge.py."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.mesh.render.test_merge import OUTPUTS, merged
from tests.support import AUTHORITY_ARN
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.editable import read_editable
from toolkit.mesh.render.building import Choice, MeshOptions
from toolkit.mesh.render.merge import merge


def mtls(text: str) -> dict[str, Any]:
    (mesh,) = read_editable(text, "mesh.yaml")
    return mesh.mtls


comments = st.sampled_from(["", "  # a comment", " #", " # ümlaut: {x}"])
own_lines = st.sampled_from(["", "\n", "# on its own\n", "  # indented\n\n"])
others = st.lists(
    st.sampled_from(
        [
            "    - name: ca-1\n      type: builtin\n",
            "    -   type: provided\n        name: ca-2\n        conf: {cert: {secret: a}, key: {secret: 'b'}}\n",
            "    - {name: ca-3, type: builtin, conf: {caCert: {RSAbits: 2048}}}\n",
            "    - name: 'ca-4'\n      conf:\n        fromCp: {address: x, pki: p, role: r}\n      type: vault\n",
        ]
    ),
    unique=True,
)
sections = st.lists(
    st.sampled_from(
        [
            "  logging:\n    backends: []\n",
            '  metrics: {enabledBackend: "p", backends: [{name: p, type: prometheus}]}\n',
            "  skipCreatingInitialPolicies: ['*']\n",
            "  routing:\n    localityAwareLoadBalancing: true\n",
            "  meshServices: {mode: Exclusive}\n",
        ]
    ),
    unique=True,
)


@st.composite
def meshes(draw: st.DrawFn) -> str:
    """A Mesh as people write it: any order, comments and blank lines, other backends and sections."""
    before, after, backends = draw(sections), draw(sections), draw(others)
    lines = [*before]
    if backends:
        enabled = draw(st.sampled_from(["", "    enabledBackend: ca-1\n"])) if "name: ca-1" in backends[0] else ""
        lines.append("  mtls:\n" + enabled + "    backends:\n" + "".join(backends))
    lines += [section for section in after if section not in before]
    text = "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata:\n  name: default\n"
    text += ("spec:\n" + "".join(lines)) if lines else draw(st.sampled_from(["", "spec:\n", "spec: {}\n"]))
    written = []
    for line in text.splitlines():
        written += [draw(own_lines), line + draw(comments) + "\n"]
    text = "".join(written)
    text = text if draw(st.booleans()) else text.replace("\n", "\r\n")
    return text if draw(st.booleans()) else text.rstrip("\r\n")


choices = st.builds(
    MeshOptions,
    backend_name=st.sampled_from(["acmpca", "aws"]),
    mode=st.sampled_from([None, "STRICT", "PERMISSIVE"]),
    expiration=st.sampled_from([None, "12h"]),
    common_name=st.sampled_from([None, "x", '{{ tag "kuma.io/service" }}: # "']),
    ca_cert=st.sampled_from([None, Choice("inline"), Choice("inlineString"), Choice("secret"), Choice("file", "/ x")]),
    request_timeout=st.sampled_from([None, "5s"]),
    root_chain_timeout=st.sampled_from([None, "5s"]),
    skip_validation=st.booleans(),
)


@given(meshes(), choices)
def test_a_merge_touches_nothing_else_and_twice_is_once(text: str, options: MeshOptions) -> None:
    after, _ = merged(text, options)
    # Every line that was there is there, in its order.
    kept = iter(line.rstrip("\r\n") for line in after.splitlines(keepends=True))
    for line in text.splitlines():
        if line.partition("#")[0].strip() == "spec: {}":
            continue
        assert any(line == found for found in kept), line
    before, now = mtls(text), mtls(after)
    assert [backend for backend in now["backends"] if backend["name"] != options.backend_name] == [
        *before.get("backends", [])
    ]
    ours = next(backend for backend in now["backends"] if backend["name"] == options.backend_name)
    assert ours["conf"]["arn"] == AUTHORITY_ARN
    assert now["enabledBackend"] == (before.get("enabledBackend") or options.backend_name)
    assert merged(after, options)[0] == after
    assert merged(after, MeshOptions(backend_name=options.backend_name))[0] == after


@given(meshes().flatmap(lambda text: st.tuples(st.just(text), st.text(max_size=8), st.integers(0, len(text)))))
def test_any_damage_is_merged_or_refused(case: tuple[str, str, int]) -> None:
    text, more, at = case
    try:
        (mesh,) = read_editable(text[:at] + more + text[at:], "mesh.yaml")
    except (InvalidInputError, ValueError):
        return
    try:
        merge(OUTPUTS, mesh, MeshOptions())
    except InvalidInputError as error:
        assert error.lines()
