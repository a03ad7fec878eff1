"""From one CA to another."""

from __future__ import annotations

import base64
import difflib
import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh.golden_documents import CREDENTIALS, documented
from tests.support import AUTHORITY_ARN, contract, hierarchy
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.editable import read_editable
from toolkit.mesh.render.building import Choice, MeshOptions
from toolkit.mesh.render.templating import render_secrets
from toolkit.mesh.rotate import rotation
from toolkit.mesh.rotate.rotation import Move, Rotation
from toolkit.pki import pem
from toolkit.yamltext.scalars import write_scalar

OUTPUTS = contract(hierarchy())
BUILTIN = """\
type: Mesh
name: default
mtls:
  enabledBackend: ca-1   # since the beginning
  backends:
    # ours
    - name: ca-1
      type: builtin
routing: {}   # kept
"""
VAULT = documented()["vault-universal.yaml"]


def mtls(text: str) -> dict[str, Any]:
    (mesh,) = read_editable(text, "mesh.yaml")
    return mesh.mtls


def names(text: str) -> tuple[str, list[str]]:
    section = mtls(text)
    return section["enabledBackend"], [backend["name"] for backend in section["backends"]]


def plan(text: str, options: MeshOptions | None = None, **more: Any) -> Rotation:
    return rotation.plan_move_to_acmpca(Move(text, "mesh.yaml", **more), OUTPUTS, options or MeshOptions())


def plan_to(text: str, target: str, **more: Any) -> Rotation:
    (mesh,) = read_editable(target, "target.yaml")
    number = mesh.find_position(mesh.enabled_backend)
    assert number is not None
    return rotation.plan_move_to_backend(Move(text, "mesh.yaml", **more), mesh.backends[number])


def test_add_switch_remove() -> None:
    found = plan(BUILTIN)
    assert [step.name for step in found.steps] == ["add", "switch", "remove"]
    assert [names(step.text) for step in found.steps] == [
        ("ca-1", ["ca-1", "acmpca"]),
        ("acmpca", ["ca-1", "acmpca"]),
        ("acmpca", ["acmpca"]),
    ]
    assert [step.is_done for step in found.steps] == [False, False, False]
    assert (found.old, found.new, found.before) == ("ca-1", "acmpca", BUILTIN)
    for step in found.steps:
        assert "routing: {}   # kept\n" in step.text
        assert step.words.wait
        assert step.words.back


def test_each_step_changes_what_it_is_about() -> None:
    texts = [BUILTIN, *(step.text for step in plan(BUILTIN).steps)]

    def changed(number: int) -> list[str]:
        lines = difflib.unified_diff(texts[number - 1].splitlines(), texts[number].splitlines(), lineterm="", n=0)
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]

    assert all(line.startswith("+") for line in changed(1))
    assert changed(2) == [
        "-  enabledBackend: ca-1   # since the beginning",
        "+  enabledBackend: acmpca   # since the beginning",
    ]
    assert changed(3) == ["-    - name: ca-1", "-      type: builtin"]


@pytest.mark.parametrize("reached", [0, 1, 2])
def test_a_rotation_goes_on_where_it_stopped(reached: int) -> None:
    first = plan(BUILTIN)
    text = [first.before, *(step.text for step in first.steps)][reached]
    again = plan(text)
    assert [step.is_done for step in again.steps] == [number < reached for number in range(3)]
    assert [mtls(step.text) for step in again.steps] == [mtls(step.text) for step in first.steps]


@pytest.mark.parametrize("name", sorted(documented()))
def test_from_everything_that_kong_documents_and_back(name: str) -> None:
    for before in documented()[name].split("\n---\n"):
        (mesh,) = read_editable(before, name)
        if mesh.name not in OUTPUTS.meshes:
            continue
        there = plan(before, MeshOptions(backend_name="aws"))
        after = there.steps[-1].text
        back = plan_to(after, before)
        final = back.steps[-1].text
        kept = {backend["name"]: backend for backend in mtls(final)["backends"]}
        assert kept[mesh.enabled_backend] == next(
            backend for backend in mesh.backends if backend["name"] == mesh.enabled_backend
        )
        assert mtls(final)["enabledBackend"] == mesh.enabled_backend
        assert "aws" not in kept


@pytest.mark.parametrize("mode", ["permissive", "'STRICT '", "[STRICT]", "1"])
def test_a_mode_that_does_not_exist_is_named_in_the_mesh(mode: str) -> None:
    text = BUILTIN.replace("      type: builtin\n", f"      type: builtin\n      mode: {mode}\n")
    with pytest.raises(InvalidInputError) as caught:
        plan(text)
    (problem,) = caught.value.problems
    assert problem.path == "mesh.yaml:9:7 mtls.backends[0].mode"
    assert "it must be STRICT or PERMISSIVE" in problem.message
    assert "--mode" not in "\n".join(caught.value.lines())


def test_the_new_backend_takes_the_mode_of_the_old_one() -> None:
    permissive = BUILTIN.replace("      type: builtin\n", "      type: builtin\n      mode: PERMISSIVE\n")
    assert mtls(plan(permissive).steps[1].text)["backends"][1]["mode"] == "PERMISSIVE"
    assert mtls(plan(BUILTIN).steps[1].text)["backends"][1]["mode"] == "STRICT"
    with pytest.raises(InvalidInputError) as caught:
        plan(permissive, MeshOptions(mode="STRICT"))
    assert "mesh.yaml:9:7 mtls.backends[0].mode: is PERMISSIVE" in "\n".join(caught.value.lines())
    assert "plain traffic is accepted" in plan(BUILTIN, MeshOptions(mode="PERMISSIVE")).notes[0]
    # The way back to a STRICT backend stays permissive as well.
    assert mtls(plan_to(plan(permissive).steps[2].text, BUILTIN).steps[1].text)["backends"][1]["mode"] == "PERMISSIVE"


def test_both_with_one_name_would_break_traffic() -> None:
    other = plan(BUILTIN).steps[-1].text.replace(AUTHORITY_ARN, AUTHORITY_ARN.replace("1111", "2222"))
    with pytest.raises(InvalidInputError) as caught:
        plan(other)
    said = "\n".join(caught.value.lines())
    assert "is the name of both the backend that signs and the new one" in said
    assert "--backend-name acmpca-2" in said
    assert names(plan(other, MeshOptions(backend_name="acmpca-2")).steps[0].text) == ("acmpca", ["acmpca", "acmpca-2"])
    with pytest.raises(InvalidInputError, match="can't be changed"):
        plan_to(BUILTIN, BUILTIN.replace("type: builtin", "type: builtin\n      conf: {caCert: {expiration: 1y}}"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BUILTIN.replace("  enabledBackend: ca-1   # since the beginning\n", ""), "mTLS is off"),
        (BUILTIN.replace("enabledBackend: ca-1", "enabledBackend: ''"), "mTLS is off"),
        (BUILTIN.replace("enabledBackend: ca-1", "enabledBackend: ca-2"), "names ca-2, which is not among"),
    ],
)
def test_what_is_no_rotation(text: str, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        plan(text)
    assert words in "\n".join(caught.value.lines())


def test_a_third_backend_stays_trusted_and_can_be_left_by_name() -> None:
    three = (
        plan(BUILTIN)
        .steps[1]
        .text.replace(
            "    # ours\n",
            "    # ours\n    - {name: ca-0, type: provided, conf: {cert: {secret: a}, key: {secret: b}}}\n",
        )
    )
    with pytest.raises(InvalidInputError, match="Mesh default") as caught:
        plan(three)
    assert "to stop trusting one of ca-0, ca-1, name it with --from" in caught.value.problems[0].message
    found = plan(three, leave="ca-1")
    assert names(found.steps[-1].text) == ("acmpca", ["ca-0", "acmpca"])
    assert "ca-0 stays trusted too" in found.notes[-1]
    with pytest.raises(InvalidInputError) as caught:
        plan(three, leave="ca-9")
    assert "have none named ca-9" in caught.value.problems[0].message


def test_secrets_come_before_the_first_step() -> None:
    found = plan(BUILTIN, MeshOptions(ca_cert=Choice("secret"), credentials=CREDENTIALS))
    assert [secret.name for secret in found.secrets] == [
        "default-acmpca-ca-chain",
        "default-acmpca-access-key",
        "default-acmpca-access-key-secret",
    ]
    assert found.secrets_have_credentials
    assert not found.is_confidential
    back = plan_to(plan(BUILTIN).steps[-1].text, VAULT)
    assert "needs the Secrets sec-1, sec-2, token-1 before the first step" in back.notes[0]


def test_cert_manager_needs_kubernetes() -> None:
    with pytest.raises(InvalidInputError) as caught:
        plan_to(BUILTIN, documented()["certmanager.yaml"])
    assert "works on Kubernetes only" in caught.value.problems[0].message


PROVIDED = documented()["provided.yaml"].split("\n---\n")[0].replace("ca-1", "ca-2")


def test_open_source_kuma_goes_through_plain_traffic() -> None:
    found = plan_to(BUILTIN, PROVIDED, product="kuma")
    assert [step.name for step in found.steps] == ["permissive", "off", "on", "strict"]
    sections = [mtls(step.text) for step in found.steps]
    assert all(len(section["backends"]) == 1 for section in sections)
    assert [(section["enabledBackend"], section["backends"][0]["name"]) for section in sections] == [
        ("ca-1", "ca-1"),
        ("", "ca-1"),
        ("ca-2", "ca-2"),
        ("ca-2", "ca-2"),
    ]
    assert [section["backends"][0]["mode"] for section in sections] == ["PERMISSIVE"] * 3 + ["STRICT"]
    assert any("neither encrypted nor authenticated" in note for note in found.notes)
    # Nobody may change the enabled backend while mTLS is on: it is off in between.
    for before, after in zip([mtls(BUILTIN), *sections], sections, strict=False):
        enabled = {before["enabledBackend"], after["enabledBackend"]} - {""}
        assert len(enabled) == 1


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        (BUILTIN, VAULT, "is of type vault; open-source Kuma has builtin, provided"),
        (BUILTIN.replace("routing: {}", "routing: {zoneEgress: true}"), PROVIDED, "routing.zoneEgress is on"),
        (plan(BUILTIN).steps[0].text, PROVIDED, "allows only one backend"),
    ],
)
def test_what_open_source_kuma_can_not(text: str, target: str, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        plan_to(text, target, product="kuma")
    assert words in "\n".join(caught.value.lines())


def test_open_source_kuma_has_no_acmpca() -> None:
    with pytest.raises(InvalidInputError, match="no acmpca backend"):
        plan(BUILTIN, product="kuma")


OTHER_ARN = AUTHORITY_ARN[:-12] + "0123456789ab"


def test_a_ca_that_signs_is_never_exchanged_in_place_also_half_way() -> None:
    half_way = plan(BUILTIN).steps[1].text.replace(AUTHORITY_ARN, OTHER_ARN)
    with pytest.raises(InvalidInputError) as caught:
        plan(half_way)
    assert "change in place" in caught.value.problems[0].message
    assert caught.value.hint == "Give the new one another name: --backend-name acmpca-2."


def test_a_ca_that_is_trusted_already_and_goes_is_told_of() -> None:
    found = plan(plan(BUILTIN).steps[0].text.replace(AUTHORITY_ARN, OTHER_ARN))
    assert f"acmpca is already trusted, with another CA, {OTHER_ARN}" in found.notes[0]
    assert plan(plan(BUILTIN).steps[0].text).notes == ()
    added = plan_to(BUILTIN, PROVIDED)
    again = plan_to(added.steps[0].text, PROVIDED.replace("secret: ", "secret: new-"))
    assert any("ca-2 is already trusted, with another conf" in note for note in again.notes)
    assert not any("already" in note for note in plan_to(added.steps[0].text, PROVIDED).notes)


def test_what_is_left_signs_or_has_been_switched_from() -> None:
    three = BUILTIN.replace("    # ours\n", "    # ours\n    - {name: ca-0, type: builtin}\n")
    with pytest.raises(InvalidInputError) as caught:
        plan(three, leave="ca-0")
    assert (
        "names ca-1, which is neither the backend to leave (ca-0) nor the new one (acmpca)" in caught.value.lines()[1]
    )
    assert caught.value.hint == "Rotate from ca-1 first, without --from. Then --from ca-0 removes ca-0."


@pytest.mark.parametrize("reached", [1, 2])
def test_a_permissive_mesh_goes_on_to_another_backend(reached: int) -> None:
    permissive = BUILTIN.replace("      type: builtin\n", "      type: builtin\n      mode: PERMISSIVE\n")
    first = plan_to(permissive, PROVIDED)
    again = plan_to(first.steps[reached - 1].text, PROVIDED)
    assert [step.is_done for step in again.steps] == [number <= reached for number in (1, 2, 3)]
    assert [step.text for step in again.steps] == [step.text for step in first.steps]


def test_a_backend_that_was_made_strict_since_the_switch_stays_so() -> None:
    permissive = BUILTIN.replace("      type: builtin\n", "      type: builtin\n      mode: PERMISSIVE\n")
    switched = plan(permissive).steps[1].text
    head, _, tail = switched.rpartition("mode: PERMISSIVE")
    hardened = plan(f"{head}mode: STRICT{tail}")
    assert [step.is_done for step in hardened.steps] == [True, True, False]
    assert mtls(hardened.steps[2].text)["backends"][0]["mode"] == "STRICT"


@pytest.mark.parametrize("reached", [1, 2])
def test_a_mesh_without_its_zero_values_is_where_it_was(reached: int) -> None:
    # As a control plane of Universal hands it out.
    there = plan(BUILTIN).steps[reached - 1].text.replace("      mode: STRICT\n", "")
    again = plan(there)
    assert [step.is_done for step in again.steps] == [number <= reached for number in (1, 2, 3)]
    assert again.steps[reached - 1].text == there


def test_there_is_nothing_left_to_do() -> None:
    finished = plan(plan(BUILTIN).steps[-1].text)
    assert (finished.old, finished.new, finished.steps, finished.secrets) == ("acmpca", "acmpca", (), ())
    assert plan_to(PROVIDED, PROVIDED).steps == ()
    assert plan_to(PROVIDED, PROVIDED, product="kuma").steps == ()
    # A control plane returns a Mesh without its zero values.
    target = PROVIDED.replace("type: provided", "type: provided\n      mode: STRICT")
    assert plan_to(PROVIDED, target).steps == ()
    # The command of the last step, once more.
    again = plan(plan(BUILTIN).steps[-1].text, leave="ca-1")
    assert again.steps == ()
    assert again.notes == ("the mesh has no backend ca-1: it was removed, or the name is wrong",)
    with pytest.raises(InvalidInputError, match="can't be changed") as caught:
        plan(BUILTIN, leave="ca-2")
    assert "have none named ca-2" in str(caught.value.problems)


def test_a_mesh_that_accepts_plain_traffic_is_not_what_a_strict_target_says() -> None:
    permissive = PROVIDED.replace("type: provided", "type: provided\n      mode: PERMISSIVE")
    with pytest.raises(InvalidInputError) as caught:
        plan_to(permissive, PROVIDED)
    assert "is PERMISSIVE, and the file's backend is STRICT" in str(caught.value.problems)
    (note, *_) = plan_to(BUILTIN.replace("type: builtin\n", "type: builtin\n      mode: PERMISSIVE\n"), PROVIDED).notes
    assert "gets the mode PERMISSIVE" in note


def test_a_field_that_a_newer_control_plane_may_know_is_a_difference() -> None:
    newer = PROVIDED.replace("type: provided", "type: provided\n      retries: 3")
    for one, other in ((PROVIDED, newer), (newer, PROVIDED)):
        with pytest.raises(InvalidInputError):
            plan_to(one, other)


def test_another_chain_in_a_secret_is_no_finished_rotation() -> None:
    first = plan(BUILTIN, MeshOptions(ca_cert=Choice("secret")))
    mesh, (secret,) = first.steps[-1].text, render_secrets(first.secrets, "universal")
    assert plan(f"{mesh}---\n{secret}").steps == ()
    other = write_scalar(base64.b64encode(pem.write(hierarchy().chain()).encode()).decode())
    with pytest.raises(InvalidInputError, match="can't be changed") as caught:
        plan(f"{mesh}---\n" + re.sub(r"(?m)^data: .*$", f"data: {other}", secret))
    assert "has other settings" in str(caught.value.problems)


@pytest.mark.parametrize(
    "options", [MeshOptions(expiration="2h"), MeshOptions(mode="PERMISSIVE"), MeshOptions(credentials=CREDENTIALS)]
)
def test_other_settings_are_no_rotation(options: MeshOptions) -> None:
    finished = plan(BUILTIN, MeshOptions(credentials=options.credentials)).steps[-1].text
    with pytest.raises(InvalidInputError) as caught:
        plan(finished, options)
    assert "acmpca already signs, with the CA of the contract, and has other settings" in str(caught.value.problems)
    assert "render-mesh --base" in caught.value.hint


@pytest.mark.parametrize("reached", [1, 2, 3])
def test_open_source_kuma_goes_on_where_it_stopped(reached: int) -> None:
    first = plan_to(BUILTIN, PROVIDED, product="kuma")
    again = plan_to(first.steps[reached - 1].text, PROVIDED, product="kuma")
    assert [step.is_done for step in again.steps] == [number <= reached for number in (1, 2, 3, 4)]
    for step, before in zip(again.steps[reached:], first.steps[reached:], strict=True):
        assert mtls(step.text) == mtls(before.text)


backends = st.sampled_from(
    [
        backend
        for text in documented().values()
        for document in text.split("\n---\n")
        for mesh in read_editable(document, "documented")
        for backend in mesh.backends
        if backend["type"] != "certmanager"
    ]
)


@given(st.lists(backends, min_size=1, max_size=4, unique_by=lambda backend: backend["name"]), backends, st.data())
def test_no_step_takes_trust_away_from_a_certificate_in_use(
    there: list[dict[str, Any]], target: dict[str, Any], data: st.DataObject
) -> None:
    enabled = data.draw(st.sampled_from(there))["name"]
    text = f"type: Mesh\nname: default\nmtls: {{enabledBackend: {enabled}, backends: []}}\n"
    (mesh,) = read_editable(text, "mesh.yaml")
    for number, backend in enumerate(there):
        mesh.set(("backends", number), backend)
    try:
        found = rotation.plan_move_to_backend(Move(mesh.editor.text, "mesh.yaml"), target)
    except InvalidInputError:
        assert target["name"] == enabled
        return
    if not found.steps:
        assert there == [target]
        return
    sections = [mesh.mtls, *(mtls(step.text) for step in found.steps)]
    for before, after in itertools.pairwise(sections):
        trusted = {backend["name"] for backend in after["backends"]}
        # What signed until now is trusted after the step, and what signs from now on was trusted before it,
        # unless the base itself had it so.
        assert before["enabledBackend"] in trusted
        if after["enabledBackend"] != before["enabledBackend"]:
            assert after["enabledBackend"] in {backend["name"] for backend in before["backends"]}
    assert found.steps[-1].text.count(found.new) >= 1
    assert not re.search(rf"name: {re.escape(found.old)}$", found.steps[-1].text, re.MULTILINE)
