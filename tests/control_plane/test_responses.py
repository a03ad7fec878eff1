"""Hints for error responses, with the texts of a real Kuma."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.control_plane.clients import KEY, MESH, client, reply
from tests.control_plane.faulty import ON_KUBERNETES, TOKEN, Faulty
from toolkit.control_plane.client import ControlPlaneError
from toolkit.control_plane.connection import Token
from toolkit.control_plane.rehearsal.api import READ_ONLY
from toolkit.control_plane.resource_keys import Key

ON_GLOBAL = (
    "On global control plane you can not modify dataplane resources with 'kumactl apply' or via the HTTP API."
    " You can still use 'kumactl' or the HTTP API to modify them on the zone control plane.\n"
)
ANONYMOUS = {
    "type": "/std-errors",
    "status": 403,
    "title": "Access Denied",
    "detail": 'user "mesh-system:anonymous/mesh-system:unauthenticated" cannot access the resource of type "Secret"',
}
ISSUE = "kumactl generate user-token --name NAME --group mesh-system:admin --valid-for 24h"


@pytest.fixture
def standin() -> Iterator[Faulty]:
    with Faulty() as running:
        yield running


def read(standin: Faulty, **access: object) -> ControlPlaneError:
    with client(standin, **access) as control_plane, pytest.raises(ControlPlaneError) as raised:
        control_plane.get(Key("Secret", "default", "chain"))
    return raised.value


def written(standin: Faulty) -> ControlPlaneError:
    with client(standin) as control_plane, pytest.raises(ControlPlaneError) as raised:
        control_plane.put(KEY, MESH)
    return raised.value


def test_an_anonymous_user_needs_a_token(standin: Faulty) -> None:
    reply(standin, 403, json.dumps(ANONYMOUS).encode())
    hint = read(standin).hint
    assert hint.startswith("Give a user token: TOOLKIT_CONTROL_PLANE_TOKEN, or --token-file")
    assert ISSUE in hint
    with_token = read(standin, token=Token(TOKEN, "x")).hint
    assert with_token.startswith("The token did not reach the control plane.")
    reply(standin, 403, json.dumps({**ANONYMOUS, "detail": 'user "jane" cannot access'}).encode())
    assert "mesh-system:admin" in read(standin, token=Token(TOKEN, "x")).hint


def test_a_bad_token(standin: Faulty) -> None:
    reply(standin, 401, b'{"title": "Invalid authentication data", "detail": "Unauthenticated"}')
    assert ISSUE in read(standin, token=Token(TOKEN, "x")).hint


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        (ON_KUBERNETES, ["toolkit render-mesh --format kubernetes | kubectl apply -f -"]),
        (ON_GLOBAL, ["kubectl apply -f -", "KUMA_API_SERVER_READ_ONLY=false"]),
        (READ_ONLY, ["Apply it to the global control plane.", "KUMA_API_SERVER_READ_ONLY=false"]),
        ("", ["KUMA_API_SERVER_READ_ONLY=false", "global control plane"]),
    ],
)
def test_a_control_plane_that_takes_no_changes(standin: Faulty, text: str, hints: list[str]) -> None:
    reply(standin, 405, json.dumps({"title": "Method not allowed", "detail": text}).encode())
    hint = written(standin).hint
    for words in hints:
        assert words in hint


@pytest.mark.parametrize(
    "body",
    [
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
    ],
)
def test_http_to_a_port_that_expects_tls(standin: Faulty, body: bytes) -> None:
    reply(standin, 400, body, content_type="text/plain")
    for error in read(standin), written(standin):
        assert error.hint.startswith("This port answers in TLS: use an https:// address")
        assert not error.unsure


def test_https_to_a_port_that_expects_http(standin: Faulty) -> None:
    error = read(standin, url=standin.url.replace("http://", "https://"))
    assert "no TLS connection to" in error.message
    assert error.hint.startswith("This port answers in plain HTTP: use the https port, 5682")
