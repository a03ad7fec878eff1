"""Whatever is in a MeshIdentity, MeshTrust or MeshTrafficPermission: findings or a refusal, and never a private key."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.mesh.lint.scoped_worlds import ALL, IDENTITY, PERMISSION, TRUST
from tests.mesh.lint.test_never_crashes import CONFIDENTIAL, OPTIONS, SCALARS, change, findings, parts_of, places
from tests.mesh.lint.worlds import CHAIN, KEY, OUTPUTS
from tests.yamltext.yaml_writing import load_stream
from toolkit.mesh.lint import Severity
from toolkit.mesh.schema.identity_spec import AcmPcaConfig, MeshIdentitySpec
from toolkit.mesh.schema.scoped import SCOPED_KINDS
from toolkit.mesh.schema.traffic_policies import MeshTlsSpec, MeshTrafficPermissionSpec
from toolkit.mesh.schema.trust import MeshTrustSpec

if TYPE_CHECKING:
    from toolkit.mesh.schema.model import Model

SPECS: dict[str, type[Model]] = {
    "MeshIdentity": MeshIdentitySpec,
    "MeshTrust": MeshTrustSpec,
    "MeshTLS": MeshTlsSpec,
    "MeshTrafficPermission": MeshTrafficPermissionSpec,
}
NAMES = (
    "spec selector dataplane matchLabels spiffeID trustDomain path provider type bundled spire extension name config "
    "arn certificateParameters expiry meshTrustCreation ca certificate privateKey insecureInline value secretRef "
    "caBundles pem targetRef kind rules from default allow deny agent timeout autogenerate enabled metadata labels mesh"
)
TEXTS = [
    "{{ .Mesh }}",
    "{{ .Zone",
    "1d",
    "24h",
    "Bundled",
    "Extension",
    "acmpca",
    "Pem",
    "default",
    "a.b",
    "/x",
    CHAIN,
    KEY,
]
ANYTHING = st.recursive(
    SCALARS | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=6),
    max_leaves=30,
)
DOCUMENTS: list[Any] = [document for text in ALL for document in load_stream(text, "all.yaml")]
INLINE = copy.deepcopy(next(document for document in DOCUMENTS if document.get("name") == "bundled"))
INLINE["spec"]["provider"]["bundled"]["ca"]["privateKey"] = {"type": "InsecureInline", "insecureInline": {"value": KEY}}


@pytest.mark.slow
@given(ANYTHING, st.sampled_from(SCOPED_KINDS), OPTIONS)
def test_any_document(value: object, kind: str, options: dict[str, Any]) -> None:
    for around in (
        {"type": kind, "mesh": "default", "name": "x", "spec": value},
        {"kind": kind, "apiVersion": "kuma.io/v1alpha1", "metadata": value, "spec": {}},
        {"kind": kind, "spec": {"provider": value, "caBundles": value, "rules": value, "selector": value}},
        {"type": kind, "spec": {"provider": {"type": "Extension", "extension": {"name": "acmpca", "config": value}}}},
    ):
        findings("\n---\n".join(map(json.dumps, (around, *DOCUMENTS))), **options)


@st.composite
def mutations(draw: st.DrawFn) -> dict[str, Any]:
    """One of the documents with one to three changes."""
    document: dict[str, Any] = copy.deepcopy(draw(st.sampled_from([*DOCUMENTS, INLINE])))
    paths = places(document)[1:]
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths))
        parent: Any = document
        for part in path[:-1]:
            parent = parent[part] if part in parts_of(parent) else None
        change(draw, parent, path[-1])
    return document


@pytest.mark.slow
@given(mutations(), OPTIONS)
def test_any_mutation(document: dict[str, Any], options: dict[str, Any]) -> None:
    findings(json.dumps(document), **options)
    findings("\n---\n".join(map(json.dumps, (document, *DOCUMENTS))), **options)


@given(mutations())
def test_what_the_models_refuse_is_a_finding(made: dict[str, Any]) -> None:
    # So that lint is never behind the toolkit's own reader.
    document: Any = load_stream(json.dumps(made), "made.json")[0]
    kind = document.get("kind", document.get("type"))
    spec = document.get("spec")
    if not isinstance(kind, str) or kind not in SPECS or document.get("apiVersion") not in (None, "kuma.io/v1alpha1"):
        return
    try:
        parsed = SPECS[kind].model_validate({} if spec is None else spec)
        extension = parsed.provider and parsed.provider.extension if isinstance(parsed, MeshIdentitySpec) else None
        if extension and extension.name == "acmpca" and spec["provider"]["type"] == "Extension":
            AcmPcaConfig.model_validate(extension.config or {})
    except (ValidationError, UnicodeEncodeError):
        found = findings(json.dumps(made))
        # A timeout of 0s, and a field of the extension that is not documented, are not certain to be wrong.
        assert [each for each in found if each.severity is not Severity.NOTE] or '"0"' in json.dumps(made)


@given(st.data())
def test_any_text_with_one_character_more_or_less(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(ALL))
    place = data.draw(st.integers(0, len(text)))
    character = data.draw(st.sampled_from("\n:{}[]-&*!|>'\"#% \tx\x07\u2028é") | st.just(""))
    findings(text[:place] + character + text[place + (not character) :], outputs=OUTPUTS)


HEAD = "type: MeshIdentity\nmesh: default\nname: "
BOMBS = [
    f"{HEAD}a\nspec: &a {{selector: {{dataplane: {{matchLabels: &b {{x: *b}}}}}}, provider: *a, spiffeID: *a}}",
    f"{HEAD}a\nspec: {{provider: {{type: Extension, extension: {{name: acmpca, config: &c {{arn: *c, auth: *c}}}}}}}}",
    "type: MeshTrafficPermission\nmesh: a\nname: a\nspec: {targetRef: &t {x: *t}, rules: &r [{default: {allow: *r}}]}",
    "type: MeshTrust\nmesh: default\nname: a\nspec: {trustDomain: a, caBundles: &c [*c, {pem: {value: *c}}]}",
    # Each took a hundred seconds once.
    f"{HEAD}a\nspec: {{spiffeID: {{trustDomain: '{'{{' * 5000}', path: '{'{{ .Mesh }}' * 5000}'}}}}",
    f"{HEAD}a\nspec: {{spiffeID: {{trustDomain: '{{{{{' ' * 5000}', path: '{'{{ .Mesh ' * 5000}'}}}}",
    "type: MeshIdentity",
    "kind: MeshTrust\nmetadata: []\nspec: []",
    "type: MeshTrust\nmesh: {}\nname: []\nspec: 1",
    f"{HEAD}a\nspec:\n  ? {{a: b}}\n  : c\n  1: x\n  null: y\n1.5: z\nnull: x",
]


@pytest.mark.parametrize("text", BOMBS)
def test_what_yaml_can_do_to_a_reader(text: str) -> None:
    findings(text)
    twice = f"{text}\n---\n{text.replace('name: a', 'name: b')}"
    findings(f"{twice}\n---\n{IDENTITY}---\n{TRUST}---\n{PERMISSION}", outputs=OUTPUTS)


def test_a_private_key_is_among_what_is_looked_for() -> None:
    # The tests above look in the right place.
    assert not set(KEY.splitlines()[1:-1]) - set(CONFIDENTIAL)
    assert {each.code for each in findings(json.dumps(INLINE))} == {"MESH100"}
