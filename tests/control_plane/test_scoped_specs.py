"""Specs that Kuma rejects, against its recorded answers and its validators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.control_plane.scoped_specs import list_spec_problems
from toolkit.mesh.schema.scoped import SCOPED_KINDS, ScopedKind

RECORDED = Path(__file__).parent / "recorded"
LINES = [
    json.loads(line)
    for mode in ("zone", "global")
    for line in (RECORDED / f"kuma-2.14.3-identity-{mode}.jsonl").read_text().splitlines()
]
SENT = [line for line in LINES if line.get("document", {}).get("type") in SCOPED_KINDS]
ALLOW = [{"spiffeID": {"type": "Exact", "value": "spiffe://a.b/c"}}]
CA = {"type": "Secret", "secretRef": {"kind": "Secret", "name": "ca"}}


def problems(kind: ScopedKind, spec: Any) -> list[str]:
    return [str(problem) for problem in list_spec_problems(kind, spec)]


@pytest.mark.parametrize("line", SENT, ids=[line["path"] for line in SENT])
def test_what_kuma_rejected_is_a_problem_and_nothing_else(line: dict[str, Any]) -> None:
    found = list_spec_problems(line["document"]["type"], line["document"].get("spec"))
    assert bool(found) == (line["status"] == 400)
    # Kuma names the missing block of a provider, the problem here the provider.
    assert all(any(field.startswith(problem.path) for problem in found) for field in line["fields"])


def test_the_recordings_are_there() -> None:
    assert (len(SENT), sum(line["status"] == 400 for line in SENT)) == (70, 28)


def bundled(**bundled: Any) -> dict[str, Any]:
    return {"provider": {"type": "Bundled", "bundled": bundled}}


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        ("MeshIdentity", None, ["spec: is missing"]),
        ("MeshIdentity", [], ["spec: must be an object with keys, and it is a list"]),
        ("MeshIdentity", {"selector": None, "nope": {"x": 1}}, []),
        ("MeshIdentity", bundled(), ["spec.provider.bundled.ca: is missing: set it, or autogenerate.enabled: true"]),
        (
            "MeshIdentity",
            bundled(autogenerate={"enabled": True}, ca={}),
            ["spec.provider.bundled.ca: can't be set together with autogenerate.enabled: true"],
        ),
        (
            "MeshIdentity",
            bundled(ca={"certificate": {"type": "Secret"}}, nope=1),
            [
                "spec.provider.bundled.ca.certificate.secretRef: is missing: type is Secret",
                "spec.provider.bundled.ca.privateKey: is missing",
            ],
        ),
        ("MeshIdentity", bundled(ca={"certificate": CA, "privateKey": CA}), []),
        ("MeshTLS", {}, []),
        ("MeshTLS", {"rules": [{"default": {"mode": "STRICT"}}]}, ["spec.rules[0].default.mode: Input should be"]),
        (
            "MeshTLS",
            {"rules": [{}], "from": [{"targetRef": {"kind": "Mesh"}}]},
            ["spec: has from and rules; use only one of them"],
        ),
        ("MeshTrafficPermission", {}, ["spec: needs from or rules"]),
        ("MeshTrafficPermission", {"rules": [{"default": {"allow": ALLOW}}]}, []),
        (
            "MeshTrafficPermission",
            {"rules": [{"default": {"allow": []}}]},
            ["spec.rules[0]: needs allow, allowWithShadowDeny or deny"],
        ),
        (
            "MeshTrafficPermission",
            {"from": [{"targetRef": {"kind": "Mesh"}}]},
            ["spec.from[0].default.action: is missing"],
        ),
        # Measured with Kuma 2.14.3: 400.
        (
            "MeshTrafficPermission",
            {"rules": [{"default": {"deny": [{"spiffeID": {"type": "Prefix", "value": "spiffe://a.b/"}}]}}]},
            ["spec.rules[0].default.deny[0].spiffeID.value: must not end with a slash"],
        ),
    ],
)
def test_rules_of_the_validators(kind: ScopedKind, spec: Any, said: list[str]) -> None:
    found = problems(kind, spec)
    assert len(found) == len(said), found
    assert all(one.startswith(other) for one, other in zip(found, said, strict=True)), found


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda below: (
        st.lists(below, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["rules", "from", "default", "allow", "provider", "type", "caBundles", "pem", "value", "x"]
            ),
            below,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(SCOPED_KINDS), VALUES)
def test_any_value_has_problems_below_spec_or_none(kind: ScopedKind, value: Any) -> None:
    before = json.dumps(value)
    assert all(problem.path.startswith("spec") and problem.message for problem in list_spec_problems(kind, value))
    assert json.dumps(value) == before
