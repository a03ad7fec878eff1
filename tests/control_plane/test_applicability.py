"""What is rejected, or warned of, before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.control_plane import scoped
from tests.control_plane.applied import apply, refused, wanted
from tests.control_plane.faulty import TOKEN, Fault, Faulty
from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.exchange import Reply

if TYPE_CHECKING:
    from toolkit.errors import ToolkitError

ISSUE = scoped.path("meshidentities", "issue")


@pytest.fixture
def standin() -> Iterator[Faulty]:
    with Faulty(token=TOKEN) as running:
        yield running


def have(standin: Faulty, *documents: str) -> None:
    """Let the control plane have documents."""
    for resource in wanted(scoped.stream(*documents)):
        standin.put(resource.document)


def problems(error: ToolkitError) -> list[str]:
    return [str(problem) for problem in getattr(error, "problems", ())]


def test_a_zone_of_a_global_control_plane_takes_its_own_resources_only(standin: Faulty) -> None:
    have(standin, scoped.MESH)
    standin.stand_in.upstream = StandIn(mode="global")
    error = refused(standin, scoped.TRUST)
    assert standin.writes == []
    assert len(problems(error)) == 1
    place = 'mesh.yaml: MeshTrust old-ca of mesh default: labels["kuma.io/origin"]'
    assert problems(error)[0].startswith(f"{place}: must be zone: this zone control plane is connected to a global one")
    # The control plane says the same.
    document = wanted(scoped.TRUST)[0].document
    labelled = scoped.TRUST.replace("spec:", "labels: {kuma.io/origin: zone}\nspec:")
    for body, status in ((document, 400), (wanted(labelled)[0].document, 201)):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        path = scoped.path("meshtrusts", "old-ca")
        assert httpx.put(standin.url + path, json=body, headers=headers).status_code == status


def test_with_its_label_a_zone_takes_it(standin: Faulty) -> None:
    have(standin, scoped.MESH)
    standin.stand_in.upstream = StandIn(mode="global")
    apply(standin, scoped.TRUST.replace("spec:", "labels: {kuma.io/origin: zone}\nspec:"))
    assert standin.state[scoped.path("meshtrusts", "old-ca")]["labels"]["kuma.io/origin"] == "zone"


def test_a_global_control_plane_takes_no_resource_of_a_zone(standin: Faulty) -> None:
    have(standin, scoped.MESH)
    standin.stand_in.mode = "global"
    error = refused(standin, scoped.issue(labels="{kuma.io/origin: zone}"))
    assert "must be global, or missing: this is a global control plane" in problems(error)[0]
    apply(standin, scoped.issue(labels="{kuma.io/origin: global}"))


@pytest.mark.parametrize("reply", [Reply(404, b"404: Page Not Found"), Reply(403, b"{}"), Reply(200, b"[]")])
def test_a_control_plane_that_shows_no_configuration_is_not_judged(standin: Faulty, reply: Reply) -> None:
    have(standin, scoped.MESH)
    standin.fault = lambda _number, _method, path: Fault(reply) if path == "/config" else None
    apply(standin, scoped.TRUST)


def test_a_control_plane_without_the_kind_is_named(standin: Faulty) -> None:
    have(standin, scoped.MESH)
    standin.fault = lambda _number, _method, path: (
        Fault(Reply(404, b"404: Page Not Found")) if "meshid" in path else None
    )
    error = refused(standin, scoped.PUBLISH)
    assert error.message == f"Kong Mesh 2.13.1 at {standin.url} has no resources of the kind MeshIdentity"
    assert error.exit_code == 3


def test_a_resource_of_a_mesh_that_does_not_exist(standin: Faulty) -> None:
    error = refused(standin, scoped.stream(scoped.PUBLISH, scoped.TRUST))
    assert [line.rpartition(": ")[2] for line in problems(error)] == [
        "mesh default does not exist, and no document creates it"
    ] * 2


def test_mtls_does_not_end_before_proxies_have_other_certificates(standin: Faulty) -> None:
    have(standin, scoped.MESH + scoped.MTLS)
    error = refused(standin, scoped.stream(scoped.MESH, scoped.issue(scoped.ALL)))
    assert "its proxies would send plaintext until they have certificates" in problems(error)[0]
    assert standin.writes == []
    # What is there already does no harm, nor one that only publishes.
    have(standin, scoped.issue(scoped.ALL))
    apply(standin, scoped.stream(scoped.MESH, scoped.issue(scoped.ALL), scoped.PUBLISH))
    assert standin.writes == [scoped.path("meshidentities", "publish"), "/meshes/default"]


@pytest.mark.parametrize("version", ["3.0.0", "3.1.2"])
def test_a_spiffe_id_does_not_change_from_3_0_on(standin: Faulty, version: str) -> None:
    have(standin, scoped.MESH, scoped.issue())
    standin.stand_in.version = version
    error = refused(standin, scoped.issue(more=", spiffeID: {trustDomain: new.example, path: /x}"))
    assert [line.split(": ")[2] for line in problems(error)] == ["spec.spiffeID.trustDomain", "spec.spiffeID.path"]


def remarks(standin: Faulty, text: str) -> str:
    plan, _ = apply(standin, text)
    return "\n".join(plan.remarks)


def test_warnings_on_what_a_control_plane_takes(standin: Faulty) -> None:
    have(standin, scoped.MESH + scoped.MTLS, scoped.issue())
    changed = scoped.issue(more=", spiffeID: {trustDomain: new.example}")
    assert "gets another trust domain, and its MeshTrust keeps the old one" in remarks(standin, changed)
    assert remarks(standin, changed) == ""
    del standin.state[ISSUE]
    assert remarks(standin, scoped.issue()) == ""
    del standin.state[ISSUE]
    assert "is new and selects proxies at once" in remarks(standin, scoped.issue(scoped.ALL))
    # Without mTLS nothing can be lost.
    have(standin, scoped.MESH)
    del standin.state[ISSUE]
    assert remarks(standin, scoped.issue(scoped.ALL)) == ""


def test_open_source_kuma_has_no_acmpca(standin: Faulty) -> None:
    have(standin, scoped.MESH)
    assert remarks(standin, scoped.issue(provider=scoped.ACMPCA)) == ""
    del standin.state[ISSUE]
    standin.stand_in.product = "kuma"
    assert "acmpca is a provider of Kong Mesh, and this is Kuma" in remarks(
        standin, scoped.issue(provider=scoped.ACMPCA)
    )


def test_reading_back_lost_updates_and_a_second_run(standin: Faulty) -> None:
    have(standin, scoped.MESH)
    text = scoped.stream(scoped.issue(scoped.ALL), scoped.TRUST, scoped.TLS, scoped.PERMISSION, scoped.PUBLISH)
    _, told = apply(standin, text)
    assert [word.split()[0] for word in told] == [
        "MeshTrafficPermission",
        "MeshTLS",
        "MeshTrust",
        "MeshIdentity",
        "MeshIdentity",
    ]
    plan, told = apply(standin, text)
    assert (plan.writes, told) == ((), [])

    def overtake() -> None:
        standin.state[ISSUE] = json.loads(json.dumps(standin.state[ISSUE]).replace("matchLabels", "matchOthers"))

    error = refused(standin, scoped.issue(), between=overtake)
    assert "by someone else" in error.message


def test_a_trust_that_loses_a_ca_is_named(standin: Faulty) -> None:
    have(standin, scoped.MESH, scoped.TRUST)
    path = scoped.path("meshtrusts", "old-ca")
    bundles = standin.state[path]["spec"]["caBundles"]
    bundles.append({"type": "Pem", "pem": {"value": "-----BEGIN CERTIFICATE-----"}})
    plan, _ = apply(standin, scoped.TRUST)
    assert plan.steps[0].list_lost() == ["spec.caBundles[1]"]
    assert len(standin.state[path]["spec"]["caBundles"]) == 1
    plan, _ = apply(standin, scoped.TRUST)
    assert plan.steps[0].list_lost() == []


EVERYTHING = scoped.stream(
    scoped.MESH, scoped.issue(scoped.ALL), scoped.PUBLISH, scoped.TRUST, scoped.TLS, scoped.PERMISSION
)


def count_requests() -> int:
    with Faulty(token=TOKEN) as standin:
        apply(standin, EVERYTHING)
        return len(standin.requests)


@pytest.mark.parametrize("hang_up", ["before", "after"])
@pytest.mark.parametrize("number", range(1, count_requests() + 1))
def test_after_a_failure_at_any_request_the_same_command_finishes(standin: Faulty, number: int, hang_up: str) -> None:
    standin.fault = lambda count, _method, _path: Fault(hang_up=hang_up) if count >= number else None
    error = refused(standin, EVERYTHING)
    assert error.exit_code == 3
    standin.fault = lambda _count, _method, _path: None
    apply(standin, EVERYTHING)
    assert apply(standin, EVERYTHING)[0].writes == ()
