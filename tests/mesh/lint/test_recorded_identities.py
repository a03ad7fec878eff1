"""Lint compared with answers of Kuma 2.14.3 (open source, Universal) to MeshIdentities and MeshTrusts.

The files have the requests to a zone and to a global control plane, and what they had some seconds later. Those of
``pair`` went to two control planes that were connected.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from toolkit.mesh.lint import Finding, Severity, Target, lint

RECORDED = Path(__file__).parents[2] / "control_plane" / "recorded"
# When they were recorded: certificates in them are valid then.
THEN = datetime(2026, 11, 25, 22, tzinfo=UTC)
# What Kuma took without an error, and what lint says of it, for open-source Kuma. Others have no finding.
TAKEN = {
    "bundled-not-allowed": {"MESH190"},
    "empty-selector": {"MESH184"},
    # Kuma has no extensions: the condition Provider was False, ProviderNotFoundError.
    "ext": {"MESH113"},
    "ext-1d": {"MESH113", "MESH187"},
    "td-bad": {"MESH201", "MESH202"},
    "td-template-bad": {"MESH200"},
    "path-no-slash": {"MESH202"},
    "td-scheme": {"MESH201"},
    "td-upper": {"MESH201"},
    "unknown": {"MESH010"},
    "intermediate-only": {"MESH210"},
    "leaf": {"MESH078"},
    "bom": {"MESH070"},
    # A MeshIdentity that selects no proxy yet: a step of the move.
    "issue": {"MESH184"},
}
CLEAN = {"default", "no-provider", "bundled", "spire", "td", "mtc", "ok", "two", "publish", "mine", "of-zone"}
# The server decides, not the document: a zone wants the label kuma.io/origin.
BY_STATE = {"of-zone"}


def recorded(name: str) -> list[dict[str, Any]]:
    text = (RECORDED / f"kuma-2.14.3-identity-{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def find(*documents: object, product: Any = "kuma") -> list[Finding]:
    texts = [(f"{number}.json", json.dumps(document)) for number, document in enumerate(documents)]
    return lint(texts, Target(THEN, product))


def find_conditions(rows: list[dict[str, Any]], name: str) -> dict[str, str]:
    """The conditions of a MeshIdentity some seconds after the last request."""
    (kept,) = [row["kept"] for row in rows if row.get("kind") == "meshidentities" and row["kept"]["name"] == name]
    return {each["type"]: each["status"] for each in kept["status"]["conditions"]}


@pytest.mark.parametrize("mode", ["zone", "global"])
def test_what_was_refused_is_an_error_at_the_field_that_was_named(mode: str) -> None:
    refused = [row for row in recorded(mode) if row.get("status") == 400]
    assert len(refused) == 14
    for row in refused:
        errors = {each.path for each in find(row["document"]) if each.severity is Severity.ERROR}
        assert errors, row
        # Kuma names no field of a document that it can't parse.
        assert set(row["fields"]) <= errors, row


@pytest.mark.parametrize("mode", ["zone", "global", "pair"])
def test_what_was_taken_and_is_wrong_is_a_finding_and_nothing_else_is(mode: str) -> None:
    taken = [row for row in recorded(mode) if row.get("status") in (200, 201) and "document" in row]
    for row in taken:
        name = row["document"]["name"]
        found = {each.code for each in find(row["document"])}
        expected = TAKEN.get(name, set())
        if mode == "pair":
            # Only its first request selects no proxy.
            expected = expected if row["document"].get("spec", {}).get("selector") == {} else set()
        assert found == expected, row
        assert (name in CLEAN) == (name not in TAKEN)
    assert {row["document"]["name"] for row in recorded("pair") if row.get("status") == 400} <= BY_STATE


@pytest.mark.parametrize("mode", ["zone", "global"])
def test_all_documents_together_have_the_same_findings_and_those_about_several(mode: str) -> None:
    documents = [row["document"] for row in recorded(mode) if row.get("status") in (200, 201)]
    alone = {(number, each.code) for number, document in enumerate(documents) for each in find(document)}
    together = {(int(each.source.partition(".")[0]), each.code) for each in find(*documents)}
    # The intermediate's root is not in another MeshTrust of its trust domain; smallest names win.
    assert alone <= together
    assert {code for _, code in together - alone} == {"MESH186"}


def test_an_error_about_a_provider_is_a_condition_that_was_false() -> None:
    rows = recorded("zone")
    providers = {"MESH113", "MESH190"}
    for row in rows:
        document = row.get("document", {})
        if row.get("status") == 201 and document["type"] == "MeshIdentity" and "provider" in document["spec"]:
            found = {each.code for each in find(document)} & providers
            assert bool(found) == (find_conditions(rows, document["name"])["Provider"] == "False"), row


def test_a_changed_trust_domain_leaves_the_mesh_trust_behind() -> None:
    rows = recorded("pair")
    changed = [row["document"] for row in rows if "trustDomain" in json.dumps(row.get("document", {}).get("spec", {}))]
    (identity,) = [document for document in changed if document["type"] == "MeshIdentity"]
    (kept,) = [
        row
        for row in rows
        if row.get("after") == "changed"
        and row["on"] == "zone"
        and row["name"].startswith("issue-")
        and row["kind"] == "meshtrusts"
    ]
    bundles = next(document for document in changed if document["type"] == "MeshTrust")["spec"]["caBundles"]

    def trust(domain: str) -> dict[str, Any]:
        # On the zone both have one name.
        spec = {"trustDomain": domain, "caBundles": bundles}
        return {"type": "MeshTrust", "mesh": "default", "name": "issue", "spec": spec}

    assert {each.code for each in find(identity, trust(kept["trustDomain"]))} == {"MESH212"}
    assert find(identity, trust(identity["spec"]["spiffeID"]["trustDomain"])) == []
