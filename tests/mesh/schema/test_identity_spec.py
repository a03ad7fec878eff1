"""MeshIdentity, as Kuma's and Kong's documentation write it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from tests.mesh.schema.generated import documents
from toolkit.mesh.documents.reader import read
from toolkit.mesh.render.identity_documents import render_resource
from toolkit.mesh.schema.identity_spec import AcmPcaConfig, Bundled, Extension, MeshIdentity, MeshIdentitySpec, Spire
from toolkit.mesh.schema.mesh import Form

SELECT_ALL: dict[str, Any] = {"dataplane": {"matchLabels": {}}}
# Kong/developer.konghq.com@67a9fa390, branch add-meshidentity-plugins; kumahq/kuma:pkg/core/resources/apis/
# meshidentity/api/v1alpha1/testdata/spec.
DOCUMENTED: dict[str, dict[str, Any]] = {
    "no provider": {"selector": SELECT_ALL, "spiffeID": {"trustDomain": "{{ .Mesh }}.{{ .Zone }}", "path": "/x"}},
    "selects none": {"selector": {}},
    "bundled": {
        "selector": {"dataplane": {"matchLabels": {"app": "web"}}},
        "provider": {
            "type": "Bundled",
            "bundled": {
                "meshTrustCreation": "Enabled",
                "insecureAllowSelfSigned": True,
                "certificateParameters": {"expiry": "24h"},
                "autogenerate": {"enabled": True},
            },
        },
    },
    "bundled with a CA": {
        "selector": SELECT_ALL,
        "provider": {
            "type": "Bundled",
            "bundled": {
                "ca": {
                    "certificate": {"type": "File", "file": {"path": "/etc/ca.pem"}},
                    "privateKey": {"type": "Secret", "secretRef": {"kind": "Secret", "name": "ca-key"}},
                }
            },
        },
    },
    "spire": {"selector": SELECT_ALL, "provider": {"type": "Spire", "spire": {"agent": {"timeout": "1s"}}}},
    "acmpca": {
        "selector": SELECT_ALL,
        "provider": {
            "type": "Extension",
            "extension": {
                "name": "acmpca",
                "config": {
                    "arn": "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/1",
                    "certificateParameters": {"expiry": "24h"},
                    "meshTrustCreation": "Enabled",
                },
            },
        },
    },
}
FIELDS: dict[str | type, st.SearchStrategy[Any]] = {
    "expiry": st.sampled_from(["24h", "1h30m", "0.5s"]),
    "timeout": st.sampled_from(["1s", "500ms"]),
}
PROVIDERS = st.one_of(
    st.fixed_dictionaries({"type": st.just("Bundled"), "bundled": documents(Bundled, FIELDS)}),
    st.fixed_dictionaries({"type": st.just("Spire"), "spire": documents(Spire, FIELDS)}),
    st.fixed_dictionaries({"type": st.just("Extension"), "extension": documents(Extension, FIELDS)}),
)
SPECS = documents(MeshIdentitySpec, {**FIELDS, "provider": PROVIDERS})
FORMS = st.sampled_from(get_args(Form))


def identity(spec: dict[str, Any]) -> MeshIdentity:
    return MeshIdentity(
        name="acmpca", mesh="default", namespace="kong-mesh-system", spec=MeshIdentitySpec.model_validate(spec)
    )


@pytest.mark.parametrize("spec", DOCUMENTED.values(), ids=list(DOCUMENTED))
@pytest.mark.parametrize("form", get_args(Form))
def test_what_is_documented_is_read_and_written_back_without_loss(spec: dict[str, Any], form: Form) -> None:
    made = identity(spec)
    assert made.spec.to_document() == spec
    assert MeshIdentitySpec.model_validate(made.to_form(form)["spec"]) == made.spec


@given(SPECS, FORMS)
def test_whatever_the_model_accepts_is_written_back_without_loss(spec: dict[str, Any], form: Form) -> None:
    made = identity(spec)
    assert made.spec.to_document() == spec
    text = render_resource(made, form)
    assert YAML(typ="safe", pure=True).load(text) == made.to_form(form)
    (document,) = read([("identity.yaml", text)]).list_scoped("MeshIdentity", "default")
    assert (document.name, document.mesh, document.form) == ("acmpca", "default", form)
    assert MeshIdentitySpec.model_validate(document.spec) == made.spec


def test_the_forms() -> None:
    spec = DOCUMENTED["spire"]
    assert identity(spec).to_form("universal") == {
        "type": "MeshIdentity",
        "mesh": "default",
        "name": "acmpca",
        "spec": spec,
    }
    assert identity(spec).to_form("kubernetes") == {
        "apiVersion": "kuma.io/v1alpha1",
        "kind": "MeshIdentity",
        "metadata": {
            "name": "acmpca",
            "namespace": "kong-mesh-system",
            "labels": {"kuma.io/mesh": "default"},
        },
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        ({"nope": 1}, ("nope",), "not permitted"),
        ({"spiffeId": {}}, ("spiffeId",), "not permitted"),
        ({"selector": {"matchLabels": {}}}, ("selector", "matchLabels"), "not permitted"),
        (
            {"selector": {"dataplane": {"matchLabels": {"a": 1}}}},
            ("selector", "dataplane", "matchLabels", "a"),
            "string",
        ),
        ({"provider": {"type": "Bundled"}}, ("provider",), "bundled must be set"),
        ({"provider": {"type": "Bundled", "spire": {}}}, ("provider",), "bundled must be set"),
        ({"provider": {"type": "ACMPCA"}}, ("provider", "type"), "'Bundled', 'Spire' or 'Extension'"),
        (
            {"provider": {"type": "Extension", "extension": {"config": {}}}},
            ("provider", "extension", "name"),
            "required",
        ),
        (
            {"provider": {"type": "Extension", "extension": {"name": ""}}},
            ("provider", "extension", "name"),
            "at least 1 character",
        ),
        (
            {"provider": {"type": "Bundled", "bundled": {"certificateParameters": {"expiry": "1d"}}}},
            ("provider", "bundled", "certificateParameters", "expiry"),
            "not a duration of Go",
        ),
        (
            {"provider": {"type": "Bundled", "bundled": {"certificateParameters": {"expiry": "-1h"}}}},
            ("provider", "bundled", "certificateParameters", "expiry"),
            "more than 0s",
        ),
        (
            {"provider": {"type": "Bundled", "bundled": {"meshTrustCreation": "disabled"}}},
            ("provider", "bundled", "meshTrustCreation"),
            "'Enabled' or 'Disabled'",
        ),
    ],
)
def test_what_no_control_plane_accepts(spec: dict[str, Any], path: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        MeshIdentitySpec.model_validate(spec)
    (error,) = caught.value.errors()
    assert error["loc"] == path
    assert words in error["msg"]


@pytest.mark.parametrize("field", ["auth", "commonName", "caCert", "requestTimeout", "template"])
def test_the_extension_has_no_other_field_of_the_acmpca_backend(field: str) -> None:
    with pytest.raises(ValidationError, match="not permitted"):
        AcmPcaConfig.model_validate({"arn": "arn", field: {}})


@pytest.mark.parametrize("name", ["", "UPPER", "a_b", "-a", "a" * 254])
def test_names_that_kubernetes_refuses(name: str) -> None:
    with pytest.raises(ValidationError):
        MeshIdentity(name=name, mesh="default", namespace="x", spec=MeshIdentitySpec())


def test_a_key_in_a_document_is_not_shown() -> None:
    key = {"type": "InsecureInline", "insecureInline": {"value": "the-key"}}
    spec = {"provider": {"type": "Bundled", "bundled": {"ca": {"privateKey": key}}}}
    assert "the-key" not in repr(MeshIdentitySpec.model_validate(spec))
