"""The client over real HTTP and TLS, against a stand-in with faults."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.control_plane.clients import KEY, MESH, SECRET, client, reply
from tests.control_plane.faulty import ON_KUBERNETES, TOKEN, Fault, Faulty
from toolkit.control_plane.client import MAX_RESPONSE, ControlPlane, ControlPlaneError, RefusedDocumentError
from toolkit.control_plane.connection import Access, Token
from toolkit.control_plane.rehearsal.api import READ_ONLY
from toolkit.control_plane.rehearsal.exchange import Reply, Request
from toolkit.control_plane.resource_keys import Key
from toolkit.errors import ExternalError, InvalidInputError, ToolkitError


@pytest.fixture
def standin() -> Iterator[Faulty]:
    with Faulty() as running:
        yield running


def test_it_says_who_it_is(standin: Faulty) -> None:
    with client(standin) as control_plane:
        index = control_plane.get_index()
        assert (index.product, index.number, str(index)) == ("Kong Mesh", (2, 13, 1), "Kong Mesh 2.13.1")
        standin.old = True
        assert control_plane.get_index() == index
        standin.stand_in.version = "dev-4711"
        assert control_plane.get_index().number is None


def test_resources_are_there_or_not(standin: Faulty) -> None:
    with client(standin) as control_plane:
        assert control_plane.get_mesh("default") is None
        assert control_plane.put(KEY, MESH) == (True, ())
        assert control_plane.put(KEY, MESH) == (False, ())
        found = control_plane.get_mesh("default")
        assert found is not None
        assert found["routing"] == {"localityAwareLoadBalancing": True}
        assert control_plane.get(SECRET) is None
        secret = {"type": "Secret", "mesh": "default", "name": "chain", "data": "YQ=="}
        assert control_plane.put(SECRET, secret).created
        assert control_plane.get(SECRET) is not None
    assert standin.requests[-1] == ("GET", "/meshes/default/secrets/chain")


def test_what_it_remarks_is_kept(standin: Faulty) -> None:
    with client(standin) as control_plane:
        written = control_plane.put(Key("Mesh", "1-a.b", "1-a.b"), {"type": "Mesh", "name": "1-a.b"})
    assert written.warnings == ('name: "1-a.b" is not an RFC 1035 label, which a later version may require',)


def test_names_are_quoted(standin: Faulty) -> None:
    with client(standin) as control_plane:
        assert control_plane.get_mesh("a/../b?c#d é") is None
        for impossible in ("", ".", ".."):
            with pytest.raises(InvalidInputError):
                control_plane.get_mesh(impossible)
    assert standin.requests == [("GET", "/meshes/a%2F..%2Fb%3Fc%23d%20%C3%A9")]


KONNECT = "/v1/mesh/control-planes/11111111-2222-3333-4444-555555555555/api"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_path_before_the_api_is_kept(standin: Faulty, end: str) -> None:
    """As in Konnect (Kong/developer.konghq.com:app/_includes/how-tos/mesh/apply-resources-to-konnect.md)."""
    standin.prefix, standin.stand_in.token = KONNECT, TOKEN
    with client(standin, url=f"{standin.url}{KONNECT}{end}", token=Token(TOKEN, "x")) as control_plane:
        assert control_plane.get_index().product == "Kong Mesh"
        assert control_plane.put(KEY, MESH).created
        assert control_plane.get_mesh("default") is not None
        assert control_plane.get_insight("default") is None
    assert standin.requests == [
        ("GET", KONNECT),
        ("PUT", f"{KONNECT}/meshes/default"),
        ("GET", f"{KONNECT}/meshes/default"),
        ("GET", f"{KONNECT}/mesh-insights/default"),
    ]


@pytest.mark.parametrize("status", [301, 307, 404])
def test_a_proxy_may_have_the_index_with_a_slash_alone(standin: Faulty, status: int) -> None:
    standin.fault = lambda number, _method, _path: Fault(
        Reply(status) if number == 1 else standin.answer(Request("GET", "/"))
    )
    with client(standin, url=f"{standin.url}/mesh-api") as control_plane:
        assert control_plane.get_index().product == "Kong Mesh"
    assert standin.requests == [("GET", "/mesh-api"), ("GET", "/mesh-api/")]


KUMA_ERROR = json.dumps({"title": "Access Denied", "detail": 'user "x" may not', "status": 403}).encode()


@pytest.mark.parametrize(
    ("status", "body", "words", "hint"),
    [
        (401, KUMA_ERROR, "401 Unauthorized: Access Denied", "TOOLKIT_CONTROL_PLANE_TOKEN"),
        (403, KUMA_ERROR, 'user "x" may not', "mesh-system:admin"),
        (404, b"<html>\n<h1>not here</h1>", "404 Not Found: <html> <h1>not here</h1>", "--control-plane"),
        (405, json.dumps({"title": "no", "detail": ON_KUBERNETES}).encode(), "kubectl apply", "| kubectl apply -f -"),
        (405, json.dumps({"title": "no", "detail": READ_ONLY}).encode(), "zone", "global control plane"),
        (409, b"{}", "409 Conflict: {}", "Someone else"),
        (412, b"", "412 Precondition Failed", "Someone else"),
        (413, b"", "413", "size"),
        (429, b"", "429 Too Many Requests", "later"),
        (500, b'{"title": "Could not find a resource", "details": "Internal Server Error"}', "Internal", "log"),
        (502, b"<html>" + b"x" * 10_000, "502 Bad Gateway", "log"),
        (503, b"\xff\x00\x1b[31m", "503", "log"),
        (504, b"[" * 5000, "504", "log"),
        (302, b"", "302 Found", "--control-plane"),
        (418, b"null", "418", "--control-plane"),
        (299, b"", "299", "--control-plane"),
    ],
)
def test_a_status_says_what_to_do(standin: Faulty, status: int, body: bytes, words: str, hint: str) -> None:
    reply(standin, status, body)
    with client(standin) as control_plane:
        with pytest.raises(ControlPlaneError) as read:
            control_plane.get_mesh("default")
        with pytest.raises(ControlPlaneError) as written:
            control_plane.put(KEY, MESH)
    for method, raised in ("GET", read.value), ("PUT", written.value):
        assert raised.message.startswith(f"{method} /meshes/default: {standin.url} answers {status}")
        assert words in raised.message
        assert hint in raised.hint
        assert raised.status == status
        assert raised.message.isprintable()
        assert len(raised.message) < 700


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Welcome</html>", b"[]", b"{}", b'{"product": 1, "version": "2"}', b"NaN", b'{"a":' * 2000, b"\xff"],
)
def test_what_is_no_control_plane_is_not_taken_for_one(standin: Faulty, body: bytes) -> None:
    reply(standin, 200, body)
    with client(standin) as control_plane:
        with pytest.raises(ControlPlaneError, match="200 OK"):
            control_plane.get_index()
        with pytest.raises(ControlPlaneError):
            control_plane.get_mesh("default")
        if body not in (b"", b"{}") and not body.startswith(b'{"p'):
            # A page that a proxy shows to whoever asks.
            with pytest.raises(ControlPlaneError) as raised:
                control_plane.put(KEY, MESH)
            assert raised.value.unsure


def test_another_resource_than_was_asked_for_is_refused(standin: Faulty) -> None:
    reply(standin, 200, json.dumps({**MESH, "name": "other"}).encode())
    with client(standin) as control_plane, pytest.raises(ControlPlaneError, match="not a Mesh with that name"):
        control_plane.get_mesh("default")


@pytest.mark.parametrize(
    "error",
    [
        {"invalid_parameters": [{"field": "mtls.dpcert.rotation.expiration", "reason": "is bad"}]},
        {"invalidParameters": [{"field": "mtls.dpcert.rotation.expiration", "reason": "is bad"}]},
        {"details": "x", "causes": [{"field": "mtls.dpcert.rotation.expiration", "message": "is bad"}]},
        {
            "causes": [{"field": "mtls.dpcert.rotation.expiration", "message": "is bad"}],
            "invalid_parameters": [{"field": "mtls.dpcert.rotation.expiration", "reason": "is bad"}, 3, {"field": []}],
        },
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_every_spelling_of_an_invalid_document(standin: Faulty, error: dict[str, Any], status: int) -> None:
    reply(standin, status, json.dumps({"title": "Could not process a resource", **error}).encode())
    with client(standin) as control_plane, pytest.raises(RefusedDocumentError) as raised:
        control_plane.put(KEY, MESH)
    assert raised.value.problems[0] == ("mtls.backends[].dpCert.rotation.expiration", "is bad")
    assert [str(problem) for problem in raised.value.problems[1:]] in ([], ["is not valid"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no reason is given"),
        (b"<h1>Bad Request</h1>\n", "<h1>Bad Request</h1>"),
        (b'{"title": "Bad Request", "detail": "invalid Mesh object: \\u001b[31m"}', "invalid Mesh object: \\x1b[31m"),
    ],
)
def test_an_invalid_document_without_fields(standin: Faulty, body: bytes, words: str) -> None:
    reply(standin, 400, body)
    with client(standin) as control_plane, pytest.raises(RefusedDocumentError) as raised:
        control_plane.put(KEY, MESH)
    assert words in raised.value.problems[0].message
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_read_is_tried_again_while_the_reason_may_pass(standin: Faulty, status: int) -> None:
    pauses: list[float] = []
    standin.fault = lambda number, _method, _path: Fault(Reply(status)) if number < 3 else None
    with ControlPlane(Access(standin.url), pauses.append) as control_plane:
        assert control_plane.get_index().product == "Kong Mesh"
        standin.requests.clear()
        standin.fault = lambda _number, _method, _path: Fault(Reply(status))
        with pytest.raises(ControlPlaneError):
            control_plane.get_index()
        assert len(standin.requests) == 3
        standin.requests.clear()
        with pytest.raises(ControlPlaneError) as raised:
            control_plane.put(KEY, MESH)
    assert len(standin.requests) == 1, "what writes is not repeated here"
    assert raised.value.passing
    assert pauses == [0.5, 1.0, 0.5, 1.0]


@pytest.mark.parametrize(("hang_up", "passing"), [("before", True), ("after", True), ("middle", False)])
def test_a_connection_that_breaks(standin: Faulty, hang_up: str, passing: bool) -> None:
    standin.fault = lambda _number, _method, _path: Fault(hang_up=hang_up)
    with client(standin) as control_plane:
        with pytest.raises(ControlPlaneError, match="the connection to"):
            control_plane.get_mesh("default")
        assert len(standin.requests) == (3 if passing else 1)
        with pytest.raises(ControlPlaneError) as raised:
            control_plane.put(KEY, MESH)
    assert (raised.value.passing, raised.value.unsure) == (passing, True)
    assert (KEY.path in standin.state) == (hang_up != "before")


@pytest.mark.parametrize(
    ("path", "hint"),
    # Konnect's address is https://REGION.api.konghq.com/v1/mesh/control-planes/ID/api.
    [("", "5681 for http, 5682 for https"), ("/", "5681 for http"), ("/v1/mesh/control-planes/1/api", "is correct")],
)
def test_nobody_listens(path: str, hint: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with ControlPlane(Access(f"http://127.0.0.1:{port}{path}"), pause=lambda _: None) as control_plane:
            with pytest.raises(ControlPlaneError, match=r"can't connect to .*Connection refused"):
                control_plane.get_index()
            with pytest.raises(ControlPlaneError) as raised:
                control_plane.put(KEY, MESH)
    assert not raised.value.unsure
    assert hint in raised.value.hint
    assert ("568" in raised.value.hint) == ("568" in hint)


def test_a_control_plane_that_hangs(standin: Faulty) -> None:
    standin.fault = lambda _number, _method, _path: Fault(wait=True)
    with client(standin, timeout=0.1) as control_plane:
        with pytest.raises(ControlPlaneError, match=r"did not answer within 0\.1 s") as raised:
            control_plane.get_index()
        assert "--control-plane-timeout" in raised.value.hint
        with pytest.raises(ControlPlaneError) as written:
            control_plane.put(KEY, MESH)
    assert (written.value.unsure, written.value.passing) == (True, False)
    assert len(standin.requests) == 2


def test_an_answer_has_limits(standin: Faulty) -> None:
    with client(standin) as control_plane:
        reply(standin, 200, b" " * (MAX_RESPONSE + 1))
        with pytest.raises(ControlPlaneError, match="over 16 MiB"):
            control_plane.get_mesh("default")
        reply(standin, 200, gzip.compress(b" " * 100), headers=(("Content-Encoding", "gzip"),))
        with pytest.raises(ControlPlaneError, match="compressed"):
            control_plane.get_mesh("default")
        reply(standin, 200, b'{"type":"Mesh","name":"default","x":[' + b"[]," * 100_001 + b"0]}")
        with pytest.raises(ControlPlaneError):
            control_plane.get_mesh("default")


def test_a_redirect_is_not_followed(standin: Faulty) -> None:
    with Faulty(token=TOKEN) as elsewhere:
        reply(standin, 307, headers=(("Location", elsewhere.url),))
        with client(standin, token=Token(TOKEN, "x")) as control_plane, pytest.raises(ControlPlaneError, match="307"):
            control_plane.get_index()
        assert elsewhere.requests == []


# Anything at all


@pytest.fixture(scope="module")
def anything() -> Iterator[tuple[Faulty, ControlPlane]]:
    with Faulty() as running, client(running) as control_plane:
        yield running, control_plane


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)
SPOKEN_OF = [
    *("type", "name", "mtls", "product", "version", "mode", "status", "title", "detail", "details", "warnings"),
    *("invalid_parameters", "invalidParameters", "causes"),
]
NAMED = st.fixed_dictionaries({}, optional=dict.fromkeys(SPOKEN_OF, JSON))
ENTRIES = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(("field", "reason", "message"), JSON)))
BODIES = st.binary() | st.one_of(
    JSON, NAMED, ENTRIES.map(lambda entries: {"causes": entries, "invalid_parameters": entries})
).map(lambda value: json.dumps(value).encode())


@settings(max_examples=100)
@given(status=st.integers(100, 999), body=BODIES)
def test_no_answer_is_a_surprise(anything: tuple[Faulty, ControlPlane], status: int, body: bytes) -> None:
    standin, control_plane = anything
    # After 1xx another answer is waited for.
    fault = Fault(Reply(status, body), hang_up="middle" if status < 200 else "")
    standin.fault = lambda _number, _method, _path: fault
    for ask in (
        control_plane.get_index,
        lambda: control_plane.get_mesh("default"),
        lambda: control_plane.get(SECRET),
        lambda: control_plane.put(KEY, MESH),
    ):
        try:
            ask()
        except ToolkitError as error:
            assert isinstance(error, (ExternalError, InvalidInputError))
            assert all(line.isprintable() for line in error.lines())
