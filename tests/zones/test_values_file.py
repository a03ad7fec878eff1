"""A zone's values are written into existing values files."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.yamltext.yaml_writing import Written, any_text, keys, load_stream, scalars, streams, values
from tests.zones.test_rendering import ADDRESS, IDENTITIES, VERSIONS, addresses, read_yaml, zone
from tests.zones.zone_values import REALISTIC
from toolkit.errors import InvalidInputError
from toolkit.zones import rendering, values_file

if TYPE_CHECKING:
    from toolkit.contract import Zone
    from toolkit.yamltext.nodes import Path as Keys

BASE = """\
# Frankfurt
global:
  image: {registry: registry.example.com}   # ours

kuma:
    ingress:
        enabled: true
    controlPlane:   # the zone's
        replicas: 2 # two
        zone: zone-1
        envVars:
            KUMA_LOG: 'debug'

        # annotations come here
        serviceAccountAnnotations: {}
    dataPlane: {}
# the end"""


def test_everything_else_in_a_base_stays() -> None:
    merged = values_file.merge(BASE, "values.yaml", zone(), ADDRESS)
    assert merged.notes == []
    assert merged.text == BASE.replace(
        "            KUMA_LOG: 'debug'\n", "            KUMA_LOG: 'debug'\n            AWS_REGION: eu-central-1\n"
    ).replace(
        "        serviceAccountAnnotations: {}\n",
        "        serviceAccountAnnotations:\n"
        "          eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/zone-x-0a1b2c3\n"
        "        mode: zone\n"
        f"        kdsGlobalAddress: {ADDRESS}\n",
    )
    assert values_file.merge(merged.text, "values.yaml", zone(), ADDRESS).text == merged.text
    assert values_file.merge(merged.text, "values.yaml", zone(), None) == (merged.text, [], [])


@pytest.mark.parametrize("text", ["", "# none yet\n", "---\n", "{}\n", "kuma:\n", "kuma: {controlPlane: {}}\n"])
def test_an_empty_base_is_filled(text: str) -> None:
    merged = values_file.merge(text, "values.yaml", zone(), ADDRESS)
    assert load_stream(merged.text, "x") == [rendering.make_chart_values(zone(), ADDRESS)]
    assert all(line in merged.text for line in text.splitlines() if line.startswith("#"))


@pytest.mark.parametrize("name", ["on", "y", "no", "1", "null"])
@pytest.mark.parametrize("written", ["''", "'{name}'", '"{name}"', "&n '{name}'", "!!str {name}"])
def test_a_name_is_a_text_for_helm_too(name: str, written: str) -> None:
    base = f"kuma:\n  controlPlane:\n    zone: {written.format(name=name)} # ours\n    mode: zone\n"
    merged = values_file.merge(base, "values.yaml", zone(name), ADDRESS)
    for version in VERSIONS:
        assert read_yaml(merged.text, version)["kuma"]["controlPlane"]["zone"] == name
    assert merged.text.startswith("kuma:\n  controlPlane:\n    zone: ")
    assert " # ours\n" in merged.text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "kuma:\n  controlPlane:\n    zone: zone-2\n",
            "values.yaml:3:5 kuma.controlPlane.zone: is 'zone-2', not zone-1",
        ),
        ("kuma: {controlPlane: {mode: global}}\n", "values.yaml:1:23 kuma.controlPlane.mode: is global; a zone's"),
        (
            "kuma: {controlPlane: {envVars: {KUMA_MODE: global}}}\n",
            "values.yaml:1:33 kuma.controlPlane.envVars.KUMA_MODE",
        ),
        (
            "kuma:\n  controlPlane:\n    envVars:\n      KUMA_MULTIZONE_ZONE_NAME: zone-2\n",
            "values.yaml:4:7 kuma.controlPlane.envVars.KUMA_MULTIZONE_ZONE_NAME: is 'zone-2', and would override",
        ),
        (
            "kuma:\n  controlPlane:\n    envVars: {KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: 'grpcs://x:1'}\n",
            "values.yaml:3:15 kuma.controlPlane.envVars.KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: is 'grpcs://x:1'",
        ),
        ("kuma:\n  controlPlane:\n    zone: 1e3\n", "values.yaml:3:5 kuma.controlPlane.zone: is '1000.0', not zone-1"),
        ("kuma:\n  controlPlane:\n    zone: on\n", "values.yaml:3:5 kuma.controlPlane.zone: is 'True', not zone-1"),
        ("kuma: yes\n", "values.yaml:1:1 kuma: must be a mapping"),
        ("kuma:\n  controlPlane: []\n", "values.yaml:2:3 kuma.controlPlane: must be a mapping"),
        ("kuma:\n  controlPlane:\n    envVars: x\n", "values.yaml:3:5 kuma.controlPlane.envVars: must be a mapping"),
        ("kuma: {controlPlane: {mode: {a: b}}}\n", "values.yaml:1:23 kuma.controlPlane.mode: must be a text"),
        ("kuma:\n  controlPlane:\n    zone: []\n", "values.yaml:3:5 kuma.controlPlane.zone: must be a text"),
        (
            "kuma: {controlPlane: {envVars: {AWS_REGION: [x]}}}\n",
            "values.yaml:1:33 kuma.controlPlane.envVars.AWS_REGION",
        ),
        ("# c\n- a\n", "values.yaml:2:1: this is a list or a scalar, not a mapping"),
        ("0\n", "values.yaml:1:1: this is a list or a scalar, not a mapping"),
        (
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\n",
            "values.yaml:2:1 kind: this is a Kubernetes manifest",
        ),
        ("apiVersion: v1\nkind: List\n---\na: 1\n", "values.yaml:2:1 kind: this is a Kubernetes manifest"),
        ("apiVersion: v2\nname: a\nversion: 1.0.0\n", "values.yaml:1:1 apiVersion: this is a Chart.yaml"),
        (
            "type: Mesh\nname: default\nmtls: {}\n",
            "values.yaml:1:1 type: this is a resource of Kong Mesh in its Universal form",
        ),
        ("total: 0\nitems: []\n", "values.yaml:2:1 items: this is a list of resources from kumactl"),
        (
            '{"schemaVersion": 1}',
            "values.yaml:1:2 schemaVersion: this is a contract or a report of the toolkit",
        ),
        ("name: a\nruntime: python\n", "values.yaml:2:1 runtime: this is a Pulumi project"),
        ("name: a\nruntime:\n  name: python\n", "values.yaml:2:1 runtime: this is a Pulumi project"),
        ("config:\n  aws:region: a\n", "values.yaml:1:1 config: this is the configuration of a Pulumi stack"),
        ("[tool]\nname = 1\n", "values.yaml:2:1: expected '<document start>', but found '<scalar>'"),
        ("a: 1\n---\nb: 1\n", "values.yaml:3:1: a values file has only one document"),
        ("a: b: c\n", "values.yaml:1:5: mapping values are not allowed here"),
        (
            "kuma: &k\n  controlPlane: {zone: zone-1}\nb: *k\n",
            "values.yaml:2:3 kuma.controlPlane.mode can't be changed alone",
        ),
    ],
)
def test_a_base_that_does_not_fit_is_refused_by_its_place(text: str, problem: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        values_file.merge(text, "values.yaml", zone(), ADDRESS)
    said = [str(found) for found in caught.value.problems]
    assert any(found.replace(": kuma", " kuma").startswith(problem) for found in said), said


def test_everything_wrong_with_a_base_is_said_at_once() -> None:
    text = "kuma:\n  controlPlane:\n    zone: a\n    mode: global\n    envVars: {KUMA_MODE: global}\n---\n"
    with pytest.raises(InvalidInputError) as caught:
        values_file.merge(text, "values.yaml", zone(), None)
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("identity", ["pod-identity", "ambient"])
def test_a_role_that_comes_before_the_zones_own_is_warned_of(identity: str) -> None:
    text = "kuma:\n  controlPlane:\n    serviceAccountAnnotations:\n      eks.amazonaws.com/role-arn: arn:x\n"
    merged = values_file.merge(text, "values.yaml", zone(identity=identity), ADDRESS)
    assert merged.text.startswith(text)
    (warning,) = merged.notes
    assert warning.startswith(
        "values.yaml:4:7 kuma.controlPlane.serviceAccountAnnotations.eks.amazonaws.com/role-arn: "
    )
    assert identity in warning
    assert values_file.merge(text, "values.yaml", zone(), ADDRESS).notes == []


def test_variables_that_come_before_the_role_are_warned_of_without_their_values() -> None:
    text = "kuma: {controlPlane: {envVars: {AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE, AWS_ROLE_ARN: x}}}\n"
    merged = values_file.merge(text, "values.yaml", zone(), ADDRESS)
    assert [warning.split(":")[2].split()[0] for warning in merged.notes] == ["33", "74"]
    assert "AKIA" not in "".join(merged.notes)


def test_such_variables_are_found_wherever_the_chart_takes_them_from() -> None:
    text = (
        "kuma:\n  controlPlane:\n"
        "    secrets:\n      key: {Env: AWS_ACCESS_KEY_ID, Secret: s, Key: k}\n      other: {Env: X, Secret: s}\n"
        "    envVarEntries:\n      - name: NODE\n      - name: AWS_WEB_IDENTITY_TOKEN_FILE\n        value: /token\n"
    )
    merged = values_file.merge(text, "values.yaml", zone(), ADDRESS)
    assert [": ".join(warning.split(": ")[:2]) for warning in merged.notes] == [
        "values.yaml:4:13 kuma.controlPlane.secrets.key.Env: AWS_ACCESS_KEY_ID",
        "values.yaml:8:9 kuma.controlPlane.envVarEntries[1].name: AWS_WEB_IDENTITY_TOKEN_FILE",
    ]
    listed = text.replace("      key: {", "      - {").replace("      other: {", "      - {")
    assert "secrets[0].Env" in values_file.merge(listed, "values.yaml", zone(), ADDRESS).notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\n",
        "kind: Application\n",
        "kind: {of: zone}\napiVersion: v1\n",
        "apiVersion: v2\nname: a\nversion: 1.5\n",
        "name: a\nversion: 1.0.0\n",
        "extra:\n  apiVersion: argoproj.io/v1alpha1\n  kind: Application\n",
    ],
)
def test_keys_that_a_chart_may_have_are_not_refused(text: str) -> None:
    merged = values_file.merge(text, "v.yaml", zone(), ADDRESS)
    assert merged.text.startswith(text)
    assert merged.notes == []


@pytest.mark.parametrize("identity", IDENTITIES)
def test_realistic_values_are_accepted_without_a_warning(identity: str) -> None:
    chosen = zone(identity=identity)
    merged = values_file.merge(REALISTIC, "v.yaml", chosen, ADDRESS)
    assert merged.notes == []
    assert values_file.merge(merged.text, "v.yaml", chosen, ADDRESS) == (merged.text, [], [])
    lines = merged.text.splitlines()
    assert [line for line in lines if line in REALISTIC.splitlines()] == REALISTIC.splitlines()


def test_values_of_kumas_own_chart_are_warned_of_in_the_order_of_the_file() -> None:
    text = "egress: {}\ncontrolPlane: {zone: zone-1}\ncni:\nkuma: {cni: {}}\ndataPlane: {}\n"
    assert values_file.merge(text, "v.yaml", zone(), ADDRESS).notes == [
        f"v.yaml:{place}: Kong Mesh's chart does not read this key of open-source Kuma: move it to kuma.{key}"
        for place, key in (
            ("1:1 egress", "egress"),
            ("2:1 controlPlane", "controlPlane"),
            ("5:1 dataPlane", "dataPlane"),
        )
    ]


def test_a_release_of_another_name_runs_as_another_service_account() -> None:
    text = "kuma: {nameOverride: mesh-}\n"
    (warning,) = values_file.merge(text, "values.yaml", zone(), ADDRESS).notes
    assert "the release chart's is kong-mesh-system/mesh-control-plane" in warning
    own = zone(serviceAccount="mesh-control-plane", namespace="mesh")
    assert values_file.merge(text, "values.yaml", own, ADDRESS, "mesh").notes == []


def test_what_was_replaced_is_said_and_what_was_not_there_is_not() -> None:
    text = (
        "kuma:\n  controlPlane:\n    mode: standalone\n    zone: ''\n    kdsGlobalAddress: grpcs://old:1\n"
        "    envVars: {AWS_REGION: us-east-1}\n"
        "    serviceAccountAnnotations:\n      eks.amazonaws.com/role-arn: arn:old\n"
    )
    annotation = "kuma.controlPlane.serviceAccountAnnotations.eks.amazonaws.com/role-arn"
    merged = values_file.merge(text, "values.yaml", zone(), ADDRESS)
    assert merged.changes == [
        "zone zone-1: values.yaml:3:5 kuma.controlPlane.mode: 'standalone' -> 'zone'",
        f"zone zone-1: values.yaml:5:5 kuma.controlPlane.kdsGlobalAddress: 'grpcs://old:1' -> '{ADDRESS}'",
        "zone zone-1: values.yaml:6:15 kuma.controlPlane.envVars.AWS_REGION: 'us-east-1' -> 'eu-central-1'",
        f"zone zone-1: values.yaml:8:7 {annotation}: 'arn:old' -> 'arn:aws:iam::123456789012:role/zone-x-0a1b2c3'",
    ]
    assert values_file.merge(merged.text, "values.yaml", zone(), ADDRESS).changes == []
    assert values_file.merge("a: 1\n", "values.yaml", zone(), ADDRESS).changes == []


def test_an_address_of_the_base_is_kept_or_replaced() -> None:
    for text in (
        "kuma:\n  controlPlane:\n    kdsGlobalAddress: grpcs://old:1\n",
        "kuma:\n  controlPlane:\n    envVars: {KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: 'grpcs://old:1'}\n",
    ):
        kept = values_file.merge(text, "values.yaml", zone(), None)
        assert "grpcs://old:1" in kept.text
        assert kept.notes == []
    text = "kuma:\n  controlPlane:\n    kdsGlobalAddress: grpcs://old:1 # c\n"
    assert f"    kdsGlobalAddress: {ADDRESS} # c\n" in values_file.merge(text, "values.yaml", zone(), ADDRESS).text
    (warning,) = values_file.merge("a: 1\n", "values.yaml", zone(), None).notes
    assert "--kds-address" in warning


VARIABLES = ["AWS_REGION", "A", "KUMA_MODE", "AWS_ROLE_ARN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"]
names = st.one_of(st.sampled_from(VARIABLES), scalars)
control_planes = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["zone", "zone", "global", "standalone", None, 1]),
        "zone": st.sampled_from(["zone-1", "on", "on", "1", 1, None, "", "other"]),
        "kdsGlobalAddress": st.sampled_from(["", None, "grpcs://old:1", ADDRESS, 5]),
        "envVars": st.one_of(
            st.none(),
            st.dictionaries(st.sampled_from(VARIABLES), scalars, max_size=3),
            values,
        ),
        "envVarEntries": st.one_of(
            values, st.lists(st.fixed_dictionaries({"name": names}, optional={"value": scalars}))
        ),
        "secrets": st.one_of(values, st.dictionaries(keys, st.fixed_dictionaries({"Env": names}), max_size=2)),
        "podAnnotations": st.dictionaries(keys, scalars, max_size=2),
        "serviceAccountAnnotations": st.one_of(st.none(), st.dictionaries(keys, scalars, max_size=2), values),
        "replicas": scalars,
        "tolerations": values,
    },
)
bases = streams(
    st.one_of(
        st.fixed_dictionaries(
            {"kuma": st.fixed_dictionaries({"controlPlane": control_planes}, optional={"ingress": values})},
            optional={
                "global": values,
                "a": values,
                "controlPlane": values,
                "kong-mesh": st.fixed_dictionaries({"kuma": st.dictionaries(keys, values, max_size=2)}),
                "kind": st.sampled_from(["Application", 1, None]),
                "apiVersion": st.sampled_from(["v1", "argoproj.io/v1alpha1", None]),
                "releases": values,
            },
        ),
        st.dictionaries(keys, values, max_size=3),
        values,
    ),
    most=1,
)


def leaves(document: dict[str, Any], path: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def with_values(document: Any, added: dict[str, Any]) -> Any:
    """What Helm makes of two values files, the second counting more."""
    document = copy.deepcopy(document) or {}
    for key, value in added.items():
        document[key] = with_values(document.get(key), value) if isinstance(value, dict) else value
    return document


@given(
    bases, st.builds(zone, name=st.sampled_from(["zone-1", "on", "1"]), identity=st.sampled_from(IDENTITIES)), addresses
)
def test_any_base_means_what_it_meant_and_the_zones_values(written: Written, chosen: Zone, address: str | None) -> None:
    try:
        merged = values_file.merge(written.text, "values.yaml", chosen, address)
    except InvalidInputError as error:
        assert error.exit_code == 2
        assert all(problem.path.startswith("values.yaml:") for problem in error.problems)
        return
    assert all(note.startswith(("values.yaml:", f"zone {chosen.name}: ")) for note in merged.notes)
    added = rendering.make_chart_values(chosen, address)
    assert load_stream(merged.text, "x") == [with_values(written.documents[0], added)]
    for version in VERSIONS:
        found = read_yaml(merged.text, version)
        for path, value in leaves(added):
            there = found
            for part in path:
                there = there[part]
            assert there == value
    assert values_file.merge(merged.text, "values.yaml", chosen, address).text == merged.text


@given(any_text, st.sampled_from(IDENTITIES))
@example("kuma: &k {controlPlane: *k}\n", "irsa")
@example("kuma: {controlPlane: &c {zone: &z zone-1, x: *z}, y: *c}\n", "irsa")
@example("? - []\n", "irsa")
def test_any_text_as_a_base_works_or_is_refused(text: str, identity: str) -> None:
    try:
        merged = values_file.merge(text, "values.yaml", zone(identity=identity), ADDRESS)
    except InvalidInputError as error:
        assert error.problems
        return
    assert values_file.merge(merged.text, "values.yaml", zone(identity=identity), ADDRESS).text == merged.text
