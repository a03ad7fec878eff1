"""The stand-in control plane answers as a real one was recorded to (Kuma 2.14.3 on Universal, memory store)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.web_server import Rehearsal
from toolkit.mesh.schema.mesh import ADDED_BY_SERVER

if TYPE_CHECKING:
    from collections.abc import Iterator

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
