"""MeshTrafficPermissions that allow the SPIFFE IDs of both worlds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh.rotate.old_meshes import scoped, stream
from tests.mesh.schema.generated import documents
from toolkit.mesh.documents.reader import read
from toolkit.mesh.rotate.permissions import Converted, convert
from toolkit.mesh.schema.traffic_policies import MeshTrafficPermissionSpec

DOMAINS = ("default.zone-1.mesh.local", "default.zone-2.mesh.local")
OLD = "spiffe://default"
NEW = [f"spiffe://{domain}" for domain in DOMAINS]
WHOLE: dict[str, Any] = {"kind": "Mesh"}


def converted(spec: dict[str, Any]) -> Converted:
    text = stream(scoped("universal", "MeshTrafficPermission", "p", spec))
    (permission,) = read([("p.yaml", text)]).list_scoped("MeshTrafficPermission")
    return convert(permission, DOMAINS)


def prefixes(*values: str) -> list[dict[str, Any]]:
    return [{"spiffeID": {"type": "Prefix", "value": value}} for value in values]


def exact(value: str) -> dict[str, Any]:
    return {"spiffeID": {"type": "Exact", "value": value}}


def rules(**lists: list[Any]) -> dict[str, Any]:
    return {"targetRef": WHOLE, "rules": [{"default": lists}]}


def entry(action: str, **target: Any) -> dict[str, Any]:
    return {"targetRef": target or WHOLE, "default": {"action": action}}


@pytest.mark.parametrize(("action", "name"), [("Allow", "allow"), ("AllowWithShadowDeny", "allowWithShadowDeny")])
def test_the_whole_mesh_is_allowed_by_old_and_new_ids(action: str, name: str) -> None:
    spec = {"targetRef": {"kind": "Dataplane", "labels": {"a": "b"}}, "from": [entry(action)]}
    found = converted(spec)
    assert found.doubts == ()
    expected = [{"default": {name: prefixes(OLD, *NEW)}}]
    assert found.spec == {"targetRef": {"kind": "Dataplane", "labels": {"a": "b"}}, "rules": expected}
    MeshTrafficPermissionSpec.model_validate(found.spec)


def test_of_several_entries_the_last_one_counts() -> None:
    found = converted({"from": [entry("Deny"), entry("AllowWithShadowDeny"), entry("Allow")]})
    assert found.spec == {"rules": [{"default": {"allow": prefixes(OLD, *NEW)}}]}


def test_a_deny_of_the_whole_mesh_is_for_a_person_to_convert() -> None:
    # In rules no other permission could allow anything again.
    found = converted({"targetRef": WHOLE, "from": [entry("Deny")]})
    assert found.spec is None
    (doubt,) = found.doubts
    assert doubt.path == ("spec", "from")
    assert "a deny wins over every allow" in doubt.message


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"kind": "MeshSubset", "tags": {"kuma.io/service": "web"}}, f"MeshSubset, .*old SPIFFE ID is {OLD}/web"),
        ({"kind": "MeshService", "name": "web"}, f"MeshService, .*old SPIFFE ID is {OLD}/web"),
        ({"kind": "MeshSubset", "tags": {"team": "a"}}, "MeshSubset, which a MeshIdentity doesn't know. Write"),
        ({"kind": "Mesh", "proxyTypes": ["Gateway"]}, "Mesh, "),
        ({"kind": "MeshGateway", "name": "g"}, "MeshGateway, "),
    ],
)
def test_clients_by_tags_are_for_a_person_to_convert(target: dict[str, Any], words: str) -> None:
    found = converted({"from": [entry("Allow"), entry("Allow", **target)]})
    assert found.spec is None
    (doubt,) = found.doubts
    assert doubt.path == ("spec", "from", 1)
    assert re.search(words, doubt.message)


@pytest.mark.parametrize("kind", ["MeshSubset", "MeshService", "MeshServiceSubset", "MeshGateway"])
def test_targets_that_rules_do_not_have(kind: str) -> None:
    found = converted({"targetRef": {"kind": kind, "name": "a"}, "from": [entry("Allow")]})
    assert found.spec is None
    assert [doubt.path for doubt in found.doubts] == [("spec", "targetRef")]


@pytest.mark.parametrize("default", [{}, {"action": "ALLOW"}, None])
def test_no_action(default: Any) -> None:
    found = converted({"from": [{"targetRef": WHOLE, "default": default}]})
    assert found.spec is None
    assert [doubt.path for doubt in found.doubts] == [("spec", "from", 0, "default", "action")]


@pytest.mark.parametrize("name", ["allow", "allowWithShadowDeny", "deny"])
def test_rules_for_the_whole_old_mesh_get_the_new_ids(name: str) -> None:
    found = converted(rules(**{name: prefixes(OLD)}))
    assert found.doubts == ()
    assert found.spec == rules(**{name: prefixes(OLD, *NEW)})
    # Then there is nothing more to do.
    assert converted(found.spec) == Converted(None, ())


def test_only_the_domains_that_are_missing_are_added() -> None:
    found = converted(rules(allow=prefixes(OLD, NEW[1])))
    assert found.spec == rules(allow=prefixes(OLD, NEW[1], NEW[0]))


@pytest.mark.parametrize("other", [f"{NEW[0]}2", f"{NEW[0]}.example.com", "spiffe://default2"])
def test_a_domain_is_not_another_that_begins_alike(other: str) -> None:
    assert converted(rules(allow=prefixes(OLD, other))).spec == rules(allow=prefixes(OLD, other, *NEW))


@pytest.mark.parametrize("name", ["allow", "allowWithShadowDeny"])
def test_new_ids_alone_deny_old_certificates_at_once(name: str) -> None:
    # Denied at once on the real mesh, in stage 1.
    found = converted(rules(**{name: prefixes(*NEW)}))
    assert found.spec is None
    (doubt,) = found.doubts
    assert doubt.path == ("spec", "rules", 0, "default", name)
    assert "add the old ones, which begin with spiffe://default" in doubt.message


def test_a_deny_of_new_ids_alone_may_stay() -> None:
    assert converted(rules(deny=[exact(f"{NEW[0]}/ns/a/sa/b")])) == Converted(None, ())


@pytest.mark.parametrize("name", ["allow", "allowWithShadowDeny", "deny"])
def test_one_old_id_needs_its_new_one(name: str) -> None:
    found = converted(rules(**{name: [exact(f"{OLD}/web")]}))
    assert found.spec is None
    (doubt,) = found.doubts
    assert f"names {OLD}/web; add the new SPIFFE ID" in doubt.message
    both = rules(**{name: [exact(f"{OLD}/web"), exact(f"{NEW[0]}/ns/web/sa/web")]})
    assert converted(both) == Converted(None, ())


def test_an_exact_id_of_the_trust_domain_is_that_of_nobody() -> None:
    # To allow whole trust domains instead would let more clients in than before.
    assert converted(rules(allow=[exact(OLD)])).spec is None


def test_what_is_not_about_ids_stays() -> None:
    sni = {"sni": {"type": "Exact", "value": "x"}}
    found = converted({"targetRef": WHOLE, "rules": [{"default": {"allow": [sni, *prefixes(OLD)], "deny": [sni]}}]})
    assert found.spec == rules(allow=[sni, *prefixes(OLD, *NEW)], deny=[sni])
    assert converted(rules(allow=[sni])) == Converted(None, ())


@pytest.mark.parametrize("spec", [{}, {"targetRef": WHOLE}, {"from": []}, {"rules": []}, {"rules": None}])
def test_nothing_to_convert(spec: dict[str, Any]) -> None:
    assert converted(spec) == Converted(None, ())


@pytest.mark.parametrize("name", ["allow", "deny", "allowWithShadowDeny"])
def test_a_condition_on_old_clients_is_one_on_new_clients(name: str) -> None:
    sni = {"sni": {"type": "Exact", "value": "x"}}
    found = converted(rules(**{name: [{**prefixes(OLD)[0], **sni}]}))
    assert found.spec == rules(**{name: [{**match, **sni} for match in prefixes(OLD, *NEW)]})
    # Somebody else's condition is not one on all clients.
    both = [*prefixes(OLD), {**prefixes(OLD)[0], **sni}]
    found = converted(rules(**{name: both}))
    assert found.spec is not None
    (rule,) = found.spec["rules"]
    expected = [each for new in prefixes(*NEW) for each in (new, {**new, **sni})]
    assert rule["default"][name] == [*both, *expected]


def test_the_whole_mesh_beside_a_service_is_the_whole_mesh_in_all_zones() -> None:
    given_before = [*prefixes(OLD), exact(f"{OLD}/web"), *prefixes(NEW[0])]
    assert converted(rules(allow=given_before)).spec == rules(allow=[*given_before, *prefixes(NEW[1])])
    # With a condition on it, the other SPIFFE ID is for a person to convert.
    limited = [{**prefixes(OLD)[0], "sni": {"type": "Exact", "value": "x"}}, *given_before[1:]]
    assert len(converted(rules(allow=limited)).doubts) == 1
    assert converted(rules(allow=[*limited, *prefixes(NEW[1])])) == Converted(None, ())


def test_what_is_null_is_left_out() -> None:
    rule = {"default": {"deny": None, "allow": prefixes(OLD)}}
    found = converted({"targetRef": None, "from": [entry("Allow")], "rules": [rule]})
    assert found.spec is not None
    assert "targetRef" not in found.spec
    assert found.spec["rules"] == [{"default": {"allow": prefixes(OLD, *NEW)}}]


@pytest.mark.parametrize(
    "spec",
    [
        {"targetRef": {"kind": "Mesh", "labels": {"a": 1.5}}, "from": [entry("Allow")]},
        {"targetRef": WHOLE, "from": [entry("Allow")], "nope": 1},
        {"rules": [{"default": {"allow": [*prefixes(OLD), 1.5]}}]},
    ],
)
def test_what_no_control_plane_knows_is_for_a_person_to_convert(spec: dict[str, Any]) -> None:
    found = converted(spec)
    assert found.spec is None
    (doubt,) = found.doubts
    assert doubt.message.startswith("can't be converted: ")


IDS = st.sampled_from([OLD, f"{OLD}/web", NEW[0], f"{NEW[1]}/ns/a/sa/b", "spiffe://other", "x", ""])


@given(
    documents(MeshTrafficPermissionSpec, {"value": IDS, "kind": st.sampled_from(["Mesh", "Dataplane", "MeshSubset"])})
)
def test_any_permission_names_both_worlds_or_is_in_doubt(spec: dict[str, Any]) -> None:
    found = converted(spec)
    assert found.spec is None or not found.doubts
    if found.spec is None:
        return
    MeshTrafficPermissionSpec.model_validate(found.spec)
    assert "from" not in found.spec or "rules" in spec
    # Nothing that was there is lost, and no prefix ends with a slash (the control plane refuses it).
    assert {key: value for key, value in found.spec.items() if key not in ("from", "rules")} == {
        key: value for key, value in spec.items() if key not in ("from", "rules")
    }
    for before, after in zip(spec.get("rules", []), found.spec["rules"], strict=False):
        for name, matches in before["default"].items():
            assert after["default"][name][: len(matches)] == matches
    for rule in found.spec["rules"]:
        for matches in rule["default"].values():
            named = [match["spiffeID"] for match in matches if match.get("spiffeID")]
            values = {each["value"] for each in named}
            # The name of the mesh alone is no proxy's SPIFFE ID.
            of_all = OLD in {each["value"] for each in named if each["type"] == "Prefix"}
            assert not of_all or values >= set(NEW) or values & {f"{NEW[1]}/ns/a/sa/b"}
    assert converted(found.spec) == Converted(None, ())
