"""spire-server gets the certificate of its own CA from the sandbox; OpenSSL verifies what it issues below that."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.clients.spire import server
from tests.clients.spire.server import TRUST_DOMAIN, Minted, StoppedError
from tests.judges import openssl
from tests.kubernetes.cluster import free_ports
from tests.sandbox.conformance.world import TEMPLATE, extension
from toolkit.pki import pem
from toolkit.sandbox.faults import Fault, FaultPlan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.spire.upstream import Upstream
    from tests.conftest import TestSandbox

pytestmark = pytest.mark.slow
WORKLOAD = "ns/default/sa/payments"


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def verified(minted: Minted, root: x509.Certificate) -> None:
    """OpenSSL must verify the SVID for servers and clients, strictly, from the sandbox's root CA alone."""
    assert der(root) in map(der, minted.bundle)
    intermediates = [der(certificate) for certificate in minted.intermediates]
    for purpose in ("server", "client"):
        assert not openssl.verify(der(minted.leaf), intermediates, [der(root)], purpose, strict=True), purpose
    assert uris(minted.leaf) == [f"spiffe://{TRUST_DOMAIN}/{WORKLOAD}"]
    # The CSR names the trust domain, and SPIRE asks for 24 hours; AWS starts them 60 minutes earlier.
    own = minted.intermediates[0]
    assert uris(own) == [f"spiffe://{TRUST_DOMAIN}"]
    assert timedelta(hours=24) < own.not_valid_after_utc - own.not_valid_before_utc <= timedelta(hours=25)


def uris(certificate: x509.Certificate) -> list[str]:
    sans = extension(certificate, x509.SubjectAlternativeName)
    return sans.value.get_values_for_type(x509.UniformResourceIdentifier) if sans else []


def path_lengths(minted: Minted) -> list[int | None]:
    """Return the path lengths of the CAs between the SVID and the root, each of which must be a CA."""
    found = [extension(certificate, x509.BasicConstraints) for certificate in minted.intermediates]
    assert all(constraints and constraints.critical and constraints.value.ca for constraints in found)
    return [constraints.value.path_length for constraints in found if constraints]


@pytest.mark.parametrize("key", ["EC_prime256v1", "EC_secp384r1", "RSA_2048", "RSA_4096"])
def test_below_a_root(upstream: Upstream, key: str) -> None:
    authority = upstream.world.root(key=key)
    root = upstream.world.certificate(authority)
    with upstream.server(authority) as spire:
        minted = spire.mint(WORKLOAD)
    verified(minted, root)
    assert path_lengths(minted) == [0]
    assert minted.bundle == (root,)


@pytest.mark.parametrize("key", ["EC_prime256v1", "RSA_2048"])
def test_below_a_subordinate(upstream: Upstream, key: str) -> None:
    world = upstream.world
    top = world.root()
    authority = world.subordinate(top, path_length=1, key=key)
    with upstream.server(authority) as spire:
        minted = spire.mint(WORKLOAD)
    verified(minted, world.certificate(top))
    assert path_lengths(minted) == [0, 1]
    assert minted.intermediates[1] == world.certificate(authority)
    assert minted.bundle == (world.certificate(top),)


def test_settings_of_the_plugin(upstream: Upstream, tmp_path: Path) -> None:
    world = upstream.world
    authority, other = world.root(), world.certificate(world.root())
    supplement = tmp_path / "supplement.pem"
    supplement.write_text(pem.write([other]))
    settings = {
        "ca_signing_template_arn": f"{TEMPLATE}SubordinateCACertificate_PathLen2/V1",
        "signing_algorithm": "SHA512WITHECDSA",
        "supplemental_bundle_path": str(supplement),
    }
    with upstream.server(authority, settings) as spire:
        minted = spire.mint(WORKLOAD)
    verified(minted, world.certificate(authority))
    assert path_lengths(minted) == [2]
    assert isinstance(minted.intermediates[0].signature_hash_algorithm, hashes.SHA512)
    assert set(minted.bundle) == {world.certificate(authority), other}


def test_rotation(upstream: Upstream) -> None:
    authority = upstream.world.root()
    recorder = upstream.record()
    with upstream.server(authority) as spire:
        before = spire.mint(WORKLOAD)
        # More than one if the server had to start again, on another port.
        issued = recorder.operations().count("IssueCertificate")
        spire.rotate()
        after = spire.mint(WORKLOAD)
    for minted in (before, after):
        verified(minted, upstream.world.certificate(authority))
    assert before.intermediates[0].public_key() != after.intermediates[0].public_key()
    assert recorder.operations().count("IssueCertificate") == issued + 1


def test_a_port_that_is_taken(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = upstream.world.root()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [*free_ports(1), taken.getsockname()[1]]
        monkeypatch.setattr(server, "free_ports", lambda _: [ports.pop()])
        with upstream.server(authority) as spire:
            verified(spire.mint(WORKLOAD), upstream.world.certificate(authority))
    assert not ports


def test_issuance_that_takes_time(upstream: Upstream, aws: TestSandbox) -> None:
    authority = upstream.world.root()
    recorder = upstream.record()
    aws.private_ca.registry.issuance_delay = timedelta(seconds=1)
    with upstream.server(authority) as spire:
        verified(spire.mint(WORKLOAD), upstream.world.certificate(authority))
    # It asks once or more while AWS answers RequestInProgressException, once until AWS doesn't, and once to read.
    assert recorder.operations().count("GetCertificate") >= 3


@pytest.mark.parametrize("effect", ["throttle", "error", "reset"])
@pytest.mark.parametrize("operation", ["DescribeCertificateAuthority", "IssueCertificate", "GetCertificate"])
def test_the_sdk_tries_again(upstream: Upstream, effect: str, operation: str) -> None:
    authority = upstream.world.root()
    plan = {"effect": effect, "operation": operation, "times": 1}
    recorder = upstream.record(FaultPlan(faults=(Fault.model_validate(plan),)))
    with upstream.server(authority) as spire:
        minted = spire.mint(WORKLOAD)
    verified(minted, upstream.world.certificate(authority))
    usual = {"DescribeCertificateAuthority": 1, "IssueCertificate": 1, "GetCertificate": 2}
    assert recorder.operations().count(operation) > usual[operation], recorder.operations()


def test_a_ca_that_allows_no_ca_below_it(upstream: Upstream) -> None:
    authority = upstream.world.subordinate(upstream.world.root(), path_length=0)
    with pytest.raises(StoppedError, match="InvalidArgsException"), upstream.server(authority):
        pass


def test_a_ca_for_short_lived_certificates(upstream: Upstream) -> None:
    authority = upstream.world.root(UsageMode="SHORT_LIVED_CERTIFICATE")
    with pytest.raises(StoppedError, match="InvalidArgsException"), upstream.server(authority):
        pass


def test_a_disabled_ca(upstream: Upstream) -> None:
    authority = upstream.world.root()
    upstream.world.disable(authority)
    with pytest.raises(StoppedError, match="InvalidStateException"), upstream.server(authority):
        pass


def test_a_ca_that_expires_too_early(upstream: Upstream) -> None:
    world = upstream.world
    top = world.root()
    # SPIRE's own CA is for 24 hours.
    world.later(hours=-1)
    authority = world.subordinate(top, path_length=1, days=1)
    world.later(hours=1)
    with pytest.raises(StoppedError, match="ValidationException"), upstream.server(authority):
        pass


def test_an_unknown_ca(upstream: Upstream) -> None:
    authority = upstream.world.root()
    unknown = authority[:-12] + "0" * 12
    with pytest.raises(StoppedError, match="ResourceNotFoundException"), upstream.server(unknown):
        pass


def test_an_unknown_template(upstream: Upstream) -> None:
    settings = {"ca_signing_template_arn": f"{TEMPLATE}SubordinateCACertificate_PathLen9/V1"}
    with pytest.raises(StoppedError, match="InvalidArgsException"), upstream.server(upstream.world.root(), settings):
        pass
