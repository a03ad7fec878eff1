"""How far a move is, from the MeshIdentities that control planes list."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mesh.rotate.old_meshes import scoped, stream
from toolkit.mesh.documents.reader import read
from toolkit.mesh.rotate.existing_resources import ExistingIdentities
from toolkit.mesh.schema.identity_spec import MeshIdentity, MeshIdentitySpec

ALL: dict[str, Any] = {"dataplane": {"matchLabels": {}}}
PROVIDER = {"type": "Extension", "extension": {"name": "acmpca", "config": {"arn": "x"}}}
PLANNED = {"selector": ALL, "provider": PROVIDER}


def existing(*documents: dict[str, Any], planned: dict[str, Any] = PLANNED) -> ExistingIdentities:
    found = read([("identities.yaml", stream(*documents))] if documents else [])
    spec = MeshIdentitySpec.model_validate(planned)
    issuer = MeshIdentity(name="issue", mesh="default", namespace="kong-mesh-system", spec=spec)
    return ExistingIdentities(found, issuer, "publish-issue")


def identity(name: str, spec: dict[str, Any], form: Any = "universal") -> dict[str, Any]:
    return scoped(form, "MeshIdentity", name, spec)


PUBLISHER = identity("publish-issue", {"selector": ALL})
WAITING = identity("issue", {"selector": {}, "provider": PROVIDER})
ISSUER = identity("issue", PLANNED)


@pytest.mark.parametrize(
    ("documents", "has_mtls", "reached"),
    [
        ([], True, 0),
        ([PUBLISHER], True, 2),
        ([identity("publish-issue", {"selector": ALL, "provider": None})], True, 2),
        ([PUBLISHER, WAITING], True, 3),
        ([PUBLISHER, ISSUER], True, 4),
        ([ISSUER], True, 4),
        ([ISSUER], False, 5),
        ([identity("other", PLANNED)], True, 0),
        ([ISSUER | {"mesh": "other"}], True, 0),
    ],
)
def test_the_last_stage(documents: list[dict[str, Any]], has_mtls: bool, reached: int) -> None:
    assert existing(*documents).find_reached(has_mtls=has_mtls) == reached


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
def test_a_zone_names_them_with_a_suffix(form: Any) -> None:
    labels = {"kuma.io/display-name": "issue", "kuma.io/mesh": "default", "kuma.io/origin": "global"}
    document = identity("issue-4x6bd2c8zv", PLANNED, form)
    if form == "universal":
        document |= {"labels": labels}
    else:
        document["metadata"] |= {"labels": labels}
    assert existing(document).has_issuer
    assert existing(document).find_reached(has_mtls=True) == 4
    assert list(existing(document).find_obstacles()) == []


@pytest.mark.parametrize(("document", "stage"), [(PUBLISHER, 2), (WAITING, 3), (ISSUER, 3)])
def test_the_spiffe_id_can_not_be_changed(document: dict[str, Any], stage: int) -> None:
    (found,) = existing(document, planned=PLANNED | {"spiffeID": {"trustDomain": "a"}}).find_obstacles()
    assert found.before == stage
    assert "has another SPIFFE ID than planned" in found.message
    assert "the MeshTrust keeps the old trust domain" in found.message
    assert "--trust-domain" in found.fix
    same = document | {"spec": document["spec"] | {"spiffeID": {"trustDomain": "a"}}}
    assert list(existing(same, planned=PLANNED | {"spiffeID": {"trustDomain": "a"}}).find_obstacles()) == []


@pytest.mark.parametrize(
    ("name", "selector", "wins"),
    [
        ("a", ALL, True),
        ("z", ALL, False),
        ("z", {"dataplane": {"matchLabels": {"app": "web"}}}, True),
        ("a", {}, False),
        ("a", {"dataplane": {}}, True),
    ],
)
def test_another_identity_that_wins(name: str, selector: dict[str, Any], wins: bool) -> None:
    found = list(existing(PUBLISHER, WAITING, identity(name, {"selector": selector})).find_obstacles())
    assert [(each.before, each.place.split(":")[0]) for each in found] == [(4, "identities.yaml")] * wins


@pytest.mark.parametrize("spec", [None, "x", [], {"selector": "x"}, {"selector": {"dataplane": 1}, "spiffeID": 1}])
def test_documents_of_any_form(spec: Any) -> None:
    found = existing(identity("issue", spec), identity("a", spec))
    assert found.find_reached(has_mtls=True) == 3
    assert list(found.find_obstacles()) == []
