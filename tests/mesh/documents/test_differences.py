"""What counts as a difference, against what protobuf itself makes of a Mesh."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.control_plane import faulty
from tests.mesh.protobuf import round_trip
from toolkit.mesh.documents.differences import (
    are_same,
    find_differences,
    find_lost,
    find_unknown,
    show_digest,
    write_diff,
)

META = {"type": "Mesh", "name": "default"}
BACKEND = {"name": "acm", "type": "acmpca", "conf": {"arn": "x", "caCert": {"secret": "chain"}}}


def mesh(**sections: Any) -> dict[str, Any]:
    return {**META, **sections}


def kept(document: dict[str, Any]) -> dict[str, Any]:
    """What a control plane gives back."""
    return {**faulty.kept(document), "creationTime": "2026-01-01T00:00:00Z", "kri": "kri_m"}


ZEROS = mesh(
    mtls={
        "enabledBackend": "acm",
        "skipValidation": False,
        "backends": [
            {
                **BACKEND,
                "mode": "STRICT",
                "dpCert": {"rotation": {"expiration": "24h"}, "requestTimeout": "0.5s"},
                "rootChain": {"requestTimeout": "10.000s"},
                "conf": {
                    "zero": 0,
                    "empty": "",
                    "no": False,
                    "nothing": None,
                    "list": [],
                    "deep": {"a": [{}]},
                    "n": 24.0,
                },
            }
        ],
    },
    logging={"defaultBackend": "", "backends": []},
    tracing={"backends": [{"name": "z", "type": "zipkin", "sampling": 0, "conf": {"url": "http://z:1"}}]},
    metrics={
        "enabledBackend": "p",
        "backends": [
            {"name": "p", "type": "prometheus"},
            {"name": "q", "type": "prometheus", "conf": {"port": 1, "skipMTLS": True, "path": ""}},
            {"name": "r", "type": "prometheus", "conf": {"tls": {"mode": "activeMTLSBackend"}, "tags": {"a": ""}}},
        ],
    },
    networking={"outbound": {"passthrough": False}},
    routing={"zoneEgress": False, "localityAwareLoadBalancing": True},
    constraints={"dataplaneProxy": {"requirements": [{"tags": {"kuma.io/zone": ""}}, {}], "restrictions": []}},
    skipCreatingInitialPolicies=["*"],
    meshServices={"mode": "Disabled"},
    labels={"team": "mesh"},
)


def test_what_the_control_plane_leaves_out_is_no_difference() -> None:
    back = kept(ZEROS)
    text = json.dumps(back)
    for left_out in ("STRICT", "skipValidation", "zoneEgress", "Disabled", "defaultBackend", "activeMTLSBackend"):
        assert left_out not in text
    assert '"0.500s"' in text
    assert '"passthrough": false' in text
    assert '"sampling": 0' in text
    assert find_differences(ZEROS, back) == []
    assert find_differences({**back, "labels": ZEROS["labels"]}, ZEROS) == []
    assert are_same(back, back)
    assert not are_same(ZEROS, None)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("mtls", "backends", 0, "mode"), "PERMISSIVE", "mtls.backends[0].mode: has another value"),
        (("mtls", "backends", 0, "conf", "zero"), False, "mtls.backends[0].conf.zero: has another value"),
        (("mtls", "backends", 0, "conf", "nothing"), 0, "mtls.backends[0].conf.nothing: has another value"),
        (("mtls", "backends", 0, "conf", "new"), None, "mtls.backends[0].conf.new: is not on"),
        (("mtls", "backends", 0, "conf", "deep"), {}, "mtls.backends[0].conf.deep.a: is only on the control plane"),
        (("mtls", "backends", 0, "dpCert", "requestTimeout"), "0.6s", "requestTimeout: has another value"),
        (("mtls", "backends", 0, "rootChain"), {"requestTimeout": "0s"}, "rootChain.requestTimeout: has another value"),
        (("networking", "outbound", "passthrough"), True, "networking.outbound.passthrough: has another value"),
        (("networking",), {}, "networking: is only on the control plane"),
        (("tracing", "backends", 0, "sampling"), None, "tracing.backends[0].sampling: is only on the control plane"),
        (("tracing", "backends", 0, "sampling"), 0.5, "tracing.backends[0].sampling: has another value"),
        (("metrics", "backends", 1, "conf", "port"), 0, "metrics.backends[1].conf.port: has another value"),
        (("metrics", "backends", 1, "conf", "skipMTLS"), False, "metrics.backends[1].conf.skipMTLS: has another"),
        (("metrics", "backends"), [], "metrics.backends: is only on the control plane"),
        (("meshServices", "mode"), 3, "meshServices: is not on the control plane"),
        (("constraints", "dataplaneProxy", "requirements"), [{}], "requirements: has another value"),
        (("labels",), {}, "labels: is only on the control plane"),
        (("labels", "kuma.io/origin"), "zone", "labels.kuma.io/origin: is not on"),
        (("skipCreatingInitialPolicies",), [""], "skipCreatingInitialPolicies[0]: has another value"),
    ],
)
def test_a_change_is_a_difference(path: tuple[Any, ...], value: object, said: str) -> None:
    changed = json.loads(json.dumps(ZEROS))
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert any(said in found for found in find_differences(changed, kept(ZEROS))), find_differences(
        changed, kept(ZEROS)
    )
    assert write_diff(changed, kept(ZEROS), "mesh.yaml")


def test_the_control_planes_own_labels_count_when_they_are_named() -> None:
    assert are_same(mesh(), {**META, "labels": {"kuma.io/origin": "global", "k8s.kuma.io/x": "y"}})
    assert not are_same(mesh(), {**META, "labels": {"team": "mesh"}})
    assert are_same(mesh(labels={"kuma.io/origin": "global"}), {**META, "labels": {"kuma.io/origin": "global"}})
    assert not are_same(mesh(labels={"kuma.io/origin": "zone"}), {**META, "labels": {"kuma.io/origin": "global"}})


def test_enums_may_be_numbers_and_numbers_doubles() -> None:
    document = mesh(
        mtls={"backends": [{**BACKEND, "mode": 1, "conf": {"big": 12345678901234567890}}]},
        meshServices={"mode": 3},
        tracing={"backends": [{"name": "z", "sampling": "12.5"}]},
    )
    back = kept(document)
    assert back["mtls"]["backends"][0]["mode"] == "PERMISSIVE"
    assert back["tracing"]["backends"][0]["sampling"] == 12.5
    assert are_same(document, back)


def test_secrets_are_compared_by_their_value() -> None:
    secret = {"type": "Secret", "mesh": "default", "name": "x", "data": base64.b64encode(b"\xff value").decode()}
    assert are_same(secret, kept(secret))
    assert are_same({**secret, "data": secret["data"][:4] + "\n" + secret["data"][4:]}, kept(secret))
    assert find_differences(secret, {**secret, "data": "YQ=="}) == ["data: has another value on the control plane"]


# Property: what protobuf makes of a Mesh is that Mesh, and nothing else is.

NAMES = st.sampled_from(["a", "b", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", 0.5, 2.0]),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(NAMES, children, max_size=2),
    max_leaves=4,
)
CONF = st.dictionaries(NAMES, VALUES, max_size=2)
SECONDS = st.sampled_from(["0s", "0.5s", "0.500s", "10s", "0.000001s", "-1s", "3600.25s"])
TAGS = st.dictionaries(NAMES, NAMES, max_size=2)


def message(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def backends(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(message(name=NAMES, type=st.sampled_from(["builtin", "zipkin", ""]), **fields), max_size=2)


MESHES = message(
    mtls=message(
        enabledBackend=NAMES,
        skipValidation=st.booleans(),
        backends=backends(
            conf=CONF,
            mode=st.sampled_from(["STRICT", "PERMISSIVE", 0, 1]),
            dpCert=message(rotation=message(expiration=NAMES), requestTimeout=SECONDS),
            rootChain=message(requestTimeout=SECONDS),
        ),
    ),
    tracing=message(defaultBackend=NAMES, backends=backends(conf=CONF, sampling=st.sampled_from([0, 0.5, 80, None]))),
    logging=message(defaultBackend=NAMES, backends=backends(conf=CONF, format=NAMES)),
    metrics=message(enabledBackend=NAMES, backends=backends(conf=CONF)),
    networking=message(outbound=message(passthrough=st.sampled_from([True, False, None]))),
    routing=message(zoneEgress=st.booleans(), localityAwareLoadBalancing=st.booleans()),
    constraints=message(dataplaneProxy=message(requirements=st.lists(message(tags=TAGS), max_size=2))),
    skipCreatingInitialPolicies=st.lists(NAMES, max_size=2),
    meshServices=message(mode=st.sampled_from(["Disabled", "Exclusive", 0, 1])),
)


def meaning(value: Any, path: tuple[str, ...] = ()) -> Any:
    """A message without empty messages in it: nothing in Kuma asks whether one is there."""
    if isinstance(value, list):
        return [meaning(entry, path) for entry in value]
    if not isinstance(value, dict) or path[-1:] in (("conf",), ("tags",)):
        return value
    entries = {name: meaning(entry, (*path, name)) for name, entry in value.items()}
    return {name: entry for name, entry in entries.items() if entry != {}}


@given(MESHES)
def test_what_protobuf_makes_of_a_mesh_is_that_mesh(spec: dict[str, Any]) -> None:
    assert find_differences({**META, **spec}, {**META, **round_trip(spec)}) == []
    assert write_diff({**META, **spec}, {**META, **round_trip(spec)}, "x") == []


@given(MESHES, MESHES)
def test_two_meshes_are_the_same_when_protobuf_makes_the_same_of_them(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    is_same = json.dumps(meaning(round_trip(one)), sort_keys=True) == json.dumps(
        meaning(round_trip(other)), sort_keys=True
    )
    assert are_same({**META, **one}, {**META, **round_trip(other)}) == is_same


@settings(max_examples=30)
@given(st.dictionaries(st.text(), st.recursive(VALUES | st.text(), lambda c: st.dictionaries(st.text(), c))))
def test_any_mesh_can_be_shown(spec: dict[str, Any]) -> None:
    lines = write_diff({**META, **spec}, {**spec, **META}, "mesh.yaml") + write_diff(
        {**META, **spec}, None, "mesh.yaml"
    )
    assert all(line.isprintable() for line in lines)


# What is shown


def test_the_diff_reads_as_yaml() -> None:
    before = mesh(mtls={"enabledBackend": "acm", "backends": [{**BACKEND, "mode": "PERMISSIVE"}]}, metrics={"a": 1})
    after = mesh(mtls={"enabledBackend": "acm", "backends": [{**BACKEND, "mode": "STRICT"}]})
    assert write_diff(after, before, "mesh.yaml") == [
        "--- control plane",
        "+++ mesh.yaml",
        "@@ -1,13 +1,11 @@",
        " type: Mesh",
        " name: default",
        "-metrics:",
        "-  a: 1",
        " mtls:",
        "   enabledBackend: acm",
        "   backends:",
        "     - type: acmpca",
        "       name: acm",
        "-      mode: PERMISSIVE",
        "+      mode: STRICT",
        "       conf:",
        "         arn: x",
        "         caCert:",
    ]


def test_secret_values_are_never_shown() -> None:
    value, inline = b"a value that nobody may see", base64.b64encode(b"a key inside the mesh").decode()
    secret = {"type": "Secret", "mesh": "m", "name": "x", "data": base64.b64encode(value).decode()}
    keys = {"key": {"inline": inline}, "token": {"inlineString": "hunter2"}, "odd": {"inline": "hunter3 is no base64!"}}
    document = mesh(mtls={"backends": [{"name": "v", "type": "vault", "conf": {"deep": [keys]}}]})
    lines = (
        write_diff(secret, {**secret, "data": "YQ=="}, "s")
        + write_diff(secret, None, "s")
        + write_diff(document, None, "m")
    )
    text = "\n".join(lines)
    for hidden in (secret["data"], value.decode(), inline, "a key", "hunter", "YQ=="):
        assert hidden not in text
    assert "-data: (1 bytes, SHA-256 ca978112ca1b)" in text
    assert f"+data: ({show_digest(value)})" in text
    assert "inline: (21 bytes, SHA-256 " in text
    assert "inlineString: (7 bytes, SHA-256 " in text


def test_what_is_lost_is_named() -> None:
    before = mesh(
        mtls={"enabledBackend": "old", "backends": [{"name": "old", "type": "builtin"}, BACKEND]},
        metrics={"backends": [{"name": "p", "type": "prometheus"}]},
        skipCreatingInitialPolicies=["*"],
        routing={"zoneEgress": True},
        labels={"team": "x", "kuma.io/origin": "global"},
    )
    after = mesh(mtls={"enabledBackend": "acm", "backends": [BACKEND]}, routing={"zoneEgress": False})
    assert sorted(find_lost(after, before)) == ["labels", "metrics", "mtls backend old", "routing"]
    assert find_lost(before, before) == find_lost(before, kept(before)) == find_lost(after, None) == []
    assert find_lost({"type": "Secret", "data": "YQ=="}, {"type": "Secret", "data": "YQ==", "labels": {"a": "b"}}) == []


@pytest.mark.parametrize(
    "conf",
    [
        {"auth": {"awsCredentials": {"accessKey": "canary"}}},
        {"auth": {"awsCredentials": {"accessKey": {"value": "canary"}}}},
        {"auth": {"awsCredentials": {"accessKeySecret": {"inlineString": "canary"}}}},
        {"fromCp": {"auth": {"token": {"inline": "Y2FuYXJ5"}}}},
        {"fromCp": {"auth": {"tls": {"clientKey": ["canary", {"a": "canary"}]}}}},
        {"key": {"inlineString": "canary", "secret": "name"}},
    ],
)
def test_nothing_confidential_is_shown(conf: dict[str, Any]) -> None:
    backend = {"name": "a", "type": "x", "conf": conf}
    text = "\n".join(write_diff({**META, "mtls": {"backends": [backend]}}, META, "mesh.yaml"))
    assert "canary" not in text
    assert "Y2FuYXJ5" not in text
    assert ("secret: name" in text) is ("secret" in conf.get("key", {}))


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    # As Go 1.26's time.ParseDuration reads them; None where it refuses.
    [
        ("1m", 60 * 10**9),
        ("1h30m", 5400 * 10**9),
        ("+1m", 60 * 10**9),
        ("-1.5h", -5400 * 10**9),
        (".5s", 5 * 10**8),
        ("1.s", 10**9),
        ("1us", 1000),
        ("1µs", 1000),
        ("1μs", 1000),
        ("0", 0),
        ("-0", 0),
        ("0.0000000001s", 0),
        ("1.0000000000000000000000001s", 10**9),
        ("9223372036854775807ns", 2**63 - 1),
        ("1", None),
        ("s", None),
        ("1 s", None),
        ("1e3s", None),
        ("1d", None),
        ("100000000h", None),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, nanoseconds: int | None) -> None:
    def with_timeout(timeout: str) -> dict[str, Any]:
        return mesh(mtls={"backends": [{**BACKEND, "rootChain": {"requestTimeout": timeout}}]})

    back = with_timeout(text if nanoseconds is None else f"{nanoseconds}ns")
    assert find_differences(with_timeout(text), back) == []
    for another in ("3s", "61s", "0.000001001s"):
        assert find_differences(with_timeout(another), back) != []


@pytest.mark.parametrize(
    ("conf", "back"),
    # kumahq/kuma:pkg/core/resources/apis/mesh/mesh_defaulter.go
    [
        ({}, {"tls": {}}),
        ({"skipMTLS": True}, {"skipMTLS": True, "tls": {"mode": "disabled"}}),
        ({"skipMTLS": False}, {"skipMTLS": False, "tls": {}}),
        ({"tls": {"mode": 2}}, {"tls": {"mode": "disabled"}}),
        ({"tls": {"mode": "providedTLS"}}, {"tls": {"mode": "providedTLS"}}),
        ({"port": "1234"}, {"port": 1234, "tls": {}}),
        (
            {"aggregate": [{"name": "a", "port": 1, "enabled": False}]},
            {"aggregate": [{"name": "a", "port": 1.0, "enabled": False}]},
        ),
    ],
)
def test_the_defaults_of_prometheus_are_no_difference(conf: dict[str, Any], back: dict[str, Any]) -> None:
    def with_conf(conf: dict[str, Any]) -> dict[str, Any]:
        return mesh(metrics={"backends": [{"name": "p", "type": "prometheus", "conf": conf}]})

    kept_conf = {"port": 5670, "path": "/metrics", "tags": {"kuma.io/service": "dataplane-metrics"}, **back}
    assert find_differences(with_conf(conf), with_conf(kept_conf)) == []
    assert find_differences(with_conf(conf), with_conf({**kept_conf, "port": 1})) != []


def test_fields_that_kuma_drops_are_named_by_path() -> None:
    document = mesh(
        mtls={"backnds": [{"name": "x"}]},
        metrics={"backends": [{"name": "p", "type": "prometheus", "conf": {"tls": {"enabled": True}}}]},
        constraints={"dataplaneProxy": {"requirements": [{"tags": {"a": "b"}, "tag": 1}]}},
        newer={"a": 1},
    )
    dropped = [
        "mtls.backnds",
        "metrics.backends[0].conf.tls.enabled",
        "constraints.dataplaneProxy.requirements[0].tag",
        "newer",
    ]
    assert find_unknown(document, None) == find_unknown(document, kept(document)) == dropped
    assert find_differences(document, kept(document)) == []
    assert len(find_differences(document, kept(document), heed_unknown=True)) == 4
    # A control plane that has it knows it.
    assert find_unknown(document, {**kept(document), "newer": {"a": 2}}) == dropped[:-1]
    assert find_differences(document, {**kept(document), "newer": {"a": 2}}) == [
        "newer.a: has another value on the control plane"
    ]
    assert find_differences(mesh(), mesh(newer={"a": 2})) == ["newer: is only on the control plane"]


# Resources of one mesh


def scoped(kind: str, **spec: Any) -> dict[str, Any]:
    return {"type": kind, "mesh": "default", "name": "x", "spec": spec}


@pytest.mark.parametrize(
    ("wanted", "current"),
    [
        (
            {"provider": {"type": "Spire", "spire": {"agent": {"timeout": "90s"}}}},
            {"provider": {"type": "Spire", "spire": {"agent": {"timeout": "1m30s"}}}},
        ),
        ({"selector": {"nope": 1}, "spiffeID": None}, {"selector": {}}),
    ],
)
def test_the_same_meshidentity_in_two_spellings(wanted: dict[str, Any], current: dict[str, Any]) -> None:
    there = {**scoped("MeshIdentity", **current), "status": {"conditions": []}, "labels": {"kuma.io/zone": "z1"}}
    assert are_same(scoped("MeshIdentity", **wanted), there)
    assert write_diff(scoped("MeshIdentity", **wanted), there, "x") == []


def test_the_defaults_of_tls_versions_are_no_difference() -> None:
    wanted = scoped("MeshTLS", rules=[{"default": {"mode": "Strict", "tlsVersion": {"min": "TLS12"}}}])
    kept = scoped("MeshTLS", rules=[{"default": {"mode": "Strict", "tlsVersion": {"min": "TLS12", "max": "TLSAuto"}}}])
    assert are_same(wanted, kept)
    assert not are_same(kept, scoped("MeshTLS", rules=[{"default": {"mode": "Permissive"}}]))


@pytest.mark.parametrize(
    ("wanted", "current"),
    [
        # No proxy, all proxies.
        ({"selector": {}}, {"selector": {"dataplane": {"matchLabels": {}}}}),
        ({"selector": {"dataplane": {}}}, {"selector": {}}),
        ({}, {"spiffeID": {"trustDomain": ""}}),
        ({"provider": {"type": "Bundled", "bundled": {}}}, {"provider": {"type": "Bundled"}}),
    ],
)
def test_empty_values_of_a_meshidentity_count(wanted: dict[str, Any], current: dict[str, Any]) -> None:
    for one, other in ((wanted, current), (current, wanted)):
        assert find_differences(scoped("MeshIdentity", **one), scoped("MeshIdentity", **other))


def test_a_private_key_and_long_certificates_are_shown_as_digests() -> None:
    key = {"type": "InsecureInline", "insecureInline": {"value": "-----BEGIN PRIVATE KEY-----"}}
    identity = scoped("MeshIdentity", provider={"type": "Bundled", "bundled": {"ca": {"privateKey": key}}})
    trust = scoped("MeshTrust", trustDomain="a.b", caBundles=[{"type": "Pem", "pem": {"value": "-----BEGIN C"}}])
    lines = [*write_diff(identity, None, "x"), *write_diff(trust, None, "x")]
    assert "BEGIN" not in "".join(lines)
    assert sum("bytes, SHA-256" in line for line in lines) == 2


def test_a_credential_in_the_configuration_of_an_extension_is_shown_as_a_digest() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    config = {"arn": "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/1", "secretAccessKey": secret}
    provider = {"type": "Extension", "extension": {"name": "acmpca", "config": config}}
    text = "\n".join(write_diff(scoped("MeshIdentity", provider=provider), None, "x"))
    assert secret not in text
    assert config["arn"] in text
    assert "secretAccessKey: (30 bytes, SHA-256 " in text
