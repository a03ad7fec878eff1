"""Handshakes with OpenSSL and real certificates: which pairs succeed, and the messages of failures."""

from __future__ import annotations

import re
import ssl
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import NOW, Authority, hierarchy
from tests.verify import proxies
from tests.verify.proxies import ISSUING, KEYS, TRUST, WEB
from toolkit.errors import ExternalError
from toolkit.pki import chain, pem
from toolkit.pki.extensions import build_key_usage
from toolkit.verify.handshakes.openssl import CLIENT_REFUSES, SERVER_REFUSES, Trust, make_handshakes
from toolkit.verify.results import Handshake
from toolkit.verify.zone import Proxy

if TYPE_CHECKING:
    from cryptography import x509

STRANGER = hierarchy()
SERVER_AUTH, CLIENT_AUTH = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def proxy(zone: str, authority: Authority = ISSUING, uris: tuple[str, ...] = (WEB,), **more: Any) -> Proxy:
    """With the zone beside the SPIFFE ID, as Kong Mesh asks for it."""
    return proxies.proxy(zone, authority, (*uris, f"kuma://kuma.io/zone/{zone}"), **more)


def problems(one: Proxy, other: Proxy, trust: Trust = TRUST) -> tuple[str, str]:
    """What is wrong when `other` is the server, and when it is the client."""
    met = {(found.client, found.server): found.problem for found in make_handshakes([one, other], trust)}
    return met[one.zone, other.zone], met[other.zone, one.zone]


def test_every_zone_meets_every_other_in_both_directions() -> None:
    proxies = [proxy(f"zone-{number}", key=key) for number, key in enumerate(KEYS)]
    names = [one.zone for one in proxies]
    expected = [Handshake(client, server) for client in names for server in names if client != server]
    assert list(make_handshakes(proxies, TRUST)) == expected


def test_a_zone_alone_meets_nobody() -> None:
    assert list(make_handshakes([proxy("a")], TRUST)) == []
    assert list(make_handshakes([], TRUST)) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"authority": STRANGER}, "unable to get local issuer certificate"),
        ({"not_after": NOW - timedelta(minutes=1)}, "certificate has expired"),
        ({"not_before": NOW + timedelta(hours=1)}, "certificate is not yet valid"),
        ({"usage": build_key_usage("key_cert_sign")}, "un.* certificate purpose"),
    ],
)
def test_a_bad_certificate_is_refused_by_the_side_that_is_shown_it(wrong: dict[str, Any], words: str) -> None:
    as_server, as_client = problems(proxy("good"), proxy("bad", **wrong))
    for problem, refuses in (as_server, CLIENT_REFUSES), (as_client, SERVER_REFUSES):
        assert problem.startswith(f"{refuses}: certificate verify failed: ")
        assert re.search(words, problem)


@pytest.mark.parametrize(("missing", "at"), [(CLIENT_AUTH, 1), (SERVER_AUTH, 0)])
def test_an_extended_key_usage_matters_in_its_role_alone(missing: x509.ObjectIdentifier, at: int) -> None:
    left = tuple({SERVER_AUTH, CLIENT_AUTH} - {missing})
    found = problems(proxy("good"), proxy("bad", extended=left))
    assert "certificate purpose" in found[at]
    assert found[1 - at] == ""


@pytest.mark.parametrize(
    ("uris", "server", "client"),
    [
        # Kuma's servers take every service of the mesh, its clients only the one that they called.
        (("spiffe://default/backend",), False, True),
        (("spiffe://default/backend", WEB), True, True),
        (("spiffe://other/web",), False, False),
        (("spiffe://default-2/web",), False, False),
        (("spiffe://default/web2",), False, True),
        ((), False, False),
    ],
)
def test_the_spiffe_id_decides(uris: tuple[str, ...], server: bool, client: bool) -> None:  # columns of the table
    as_server, as_client = problems(proxy("good"), proxy("bad", uris=uris))
    found = ", ".join((*uris, "kuma://kuma.io/zone/bad"))
    refused = f"{CLIENT_REFUSES}: SPIFFE ID spiffe://default/web expected, {found} found"
    assert as_server == ("" if server else refused)
    assert as_client == ("" if client else f"{SERVER_REFUSES}: SPIFFE ID spiffe://default/* expected, {found} found")


def test_both_sides_are_named_when_both_refuse() -> None:
    of_other_mesh = [proxy(zone, uris=("spiffe://other/web",)) for zone in ("a", "b")]
    for problem in problems(of_other_mesh[0], of_other_mesh[1]):
        assert CLIENT_REFUSES in problem
        assert SERVER_REFUSES in problem


def test_a_ca_is_no_peer_although_openssl_takes_it() -> None:
    as_server, as_client = problems(proxy("good"), proxy("bad", is_ca=True))
    assert as_server == f"{CLIENT_REFUSES}: it is a CA certificate, which a peer must not present"
    assert as_client == f"{SERVER_REFUSES}: it is a CA certificate, which a peer must not present"


def test_an_intermediate_that_is_not_sent_must_be_in_the_bundle() -> None:
    bare = proxy("bare", way=())
    assert problems(proxy("good"), bare) == ("", "")
    root_only = Trust(pem.write(ISSUING.chain()[-1:]), "default", "web")
    for problem in problems(proxy("good"), bare, root_only):
        assert "unable to get local issuer certificate" in problem
    assert problems(proxy("good"), proxy("sends-it"), root_only) == ("", "")


def test_an_anchor_may_be_an_intermediate_as_in_envoy() -> None:
    assert problems(proxy("a"), proxy("b"), Trust(pem.write(ISSUING.chain()[:1]), "default", "web")) == ("", "")


def test_the_bundle_of_another_ca_lets_nobody_in() -> None:
    for problem in problems(proxy("a"), proxy("b"), Trust(pem.write(STRANGER.chain()), "default", "web")):
        assert problem.startswith(f"{CLIENT_REFUSES}: certificate verify failed: ")


def test_a_certificate_for_another_key_can_not_be_used() -> None:
    right = proxy("bad")
    as_server, as_client = problems(proxy("good"), Proxy("bad", KEYS[1], right.issued))
    assert as_server == "the server can't use its certificate: it is for another key"
    assert as_client == "the client can't use its certificate: it is for another key"


def test_more_than_a_pipe_holds_goes_through_it() -> None:
    uris = (WEB, *(f"spiffe://default/service-{number}-{'x' * 20}" for number in range(1500)))
    long = proxy("long", uris=uris)
    assert len(pem.write([long.issued.leaf])) > 65536
    assert problems(proxy("good"), long) == ("", "")


def test_a_certificate_that_openssl_does_not_take_is_the_zones_problem() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - that it is weak is the point
    as_server, as_client = problems(proxy("good"), proxy("weak", key=weak))
    assert as_server == "the server can't use its certificate: ee key too small"
    assert as_client == "the client can't use its certificate: ee key too small"


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_keys_reach_no_file_and_no_descriptor_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.mkstemp", pytest.fail)
    before = descriptors()
    list(make_handshakes([proxy("a"), proxy("b")], TRUST))
    list(make_handshakes([proxy("good"), Proxy("bad", KEYS[1], proxy("bad").issued)], TRUST))
    assert descriptors() == before


def test_where_there_is_no_dev_fd_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", elsewhere)
    with pytest.raises(ExternalError, match="through /dev/fd here: No such file") as caught:
        list(make_handshakes([proxy("a"), proxy("b")], TRUST))
    assert "--no-handshakes" in caught.value.hint


def test_whoever_stops_asking_ends_it() -> None:
    proxies = [proxy(f"zone-{number}", key=key) for number, key in enumerate(KEYS)]
    running = make_handshakes(proxies, TRUST, threads=1)
    assert next(running) == Handshake("zone-0", "zone-1")
    running.close()
    assert list(running) == []


WRONGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "another CA": {"authority": STRANGER},
    "no intermediate": {"way": ()},
    "another CA's intermediate": {"way": STRANGER.chain()},
    "over": {"not_after": NOW - timedelta(minutes=1)},
    "not yet": {"not_before": NOW + timedelta(hours=1)},
    "a CA": {"is_ca": True},
    "server only": {"extended": (SERVER_AUTH,)},
    "client only": {"extended": (CLIENT_AUTH,)},
    "for code": {"extended": (ExtendedKeyUsageOID.CODE_SIGNING,)},
    "signs CAs": {"usage": build_key_usage("key_cert_sign")},
    "other mesh": {"uris": ("spiffe://other/web",)},
    "other service": {"uris": ("spiffe://default/backend",)},
    "no service": {"uris": ()},
}


def openssl_takes(shown: Proxy, purpose: str, bundle: tuple[x509.Certificate, ...], directory: Path) -> bool:
    """What `openssl verify` says of a certificate, in one role."""
    files = {"leaf": [shown.issued.leaf], "way": list(shown.issued.chain), "bundle": list(bundle)}
    for name, certificates in files.items():
        (directory / name).write_text(pem.write(certificates))
    command = ["openssl", "verify", "-partial_chain", "-purpose", purpose, "-no-CApath", "-no-CAstore", "-CAfile"]
    command += [str(directory / "bundle")]
    if shown.issued.chain:
        command += ["-untrusted", str(directory / "way")]
    ended = subprocess.run([*command, str(directory / "leaf")], capture_output=True, check=False)
    return ended.returncode == 0


@pytest.mark.slow
@settings(max_examples=60)
@given(
    kinds=st.tuples(st.sampled_from(list(WRONGS)), st.sampled_from(list(WRONGS))),
    bundle=st.sampled_from([ISSUING.chain(), ISSUING.chain()[:1], ISSUING.chain()[1:], STRANGER.chain()]),
)
def test_no_problem_means_that_both_certificates_verify(
    kinds: tuple[str, str], bundle: tuple[x509.Certificate, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("openssl")
    client, server = (proxy(role, **WRONGS[kind]) for role, kind in zip(("client", "server"), kinds, strict=True))
    problem, _ = problems(client, server, Trust(pem.write(bundle), "default", "web"))
    kuma = "kuma://kuma.io/zone/"
    good = (
        openssl_takes(client, "sslclient", bundle, directory)
        and openssl_takes(server, "sslserver", bundle, directory)
        and not any(chain.is_ca(one.issued.leaf) for one in (client, server))
        and any(uri.startswith("spiffe://default/") for uri in chain.list_uris(client.issued.leaf))
        and chain.list_uris(server.issued.leaf) == [WEB, f"{kuma}server"]
    )
    assert (problem == "") == good
    # Where a server lets a client in, cryptography's verifier of clients finds the way to the root, too.
    if not problem and chain.is_self_signed(bundle[-1]):
        issued = client.issued
        chain.verify_to_root(issued.leaf, [*issued.chain, *bundle], bundle[-1:], datetime.now(NOW.tzinfo))
