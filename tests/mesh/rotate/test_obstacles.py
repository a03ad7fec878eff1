"""What of a Mesh can't come along to a MeshIdentity."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mesh.golden_documents import golden_outputs
from tests.mesh.rotate.old_meshes import CONFS, OLD_CHAIN, allow_all, around, backend, given, mesh
from toolkit.mesh.render.identity_documents import IdentityOptions
from toolkit.mesh.rotate.identity_move import plan_move_to_identity
from toolkit.mesh.rotate.obstacles import FINISH, PREPARE, PUBLISH, SWITCH, TRUST, Obstacle

OUTPUTS = golden_outputs()


def find(document: dict[str, Any], *others: dict[str, Any]) -> list[Obstacle]:
    start = given(
        document, allow_all("universal" if "type" in document else "kubernetes"), *others, old_chain=OLD_CHAIN
    )
    return list(plan_move_to_identity(start, OUTPUTS, IdentityOptions()).obstacles)


def only(before: int, document: dict[str, Any], *others: dict[str, Any]) -> Obstacle:
    (found,) = (each for each in find(document, *others) if each.before == before)
    assert found.fix
    return found


def gone(fields: str) -> str:
    return f"stage 5 removes {fields}, which a MeshIdentity doesn't have"


def dataplane(*outbounds: Any, form: str = "universal", of: str | None = "default") -> dict[str, Any]:
    networking = {"address": "192.0.2.1", "outbound": list(outbounds)}
    named = {} if of is None else {"mesh": of}
    if form == "universal":
        return {"type": "Dataplane", "name": "web", **named, "networking": networking}
    metadata = {"name": "web", "namespace": "apps"}
    spec = {"networking": networking}
    return {"apiVersion": "kuma.io/v1alpha1", "kind": "Dataplane", "metadata": metadata, **named, "spec": spec}


LEGACY = {"port": 1, "tags": {"kuma.io/service": "api"}}
BY_SERVICE = {"port": 1, "backendRef": {"kind": "MeshService", "name": "api", "port": 80}}


def test_the_stages() -> None:
    assert (PREPARE, PUBLISH, TRUST, SWITCH, FINISH) == (1, 2, 3, 4, 5)


def test_nothing_in_the_way() -> None:
    assert find(mesh("universal", backend("own")), dataplane(BY_SERVICE)) == []
    assert find(mesh("kubernetes", backend("own"))) == []


@pytest.mark.parametrize("name", ["1mesh", "1", "a" * 63])
def test_names_that_3_0_refuses(name: str) -> None:
    document = mesh("universal", backend("own")) | {"name": name}
    others = [dataplane(BY_SERVICE, of=name)]
    if name.startswith("a"):
        assert [each for each in find(document, *others) if each.before == FINISH] == []
        return
    found = only(FINISH, document, *others)
    assert str(found) == f"mesh.yaml:3:2 name: {name} is not an RFC 1035 label, which Kong Mesh 3.0 requires"


@pytest.mark.parametrize(("value", "stops"), [(True, True), (False, False), (None, False)])
def test_zone_egress_needs_mtls(value: Any, stops: bool) -> None:
    found = find(mesh("universal", backend("own"), routing={"zoneEgress": value}), dataplane())
    assert [(each.before, each.place.partition(" ")[2]) for each in found] == ([(FINISH, "routing.zoneEgress")] * stops)


@pytest.mark.parametrize("kind", ["own", "acmpca"])
def test_static_credentials(kind: str) -> None:
    old = backend(kind)
    key = {"accessKey": {"secret": "a"}, "accessKeySecret": {"secret": "b"}}
    old["conf"] = old["conf"] | {"auth": {"awsCredentials": key}}
    found = only(TRUST, mesh("universal", old), dataplane())
    assert found.place.endswith("mtls.backends[0].conf.auth")
    assert "default credential chain" in found.message
    assert "toolkit render-zone" in found.fix


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
def test_a_common_name(form: Any) -> None:
    old = backend("own")
    old["conf"] = old["conf"] | {"commonName": "x"}
    assert only(SWITCH, mesh(form, old)).place.endswith("mtls.backends[0].conf.commonName")
    vault = only(SWITCH, mesh(form, backend("vault")))
    assert vault.place.endswith("mtls.backends[0].conf.fromCp.commonName")


@pytest.mark.parametrize("form", ["kubernetes", "universal"])
def test_outbounds_by_tags_lose_every_request_without_mtls(form: str) -> None:
    found = only(FINISH, mesh("universal", backend("own")), dataplane(BY_SERVICE, LEGACY, form=form))
    assert found.place.startswith("others.yaml:")
    assert found.place.endswith("networking.outbound[1].tags")
    assert "web reaches api by kuma.io/service" in found.message
    assert "backendRef: {kind: MeshService, name: api, port: ...}" in found.fix


@pytest.mark.parametrize("of", ["default", None])
def test_dataplanes_of_the_mesh(of: str | None) -> None:
    assert only(FINISH, mesh("universal", backend("own")), dataplane(LEGACY, of=of))


def test_dataplanes_of_other_meshes() -> None:
    (found,) = find(mesh("universal", backend("own")), dataplane(LEGACY, of="other"))
    assert found.before == 0
    assert "no Dataplane was given" in str(found)
    assert "kumactl get dataplanes --mesh default -o yaml" in found.fix


@pytest.mark.parametrize("outbound", [None, "x", [], [None, "x", {}, {"tags": "x"}, {"tags": {"kuma.io/service": 1}}]])
def test_outbounds_of_any_form(outbound: Any) -> None:
    document = dataplane() | {"networking": {"outbound": outbound}}
    assert find(mesh("universal", backend("own")), document) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"dpCert": {"rotation": {"expiration": "1d"}, "requestTimeout": "5s"}}, "dpCert.requestTimeout"),
        ({"rootChain": {"requestTimeout": "5s"}}, "rootChain"),
        ({"mode": "STRICT", "nope": {"a": [1]}}, "nope"),
        ({"dpCert": None, "rootChain": None}, ""),
    ],
)
def test_settings_without_a_counterpart_are_named(change: dict[str, Any], expected: str) -> None:
    found = find(mesh("universal", backend("own", **change)), dataplane())
    assert [each.message for each in found] == ([gone(expected)] if expected else [])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("builtin", "conf.caCert"),
        ("provided", "conf.key"),
        ("vault", "conf.fromCp"),
        ("acmpca", "conf.arn"),
        ("certmanager", "conf.issuerRef"),
    ],
)
def test_the_configuration_of_another_ca_ends(kind: str, expected: str) -> None:
    found = find(mesh("universal", backend(kind)), dataplane(), *around("universal", kind)[1:-1])
    notes = [each.message for each in found if not each.before]
    assert notes == [gone(expected)]


def test_settings_of_a_backend_that_does_not_sign() -> None:
    other = backend("own", mode="PERMISSIVE", dpCert={"rotation": {"expiration": "1h"}}) | {"name": "other"}
    found = find(mesh("universal", backend("own"), other), dataplane())
    assert [each.message for each in found] == [gone("mode, dpCert")]


def test_settings_of_the_section() -> None:
    document = mesh("universal", backend("own"))
    document["mtls"] |= {"skipValidation": True, "nope": 1}
    (found,) = find(document, dataplane())
    assert found.message == gone("skipValidation, nope")


@pytest.mark.parametrize("kind", CONFS)
def test_an_obstacle_names_its_place(kind: str) -> None:
    for each in find(mesh("kubernetes", backend(kind))):
        assert each.place.startswith("mesh.yaml:")
        assert str(each) == f"{each.place}: {each.message}"


def test_credentials_are_not_repeated() -> None:
    old = backend("own")
    key = {"accessKey": {"inlineString": "AKIAMADEUPMADEUPMADE"}, "accessKeySecret": {"inlineString": "the-secret"}}
    old["conf"] = old["conf"] | {"auth": {"awsCredentials": key}, "more": {"inlineString": "the-secret"}}
    said = repr(find(mesh("universal", old)))
    assert "the-secret" not in said
    assert "AKIAMADEUP" not in said
