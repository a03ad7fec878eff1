"""MeshTrust, with real certificates."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from tests.mesh.schema.generated import documents
from tests.support import hierarchy
from toolkit.mesh.documents.reader import read
from toolkit.mesh.render.identity_documents import make_trust, render_resource
from toolkit.mesh.schema.mesh import Form
from toolkit.mesh.schema.trust import MeshTrust, MeshTrustSpec
from toolkit.pki import pem

CHAIN = pem.write(hierarchy().chain())
SPECS = documents(MeshTrustSpec, {"value": st.sampled_from([CHAIN, CHAIN.rstrip("\n"), "x\n\n y: #\n"])})


@pytest.mark.parametrize("form", get_args(Form))
def test_a_chain_stays_as_it_is(form: Form) -> None:
    trust = make_trust("acmpca-zone-1", "default", "kong-mesh-system", "default.zone-1.mesh.local", CHAIN)
    text = render_resource(trust, form)
    (document,) = read([("trust.yaml", text)]).list_scoped("MeshTrust", "default")
    assert document.spec == {
        "trustDomain": "default.zone-1.mesh.local",
        "caBundles": [{"type": "Pem", "pem": {"value": CHAIN}}],
    }
    # A person can read and compare it.
    assert "value: |\n" in text


@given(SPECS, st.sampled_from(get_args(Form)))
def test_whatever_the_model_accepts_is_written_back_without_loss(spec: dict[str, Any], form: Form) -> None:
    trust = MeshTrust(name="a", mesh="default", namespace="b", spec=MeshTrustSpec.model_validate(spec))
    assert trust.spec.to_document() == spec
    text = render_resource(trust, form)
    assert YAML(typ="safe", pure=True).load(text) == trust.to_form(form)
    (document,) = read([("trust.yaml", text)]).list_scoped("MeshTrust")
    assert MeshTrustSpec.model_validate(document.spec) == trust.spec


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"trustDomain": ""}, ("trustDomain",)),
        ({"trustDomain": "a" * 254}, ("trustDomain",)),
        ({"caBundles": []}, ("caBundles",)),
        ({"caBundles": [{"type": "PEM", "pem": {"value": CHAIN}}]}, ("caBundles", 0, "type")),
        ({"caBundles": [{"type": "Pem", "pem": {"value": CHAIN, "more": 1}}]}, ("caBundles", 0, "pem", "more")),
        ({"nope": 1}, ("nope",)),
    ],
)
def test_what_kuma_refuses(change: dict[str, Any], path: tuple[str | int, ...]) -> None:
    spec = {"trustDomain": "a" * 253, "caBundles": [{"type": "Pem", "pem": {"value": CHAIN}}]}
    MeshTrustSpec.model_validate(spec)
    with pytest.raises(ValidationError) as caught:
        MeshTrustSpec.model_validate(spec | change)
    assert caught.value.errors()[0]["loc"] == path
