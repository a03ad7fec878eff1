"""The stages from ``Mesh.mtls`` to a MeshIdentity.

The rows of the move that was played with Kuma 2.14.3 are tests here: what lost requests there is an obstacle, or a
document of a stage prevents it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from tests.mesh.golden_documents import golden_outputs
from tests.mesh.golden_identities import IDENTITIES, golden_stages
from tests.mesh.rotate.old_meshes import (
    CONFS,
    OLD_CHAIN,
    OLD_ISSUING,
    OLD_ROOT,
    allow_all,
    around,
    backend,
    given,
    mesh,
    scoped,
    stream,
)
from tests.support import NOW, contract, hierarchy
from tests.yamltext.yaml_writing import load_stream
from toolkit.errors import InvalidInputError
from toolkit.mesh.documents.reader import read
from toolkit.mesh.lint import Severity, Target, lint
from toolkit.mesh.render.identity_documents import IdentityOptions
from toolkit.mesh.rotate.identity_move import STAGES, Given, IdentityMove, name_publisher, plan_move_to_identity
from toolkit.mesh.schema.mesh import Form
from toolkit.pki import pem

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs

OUTPUTS = golden_outputs()
ROOTS = {pem.load_certificates(OLD_ROOT)[0], pem.load_certificates(OUTPUTS.root_certificate)[0]}
FORMS = get_args(Form)


def plan(start: Given, outputs: StackOutputs = OUTPUTS, **options: Any) -> IdentityMove:
    return plan_move_to_identity(start, outputs, IdentityOptions(**options))


def start_of(form: Form, kind: str, **more: Any) -> Given:
    """Return a Mesh with everything that it needs to be moved without a decision, other than a common name."""
    chain = OLD_CHAIN if kind == "vault" else None
    return given(mesh(form, backend(kind, **more)), *around(form, kind), old_chain=chain)


def documents(move: IdentityMove, stage: str) -> list[Any]:
    return load_stream(move.steps[STAGES.index(stage)].text, stage)


def spec_of(document: Any) -> Any:
    return document.get("spec", document)


def kinds(move: IdentityMove, stage: str) -> list[tuple[str, str]]:
    found = documents(move, stage)
    return [
        (each.get("kind") or each["type"], each["metadata"]["name"] if "kind" in each else each["name"])
        for each in found
    ]


def messages(move: IdentityMove) -> list[tuple[int, str]]:
    return [(each.before, each.message) for each in move.obstacles]


def test_golden_files() -> None:
    texts = golden_stages()
    assert {file.name: file.read_text() for file in IDENTITIES.glob("rotate-*.yaml")} == texts
    assert len(texts) == 2 * 2 * len(STAGES)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", CONFS)
def test_from_every_backend(form: Form, kind: str) -> None:
    move = plan(start_of(form, kind))
    assert [step.name for step in move.steps] == list(STAGES)
    assert [step.number for step in move.steps] == [1, 2, 3, 4, 5]
    assert not any(step.is_done for step in move.steps)
    stops = [message for before, message in messages(move) if before]
    assert stops == (["sets a common name; certificates of a MeshIdentity have an empty subject"] * (kind == "vault"))
    zones = [("MeshTrust", "acmpca-zone-1"), ("MeshTrust", "acmpca-zone-2")]
    assert kinds(move, "prepare") == [("MeshTrafficPermission", "allow-all"), ("Mesh", "default")]
    assert kinds(move, "publish") == [("MeshIdentity", "publish-acmpca")]
    assert kinds(move, "trust") == [("MeshTrust", "default-mtls"), *zones, ("MeshIdentity", "acmpca")]
    assert kinds(move, "switch") == [("MeshIdentity", "acmpca")]
    assert kinds(move, "finish") == [("Mesh", "default")]
    assert spec_of(documents(move, "prepare")[-1])["mtls"]["enabledBackend"] == "old"
    assert "mtls" not in spec_of(documents(move, "finish")[0])
    for stage in ("prepare", "finish"):
        assert spec_of(documents(move, stage)[-1])["meshServices"] == {"mode": "Exclusive"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", CONFS)
def test_lint_finds_no_error_in_any_stage(form: Form, kind: str) -> None:
    start = start_of(form, kind)
    secrets = stream(*(each for each in around(form, kind) if "Secret" in kinds_of(each)))
    target = Target(NOW, outputs=OUTPUTS if kind == "own" else None)

    def errors(name: str, text: str) -> set[tuple[str, str]]:
        found = lint([(name, text), *([("secrets.yaml", secrets)] if secrets else [])], target)
        return {(each.rule.code, each.message) for each in found if each.severity is Severity.ERROR}

    # Such as certmanager on Universal.
    before = errors("mesh.yaml", start.text)
    assert [errors(step.name, step.text) - before for step in plan(start).steps] == [set()] * 5


@pytest.mark.parametrize("kind", CONFS)
def test_both_trusts_have_their_root_and_the_old_one_comes_first(kind: str) -> None:
    first, *others, identity = documents(plan(start_of("universal", kind)), "trust")
    assert (first["name"], first["spec"]["trustDomain"]) == ("default-mtls", "default")
    for trust in (first, *others):
        for bundle in trust["spec"]["caBundles"]:
            assert ROOTS & set(pem.load_certificates(bundle["pem"]["value"]))
    old = pem.load_certificates(first["spec"]["caBundles"][0]["pem"]["value"])
    assert old == pem.load_certificates(OUTPUTS.certificate_chain if kind == "own" else OLD_CHAIN)
    assert identity["type"] == "MeshIdentity"


@pytest.mark.parametrize("options", [{}, {"trust_domain": "example.org", "path": "/x"}])
def test_the_two_identities_have_one_spiffe_id(options: dict[str, Any]) -> None:
    move = plan(start_of("universal", "builtin"), **options)
    (publisher,), (issuer,) = documents(move, "publish"), documents(move, "switch")
    (*_, waiting) = documents(move, "trust")
    assert "provider" not in publisher["spec"]
    assert publisher["spec"]["selector"] == issuer["spec"]["selector"] == {"dataplane": {"matchLabels": {}}}
    assert waiting["spec"] == issuer["spec"] | {"selector": {}}
    spiffe_ids = [each["spec"].get("spiffeID") for each in (publisher, waiting, issuer)]
    assert spiffe_ids == [{"trustDomain": "example.org", "path": "/x"} if options else None] * 3


@for_all(st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\.[a-z0-9]{1,5})?", fullmatch=True), st.data())
def test_the_issuer_sorts_before_the_publisher_whatever_a_zone_appends(issuer: str, data: st.DataObject) -> None:
    try:
        publisher = name_publisher(issuer)
    except InvalidInputError as error:
        assert issuer.startswith("z") or f"publish-{issuer}".startswith(issuer) or issuer > "p"
        assert error.lines()
        return
    suffixes = st.text("bcdfghjklmnpqrstvwxz2456789", min_size=16, max_size=16).map(lambda text: f"-{text}")
    either = st.just("") | suffixes
    assert issuer + data.draw(either) < publisher + data.draw(either)


@pytest.mark.parametrize("name", ["z", "zz", "a" * 230])
def test_names_without_a_publisher(name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        plan(start_of("kubernetes", "builtin"), name=name)
    assert "--identity-name" in "\n".join(caught.value.lines())


def test_a_name_for_two_trusts() -> None:
    with pytest.raises(InvalidInputError, match="can't be planned") as caught:
        plan(start_of("kubernetes", "builtin"), name="default-mtls")
    assert "default-mtls is the name of the MeshTrust for the old CAs" in "\n".join(caught.value.lines())


@pytest.mark.parametrize("kind", ["acmpca", "certmanager"])
def test_an_intermediate_alone_gets_its_root_in_stage_1(kind: str) -> None:
    old = backend(kind)
    old["conf"] = old["conf"] | {"caCert": {"inlineString": OLD_ISSUING}}
    move = plan(given(mesh("universal", old), allow_all("universal"), old_chain=OLD_CHAIN))
    conf = documents(move, "prepare")[-1]["mtls"]["backends"][0]["conf"]
    assert conf["caCert"] == {"inlineString": OLD_CHAIN}
    assert documents(move, "trust")[0]["spec"]["caBundles"][0]["pem"]["value"] == OLD_CHAIN
    # The input already has it: nothing changes.
    (again,) = [each for each in documents(plan(start_of("universal", "acmpca")), "prepare") if each["type"] == "Mesh"]
    assert again["mtls"]["backends"] == [backend("acmpca")]


@pytest.mark.parametrize("kind", ["provided", "acmpca", "certmanager"])
def test_an_intermediate_without_its_root_stops_stage_3(kind: str) -> None:
    field = "cert" if kind == "provided" else "caCert"
    old = backend(kind)
    old["conf"] = old["conf"] | {field: {"inlineString": OLD_ISSUING}}
    move = plan(given(mesh("universal", old), allow_all("universal")))
    (message,) = (message for before, message in messages(move) if before == 3)
    assert message.startswith("old: no root: the issuer of Old Issuing CA is not among its certificates. ")
    assert [each.before for each in move.list_blocking(3)] == [3]
    assert move.list_blocking(2) == []
    assert kinds(move, "trust")[0] == ("MeshTrust", "acmpca-zone-1")


def test_a_provided_intermediate_is_trusted_with_its_root_and_keeps_its_certificate() -> None:
    old = backend("provided")
    old["conf"] = old["conf"] | {"cert": {"inlineString": OLD_ISSUING}}
    move = plan(given(mesh("universal", old), allow_all("universal"), old_chain=OLD_ROOT))
    assert documents(move, "prepare")[-1]["mtls"]["backends"] == [old]
    assert documents(move, "trust")[0]["spec"]["caBundles"][0]["pem"]["value"] == OLD_CHAIN


def test_all_backends_are_trusted() -> None:
    other = backend("own") | {"name": "next"}
    move = plan(given(mesh("universal", backend("acmpca"), other), allow_all("universal")))
    bundles = documents(move, "trust")[0]["spec"]["caBundles"]
    assert [each["pem"]["value"] for each in bundles] == [OLD_CHAIN, OUTPUTS.certificate_chain]


def test_the_lifetime_of_the_mesh_comes_along() -> None:
    expiries = {}
    for expiration in ("1d", "12h", "90m"):
        move = plan(start_of("universal", "own", dpCert={"rotation": {"expiration": expiration}}))
        config = documents(move, "switch")[0]["spec"]["provider"]["extension"]["config"]
        expiries[expiration] = config["certificateParameters"]["expiry"]
    assert expiries == {"1d": "24h", "12h": "12h", "90m": "1h30m"}
    # The option wins, and without either it is the contract's.
    chosen = plan(start_of("universal", "own", dpCert={"rotation": {"expiration": "1d"}}), expiry="2h")
    assert "expiry: 2h\n" in chosen.steps[3].text
    assert "expiry: 24h\n" in plan(start_of("universal", "own")).steps[3].text


@pytest.mark.parametrize("expiration", ["1d12h", "x", 24, ["1d"], "0s"])
def test_a_lifetime_that_is_none_is_named_in_the_mesh(expiration: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        plan(start_of("universal", "own", dpCert={"rotation": {"expiration": expiration}}))
    (problem,) = caught.value.problems
    assert problem.path.startswith("mesh.yaml:")
    assert problem.path.endswith("mtls.backends[0].dpCert.rotation.expiration")
    assert "--expiration" in (caught.value.hint or "")
    assert plan(start_of("universal", "own", dpCert={"rotation": {"expiration": expiration}}), expiry="1h")


def test_a_lifetime_that_the_new_ca_can_not_issue_for_is_named_in_the_mesh() -> None:
    outputs = contract(hierarchy())
    start = start_of("universal", "acmpca", dpCert={"rotation": {"expiration": "6y"}})
    with pytest.raises(InvalidInputError) as caught:
        plan(start, outputs)
    said = "\n".join(caught.value.lines())
    assert "mtls.backends[0].dpCert.rotation.expiration: 6y lasts longer than the CA's own certificate" in said
    assert plan(start, outputs, expiry="1y")


def test_permissive_becomes_a_mesh_tls() -> None:
    start = start_of("universal", "own", mode="PERMISSIVE")
    move = plan(start)
    tls = {"targetRef": {"kind": "Mesh"}, "rules": [{"default": {"mode": "Permissive"}}]}
    assert documents(move, "prepare")[1] == scoped("universal", "MeshTLS", "default-permissive", tls)
    assert move.notes == ("the mesh is PERMISSIVE; stage 1 has a MeshTLS that keeps it so",)
    assert plan(start_of("universal", "own", mode="STRICT")).notes == ()
    with pytest.raises(InvalidInputError, match="can't be changed") as caught:
        plan(start_of("universal", "own", mode="permissive"))
    assert "it must be STRICT or PERMISSIVE" in "\n".join(caught.value.lines())


@pytest.mark.parametrize(
    ("spec", "made"),
    [
        ({"targetRef": {"kind": "Mesh"}, "rules": [{"default": {"mode": "Strict"}}]}, False),
        ({"from": [{"targetRef": {"kind": "Mesh"}, "default": {"mode": "Permissive"}}]}, False),
        # That of one proxy leaves the others PERMISSIVE.
        (
            {"targetRef": {"kind": "Dataplane", "labels": {"a": "b"}}, "rules": [{"default": {"mode": "Strict"}}]},
            True,
        ),
        ({"targetRef": {"kind": "Mesh"}, "rules": [{"default": {"tlsCiphers": ["X"]}}]}, True),
    ],
)
def test_a_mesh_tls_for_all_proxies_stays_as_it_is(spec: dict[str, Any], made: bool) -> None:
    old = mesh("universal", backend("own", mode="PERMISSIVE"))
    move = plan(given(old, allow_all("universal"), scoped("universal", "MeshTLS", "tls", spec)))
    assert (("MeshTLS", "default-permissive") in kinds(move, "prepare")) is made


def test_a_mesh_tls_with_the_same_name_stays() -> None:
    old = mesh("universal", backend("own", mode="PERMISSIVE"))
    theirs = {"targetRef": {"kind": "Dataplane"}, "rules": [{"default": {"mode": "Permissive"}}]}
    taken = ("default-permissive", "default-permissive-2")
    there = [scoped("universal", "MeshTLS", name, theirs) for name in taken]
    move = plan(given(old, allow_all("universal"), *there))
    assert [name for kind, name in kinds(move, "prepare") if kind == "MeshTLS"] == ["default-permissive-3"]


def test_without_permissions_nobody_knows_whom_they_allow() -> None:
    move = plan(given(mesh("kubernetes", backend("own"))))
    (obstacle,) = move.list_blocking(5)
    assert obstacle.before == 4
    assert "no MeshTrafficPermission was given" in str(obstacle)
    assert obstacle.fix.startswith("kubectl get meshtrafficpermissions -A -o yaml")
    assert (
        "kumactl get meshtrafficpermissions --mesh default"
        in plan(given(mesh("universal", backend("own")))).obstacles[0].fix
    )


def test_labels_of_permissions_stay() -> None:
    permission = allow_all("universal") | {"labels": {"kuma.io/display-name": "allow-all", "kuma.io/mesh": "default"}}
    move = plan(given(mesh("universal", backend("own")), permission))
    assert documents(move, "prepare")[0]["labels"] == permission["labels"]
    on_kubernetes = allow_all("kubernetes")
    on_kubernetes["metadata"] |= {"namespace": "apps", "labels": {"kuma.io/mesh": "default", "team": "a"}}
    made = documents(plan(given(mesh("kubernetes", backend("own")), on_kubernetes)), "prepare")[0]
    assert made["metadata"] == on_kubernetes["metadata"]


def test_permissions_of_other_meshes_are_left_alone() -> None:
    other = allow_all("universal") | {"mesh": "other", "name": "others"}
    move = plan(given(mesh("universal", backend("own")), allow_all("universal"), other))
    assert kinds(move, "prepare") == [("MeshTrafficPermission", "allow-all"), ("Mesh", "default")]


def test_a_trust_domain_that_is_the_meshs_name_is_named_once() -> None:
    move = plan(start_of("universal", "own"), trust_domain="{{ .Mesh }}")
    allow = documents(move, "prepare")[0]["spec"]["rules"][0]["default"]["allow"]
    assert allow == [{"spiffeID": {"type": "Prefix", "value": "spiffe://default"}}]


@pytest.mark.parametrize("section", [None, {}, {"backends": []}, {"backends": [backend("own")]}])
def test_a_mesh_without_mtls_has_nothing_to_move(section: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        plan(given({"type": "Mesh", "name": "default", "mtls": section}))
    said = "\n".join(caught.value.lines())
    assert "mTLS is off, so there is nothing to move" in said
    assert "toolkit render-identity" in said


def test_an_enabled_backend_that_does_not_exist() -> None:
    document = mesh("universal", backend("own"))
    document["mtls"]["enabledBackend"] = "nope"
    for expiry in (None, "1h"):
        with pytest.raises(InvalidInputError) as caught:
            plan(given(document), expiry=expiry)
        assert "'nope' is not among the backends" in "\n".join(caught.value.lines())


@pytest.mark.parametrize("name", ["a.b", "a_b", "UPPER", "a" * 64])
def test_a_name_that_no_resource_can_refer_to(name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        plan(given(mesh("universal", backend("own")) | {"name": name}))
    assert "Move its proxies to a mesh with another name first." in "\n".join(caught.value.lines())


def test_a_chain_that_is_none() -> None:
    start = start_of("universal", "own")
    with pytest.raises(InvalidInputError) as caught:
        plan(replace(start, old_chain="x"))
    assert "--old-chain" in "\n".join(caught.value.lines())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("reached", range(1, 6))
def test_a_move_goes_on_where_it_stopped(form: Form, as_list: bool, reached: int) -> None:
    start = start_of(form, "builtin", mode="PERMISSIVE")
    first = plan(start)
    applied: list[Any] = [document for step in first.steps[:reached] for document in load_stream(step.text, step.name)]
    meshes = [each for each in applied if "Mesh" in (each.get("kind"), each.get("type"))]
    others = {str(kinds_of(each)): each for each in applied if each not in meshes}
    if reached >= 4:
        # Stage 4 ends with that.
        del others[str(("MeshIdentity", "publish-acmpca"))]
    # The Secret with the old CA is still there, and the permissions are those of stage 1.
    kept: list[Any] = [
        each for each in load_stream(start.documents.streams[0].text, "x") if "Secret" in str(kinds_of(each))
    ]
    found = [*others.values(), *kept]
    if as_list and form == "kubernetes":
        found = [{"apiVersion": "v1", "kind": "List", "items": found}]
    elif as_list:
        found = [{"total": len(found), "items": found, "next": None}]
    again = plan(given(meshes[-1], *found))
    assert [step.is_done for step in again.steps] == [number <= reached for number in range(1, 6)]
    # What is left is as planned before.
    left = [name for name, step in zip(STAGES, again.steps, strict=True) if not step.is_done]
    assert [documents(again, name) for name in left] == [documents(first, name) for name in left]


def kinds_of(document: Any) -> tuple[str, str]:
    return document.get("kind") or document["type"], document.get("name") or document["metadata"]["name"]


def test_the_base_may_have_all_documents() -> None:
    start = start_of("universal", "builtin")
    text = f"{start.text}---\n{start.documents.streams[0].text}"
    move = plan(Given(text, "all.yaml", None, read([])))
    assert [message for before, message in messages(move) if before] == []


def test_a_mesh_without_mesh_services_is_not_prepared_however_far_it_is() -> None:
    start = start_of("universal", "own")
    switched = documents(plan(start), "switch")
    move = plan(given(mesh("universal", backend("own")), *switched, *around("universal", "own")))
    assert [step.is_done for step in move.steps] == [False, True, True, True, False]


def test_at_the_end_permissions_need_no_old_ids() -> None:
    (issuer,) = documents(plan(start_of("universal", "own")), "switch")
    new = [{"spiffeID": {"type": "Prefix", "value": "spiffe://default.zone-1.mesh.local"}}]
    permission = scoped("universal", "MeshTrafficPermission", "p", {"rules": [{"default": {"allow": new}}]})
    over = {"type": "Mesh", "name": "default", "meshServices": {"mode": "Exclusive"}}
    move = plan(given(over, issuer, permission))
    assert all(step.is_done for step in move.steps)
    assert move.list_blocking(5) == []


def test_what_must_be_decided_first_comes_first() -> None:
    move = plan(given(mesh("kubernetes", backend("vault"), routing={"zoneEgress": True})))
    assert [each.before for each in move.obstacles] == [3, 4, 4, 5, 0]
