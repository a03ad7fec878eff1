"""The certificates that the client trusts, and the addresses to which it sends its token."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.control_plane.clients import KEY, MESH, ca_file, client, reply, server_files
from tests.control_plane.faulty import TOKEN, Fault, Faulty
from tests.support import Authority
from toolkit.control_plane.client import ControlPlane, ControlPlaneError
from toolkit.control_plane.connection import Access, Token
from toolkit.control_plane.resource_keys import Key
from toolkit.errors import InvalidInputError, ToolkitError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def standin() -> Iterator[Faulty]:
    with Faulty() as running:
        yield running


# The token


def test_the_token_is_sent_and_never_shown(standin: Faulty) -> None:
    standin.stand_in.token = TOKEN
    standin.put({"type": "Mesh", "name": "other"})
    with client(standin) as control_plane, pytest.raises(ControlPlaneError, match="cannot access the resource"):
        control_plane.get(Key("Secret", "other", "chain"))
    access = Access(standin.url, Token(TOKEN, "x"))
    with ControlPlane(access) as control_plane:
        assert control_plane.get_mesh("default") is None
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
        with pytest.raises(InvalidInputError, match="are not valid") as raised:
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
    standin: Faulty, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with Faulty() as proxy:
        monkeypatch.setenv(variable, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with client(standin, token=Token(TOKEN, "x")) as control_plane:
            control_plane.get_index()
        assert proxy.requests == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mesh.example.com:5681", "must begin with"),
        ("ftp://mesh", "must begin with"),
        ("https://", "no valid host"),
        ("https://me:hunter2@mesh", "user name"),
        ("https://mesh?x=hunter2", "query"),
        ("https://mesh#hunter2", "fragment"),
        ("https://mesh:99999", "host and port"),
        ("https://me sh", "host and port"),
        ("https://[::1", "not an address"),
        ("https://mesh\x00", "not an address"),
        ("https://☃.", "not an address"),
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


def test_tls_with_the_right_ca(tmp_path: Path) -> None:
    authority = Authority("Mesh CA")
    with Faulty(tls=server_files(tmp_path, authority), token=TOKEN) as standin:
        for trusted in (ca_file(tmp_path, authority), tmp_path / "server.pem"):
            with client(standin, ca_file=trusted, token=Token(TOKEN, "x")) as control_plane:
                assert control_plane.get_mesh("default") is None
                assert control_plane.put(KEY, MESH).created
            standin.state.clear()


@pytest.mark.parametrize("hang_up", ["before", "middle"])
def test_a_tls_connection_that_breaks_is_no_matter_of_trust(tmp_path: Path, hang_up: str) -> None:
    authority = Authority("Mesh CA")
    with Faulty(tls=server_files(tmp_path, authority)) as standin:
        standin.fault = lambda _number, _method, _path: Fault(hang_up=hang_up)
        with client(standin, ca_file=ca_file(tmp_path, authority)) as control_plane:
            with pytest.raises(ControlPlaneError, match="the connection to") as raised:
                control_plane.put(KEY, MESH)
            assert raised.value.unsure


def test_tls_with_another_ca_or_none_or_another_host(tmp_path: Path) -> None:
    authority, other = Authority("Mesh CA"), Authority("Other CA")
    with Faulty(tls=server_files(tmp_path, authority)) as standin:
        for trusted in (ca_file(tmp_path, other), None):
            with client(standin, ca_file=trusted) as control_plane:
                with pytest.raises(ControlPlaneError, match="its certificate is not trusted: ") as raised:
                    control_plane.put(KEY, MESH)
                assert "--ca-file" in raised.value.hint
                assert not raised.value.unsure
        assert standin.requests == []
    with Faulty(tls=server_files(tmp_path, authority, "mesh.example.com")) as standin:
        trusting = client(standin, ca_file=ca_file(tmp_path, authority))
        with trusting as control_plane, pytest.raises(ControlPlaneError, match=r"mismatch.*127\.0\.0\.1"):
            control_plane.get_index()
        assert standin.requests == []


def test_http_and_https_mixed_up(tmp_path: Path) -> None:
    with Faulty(tls=server_files(tmp_path, Authority("Mesh CA"))) as standin:
        unencrypted = client(standin, url=standin.url.replace("https", "http"))
        with unencrypted as control_plane, pytest.raises(ControlPlaneError, match="the connection to"):
            control_plane.get_index()
    with Faulty() as standin:
        encrypted = client(standin, url=standin.url.replace("http", "https"))
        with encrypted as control_plane, pytest.raises(ControlPlaneError, match="no TLS connection to"):
            control_plane.get_index()


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    for file, words in (junk, "no PEM certificate found"), (tmp_path / "none", "No such file"), (tmp_path, "directory"):
        with pytest.raises(InvalidInputError) as raised:
            ControlPlane(Access("https://mesh", ca_file=file))
        assert words in str(raised.value.problems)
    with pytest.raises(InvalidInputError) as raised:
        ControlPlane(Access("http://127.0.0.1", ca_file=junk))
    assert "is for an https:// address" in str(raised.value.problems)
