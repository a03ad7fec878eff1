"""What an operator reads around each stage, and whether the proxies are ready for a step."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.mesh.rotate.identity_move import STAGES
from toolkit.mesh.rotate.instructions import Names, Words, describe_stages, find_missing
from toolkit.mesh.schema.mesh import Form

FORMS = get_args(Form)


def words(form: Form) -> dict[str, Words]:
    names = Names(
        mesh="default",
        form=form,
        namespace="kuma-system",
        zones=("zone-1", "zone-2"),
        issuer="issue",
        publisher="publish-issue",
        old_trust="default-mtls",
        trusts=("issue-zone-1", "issue-zone-2"),
    )
    return describe_stages(names)


@pytest.mark.parametrize("form", FORMS)
def test_each_stage_has_words(form: Form) -> None:
    found = words(form)
    assert tuple(found) == STAGES
    assert all(each.title and each.wait and each.back for each in found.values())


@pytest.mark.parametrize(("stage", "name"), [("publish", "publish-issue"), ("trust", "issue")])
def test_conditions_are_asked_of_zones_by_the_name_on_the_global_control_plane(stage: str, name: str) -> None:
    on_kubernetes, on_universal = ("\n".join(words(form)[stage].wait) for form in ("kubernetes", "universal"))
    label = f"kuma.io/display-name={name}"
    assert "on each zone control plane (zone-1, zone-2)" in on_kubernetes
    assert f"kubectl get meshidentities -n kuma-system -l {label} -o yaml" in on_kubernetes
    assert f"GET /meshes/default/meshidentities, label {label}" in on_universal
    assert "kubectl" not in on_universal


def test_the_conditions() -> None:
    found = words("universal")
    assert "SpiffeIDProvider is True; Ready stays False, reason PartiallyReady" in found["publish"].wait[0]
    assert "Ready is True" in found["trust"].wait[0]


@pytest.mark.parametrize(
    ("form", "command"),
    [
        ("kubernetes", "kubectl delete {kind} {name} -n kuma-system"),
        ("universal", "kumactl delete {kind} {name} --mesh default"),
    ],
)
def test_the_way_back_of_stage_3_trusts_the_old_cas_to_the_end(form: Form, command: str) -> None:
    resources = [("meshidentity", "issue"), ("meshtrust", "issue-zone-1"), ("meshtrust", "issue-zone-2")]
    resources.append(("meshtrust", "default-mtls"))
    back = words(form)["trust"].back
    places = [back.index(command.format(kind=kind, name=name)) for kind, name in resources]
    assert places == sorted(places)
    # Deleting a MeshIdentity leaves the MeshTrust that a zone control plane made of it.
    assert "the MeshTrusts that zone control planes created remain: delete them in their zones too" in back


def test_the_publisher_goes_after_the_switch_and_the_old_trust_at_the_end() -> None:
    found = words("universal")
    assert "then kumactl delete meshidentity publish-issue --mesh default" in found["switch"].wait
    (delete,) = (line for line in found["finish"].wait if "default-mtls" in line)
    assert delete.startswith("then kumactl delete meshtrust default-mtls")
    assert "no way back" in found["finish"].back
    assert "plaintext" in found["finish"].back


def test_stage_5_is_not_for_consumers_by_tags() -> None:
    assert any("kuma.io/service" in line for line in words("universal")["finish"].first)
    assert any("backendRef" in line for line in words("universal")["prepare"].first)


def insight(supported: dict[str, int], issued: dict[str, int], online: int = 3) -> dict[str, Any]:
    def counts(of: dict[str, int]) -> dict[str, Any]:
        # As protobuf writes them: no zeros.
        return {name: {"total": 3, **({"online": count} if count else {})} for name, count in of.items()}

    mtls = {"supportedBackends": counts(supported), "issuedBackends": counts(issued)}
    return {"dataplanes": {"total": 5, "online": online, "offline": 2}, "mTLS": mtls}


@pytest.mark.parametrize(
    ("step", "supported", "issued", "words"),
    [
        ("add", {}, {}, ""),
        ("switch", {"old": 3}, {"old": 3}, "0 of 3 proxies that are online trust acmpca"),
        ("switch", {"old": 3, "acmpca": 2}, {"old": 3}, "2 of 3 proxies that are online trust acmpca"),
        ("switch", {"old": 3, "acmpca": 3}, {"old": 3}, ""),
        (
            "remove",
            {"old": 3, "acmpca": 3},
            {"old": 1, "acmpca": 2},
            "2 of 3 proxies that are online have a certificate",
        ),
        (
            "remove",
            {"old": 3, "acmpca": 3},
            {"old": 1, "acmpca": 3},
            "3 of 3 proxies that are online have a certificate",
        ),
        ("remove", {"old": 3, "acmpca": 3}, {"old": 0, "acmpca": 3}, ""),
        ("remove", {"old": 3, "acmpca": 3}, {"acmpca": 3}, ""),
    ],
)
def test_a_step_waits_for_every_proxy(step: str, supported: dict[str, int], issued: dict[str, int], words: str) -> None:
    assert find_missing(step, "old", "acmpca", insight(supported, issued)).startswith(words)
    assert bool(find_missing(step, "old", "acmpca", insight(supported, issued))) == bool(words)


def test_a_mesh_without_proxies_is_ready() -> None:
    assert not find_missing("switch", "old", "acmpca", {"type": "MeshInsight", "name": "default"})
    assert not find_missing("remove", "old", "acmpca", {"dataplanes": {}})


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["dataplanes", "online", "mTLS"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["dataplanes", "mTLS"]), json), st.sampled_from(["add", "switch", "remove"]))
def test_any_answer_is_judged(answer: dict[str, Any], step: str) -> None:
    assert isinstance(find_missing(step, "old", "acmpca", answer), str)
