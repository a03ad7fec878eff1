"""Lint compared with answers of Kuma 2.14.3 (open source, Universal) to Meshes and Secrets.

``kuma-2.14.3.jsonl`` has one PUT of a generated Mesh per line. The two files of a sequence have 41 requests each, in
order, to a fresh control plane in that mode. All were recorded from a real control plane.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from toolkit.mesh.lint import Finding, Severity, Target, lint

RECORDED = Path(__file__).parents[2] / "control_plane" / "recorded"
# When they were recorded: certificates in them are valid then.
THEN = datetime(2026, 11, 28, tzinfo=UTC)
# Requests that fail whatever their document says: what the server has, or the path, decides.
BY_STATE = {
    "secret before its mesh": "the mesh does not exist yet",
    "secret, other name than its path": "the path names another Secret",
    "secret, other mesh than its path": "the path names another mesh",
    "secret of type GlobalSecret": "the path is that of mesh-scoped Secrets",
    "mesh, provided by absent secret": "the Secret does not exist",
    "mesh, enabled backend changed": "mTLS was on with another backend",
    "mesh, other name than its path": "the path names another mesh",
}
# Kuma names what is missing (mtls); lint points at what needs it (routing.zoneEgress), which is a line to show.
ELSEWHERE = {"mtls"}
# Another type, an unknown value, a timeout that can't be read.
UNPARSABLE = {"MESH012", "MESH014", "MESH053"}
# Several backends, and types of backends that only Kong Mesh has.
ONLY_OF_KUMA = {"MESH110", "MESH111"}


def recorded(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDED / name).read_text(encoding="utf-8").splitlines()]


def errors(*documents: object, product: Any = "kuma") -> list[Finding]:
    """Errors in the first document; the others are those it may name."""
    texts = [(f"{number}.json", json.dumps(document)) for number, document in enumerate(documents)]
    found = lint(texts, Target(THEN, product))
    return [each for each in found if each.severity is Severity.ERROR and each.source == "0.json"]


def is_about_an_unknown_field(finding: Finding) -> bool:
    # A control plane drops these without a word.
    return finding.code == "MESH010"


def own_path(field: str) -> str:
    """A field that a 400 named, as an expression that the path of a finding matches."""
    field = field.replace(".config.", ".conf.").replace("mtls.backends[0].conf.mtls.backends.", "mtls.backends[0].")
    field = re.escape(re.sub(r'\["(.*)"\]$', r".\1", field))
    return field.replace(r"mtls\.dpcert\.", r"mtls\.backends\[\d\]\.dpCert\.")


PUTS = recorded("kuma-2.14.3.jsonl")
REFUSED = [row for row in PUTS if row["status"] == 400]
ACCEPTED = [row for row in PUTS if row["status"] == 201]


def test_every_refused_document_has_an_error() -> None:
    assert len(REFUSED) == 205
    for row in REFUSED:
        assert [each for each in errors(row["document"]) if not is_about_an_unknown_field(each)], row


def test_no_accepted_document_has_an_error_but_an_unknown_field() -> None:
    assert len(ACCEPTED) == 50
    for row in ACCEPTED:
        assert [each for each in errors(row["document"]) if not is_about_an_unknown_field(each)] == [], row


def test_errors_are_at_the_fields_that_the_control_plane_names() -> None:
    at_it, below, above, elsewhere = 0, 0, 0, []
    for row in REFUSED:
        paths = [each.path for each in errors(row["document"])]
        for field in row["fields"]:
            own = own_path(field)
            if any(re.fullmatch(own, path) for path in paths):
                at_it += 1
            elif field not in ELSEWHERE and any(re.match(rf"{own}[.\[]", path) for path in paths):
                # Kuma names the whole conf where a value in it is wrong.
                below += 1
            elif re.sub(r"\.(cert|key)$", "", field) in paths:
                # There is no conf at all.
                above += 1
            else:
                elsewhere.append(field)
    assert (at_it, below, above, elsewhere) == (174, 11, 4, ["mtls"] * 3)


@pytest.mark.parametrize("mode", ["zone", "global"])
def test_sequences_of_requests(mode: str) -> None:
    secrets: dict[str, object] = {}
    undecided = set()
    judged = 0
    for row in recorded(f"kuma-2.14.3-sequence-{mode}.jsonl"):
        document = row["document"]
        if row["method"] == "DELETE" and row["status"] == 200:
            secrets.pop(row["path"], None)
        # What is not sent with PUT, or as another type of content, is refused before anything is read.
        if row["method"] != "PUT" or not isinstance(document, dict):
            continue
        judged += 1
        is_accepted = row["status"] in (200, 201)
        named = secrets.values() if document["type"] == "Mesh" else ()
        found = errors(document, *named)
        if is_accepted:
            assert found == [], row["note"]
            if document["type"] == "Secret":
                secrets[row["path"]] = document
        elif not found:
            undecided.add(row["note"])
    assert judged == 29
    assert undecided == BY_STATE.keys()


def test_what_can_not_be_parsed_is_told_from_what_is_not_valid() -> None:
    # A control plane that can't parse a document names no field; one that can validates it.
    for row in PUTS:
        found = {each.path: each.code for each in errors(row["document"]) if each.code in UNPARSABLE}
        # The conf of a backend is parsed later, when it is validated; types are texts.
        of_the_document = {path for path in found if ".conf." not in path and not path.endswith(".type")}
        assert bool(of_the_document) == (row["status"] == 400 and not row["fields"]), row


def test_products_differ_in_backends_alone() -> None:
    differing = 0
    for row in PUTS:
        kuma = {(each.code, each.path) for each in errors(row["document"])}
        kong_mesh = {(each.code, each.path) for each in errors(row["document"], product="kong-mesh")}
        assert {each for each in kuma if each[0] not in ONLY_OF_KUMA} == kong_mesh
        differing += kuma != kong_mesh
    assert differing == 50
