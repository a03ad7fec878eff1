"""MeshTLS and MeshTrafficPermission, as Kong documents them."""

from __future__ import annotations

from typing import Any, Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from tests.mesh.schema.generated import documents
from toolkit.mesh.documents.reader import read
from toolkit.mesh.render.identity_documents import render_resource
from toolkit.mesh.schema.mesh import Form
from toolkit.mesh.schema.traffic_policies import (
    MeshTls,
    MeshTlsSpec,
    MeshTrafficPermission,
    MeshTrafficPermissionSpec,
)

# Kong/developer.konghq.com:app/_kong_plugins, mesh/policies/meshtrafficpermission and meshtls, their examples.
PERMISSIONS: list[dict[str, Any]] = [
    {
        "targetRef": {"kind": "Dataplane", "labels": {"app": "payments"}},
        "from": [
            {
                "targetRef": {"kind": "MeshSubset", "tags": {"kuma.io/service": "orders"}},
                "default": {"action": "Allow"},
            }
        ],
    },
    {
        "targetRef": {"kind": "Dataplane", "labels": {"app": "backend"}, "sectionName": "admin"},
        "rules": [
            {
                "default": {
                    "deny": [{"spiffeID": {"type": "Prefix", "value": "spiffe://d.z.mesh.local/ns/legacy/sa"}}],
                    "allowWithShadowDeny": [{"spiffeID": {"type": "Exact", "value": "spiffe://d/ns/a/sa/b"}}],
                    "allow": [{"sni": {"type": "Exact", "value": "x"}}],
                }
            }
        ],
    },
]
TLS: list[dict[str, Any]] = [
    {"targetRef": {"kind": "Mesh"}, "rules": [{"default": {"mode": "Permissive"}}]},
    {
        "from": [
            {
                "targetRef": {"kind": "Mesh"},
                "default": {"mode": "Strict", "tlsVersion": {"min": "TLS12", "max": "TLS13"}, "tlsCiphers": ["X"]},
            }
        ]
    },
]


@pytest.mark.parametrize("spec", PERMISSIONS)
def test_documented_permissions(spec: dict[str, Any]) -> None:
    assert MeshTrafficPermissionSpec.model_validate(spec).to_document() == spec


@pytest.mark.parametrize("spec", TLS)
def test_documented_tls(spec: dict[str, Any]) -> None:
    assert MeshTlsSpec.model_validate(spec).to_document() == spec


@pytest.mark.parametrize(
    ("kind", "model", "resource"),
    [
        ("MeshTrafficPermission", MeshTrafficPermissionSpec, MeshTrafficPermission),
        ("MeshTLS", MeshTlsSpec, MeshTls),
    ],
)
@given(data=st.data(), form=st.sampled_from(get_args(Form)))
def test_any_policy_is_written_back_without_loss(
    kind: Literal["MeshTLS", "MeshTrafficPermission"],
    model: type[Any],
    resource: type[Any],
    data: st.DataObject,
    form: Form,
) -> None:
    spec = data.draw(documents(model))
    made = model.model_validate(spec)
    assert made.to_document() == spec
    policy = resource(name="a", mesh="b", namespace="c", spec=made)
    text = render_resource(policy, form)
    assert YAML(typ="safe", pure=True).load(text) == policy.to_form(form)
    (document,) = read([("x", text)]).list_scoped(kind, "b")
    assert model.model_validate(document.spec) == made


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"to": []}, ("to",)),
        ({"rules": [{}]}, ("rules", 0, "default")),
        (
            {"rules": [{"default": {"allow": [{"spiffeId": {"type": "Exact", "value": "x"}}]}}]},
            ("rules", 0, "default", "allow", 0, "spiffeId"),
        ),
        (
            {"rules": [{"default": {"allow": [{"spiffeID": {"type": "Regex", "value": "x"}}]}}]},
            ("rules", 0, "default", "allow", 0, "spiffeID", "type"),
        ),
        (
            {"from": [{"targetRef": {"kind": "Mesh"}, "default": {"action": "ALLOW"}}]},
            ("from", 0, "default", "action"),
        ),
    ],
)
def test_permissions_that_kuma_refuses(spec: dict[str, Any], path: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        MeshTrafficPermissionSpec.model_validate(spec)
    assert [error["loc"] for error in caught.value.errors()] == [path]


@pytest.mark.parametrize("mode", ["STRICT", "permissive", "", 1])
def test_modes_that_kuma_refuses(mode: object) -> None:
    with pytest.raises(ValidationError):
        MeshTlsSpec.model_validate({"rules": [{"default": {"mode": mode}}]})
