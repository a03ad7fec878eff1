"""The stand-in control plane gives the recorded answers of a real one (Kuma 2.14.3 on Universal, memory store)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.web_server import Rehearsal
from toolkit.mesh.schema.mesh import ADDED_BY_SERVER

RECORDED = Path(__file__).parents[1] / "recorded"
# Where the control plane listened whose answers were recorded.
RECORDED_AT = "http://127.0.0.1:5681"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDED / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def rehearsal(request: pytest.FixtureRequest) -> Iterator[Rehearsal]:
    with Rehearsal(StandIn(product="kuma", mode=getattr(request, "param", "zone"))) as running:
        yield running


def kept(answer: httpx.Response) -> Any:
    """The body of an answer without what the recordings leave out; of a list its names."""
    document = answer.json()
    if "items" in document:
        return {
            "total": document["total"],
            "next": document["next"],
            "names": [item["name"] for item in document["items"]],
        }
    return {name: value for name, value in document.items() if name not in ADDED_BY_SERVER}


def said(answer: httpx.Response) -> dict[str, Any]:
    """The parts of an answer that were recorded: of the fields that it names each once."""
    document = answer.json()
    return {
        "title": document.get("title"),
        "fields": sorted({each["field"] for each in document.get("invalid_parameters", [])}),
        "warnings": len(document.get("warnings", [])),
    }


def test_every_recorded_put_of_a_mesh_is_answered_alike(rehearsal: Rehearsal) -> None:
    different = []
    with httpx.Client(base_url=rehearsal.url) as client:
        for number, line in enumerate(lines("kuma-2.14.3.jsonl"), start=1):
            answer = client.put("/meshes/m", json=line["document"])
            found = {"status": answer.status_code, "fields": said(answer)["fields"], "kept": None}
            if answer.is_success:
                found["kept"] = kept(client.get("/meshes/m"))
                client.delete("/meshes/m").raise_for_status()
            different += [(number, name, value, line[name]) for name, value in found.items() if value != line[name]]
    assert number == 255
    assert different == []


@pytest.mark.parametrize(
    ("rehearsal", "name"),
    [("zone", "kuma-2.14.3-sequence-zone.jsonl"), ("global", "kuma-2.14.3-sequence-global.jsonl")],
    indirect=["rehearsal"],
)
def test_every_recorded_request_is_answered_alike(rehearsal: Rehearsal, name: str) -> None:
    different = []
    with httpx.Client(base_url=rehearsal.url) as client:
        for line in lines(name):
            document = line["document"]
            # What is a text was sent as one, without the content type of JSON.
            body: dict[str, Any] = {"content": document} if isinstance(document, str) else {"json": document}
            answer = client.request(line["method"], line["path"], **(body if document is not None else {}))
            # A list is asked for again as such.
            again = client.get(line["path"])
            found: dict[str, Any] = {
                "status": answer.status_code,
                "answer": said(answer) if line["answer"] is not None else None,
                "kept": kept(again) if again.is_success else None,
                "get": again.status_code,
            }
            if found["kept"] and found["kept"].get("next"):
                found["kept"]["next"] = found["kept"]["next"].replace(rehearsal.url, RECORDED_AT)
            different += [
                (line["note"], part, value, line[part]) for part, value in found.items() if value != line[part]
            ]
    assert different == []


# MeshIdentities and MeshTrusts


def put(client: httpx.Client, line: dict[str, Any]) -> httpx.Response:
    return client.put(line["path"], json=line["document"])


def recorded_form(document: dict[str, Any]) -> dict[str, Any]:
    """A resource as it was recorded: conditions without their message, and no certificate that is generated."""
    status = document.get("status", {})
    if "conditions" in status:
        conditions = [{name: each[name] for name in ("type", "status", "reason")} for each in status["conditions"]]
        document = {**document, "status": {"conditions": conditions}}
    if "origin" in status:
        bundles = [{**bundle, "pem": "generated"} for bundle in document["spec"]["caBundles"]]
        document = {**document, "spec": {**document["spec"], "caBundles": bundles}}
    return {name: value for name, value in document.items() if name not in ADDED_BY_SERVER or name == "status"}


@pytest.mark.parametrize(
    ("rehearsal", "name"),
    [("zone", "kuma-2.14.3-identity-zone.jsonl"), ("global", "kuma-2.14.3-identity-global.jsonl")],
    indirect=["rehearsal"],
)
def test_every_recorded_identity_and_trust_is_answered_alike(rehearsal: Rehearsal, name: str) -> None:
    different = []
    with httpx.Client(base_url=rehearsal.url) as client:
        for line in lines(name):
            if "after" in line:
                found = client.get(f"/meshes/default/{line['kind']}/{line['kept']['name']}").json()
                if recorded_form(found) != recorded_form(line["kept"]):
                    different.append((line, found))
                continue
            answer = put(client, line)
            again = client.get(line["path"]) if answer.is_success else None
            kept_there = None if again is None else recorded_form(again.json())
            said_there = (answer.status_code, said(answer)["fields"], kept_there)
            if said_there != (line["status"], line["fields"], line["kept"]):
                different.append((line, said_there))
    assert different == []


def listed(client: httpx.Client, kind: str) -> list[dict[str, Any]]:
    """What a control plane lists, in the form of the recording."""
    found = []
    for item in client.get(f"/meshes/default/{kind}").json()["items"]:
        conditions = recorded_form(item).get("status", {}).get("conditions", [])
        labels = {name: value for name, value in item.get("labels", {}).items() if name != "kuma.io/env"}
        domain, bundles = item["spec"].get("trustDomain"), len(item["spec"].get("caBundles", []))
        described = {"labels": labels or None, "conditions": conditions, "trustDomain": domain, "bundles": bundles}
        found.append({"kind": kind, "name": item["name"], **described})
    return found


def test_a_global_control_plane_and_a_zone_are_synchronized_as_recorded() -> None:
    different: list[Any] = []
    above = StandIn(product="kuma", mode="global")
    below = StandIn(product="kuma", mode="zone", upstream=above)
    recorded = lines("kuma-2.14.3-identity-pair.jsonl")
    with Rehearsal(above) as global_, Rehearsal(below) as zone:
        clients = {"global": httpx.Client(base_url=global_.url), "zone": httpx.Client(base_url=zone.url)}
        moments = dict.fromkeys(line["after"] for line in recorded if "after" in line)
        for line in recorded:
            if "to" in line:
                answer = put(clients[line["to"]], line)
                different += [(line, answer.status_code)] if answer.status_code != line["status"] else []
                continue
            if line["after"] not in moments:
                continue
            # The first line of a moment; between the last two the MeshIdentity was deleted.
            moment = line["after"]
            del moments[moment]
            if moment == "identity deleted":
                assert clients["global"].delete("/meshes/default/meshidentities/issue").is_success
            for client in clients.values():
                client.get("/meshes")
            expected = [
                {n: v for n, v in each.items() if n != "after"} for each in recorded if each.get("after") == moment
            ]
            found = [
                {"on": on, **each}
                for on, client in clients.items()
                for kind in ("meshidentities", "meshtrusts")
                for each in listed(client, kind)
            ]
            different += [(moment, each) for each in found if each not in expected]
            different += [(moment, each) for each in expected if each not in found]
        for client in clients.values():
            client.close()
    assert different == []
