"""Specs that Kuma rejects, against its recorded answers and its validators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.exchange import Request
from toolkit.mesh.schema.scoped import COLLECTIONS, SCOPED_KINDS, ScopedKind
from toolkit.mesh.schema.scoped_specs import list_spec_problems

RECORDED = Path(__file__).parents[2] / "control_plane/recorded"
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
    # Kuma names no field if the spec or a duration can't be read.
    assert {problem.path for problem in found} == set(line["fields"]) or not line["fields"]


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
        (
            "MeshTLS",
            {"rules": [{"default": {"mode": "STRICT"}}]},
            ["spec.rules[0].default.mode: must be Strict or Permissive"],
        ),
        (
            "MeshTLS",
            {"rules": [{}], "from": [{"targetRef": {"kind": "Mesh"}}]},
            ["spec.from: can't be set together with rules"],
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
            ["spec.rules[0].default.deny[0].spiffeID.value: its path must not end with a slash"],
        ),
    ],
)
def test_rules_of_the_validators(kind: ScopedKind, spec: Any, said: list[str]) -> None:
    found = problems(kind, spec)
    assert len(found) == len(said), found
    assert all(one.startswith(other) for one, other in zip(found, said, strict=True)), found


def answers(kind: ScopedKind, spec: Any) -> list[str]:
    """The answers of a stand-in for Kuma."""
    path = f"/meshes/default/{COLLECTIONS[kind]}/x"
    body = json.dumps({"type": kind, "mesh": "default", "name": "x", "spec": spec}).encode()
    reply = StandIn(product="kuma").answer(Request("PUT", path, content_type="application/json", body=body))
    assert reply.status == 400
    return [f"{each['field']}: {each['reason']}" for each in json.loads(reply.body)["invalid_parameters"]]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a.b/c", "must begin with spiffe://"),
        ("spiffe://A.b/c", "its trust domain has capital letters; a trust domain has lower-case letters only"),
        ("spiffe://a.b/", "its path must not end with a slash"),
    ],
)
def test_paths_are_those_of_the_document_and_of_kuma_in_answers(value: str, reason: str) -> None:
    spec = {"rules": [{"default": {"deny": [{"spiffeID": {"type": "Exact", "value": value}}]}}]}
    assert problems("MeshTrafficPermission", spec) == [f"spec.rules[0].default.deny[0].spiffeID.value: {reason}"]
    said = "spec.rules[0].deny[0].spiffeID.value: must be a valid Spiffe ID"
    assert answers("MeshTrafficPermission", spec) == [said]


def trust(value: Any, domain: Any = "a.b") -> dict[str, Any]:
    return {"trustDomain": domain, "caBundles": [{"type": "Pem", "pem": {"value": value}}]}


@pytest.mark.parametrize(
    ("spec", "path", "reason", "answer"),
    [
        (trust("x", 1), "trustDomain", "must be text, and it is a number; quote it", "must be of type string"),
        (trust("x", "a" * 254), "trustDomain", "must have at most 253 characters", "should be at most 253 chars long"),
        ({"trustDomain": "a.b"}, "caBundles", "is missing", "is required"),
        (
            {"trustDomain": "a.b", "caBundles": []},
            "caBundles",
            "needs 1 or more entries",
            "should have at least 1 items",
        ),
        (
            trust("x"),
            "caBundles[0].pem.value",
            "begins with no PEM block of a certificate that Go can read",
            "provided certificate has incorrect format",
        ),
    ],
)
def test_reasons_explain_and_answers_are_in_the_words_of_kuma(spec: Any, path: str, reason: str, answer: str) -> None:
    assert problems("MeshTrust", spec) == [f"spec.{path}: {reason}"]
    assert answers("MeshTrust", spec) == [f"spec.{path}: {answer}"]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"targetRef": {"kind": "New"}}, "targetRef.kind"),
        ({"targetRef": {"kind": "Mesh", "proxyTypes": ["New"]}}, "targetRef.proxyTypes[0]"),
        ({"rules": [{"default": {"tlsVersion": {"min": "TLS14"}}}]}, "rules[0].default.tlsVersion.min"),
        ({"rules": [{"default": {"tlsVersion": {"max": "TLS14"}}}]}, "rules[0].default.tlsVersion.max"),
        ({"rules": [{"default": {"tlsCiphers": ["NEW"]}}]}, "rules[0].default.tlsCiphers[0]"),
    ],
)
def test_values_of_a_newer_kuma_are_no_problem_and_the_stand_in_rejects_them(spec: Any, path: str) -> None:
    assert problems("MeshTLS", spec) == []
    (said,) = answers("MeshTLS", spec)
    assert said.startswith(f"spec.{path}: should be one of [")


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
