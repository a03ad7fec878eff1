"""The client, over real HTTP and TLS, against a stand-in that can go wrong in every way."""

from __future__ import annotations

import gzip
import ipaddress
import json
import socket
import traceback
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mesh.standin import ON_A_ZONE, ON_KUBERNETES, TOKEN, Fault, Reply, StandIn
from tests.support import NOW, Authority, name
from toolkit.errors import InvalidInputError, SurroundingsError, ToolkitError
from toolkit.mesh.connection import Access, Token
from toolkit.mesh.control_plane import MAX_ANSWER, ControlPlane, ControlPlaneError, RefusedDocumentError
from toolkit.mesh.resources import Key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MESH = {"type": "Mesh", "name": "default", "routing": {"zoneEgress": True}}
KEY = Key("Mesh", "default", "default")
SECRET = Key("Secret", "chain", "default")


@contextmanager
def client(standin: StandIn, **access: Any) -> Iterator[ControlPlane]:
    """A client that waits for nothing between two tries."""
    with ControlPlane(Access(**{"url": standin.url, **access}), pause=lambda _: None) as control_plane:
        yield control_plane


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


def reply(standin: StandIn, status: int, body: bytes = b"", **more: Any) -> None:
    standin.fault = lambda _number, _method, _path: Fault(Reply(status, body, **more))


def test_it_says_who_it_is(standin: StandIn) -> None:
    with client(standin) as control_plane:
        index = control_plane.index()
        assert (index.product, index.version, index.major, str(index)) == ("Kong Mesh", "2.13.1", 2, "Kong Mesh 2.13.1")
        standin.old = True
        assert control_plane.index() == index
        standin.version = "dev-4711"
        assert control_plane.index().major is None


def test_resources_are_there_or_not(standin: StandIn) -> None:
    with client(standin) as control_plane:
        assert control_plane.mesh("default") is None
        assert control_plane.put(KEY, MESH) == (True, ())
        assert control_plane.put(KEY, MESH) == (False, ())
        found = control_plane.mesh("default")
        assert found is not None
        assert found["routing"] == {"zoneEgress": True}
        assert control_plane.secret("default", "chain") is None
        secret = {"type": "Secret", "mesh": "default", "name": "chain", "data": "YQ=="}
        assert control_plane.put(SECRET, secret).created
        assert control_plane.get(SECRET) == control_plane.secret("default", "chain")
    assert standin.requests[-1] == ("GET", "/meshes/default/secrets/chain")


def test_what_it_remarks_is_kept(standin: StandIn) -> None:
    with client(standin) as control_plane:
        written = control_plane.put(KEY, {**MESH, "mtls": {"backends": [{"name": "a", "type": "builtin"}]}})
    assert written.warnings == ("mtls is deprecated",)


def test_names_are_quoted(standin: StandIn) -> None:
    with client(standin) as control_plane:
        assert control_plane.mesh("a/../b?c#d é") is None
        for impossible in ("", ".", ".."):
            with pytest.raises(InvalidInputError):
                control_plane.mesh(impossible)
    assert standin.requests == [("GET", "/meshes/a%2F..%2Fb%3Fc%23d%20%C3%A9")]


def test_a_path_before_the_api_is_kept(standin: StandIn) -> None:
    with client(standin, url=f"{standin.url}/mesh-api/") as control_plane, pytest.raises(ControlPlaneError):
        control_plane.index()
    assert standin.requests == [("GET", "/mesh-api/")]


KUMA_ERROR = json.dumps({"title": "Access Denied", "detail": 'user "x" may not', "status": 403}).encode()


@pytest.mark.parametrize(
    ("status", "body", "words", "hint"),
    [
        (401, KUMA_ERROR, "401 Unauthorized: Access Denied", "TOOLKIT_CONTROL_PLANE_TOKEN"),
        (403, KUMA_ERROR, 'user "x" may not', "mesh-system:admin"),
        (404, b"<html>\n<h1>not here</h1>", "404 Not Found: <html> <h1>not here</h1>", "--control-plane"),
        (405, json.dumps({"title": "no", "detail": ON_KUBERNETES}).encode(), "kubectl apply", "| kubectl apply -f -"),
        (405, json.dumps({"title": "no", "detail": ON_A_ZONE}).encode(), "zone", "global control plane"),
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
def test_a_status_says_what_to_do(standin: StandIn, status: int, body: bytes, words: str, hint: str) -> None:
    reply(standin, status, body)
    with client(standin) as control_plane:
        with pytest.raises(ControlPlaneError) as read:
            control_plane.mesh("default")
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
def test_what_is_no_control_plane_is_not_taken_for_one(standin: StandIn, body: bytes) -> None:
    reply(standin, 200, body)
    with client(standin) as control_plane:
        with pytest.raises(ControlPlaneError, match="200 OK"):
            control_plane.index()
        with pytest.raises(ControlPlaneError):
            control_plane.mesh("default")
        if body not in (b"", b"{}") and not body.startswith(b'{"p'):
            # A page that a proxy shows to whoever asks.
            with pytest.raises(ControlPlaneError) as raised:
                control_plane.put(KEY, MESH)
            assert raised.value.unsure


def test_another_resource_than_was_asked_for_is_refused(standin: StandIn) -> None:
    reply(standin, 200, json.dumps({**MESH, "name": "other"}).encode())
    with client(standin) as control_plane, pytest.raises(ControlPlaneError, match="no Mesh of that name"):
        control_plane.mesh("default")


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
def test_every_spelling_of_an_invalid_document(standin: StandIn, error: dict[str, Any], status: int) -> None:
    reply(standin, status, json.dumps({"title": "Could not process a resource", **error}).encode())
    with client(standin) as control_plane, pytest.raises(RefusedDocumentError) as raised:
        control_plane.put(KEY, MESH)
    assert raised.value.problems[0] == ("mtls.backends[].dpCert.rotation.expiration", "is bad")
    assert [str(problem) for problem in raised.value.problems[1:]] in ([], ["is not valid"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no reason is given"),
        (b"Client sent an HTTP request to an HTTPS server.\n", "Client sent an HTTP request"),
        (b'{"title": "Bad Request", "detail": "invalid Mesh object: \\u001b[31m"}', "invalid Mesh object: \\x1b[31m"),
    ],
)
def test_an_invalid_document_without_fields(standin: StandIn, body: bytes, words: str) -> None:
    reply(standin, 400, body)
    with client(standin) as control_plane, pytest.raises(RefusedDocumentError) as raised:
        control_plane.put(KEY, MESH)
    assert words in raised.value.problems[0].message
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_read_is_tried_again_while_the_reason_may_pass(standin: StandIn, status: int) -> None:
    pauses: list[float] = []
    standin.fault = lambda number, _method, _path: Fault(Reply(status)) if number < 3 else None
    with ControlPlane(Access(standin.url), pauses.append) as control_plane:
        assert control_plane.index().product == "Kong Mesh"
        standin.requests.clear()
        standin.fault = lambda _number, _method, _path: Fault(Reply(status))
        with pytest.raises(ControlPlaneError):
            control_plane.index()
        assert len(standin.requests) == 3
        standin.requests.clear()
        with pytest.raises(ControlPlaneError) as raised:
            control_plane.put(KEY, MESH)
    assert len(standin.requests) == 1, "what writes is not repeated here"
    assert raised.value.passing
    assert pauses == [0.5, 1.0, 0.5, 1.0]


@pytest.mark.parametrize(("hang_up", "passing"), [("before", True), ("after", True), ("middle", False)])
def test_a_connection_that_breaks(standin: StandIn, hang_up: str, passing: bool) -> None:
    standin.fault = lambda _number, _method, _path: Fault(hang_up=hang_up)
    with client(standin) as control_plane:
        with pytest.raises(ControlPlaneError, match="the connection to"):
            control_plane.mesh("default")
        assert len(standin.requests) == (3 if passing else 1)
        with pytest.raises(ControlPlaneError) as raised:
            control_plane.put(KEY, MESH)
    assert (raised.value.passing, raised.value.unsure) == (passing, True)
    assert (KEY.path in standin.state) == (hang_up != "before")


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with client(StandIn(url=f"http://127.0.0.1:{port}")) as control_plane:
            with pytest.raises(ControlPlaneError, match=r"can't connect to .*Connection refused"):
                control_plane.index()
            with pytest.raises(ControlPlaneError) as raised:
                control_plane.put(KEY, MESH)
    assert not raised.value.unsure


def test_a_control_plane_that_hangs(standin: StandIn) -> None:
    standin.fault = lambda _number, _method, _path: Fault(wait=True)
    with client(standin, timeout=0.1) as control_plane:
        with pytest.raises(ControlPlaneError, match=r"did not answer within 0\.1 s") as raised:
            control_plane.index()
        assert "--timeout" in raised.value.hint
        with pytest.raises(ControlPlaneError) as written:
            control_plane.put(KEY, MESH)
    assert (written.value.unsure, written.value.passing) == (True, False)
    assert len(standin.requests) == 2


def test_an_answer_has_limits(standin: StandIn) -> None:
    with client(standin) as control_plane:
        reply(standin, 200, b" " * (MAX_ANSWER + 1))
        with pytest.raises(ControlPlaneError, match="over 16 MiB"):
            control_plane.mesh("default")
        reply(standin, 200, gzip.compress(b" " * 100), headers=(("Content-Encoding", "gzip"),))
        with pytest.raises(ControlPlaneError, match="compressed"):
            control_plane.mesh("default")
        reply(standin, 200, b'{"type":"Mesh","name":"default","x":[' + b"[]," * 100_001 + b"0]}")
        with pytest.raises(ControlPlaneError):
            control_plane.mesh("default")


def test_a_redirect_is_not_followed(standin: StandIn) -> None:
    with StandIn(token=TOKEN) as elsewhere:
        reply(standin, 307, headers=(("Location", elsewhere.url),))
        with client(standin, token=Token(TOKEN, "x")) as control_plane, pytest.raises(ControlPlaneError, match="307"):
            control_plane.index()
        assert elsewhere.requests == []


# The token


def test_the_token_is_sent_and_never_shown(standin: StandIn) -> None:
    standin.token = TOKEN
    with client(standin) as control_plane, pytest.raises(ControlPlaneError, match="authenticate first"):
        control_plane.mesh("default")
    access = Access(standin.url, Token(TOKEN, "x"))
    with ControlPlane(access) as control_plane:
        assert control_plane.mesh("default") is None
        # Some answer with what they were sent.
        echo = f"your header was: Bearer {TOKEN}".encode()
        for status, body in (500, echo), (400, echo), (400, json.dumps({"title": TOKEN}).encode()), (200, echo):
            reply(standin, status, body)
            with pytest.raises(ToolkitError) as raised:
                control_plane.put(KEY, MESH)
            assert "***" in "\n".join(raised.value.lines())
            shown = "".join(traceback.format_exception(raised.value)) + "\n".join(raised.value.lines())
            assert TOKEN not in shown
        assert TOKEN not in repr([control_plane, access, access.token, vars(control_plane)])


@pytest.mark.parametrize("value", ["", "a b", "a\nb", "tökén-tökén", "x" * 10 + "\x00", "Bearer abcdefgh"])
def test_what_is_no_token_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        Token(value, "token.txt")
    assert "token.txt: " in raised.value.lines()[1]
    assert not value or value not in "".join(traceback.format_exception(raised.value))


def test_a_token_goes_unencrypted_to_this_machine_alone() -> None:
    token = Token(TOKEN, "x")
    for url in (
        "http://mesh.example.com:5681",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "http://localhost.x",
    ):
        with pytest.raises(InvalidInputError, match="can't be asked") as raised:
            ControlPlane(Access(url, token))
        assert "--insecure-http" in raised.value.hint
        ControlPlane(Access(url, token, insecure_http=True)).close()
        ControlPlane(Access(url)).close()
        ControlPlane(Access(url.replace("http://", "https://"), token)).close()
    for url in (
        "http://127.0.0.1:5681",
        "http://localhost",
        "http://LOCALHOST:1",
        "http://[::1]:5681",
        "http://127.9.9.9",
    ):
        ControlPlane(Access(url, token)).close()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_reads_what_goes_to_this_machine(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with StandIn() as proxy:
        monkeypatch.setenv(variable, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with client(standin, token=Token(TOKEN, "x")) as control_plane:
            control_plane.index()
        assert proxy.requests == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mesh.example.com:5681", "must begin with"),
        ("ftp://mesh", "must begin with"),
        ("https://", "no host"),
        ("https://me:hunter2@mesh", "user name"),
        ("https://mesh?x=hunter2", "query"),
        ("https://mesh#hunter2", "fragment"),
        ("https://mesh:99999", "host and port"),
        ("https://me sh", "host and port"),
        ("https://[::1", "no address"),
        ("https://mesh\x00", "no address"),
        ("https://☃.", "no address"),
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(url: str, words: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        ControlPlane(Access(url))
    (problem,) = raised.value.problems
    assert problem.path == "--control-plane"
    assert words in problem.message
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


# TLS


def server_files(directory: Path, authority: Authority, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate for the stand-in, with its chain, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    certificate = (
        authority._builder(name("control plane"), key.public_key(), NOW + timedelta(days=1))
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    pem, private = directory / "server.pem", directory / "server.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


def ca_file(directory: Path, authority: Authority) -> Path:
    file = directory / f"{authority.common_name}.pem"
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    return file


def test_tls_with_the_right_ca(tmp_path: Path) -> None:
    authority = Authority("Mesh CA")
    with StandIn(tls=server_files(tmp_path, authority), token=TOKEN) as standin:
        for trusted in (ca_file(tmp_path, authority), tmp_path / "server.pem"):
            with client(standin, ca_file=trusted, token=Token(TOKEN, "x")) as control_plane:
                assert control_plane.mesh("default") is None
                assert control_plane.put(KEY, MESH).created
            standin.state.clear()


@pytest.mark.parametrize("hang_up", ["before", "middle"])
def test_a_tls_connection_that_breaks_is_no_matter_of_trust(tmp_path: Path, hang_up: str) -> None:
    authority = Authority("Mesh CA")
    with StandIn(tls=server_files(tmp_path, authority)) as standin:
        standin.fault = lambda _number, _method, _path: Fault(hang_up=hang_up)
        with client(standin, ca_file=ca_file(tmp_path, authority)) as control_plane:
            with pytest.raises(ControlPlaneError, match="the connection to") as raised:
                control_plane.put(KEY, MESH)
            assert raised.value.unsure


def test_tls_with_another_ca_or_none_or_another_host(tmp_path: Path) -> None:
    authority, other = Authority("Mesh CA"), Authority("Other CA")
    with StandIn(tls=server_files(tmp_path, authority)) as standin:
        for trusted in (ca_file(tmp_path, other), None):
            with client(standin, ca_file=trusted) as control_plane:
                with pytest.raises(ControlPlaneError, match="its certificate is not trusted: ") as raised:
                    control_plane.put(KEY, MESH)
                assert "--ca-file" in raised.value.hint
                assert not raised.value.unsure
        assert standin.requests == []
    with StandIn(tls=server_files(tmp_path, authority, "mesh.example.com")) as standin:
        trusting = client(standin, ca_file=ca_file(tmp_path, authority))
        with trusting as control_plane, pytest.raises(ControlPlaneError, match=r"mismatch.*127\.0\.0\.1"):
            control_plane.index()
        assert standin.requests == []


def test_http_and_https_mixed_up(tmp_path: Path) -> None:
    with StandIn(tls=server_files(tmp_path, Authority("Mesh CA"))) as standin:
        unencrypted = client(standin, url=standin.url.replace("https", "http"))
        with unencrypted as control_plane, pytest.raises(ControlPlaneError, match="the connection to"):
            control_plane.index()
    with StandIn() as standin:
        encrypted = client(standin, url=standin.url.replace("http", "https"))
        with encrypted as control_plane, pytest.raises(ControlPlaneError, match="no TLS connection to"):
            control_plane.index()


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    for file, words in (junk, "holds no certificate"), (tmp_path / "none", "No such file"), (tmp_path, "directory"):
        with pytest.raises(InvalidInputError) as raised:
            ControlPlane(Access("https://mesh", ca_file=file))
        assert words in str(raised.value.problems)
    with pytest.raises(InvalidInputError) as raised:
        ControlPlane(Access("http://127.0.0.1", ca_file=junk))
    assert "is for an https:// address" in str(raised.value.problems)


# Anything at all


@pytest.fixture(scope="module")
def anything() -> Iterator[tuple[StandIn, ControlPlane]]:
    with StandIn() as running, client(running) as control_plane:
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


@settings(max_examples=300)
@given(status=st.integers(100, 999), body=BODIES)
def test_no_answer_is_a_surprise(anything: tuple[StandIn, ControlPlane], status: int, body: bytes) -> None:
    standin, control_plane = anything
    # After 1xx another answer is waited for.
    fault = Fault(Reply(status, body), hang_up="middle" if status < 200 else "")
    standin.fault = lambda _number, _method, _path: fault
    for ask in (
        control_plane.index,
        lambda: control_plane.mesh("default"),
        lambda: control_plane.secret("default", "chain"),
        lambda: control_plane.put(KEY, MESH),
    ):
        try:
            ask()
        except ToolkitError as error:
            assert isinstance(error, (SurroundingsError, InvalidInputError))
            assert all(line.isprintable() for line in error.lines())
