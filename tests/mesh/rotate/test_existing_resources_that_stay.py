"""Resources of zones, and MeshTrusts that have a planned name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.mesh.golden_documents import golden_outputs
from tests.mesh.rotate.old_meshes import allow_all, backend, given, mesh, scoped
from tests.support import NOW, Authority
from tests.yamltext.yaml_writing import load_stream
from toolkit.mesh.render.identity_documents import IdentityOptions
from toolkit.mesh.rotate.identity_move import STAGES, Given, IdentityMove, plan_move_to_identity
from toolkit.pki import pem

DOMAINS = ("default", "default.zone-1.mesh.local", "default.zone-2.mesh.local")
OUTPUTS = golden_outputs()
THEIR_ROOT = pem.write([Authority("Their Root").certificate])


def plan(start: Given) -> IdentityMove:
    return plan_move_to_identity(start, OUTPUTS, IdentityOptions())


def documents(move: IdentityMove, stage: str) -> list[Any]:
    return load_stream(move.steps[STAGES.index(stage)].text, stage)


def kinds(move: IdentityMove) -> list[tuple[str, str]]:
    return [(each["type"], each["name"]) for each in documents(move, "prepare")]


def of_zone(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A resource of a zone as the global control plane lists it."""
    labels = {"kuma.io/origin": "zone", "kuma.io/zone": "z1", "kuma.io/display-name": document["name"]}
    return {**document, "name": name, "labels": labels}


def test_a_zones_mesh_tls_is_not_for_all_proxies() -> None:
    old = mesh("universal", backend("own", mode="PERMISSIVE"))
    strict = {"targetRef": {"kind": "Mesh"}, "rules": [{"default": {"mode": "Strict"}}]}
    theirs = of_zone(scoped("universal", "MeshTLS", "tls", strict), "tls-4x6bd2c8zv")
    assert ("MeshTLS", "default-permissive") in kinds(plan(given(old, allow_all("universal"), theirs)))


def test_a_permission_of_a_zone_is_changed_in_its_zone() -> None:
    theirs = allow_all("universal")
    synced = of_zone(theirs, "allow-all-4x6bd2c8zv")
    move = plan(given(mesh("universal", backend("own")), synced))
    (obstacle,) = move.list_blocking(1)
    assert obstacle.place == "others.yaml:4:2 name"
    assert obstacle.message == (
        "allow-all-4x6bd2c8zv: belongs to zone z1 (kuma.io/origin: zone), and only its control plane can change it"
    )
    assert obstacle.fix.startswith("Change the permission in zone z1: ")
    assert kinds(move) == [("Mesh", "default")]
    # Once it is changed there, nothing is left to do. Another one needs more than that, in the same place.
    prefixes = [{"spiffeID": {"type": "Prefix", "value": f"spiffe://{domain}"}} for domain in DOMAINS]
    changed = {**synced, "spec": {"rules": [{"default": {"allow": prefixes}}]}}
    assert plan(given(mesh("universal", backend("own")), changed)).list_blocking(1) == []
    denying = {**synced, "spec": {"from": [{"targetRef": {"kind": "Mesh"}, "default": {"action": "Deny"}}]}}
    (obstacle,) = plan(given(mesh("universal", backend("own")), denying)).list_blocking(1)
    assert obstacle.fix.startswith("Change the permission in zone z1: ")
    # A control plane without a global one gives its own resources the same label, and can change them.
    own = {**synced, "name": "allow-all"}
    move = plan(given(mesh("universal", backend("own")), own))
    assert (move.list_blocking(1), kinds(move)[0]) == ([], ("MeshTrafficPermission", "allow-all"))


def trust(name: str, domain: str, *chains: str) -> dict[str, Any]:
    bundles = [{"type": "Pem", "pem": {"value": chain}} for chain in chains]
    return scoped("universal", "MeshTrust", name, {"trustDomain": domain, "caBundles": bundles})


@pytest.mark.parametrize("name", ["acmpca-zone-1", "default-mtls"])
def test_a_mesh_trust_of_a_planned_name_keeps_its_trust(name: str) -> None:
    old = mesh("universal", backend("acmpca"))
    planned = next(each for each in documents(plan(given(old)), "trust") if each["name"] == name)
    spec = planned["spec"]
    domain, chain = spec["trustDomain"], spec["caBundles"][0]["pem"]["value"]

    def find(there: dict[str, Any], *others: dict[str, Any]) -> list[str]:
        move = plan(given(old, allow_all("universal"), there, *others))
        return [each.message for each in move.list_blocking(3)]

    assert find(trust(name, domain, chain)) == []
    (other,) = find(trust(name, "other.local", chain))
    assert other == f"{name} is for the trust domain other.local; stage 3 makes it one for {domain}"
    (lost,) = find(trust(name, domain, chain, THEIR_ROOT))
    assert lost == f"{name} has CAs that stage 3 removes: Their Root"
    # The advice helps: a copy under another name keeps the trust.
    assert find(trust(name, "other.local", chain), trust("kept", "other.local", chain)) == []
    assert find(trust(name, domain, chain, THEIR_ROOT), trust("kept", domain, THEIR_ROOT)) == []
    assert len(find(trust(name, "other.local", chain), trust("kept", "another.local", chain))) == 1
    # In a zone, a name has a suffix. A zone's own MeshTrust is another one.
    synced = trust(f"{name}-4x6b", "other.local", chain) | {"labels": {"kuma.io/display-name": name}}
    assert len(find(synced)) == 1
    assert find(of_zone(trust(name, "other.local", chain), f"{name}-4x6b")) == []
    # Stage 3 is applied, so nothing is replaced any more.
    waiting = documents(plan(given(old)), "trust")[-1]
    assert find(trust(name, domain, chain, THEIR_ROOT), waiting) == []


def test_an_expired_old_ca_is_named() -> None:
    expired = Authority("Old Root", not_after=NOW - timedelta(minutes=1))
    old = backend("acmpca")
    old["conf"] = {**old["conf"], "caCert": {"inlineString": pem.write([expired.certificate])}}
    move = plan(given(mesh("kubernetes", old), allow_all("kubernetes")))
    (obstacle,) = (each for each in move.obstacles if "expired" in each.message)
    assert (obstacle.before, obstacle.place) == (0, "mesh.yaml:11:5 spec.mtls.backends[0]")
    day = f"{NOW - timedelta(minutes=1):%Y-%m-%d}"
    assert obstacle.message == f"old: Old Root expired on {day}, and stage 3 still adds it to a MeshTrust"
