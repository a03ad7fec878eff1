"""Lint finds whatever ``toolkit apply`` and the stand-in control plane reject in a spec, where it is."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.control_plane.rehearsal.test_scoped_resources import SPECS
from tests.mesh.schema.test_scoped_specs import VALUES
from toolkit.mesh.lint import Finding, Severity, Target, lint
from toolkit.mesh.schema.scoped import SCOPED_KINDS
from toolkit.mesh.schema.scoped_specs import list_spec_problems

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def find_errors(kind: str, spec: Any) -> list[Finding]:
    document = {"type": kind, "mesh": "default", "name": "x", "spec": spec}
    findings = lint([("x.json", json.dumps(document))], Target(NOW, "kuma"))
    return [finding for finding in findings if finding.rule.severity is Severity.ERROR]


@pytest.mark.parametrize(
    ("kind", "spec", "path", "message"),
    [
        ("MeshTrafficPermission", {}, "spec", "needs from or rules"),
        (
            "MeshTrafficPermission",
            {"from": [{"targetRef": {"kind": "Mesh"}}]},
            "spec.from[0].default.action",
            "action is missing in default",
        ),
        (
            "MeshTrafficPermission",
            {"rules": [{"default": {}}]},
            "spec.rules[0]",
            "needs allow, allowWithShadowDeny or deny",
        ),
        (
            "MeshTLS",
            {
                "targetRef": {"kind": "MeshSubset", "tags": {}},
                "rules": [{"default": {"tlsVersion": {"min": "TLS12"}}}],
            },
            "spec.rules[0].default.tlsVersion",
            "can only be set if spec.targetRef has kind: Mesh",
        ),
        (
            "MeshIdentity",
            {"selector": {}, "provider": {"type": "Extension", "extension": {"name": ""}}},
            "spec.provider.extension.name",
            "name is empty",
        ),
        (
            "MeshTrust",
            {"trustDomain": "a", "caBundles": [{"type": "Pem", "pem": {"value": "x"}}]},
            "spec.caBundles[0].pem.value",
            "",
        ),
    ],
)
def test_rules_that_only_the_validators_of_kuma_have(kind: str, spec: Any, path: str, message: str) -> None:
    (found,) = [error for error in find_errors(kind, spec) if error.path == path]
    assert message in found.message


@pytest.mark.parametrize("kind", SCOPED_KINDS)
@given(data=st.data())
def test_every_problem_of_a_spec_is_found_once(kind: Any, data: st.DataObject) -> None:
    spec = data.draw(st.one_of(SPECS[kind], VALUES))
    errors = Counter(error.path for error in find_errors(kind, spec))
    for problem in list_spec_problems(kind, spec):
        assert errors[problem.path] == 1, (problem, errors)


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "!!binary eA==", "!!set {a}", "[.inf]"])
def test_values_of_yaml_that_json_does_not_have(value: str) -> None:
    text = (
        "{type: MeshIdentity, mesh: default, name: x, spec: {selector: {}, provider: "
        f"{{type: Extension, extension: {{name: other, config: {{x: {value}}}}}}}}}}}\n"
    )
    found = [finding for finding in lint([("x.yaml", text)], Target(NOW)) if finding.rule.code == "MESH221"]
    assert [(finding.path, "can't be read as JSON" in finding.message) for finding in found] == [("spec", True)]


def test_keys_of_several_types() -> None:
    text = (
        "{type: MeshIdentity, mesh: default, name: x, labels: {1: a, b: c}, spec: {selector: {}, provider: "
        "{type: Extension, extension: {name: other, config: {x: {4: 2, true: 3, b: c}}}}}}\n"
    )
    assert {finding.rule.code for finding in lint([("x.yaml", text)], Target(NOW))} >= {"MESH193"}
