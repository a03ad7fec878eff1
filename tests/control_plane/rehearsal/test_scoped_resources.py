"""MeshIdentities, MeshTrusts and policies in the stand-in, where no answer was recorded."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.control_plane import scoped
from tests.control_plane.applied import wanted
from tests.control_plane.faulty import ARN
from tests.control_plane.rehearsal.test_api import get, put, refused
from tests.control_plane.test_recorded import accepted
from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.exchange import Request
from toolkit.control_plane.rehearsal.inventory import hash_name
from toolkit.mesh.documents.differences import find_differences
from toolkit.mesh.schema.scoped import COLLECTIONS, SCOPED_KINDS, ScopedKind
from toolkit.mesh.schema.scoped_specs import list_spec_problems

ISSUE = scoped.path("meshidentities", "issue")
TRUST = scoped.path("meshtrusts", "issue")


def have(stand_in: StandIn, *documents: str) -> None:
    for resource in wanted(scoped.stream(scoped.MESH, *documents)):
        reply = put(stand_in, resource.key.path, resource.document)
        assert reply.status in (200, 201), reply.body


def conditions(stand_in: StandIn, path: str = ISSUE) -> dict[str, str]:
    get(stand_in, "/meshes")
    found = get(stand_in, path)["status"]["conditions"]
    return {each["type"]: each["reason"] for each in found}


def config(**fields: Any) -> str:
    values = {"arn": ARN, **fields}
    return f"{{type: Extension, extension: {{name: acmpca, config: {json.dumps(values)}}}}}"


# Providers


def test_acmpca_is_played_as_kong_documents_it() -> None:
    stand_in = StandIn(chains=lambda arn: f"chain of {arn}")
    have(stand_in, scoped.issue(provider=config()))
    assert conditions(stand_in) == {
        "Provider": "ProviderInitialized",
        "MeshTrustCreated": "MeshTrustCreated",
        "Ready": "Ready",
    }
    trust = get(stand_in, TRUST)
    assert trust["spec"]["caBundles"] == [{"type": "Pem", "pem": {"value": f"chain of {ARN}"}}]
    have(StandIn(), scoped.issue(provider=config()))


def test_a_trust_is_not_created_where_it_is_switched_off() -> None:
    stand_in = StandIn()
    have(stand_in, scoped.issue(provider=config(meshTrustCreation="Disabled")))
    assert conditions(stand_in) == {"Provider": "ProviderInitialized", "Ready": "Ready"}
    assert get(stand_in, "/meshes/default/meshtrusts")["total"] == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"arn": None}, ".arn"),
        ({"certificateParameters": {"expiry": "1d"}}, ".certificateParameters.expiry"),
        ({"meshTrustCreation": "disabled"}, ".meshTrustCreation"),
        ({"commonName": "x"}, ".commonName"),
    ],
)
def test_the_configuration_of_acmpca_is_checked_on_kong_mesh_alone(fields: dict[str, Any], field: str) -> None:
    document = wanted(scoped.issue(provider=config(**fields)))[0].document
    assert refused(put(StandIn(), ISSUE, document)) == (
        400,
        "Could not process a resource",
        [f"spec.provider.extension.config{field}"],
    )
    assert put(StandIn(product="kuma"), ISSUE, document).status == 201


def bundled(certificate: str, more: str = "") -> str:
    source = f"{{type: Secret, secretRef: {{kind: Secret, name: {certificate}}}}}"
    return f"{{type: Bundled, bundled: {{ca: {{certificate: {source}, privateKey: {source}}}{more}}}}}"


def test_a_bundled_ca_comes_from_a_secret() -> None:
    stand_in = StandIn()
    text = "type: Secret\nmesh: default\nname: ca\ndata: " + base64.b64encode(scoped.CHAIN.encode()).decode() + "\n"
    have(stand_in, scoped.issue(provider=bundled("ca")))
    assert conditions(stand_in)["Provider"] == "ProviderInitializationError"
    have(stand_in, text, scoped.issue(provider=bundled("ca")))
    assert conditions(stand_in)["Provider"] == "ProviderValidationError"
    have(stand_in, scoped.issue(provider=bundled("ca", ", insecureAllowSelfSigned: true")))
    assert conditions(stand_in)["Ready"] == "Ready"
    assert get(stand_in, TRUST)["spec"]["caBundles"][0]["pem"]["value"] == scoped.CHAIN
    have(
        stand_in,
        text.partition("data:")[0] + "data: eA==\n",
        scoped.issue(provider=bundled("ca", ", autogenerate: {}")),
    )
    assert conditions(stand_in)["Provider"] == "ProviderValidationError"


def test_files_and_inline_values() -> None:
    stand_in = StandIn()
    inline = f"{{type: InsecureInline, insecureInline: {{value: {json.dumps(scoped.CHAIN)}}}}}"
    file = "{type: File, file: {path: /etc/hostname}}"
    for source, reason in ((inline, "ProviderInitialized"), (file, "ProviderInitializationError")):
        ca = f"{{certificate: {source}, privateKey: {source}}}"
        have(
            stand_in, scoped.issue(provider=f"{{type: Bundled, bundled: {{ca: {ca}, insecureAllowSelfSigned: true}}}}")
        )
        assert conditions(stand_in)["Provider"] == reason


def test_the_trust_domain_of_a_trust_stays_and_cas_are_added() -> None:
    stand_in = StandIn(product="kuma")
    have(stand_in, scoped.issue())
    conditions(stand_in)
    have(stand_in, scoped.issue(more=", spiffeID: {trustDomain: changed.example}"))
    conditions(stand_in)
    spec = get(stand_in, TRUST)["spec"]
    assert (spec["trustDomain"], len(spec["caBundles"])) == ("default.z1.mesh.local", 1)
    source = f"{{type: InsecureInline, insecureInline: {{value: {json.dumps(scoped.CHAIN)}}}}}"
    have(
        stand_in,
        scoped.issue(
            provider="{type: Bundled, bundled: {insecureAllowSelfSigned: true, "
            f"ca: {{certificate: {source}, privateKey: {source}}}}}}}"
        ),
    )
    conditions(stand_in)
    assert len(get(stand_in, TRUST)["spec"]["caBundles"]) == 2
    assert stand_in.answer(Request("DELETE", ISSUE)).status == 200
    assert get(stand_in, TRUST)["name"] == "issue"


def test_mesh_services_are_needed() -> None:
    stand_in = StandIn()
    document = wanted(scoped.issue())[0].document
    assert put(stand_in, ISSUE, document).status == 201
    assert conditions(stand_in) == {"Provider": "MeshServicesDisabled", "Ready": "Failure"}


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_conditions_come_after_some_reads(delay: int) -> None:
    stand_in = StandIn(delay=delay)
    have(stand_in, scoped.issue())
    before = [get(stand_in, ISSUE)["status"] for _ in range(max(delay, 1))]
    assert before == [{}] * max(delay, 1)
    assert get(stand_in, ISSUE)["status"]["conditions"]


# Zones


@pytest.fixture
def zones() -> tuple[StandIn, StandIn]:
    above = StandIn(mode="global")
    return above, StandIn(upstream=above)


def test_what_a_connected_zone_takes(zones: tuple[StandIn, StandIn]) -> None:
    above, below = zones
    have(above, scoped.TLS, "type: Secret\nmesh: default\nname: s\ndata: eA==\n")
    assert get(below, "/meshes/default/secrets/s")["data"] == "eA=="
    for path in ("/meshes/default", "/meshes/default/secrets/s"):
        assert refused(put(below, path, {}))[0] == 405
    tls = wanted(scoped.TLS)[0]
    copy = hash_name("default", "tls")
    assert get(below, scoped.path("meshtlses", copy))["labels"]["kuma.io/display-name"] == "tls"
    status, _, fields = refused(put(below, tls.key.path, tls.document))
    assert (status, fields) == (400, ['labels["kuma.io/origin"]'])
    assert put(below, tls.key.path, {**tls.document, "labels": {"kuma.io/origin": "zone"}}).status == 201
    # What is deleted above is deleted below.
    above.answer(Request("DELETE", tls.key.path))
    assert [each["name"] for each in get(below, "/meshes/default/meshtlses")["items"]] == ["tls"]


def test_a_trust_of_a_zone_is_deleted_above_with_it(zones: tuple[StandIn, StandIn]) -> None:
    above, below = zones
    have(above)
    trust = wanted(scoped.TRUST)[0]
    put(below, trust.key.path, {**trust.document, "labels": {"kuma.io/origin": "zone"}})
    get(above, "/meshes")
    (copy,) = get(above, "/meshes/default/meshtrusts")["items"]
    assert copy["labels"] | {"kuma.io/env": ""} == {
        "kuma.io/display-name": "old-ca",
        "kuma.io/env": "",
        "kuma.io/mesh": "default",
        "kuma.io/origin": "zone",
        "kuma.io/zone": "z1",
    }
    assert below.answer(Request("DELETE", trust.key.path)).status == 200
    get(above, "/meshes")
    assert get(above, "/meshes/default/meshtrusts")["total"] == 0


def test_the_configuration_says_what_it_is(zones: tuple[StandIn, StandIn]) -> None:
    above, below = zones
    found = [get(each, "/config") for each in (above, below, StandIn(), StandIn(mode="read-only"))]
    assert [each["mode"] for each in found] == ["global", "zone", "zone", "zone"]
    assert [bool(each["multizone"]["zone"]["globalAddress"]) for each in found] == [False, True, False, False]


# Requests


def test_other_methods_and_meshes() -> None:
    stand_in = StandIn()
    have(stand_in)
    for kind, collection in COLLECTIONS.items():
        path = f"/meshes/nope/{collection}"
        for method, target in (("GET", path), ("GET", f"{path}/x"), ("DELETE", f"{path}/x"), ("PUT", f"{path}/x")):
            reply = stand_in.answer(Request(method, target, content_type="application/json", body=b"{}"))
            assert refused(reply)[:2] == (404, "Failed to retrieve Mesh")
        path = scoped.path(collection, "x")
        assert stand_in.answer(Request("POST", path)).status == 405
        assert (
            put(
                stand_in,
                path,
                b"type: x",
            ).status
            == 400
        )
        assert refused(put(stand_in, path, {"type": kind, "mesh": "default", "name": "x"}))[2] == ["spec"]
        assert stand_in.answer(Request("GET", f"{path}/y")).status == 404


def test_a_deleted_mesh_takes_its_resources_along() -> None:
    stand_in = StandIn()
    have(stand_in, scoped.TLS, scoped.issue())
    stand_in.answer(Request("DELETE", "/meshes/default"))
    assert list(stand_in.inventory.documents) == []
    assert get(stand_in, "/meshes")["total"] == 0


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (
            scoped.PERMISSION.replace("'spiffe://default'", "'spiffe://default/'"),
            ["spec.rules[0].allow[0].spiffeID.value"],
        ),
        (scoped.TLS.replace("Strict", "STRICT"), ["spec.rules[0].default.mode"]),
        (
            scoped.TLS.replace("spec: {", "spec: {targetRef: {kind: Dataplane}, ").replace(
                "mode: Strict", "tlsVersion: {min: TLS12}"
            ),
            ["spec.rules[0].default.tlsVersion"],
        ),
        (scoped.TLS.replace("rules:", "from: [{default: {}}], rules:"), ["spec.from[0].targetRef"]),
    ],
)
def test_policies_are_checked(text: str, fields: list[str]) -> None:
    document = YAML(typ="safe").load(text)
    path = scoped.path(COLLECTIONS[document["type"]], document["name"])
    stand_in = StandIn()
    assert refused(put(stand_in, path, document))[2] == fields


def test_defaults_and_durations_are_kept_as_go_writes_them() -> None:
    stand_in = StandIn()
    have(stand_in, scoped.TLS.replace("mode: Strict", "tlsVersion: {min: TLS12}"))
    kept = get(stand_in, scoped.path("meshtlses", "tls"))
    assert kept["spec"]["rules"][0]["default"]["tlsVersion"] == {"min": "TLS12", "max": "TLSAuto"}
    assert "status" not in kept
    have(stand_in, scoped.issue(provider="{type: Spire, spire: {agent: {timeout: 90s}}}"))
    assert get(stand_in, ISSUE)["spec"]["provider"]["spire"]["agent"]["timeout"] == "1m30s"


# Anything at all

TEXTS = st.sampled_from(["Bundled", "Spire", "Extension", "Pem", "Strict", "Mesh", "Allow", "Exact", "1h", "x", ""])
LEAVES: st.SearchStrategy[Any] = (
    TEXTS | st.none() | st.booleans() | st.integers(0, 2) | st.just({}) | st.just([]) | st.just(scoped.CHAIN)
)


def shaped(*names: str, depth: int = 4) -> st.SearchStrategy[Any]:
    return st.recursive(
        LEAVES,
        lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from(names), below, max_size=3),
        max_leaves=2 * depth,
    )


SPECS: dict[ScopedKind, st.SearchStrategy[Any]] = {
    "MeshIdentity": st.fixed_dictionaries(
        {},
        optional={
            "selector": shaped("dataplane", "matchLabels"),
            "spiffeID": shaped("trustDomain", "path"),
            "provider": st.fixed_dictionaries(
                {"type": TEXTS},
                optional={
                    "bundled": shaped("ca", "certificate", "privateKey", "type", "autogenerate", "enabled", "nope"),
                    "spire": shaped("agent", "timeout"),
                    "extension": shaped("name", "config"),
                },
            ),
        },
    ),
    "MeshTrust": st.fixed_dictionaries(
        {"trustDomain": LEAVES, "caBundles": st.lists(shaped("type", "pem", "value"), max_size=2)}
    ),
    "MeshTLS": shaped("from", "rules", "default", "mode", "targetRef", "kind", "tlsVersion", "min"),
    "MeshTrafficPermission": shaped("from", "rules", "default", "allow", "spiffeID", "type", "value", "action"),
}


VALID: list[tuple[ScopedKind, Any]] = [
    (document["type"], document["spec"])
    for document in YAML(typ="safe").load_all(
        scoped.stream(
            scoped.TRUST,
            scoped.PERMISSION,
            scoped.TLS.replace("mode: Strict", "mode: Strict, tlsVersion: {min: TLS12}"),
            scoped.TLS.replace("rules: [", "targetRef: {kind: Mesh}, from: [").replace(
                "[{", "[{targetRef: {kind: Mesh}, "
            ),
            scoped.PUBLISH,
            scoped.issue(scoped.ALL, more=", spiffeID: {trustDomain: a.b, path: /x}"),
            scoped.issue(provider=bundled("ca", ", certificateParameters: {expiry: 24h}, meshTrustCreation: Disabled")),
            scoped.issue(provider="{type: Spire, spire: {agent: {timeout: 1s}}}"),
            scoped.issue(provider=config()),
        )
    )
]


@pytest.mark.parametrize(("kind", "spec"), VALID)
def test_what_is_valid_is_taken(kind: ScopedKind, spec: Any) -> None:
    document = {"type": kind, "mesh": "default", "name": "x", "spec": spec}
    assert put(StandIn(), scoped.path(COLLECTIONS[kind], "x"), document).status == 201


def list_places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, entry in entries for place in list_places(entry, (*path, key)))]


@st.composite
def changed(draw: st.DrawFn) -> tuple[ScopedKind, Any]:
    """A valid spec in which a few values were taken away or replaced."""
    kind, spec = draw(st.sampled_from(VALID))
    spec = copy.deepcopy(spec)
    for _ in range(draw(st.integers(0, 2))):
        *above, last = draw(st.sampled_from(list_places(spec)[1:] or [("x",)]))
        owner = spec
        for step in above:
            owner = owner[step]
        if draw(st.booleans()):
            owner[last] = draw(LEAVES)
        else:
            owner.pop(last, None) if isinstance(owner, dict) else owner.pop(last)
    return kind, spec


@given(changed() | st.sampled_from(SCOPED_KINDS).flatmap(lambda kind: st.tuples(st.just(kind), SPECS[kind])))
def test_what_is_taken_is_kept_and_apply_finds_no_problem_in_it(case: tuple[ScopedKind, Any]) -> None:
    kind, spec = case
    stand_in, path = StandIn(product="kuma"), scoped.path(COLLECTIONS[kind], "x")
    document = {"type": kind, "mesh": "default", "name": "x", "spec": spec}
    reply = put(stand_in, path, document)
    assert reply.status in (201, 400)
    if reply.status == 201:
        kept = get(stand_in, path)
        assert list_spec_problems(kind, spec) == []
        assert find_differences(document, kept) == []
        assert put(stand_in, path, {name: value for name, value in kept.items() if name != "status"}).status == 200
        assert get(stand_in, path)["spec"] == kept["spec"]


def identities() -> Iterator[dict[str, Any]]:
    for mode in ("zone", "global"):
        yield from accepted(f"kuma-2.14.3-identity-{mode}.jsonl")


@pytest.mark.parametrize("line", [*identities()])
def test_what_kuma_took_the_stand_in_takes_also_as_kong_mesh(line: dict[str, Any]) -> None:
    stand_in = StandIn()
    status = put(stand_in, line["path"], line["document"]).status
    # The documented validator of acmpca, which Kuma does not have.
    assert status == 400 if line["path"].endswith("/ext-1d") else status in (200, 201)


def test_a_hashed_name_has_at_most_253_characters() -> None:
    assert len(hash_name("m", "n" * 253)) == 253
