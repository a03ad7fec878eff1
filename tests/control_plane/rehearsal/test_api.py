"""Answers of the stand-in control plane that were not recorded, compared with Kuma's source."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.control_plane.faulty import ARN
from tests.mesh.protobuf import NoMessageError, round_trip
from toolkit.control_plane.rehearsal.api import StandIn
from toolkit.control_plane.rehearsal.exchange import Reply, Request
from toolkit.control_plane.rehearsal.web_server import Rehearsal
from toolkit.mesh.schema import messages
from toolkit.mesh.schema.field_types import Spec

if TYPE_CHECKING:
    from toolkit.control_plane.rehearsal.names_and_labels import Mode

SECRET = {"type": "Secret", "mesh": "default", "name": "chain", "data": "Y2hhaW4="}
CHAIN = "/meshes/default/secrets/chain"
ACMPCA: dict[str, Any] = {"name": "acm", "type": "acmpca", "conf": {"arn": ARN, "caCert": {"secret": "chain"}}}
BUILTIN = {"name": "ca-1", "type": "builtin"}


def put(stand_in: StandIn, path: str, document: Any, **more: Any) -> Reply:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return stand_in.answer(Request("PUT", path, content_type="application/json", body=body, **more))


def get(stand_in: StandIn, path: str, **more: Any) -> Any:
    return json.loads(stand_in.answer(Request("GET", path, **more)).body)


def mesh(*backends: dict[str, Any], enabled: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "Mesh", "name": "default", "mtls": {"enabledBackend": enabled, "backends": backends, **more}}


def refused(reply: Reply) -> tuple[int, str, list[str]]:
    document = json.loads(reply.body)
    return reply.status, document["title"], [each["field"] for each in document.get("invalid_parameters", [])]


@pytest.fixture
def rehearsal() -> Iterator[Rehearsal]:
    with Rehearsal() as running:
        yield running


# Kong Mesh


def test_kong_mesh_takes_its_types_several_backends_and_another_enabled_one() -> None:
    stand_in = StandIn()
    put(stand_in, CHAIN, SECRET)
    assert put(stand_in, "/meshes/default", mesh(BUILTIN, ACMPCA, enabled="ca-1")).status == 200
    assert put(stand_in, "/meshes/default", mesh(BUILTIN, ACMPCA, enabled="acm")).status == 200
    assert refused(stand_in.answer(Request("DELETE", CHAIN))) == (400, "Could not delete a resource", ["name"])
    assert put(stand_in, "/meshes/default", mesh(BUILTIN, enabled="ca-1")).status == 200
    assert stand_in.answer(Request("DELETE", CHAIN)).status == 200


@pytest.mark.parametrize(
    ("conf", "field"),
    [
        ({}, "arn"),
        ({"arn": ARN}, "caCert"),
        ({"arn": "x", "caCert": {"inlineString": "x"}}, "arn"),
        ({"arn": ARN, "caCert": {"secret": "nope"}}, "caCert"),
        ({"arn": ARN, "caCert": {"file": "/etc/hostname"}}, "caCert"),
        ({"arn": ARN, "caCert": {}}, "caCert"),
        ({"arn": ARN, "caCert": "x"}, "caCert"),
        ({"arn": ARN, "caCert": {"inline": "%"}}, ""),
        ({"arn": ARN, "caCert": {"inline": "YQ==", "secret": "chain"}}, "caCert"),
    ],
)
def test_backends_of_kong_mesh_are_checked_as_documented(conf: dict[str, Any], field: str) -> None:
    stand_in = StandIn()
    put(stand_in, CHAIN, SECRET)
    backend = {**ACMPCA, "conf": conf}
    status, title, fields = refused(put(stand_in, "/meshes/default", mesh(backend)))
    assert (status, title) == (400, "Failed to update a resource")
    assert f"mtls.backends[0].conf{'.' if field else ''}{field}" in fields
    assert put(stand_in, "/meshes/default", mesh(backend, skipValidation=True)).status == 200
    # Kuma's plugins skip fields that they do not know.
    assert put(stand_in, "/meshes/default", mesh({**ACMPCA, "conf": {**ACMPCA["conf"], "new": 1}})).status == 200


# Users


def test_who_has_a_token_and_who_has_none() -> None:
    stand_in = StandIn(token="secret")
    admin, stranger = {"authorization": "Bearer secret"}, {"authorization": "Bearer other"}
    assert put(stand_in, CHAIN, SECRET, **admin).status == 201
    assert get(stand_in, "/meshes")["total"] == 1
    for path in (CHAIN, "/meshes/default/secrets"):
        denied = get(stand_in, path)
        assert (denied["status"], denied["title"]) == (403, "Access Denied")
        assert denied["detail"].startswith('user "mesh-system:anonymous/mesh-system:unauthenticated" cannot access')
        assert get(stand_in, path, **admin)
    for method in ("PUT", "DELETE"):
        request = Request(method, CHAIN, content_type="application/json", body=json.dumps(SECRET).encode())
        assert refused(stand_in.answer(request))[0] == 403
    unknown = get(stand_in, "/meshes", **stranger)
    assert (unknown["status"], unknown["title"], unknown["detail"]) == (
        401,
        "Invalid authentication data",
        "Unauthenticated",
    )
    assert "status" not in get(StandIn(), "/meshes", **stranger)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "LOCALHOST:1"}, 200),
        ({"Host": "[::1]:5681"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://localhost:8080"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_web_pages_are_not_answered(rehearsal: Rehearsal, headers: dict[str, str], status: int) -> None:
    for method, path in (("GET", "/meshes"), ("DELETE", "/meshes/default"), ("GET", "/")):
        answer = httpx.request(method, rehearsal.url + path, headers=headers)
        assert answer.status_code == status
        assert "access-control-allow-origin" not in answer.headers
    assert ("/meshes/default" in rehearsal.stand_in.inventory.documents) == (status == 403)


# Writes


def test_of_two_writers_one_is_told_of_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in, both = StandIn(), threading.Barrier(2, timeout=10)
    valid = StandIn._valid_mesh

    def slowly(self: StandIn, *arguments: Any) -> Any:
        both.wait()
        return valid(self, *arguments)

    monkeypatch.setattr(StandIn, "_valid_mesh", slowly)
    replies: list[Reply] = []
    threads = [
        threading.Thread(target=lambda: replies.append(put(stand_in, "/meshes/default", mesh()))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.status for reply in replies) == [200, 409]
    conflict = next(json.loads(reply.body) for reply in replies if reply.status == 409)
    assert conflict["title"] == "Conflict"
    assert conflict["detail"].startswith('resource conflict: type="Mesh" name="default"')


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/meshes/default", "/meshes/new", CHAIN])
def test_read_only_refuses_every_write(method: str, path: str) -> None:
    stand_in = StandIn(mode="read-only")
    request = Request(method, path, content_type="application/json", body=b"{}")
    assert refused(stand_in.answer(request))[:2] == (405, "Method not allowed")
    assert list(stand_in.inventory.documents) == ["/meshes/default"]


def test_labels_that_can_not_be_removed() -> None:
    stand_in = StandIn()
    labelled = {**SECRET, "labels": {"kuma.io/display-name": "chain"}}
    assert put(stand_in, CHAIN, labelled).status == 201
    status, _, fields = refused(put(stand_in, CHAIN, SECRET))
    assert (status, fields) == (400, ['labels["kuma.io/display-name"]'])
    assert put(stand_in, CHAIN, labelled).status == 200


@pytest.mark.parametrize(
    ("mode", "labels", "field"),
    [
        ("zone", {"kuma.io/zone": "z2"}, "kuma.io/zone"),
        ("zone", {"kuma.io/mesh": "other"}, "kuma.io/mesh"),
        ("zone", {"kuma.io/origin": "nowhere"}, "kuma.io/origin"),
        ("global", {"kuma.io/origin": "zone"}, "kuma.io/origin"),
        ("global", {"a/b/c": "x"}, "a/b/c"),
        ("global", {"a": "x" * 64}, "a"),
    ],
)
def test_labels_that_are_not_valid(mode: Mode, labels: dict[str, str], field: str) -> None:
    _, title, fields = refused(put(StandIn(mode=mode), CHAIN, {**SECRET, "labels": labels}))
    assert (title, set(fields)) == ("Could not process a resource", {f'labels["{field}"]'})


def test_names() -> None:
    stand_in = StandIn()
    assert "warnings" in json.loads(put(stand_in, "/meshes/a_b.c", {"type": "Mesh", "name": "a_b.c"}).body)
    long = "a" * 64
    status, title, fields = refused(put(stand_in, f"/meshes/{long}", {"type": "Mesh", "name": long}))
    assert (status, title, fields) == (400, "Failed to create a resource", ["name"])


def test_a_ca_lifetime_that_kuma_can_not_read_is_an_error_of_the_server() -> None:
    backend = {**BUILTIN, "conf": {"caCert": {"expiration": "1d12h"}}}
    assert put(StandIn(), "/meshes/default", mesh(backend)).status == 500


# Lists


def test_pages() -> None:
    stand_in = StandIn()
    for name in ("b", "a", "c"):
        put(stand_in, f"/meshes/{name}", {"type": "Mesh", "name": name})
    names, target = [], "/meshes?size=3"
    while target:
        page = get(stand_in, target, host="localhost:1")
        names.append([item["name"] for item in page["items"]])
        assert page["total"] == 4
        target = (page["next"] or "").removeprefix("http://localhost:1")
    assert names == [["a", "b", "c"], ["default"]]
    assert [item["name"] for item in get(stand_in, "/meshes?name=ef")["items"]] == ["default"]
    assert get(stand_in, "/meshes?offset=9")["items"] == []
    for query, field in {"size=x": "size", "size=1001": "size", "size=-1": "size", "offset=x": "offset"}.items():
        assert refused(stand_in.answer(Request("GET", f"/meshes?{query}")))[2] == [field]
    assert refused(stand_in.answer(Request("GET", "/meshes/nope/secrets")))[:2] == (404, "Failed to retrieve Mesh")
    put(stand_in, CHAIN, SECRET)
    assert get(stand_in, "/meshes/default/secrets")["items"][0]["data"] == SECRET["data"]


def test_insights_are_there_when_they_are_given() -> None:
    stand_in = StandIn()
    assert get(stand_in, "/mesh-insights/default")["status"] == 404
    stand_in.insights["default"] = {"type": "MeshInsight", "name": "default"}
    assert get(stand_in, "/mesh-insights/default")["type"] == "MeshInsight"


# Anything at all


def test_bodies_without_a_size_or_too_large_are_refused(rehearsal: Rehearsal) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"{}"

    assert httpx.put(f"{rehearsal.url}/meshes/m", content=pieces()).status_code == 413
    connection = http.client.HTTPConnection(rehearsal.url.removeprefix("http://"), timeout=10)
    connection.request("PUT", "/meshes/m", headers={"Content-Length": "99999999"})
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"3", b"\xff", b'{"a": NaN}', b'{"a":' * 100_000, b'{"name": "\\ud800"}', b"{"]
)
@pytest.mark.parametrize("path", ["/meshes/m", CHAIN])
def test_what_is_no_resource_is_a_bad_request(path: str, body: bytes) -> None:
    assert refused(put(StandIn(), path, body))[:2] == (400, "Bad Request")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=3) | st.just("1s"),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=2), children, max_size=3),
    max_leaves=6,
)


def any_of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields) | JSON


BACKEND = any_of(
    name=st.just("a") | JSON,
    type=st.sampled_from(["builtin", "provided", "acmpca", "vault", "certmanager", "file", "zipkin", "prometheus"]),
    mode=st.sampled_from(["STRICT", 1, 7]) | JSON,
    dpCert=any_of(rotation=any_of(expiration=JSON), requestTimeout=JSON),
    sampling=JSON,
    conf=any_of(cert=JSON, key=JSON, caCert=JSON, arn=JSON, fromCp=JSON, tls=JSON, url=JSON, port=JSON),
)
SECTION = any_of(enabledBackend=JSON, backends=st.lists(BACKEND, max_size=2) | JSON)
MESHES = any_of(
    mtls=SECTION, tracing=SECTION, logging=SECTION, metrics=SECTION, labels=JSON, routing=JSON, constraints=JSON
)


@given(MESHES)
def test_every_document_is_accepted_or_refused_and_kept_as_it_is_read(document: Any) -> None:
    stand_in = StandIn()
    if isinstance(document, dict):
        document = {**document, "type": "Mesh", "name": "m"}
    reply = put(stand_in, "/meshes/m", document)
    assert reply.status in (201, 400)
    if reply.status == 201:
        kept = {name: value for name, value in get(stand_in, "/meshes/m").items() if name != "kri"}
        # What was kept is taken again, and comes back the same.
        assert put(stand_in, "/meshes/m", kept).status == 200
        again = get(stand_in, "/meshes/m")
        assert {**again, "modificationTime": ""} == {**again, **kept, "modificationTime": ""}


@given(MESHES)
def test_what_it_reads_is_what_protobuf_reads(document: Any) -> None:
    """Where protobuf's newer library refuses more (durations, null in lists), it says nothing of this one."""
    try:
        expected = round_trip(document)
    except (NoMessageError, AttributeError, TypeError):
        return
    try:
        found = messages.read_message(Spec, document)
    except messages.MessageError:
        return
    assert found == expected
