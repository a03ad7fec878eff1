"""Envoy's SPIFFE validator and our rules on top of OpenSSL: the same verdicts, those that were measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support import NOW, hierarchy
from tests.verify.proxies import ISSUING, proxy
from toolkit.pki import pem
from toolkit.pki.extensions import build_key_usage
from toolkit.verify.handshakes import envoy, openssl
from toolkit.verify.handshakes.envoy_configuration import bootstrap
from toolkit.verify.handshakes.openssl import CLIENT_REFUSES, SERVER_REFUSES
from toolkit.verify.handshakes.trust_domains import SpiffeTrust

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

    from toolkit.verify.results import Handshake
    from toolkit.verify.zone import Proxy

OF_GOOD = hierarchy()
GOOD = "spiffe://good.mesh.local/workload/web"
TESTED = "spiffe://tested.mesh.local/workload/web"
KUMA = "kuma://kuma.io/service/web"
ENGINES: dict[str, Callable[[Sequence[Proxy], SpiffeTrust], Iterable[Handshake]]] = {
    "openssl": openssl.make_handshakes,
    "envoy": envoy.make_handshakes,
}
INTERMEDIATE, ROOT = ISSUING.chain()
BUNDLES = {"root only": [ROOT], "intermediate + root": [INTERMEDIATE, ROOT], "intermediate only": [INTERMEDIATE]}
# What a proxy presents: the URI SANs, and the chain that it sends.
PRESENTED: dict[str, tuple[tuple[str, ...], tuple[x509.Certificate, ...]]] = {
    "leaf alone": ((TESTED,), ()),
    "leaf + intermediate": ((TESTED,), (INTERMEDIATE,)),
    "kuma:// first": ((KUMA, TESTED), (INTERMEDIATE,)),
    "spiffe:// first": ((TESTED, KUMA), (INTERMEDIATE,)),
    "other trust domain": (("spiffe://other.mesh.local/workload/web",), (INTERMEDIATE,)),
}
# Measured with Envoy 1.40: which of them each bundle accepts.
ACCEPTED = {
    "root only": {"leaf + intermediate", "spiffe:// first"},
    "intermediate + root": {"leaf alone", "leaf + intermediate", "spiffe:// first"},
    "intermediate only": set(),
}


def trusting(bundle: Sequence[x509.Certificate]) -> SpiffeTrust:
    bundles = {"good.mesh.local": pem.write(OF_GOOD.chain()), "tested.mesh.local": pem.write(bundle)}
    return SpiffeTrust(bundles, (GOOD, TESTED, "spiffe://other.mesh.local/workload/web"))


def good(zone: str = "good") -> Proxy:
    return proxy(zone, OF_GOOD, (GOOD,))


def meet(engine: str, trust: SpiffeTrust, *tested: Proxy) -> dict[tuple[str, str], str]:
    found = ENGINES[engine]([good(), *tested], trust)
    return {(met.client, met.server): met.problem for met in found}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("bundle", BUNDLES)
def test_the_measured_table(engine: str, bundle: str) -> None:
    tested = [proxy(name, uris=uris, way=sent) for name, (uris, sent) in PRESENTED.items()]
    found = meet(engine, trusting(BUNDLES[bundle]), *tested)
    assert {name for name in PRESENTED if not found["good", name]} == ACCEPTED[bundle]
    assert {name for name in PRESENTED if not found[name, "good"]} == ACCEPTED[bundle]
    for name in PRESENTED.keys() - ACCEPTED[bundle]:
        assert found["good", name].startswith(CLIENT_REFUSES), found["good", name]
        assert found[name, "good"].startswith(SERVER_REFUSES), found[name, "good"]


WRONGS: dict[str, dict[str, Any]] = {
    "expired": {"not_after": NOW - timedelta(minutes=1)},
    "not yet valid": {"not_before": NOW + timedelta(hours=1)},
    "another CA": {"authority": hierarchy()},
    "the other domain's CA": {"authority": OF_GOOD},
    "a CA": {"is_ca": True},
    "signs CAs": {"usage": build_key_usage("digital_signature", "key_cert_sign")},
    "no URI": {"uris": (), "common_name": "web"},
    "no path": {"uris": ("spiffe://tested.mesh.local",)},
    "empty domain": {"uris": ("spiffe:///workload/web",)},
    "capitals": {"uris": ("spiffe://TESTED.mesh.local/workload/web",)},
    "longer domain": {"uris": ("spiffe://tested.mesh.local.example/workload/web",)},
    "scheme in capitals": {"uris": ("SPIFFE://tested.mesh.local/workload/web",)},
    "server only": {"extended": (ExtendedKeyUsageOID.SERVER_AUTH,)},
    "client only": {"extended": (ExtendedKeyUsageOID.CLIENT_AUTH,)},
}


def test_everything_else_that_envoy_rejects_is_rejected_with_openssl() -> None:
    tested = [proxy(name, **{"uris": (TESTED,), **wrong}) for name, wrong in WRONGS.items()]
    real, ours = (meet(engine, trusting(ISSUING.chain()), *tested) for engine in ("envoy", "openssl"))
    rejected_by_envoy = {pair for pair, problem in real.items() if problem}
    # Envoy's SPIFFE validator ignores the extended key usage; the check extended-key-usage does not.
    of_usage = {pair for pair in real if pair[0] == "server only" or pair[1] == "client only"}
    assert {pair for pair, problem in ours.items() if problem} == rejected_by_envoy | of_usage
    assert "server only" not in {name for pair in rejected_by_envoy if "good" in pair for name in pair}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_client_requires_the_service_and_a_server_the_trust_domain(engine: str) -> None:
    found = meet(engine, trusting(ISSUING.chain()), proxy("other service", uris=(f"{TESTED}-2",)))
    assert found["other service", "good"] == ""
    names = f"{TESTED}-2" if engine == "openssl" else "another"
    expected = f"SPIFFE ID {GOOD} or {TESTED} or 1 more expected, {names} found"
    assert found["good", "other service"] == f"{CLIENT_REFUSES}: {expected}"


def test_reasons_name_the_trust_domain() -> None:
    wrong = {"unknown": ("spiffe://x.mesh.local/workload/web",), "kuma": (KUMA, TESTED), "good": (GOOD,)}
    trust = SpiffeTrust({"good.mesh.local": pem.write(ISSUING.chain())}, (GOOD,))
    problems = {name: trust.refuse(proxy(name, uris=uris).issued.leaf) for name, uris in wrong.items()}
    assert problems == {
        "unknown": "trust domain x.mesh.local has no MeshTrust",
        "kuma": f"its first URI SAN is {KUMA}, which has no trust domain",
        "good": "",
    }


def test_the_configuration_is_kumas(tmp_path: Path) -> None:
    # The trust domains of Kuma's own test (kumahq/kuma:pkg/core/resources/apis/meshtrust/generator/v1alpha1/testdata).
    trust = SpiffeTrust({"domain-2": "789", "domain-1": "123\n456"}, ("spiffe://domain-1/a", "spiffe://domain-2/a"))
    made = bootstrap([good()], trust, tmp_path)["static_resources"]
    tls_type = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
    validator = {
        "name": "envoy.tls.cert_validator.spiffe",
        "typed_config": {
            "@type": f"{tls_type}.SPIFFECertValidatorConfig",
            "trust_domains": [
                {"name": "domain-1", "trust_bundle": {"inline_string": "123\n456"}},
                {"name": "domain-2", "trust_bundle": {"inline_string": "789"}},
            ],
        },
    }
    sockets = made["listeners"][0]["filter_chains"][0]["transport_socket"], made["clusters"][0]["transport_socket"]
    matchers = ("prefix", "spiffe://domain-1", "spiffe://domain-2"), ("exact", *trust.server_ids)
    for socket, (kind, *values) in zip(sockets, matchers, strict=True):
        names = [{"san_type": "URI", "matcher": {kind: value}} for value in values]
        context = socket["typed_config"]["common_tls_context"]["validation_context"]
        assert context == {"custom_validator_config": validator, "match_typed_subject_alt_names": names}


def test_the_stranger_is_of_an_unknown_trust_domain() -> None:
    assert SpiffeTrust({"other-mesh": "", "x": ""}, ()).stranger_id == "spiffe://another-mesh/workload/stranger"
    assert not any(meet("envoy", trusting(ISSUING.chain()), good("another")).values())
