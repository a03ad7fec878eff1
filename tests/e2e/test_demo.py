"""What the demo leaves behind is what it says it is: looked at with other tools than those that made it."""

from __future__ import annotations

import base64
import json
import shlex
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from ruamel.yaml import YAML

from toolkit import contract
from toolkit.verify.zone import CHECK_NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Demo

ZONES = ["frankfurt-1", "frankfurt-2", "ireland-1"]


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


def load_certificate(path: Path) -> x509.Certificate:
    (certificate,) = x509.load_pem_x509_certificates(path.read_bytes())
    return certificate


def test_every_zone_is_verified_with_every_check(prod: Demo) -> None:
    report = json.loads((prod.directory / "verify.json").read_text())
    assert report["passed"] is True
    assert [zone["zone"] for zone in report["zones"]] == ZONES
    for zone in report["zones"]:
        assert [check["name"] for check in zone["checks"]] == list(CHECK_NAMES)
        assert {check["outcome"] for check in zone["checks"]} == {"passed"}
    arns = {zone["certificatesIssued"][0] for zone in report["zones"]}
    assert len(arns) == len(ZONES) == report["certificatesIssued"]


def openssl_verify(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", "verify", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("purpose", ["sslserver", "sslclient"])
def test_openssl_accepts_what_was_issued(prod: Demo, zone: str, purpose: str) -> None:
    certificates = prod.directory / "certificates"
    root = ("-x509_strict", "-purpose", purpose, "-CAfile", certificates / "root.pem")
    leaf = certificates / f"{zone}.pem"
    result = openssl_verify(*root, "-untrusted", certificates / "intermediate.pem", leaf)
    assert result.returncode == 0, result.stdout + result.stderr
    assert openssl_verify(*root, leaf).returncode != 0


def test_openssl_accepts_the_intermediate_by_its_strictest_rules(prod: Demo) -> None:
    certificates = prod.directory / "certificates"
    root, intermediate = certificates / "root.pem", certificates / "intermediate.pem"
    result = openssl_verify("-x509_strict", "-CAfile", root, intermediate)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_cas_are_what_the_stack_asked_for(prod: Demo) -> None:
    root = load_certificate(prod.directory / "certificates" / "root.pem")
    issuing = load_certificate(prod.directory / "certificates" / "intermediate.pem")
    for certificate, years, path_length in ((root, 10, None), (issuing, 5, 0)):
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"
        assert certificate.signature_algorithm_oid == x509.SignatureAlgorithmOID.ECDSA_WITH_SHA256
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints.critical
        assert constraints.value == x509.BasicConstraints(ca=True, path_length=path_length)
        ends, today = certificate.not_valid_after_utc, datetime.now(UTC)
        assert abs(ends - today.replace(year=today.year + years)) < timedelta(days=2)
        assert certificate.not_valid_before_utc <= today - timedelta(minutes=60)
    assert root.subject.rfc4514_string() == "CN=Kong Mesh Root CA,O=Example Corp"
    assert root.issuer == root.subject == issuing.issuer


def test_the_mesh_has_the_documented_fields_and_nothing_else(prod: Demo) -> None:
    outputs = contract.load(str(prod.directory / "outputs.json"))
    common = {
        "name": "acmpca",
        "type": "acmpca",
        "mode": "STRICT",
        "dpCert": {"rotation": {"expiration": "24h"}},
    }
    conf = {"arn": outputs.certificate_authority.arn, "commonName": '{{ tag "kuma.io/service" }}.mesh'}
    chain_base64 = base64.b64encode(outputs.certificate_chain.encode()).decode()
    assert read_yaml(prod.directory / "mesh.yaml") == {
        "apiVersion": "kuma.io/v1alpha1",
        "kind": "Mesh",
        "metadata": {"name": "default"},
        "spec": {
            "mtls": {
                "enabledBackend": "acmpca",
                "backends": [{**common, "conf": {**conf, "caCert": {"secret": "default-acmpca-ca-chain"}}}],
            }
        },
    }
    assert read_yaml(prod.directory / "secret.yaml") == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "default-acmpca-ca-chain",
            "namespace": "kong-mesh-system",
            "labels": {"kuma.io/mesh": "default"},
        },
        "type": "system.kuma.io/secret",
        "data": {"value": chain_base64},
    }
    assert read_yaml(prod.directory / "universal-mesh.yaml") == {
        "type": "Mesh",
        "name": "default",
        "mtls": {
            "enabledBackend": "acmpca",
            "backends": [{**common, "conf": {**conf, "caCert": {"inline": chain_base64}}}],
        },
    }
    assert "commonName: '{{ tag \"kuma.io/service\" }}.mesh'" in (prod.directory / "mesh.yaml").read_text()


def test_no_key_is_left_behind_and_the_secret_is_private(prod: Demo) -> None:
    files = [file for file in prod.directory.rglob("*") if file.is_file()]
    assert {str(file.relative_to(prod.directory)) for file in files} == {
        "outputs.json",
        "mesh.yaml",
        "secret.yaml",
        "universal-mesh.yaml",
        "verify.json",
        "verify.html",
        "certificates/root.pem",
        "certificates/intermediate.pem",
        *(f"certificates/{zone}.pem" for zone in ZONES),
    }
    assert not any("PRIVATE KEY" in file.read_text() for file in files)
    assert stat.S_IMODE((prod.directory / "secret.yaml").stat().st_mode) == 0o600


def test_the_command_that_it_prints_works(prod: Demo) -> None:
    (command,) = [line.strip() for line in prod.said.splitlines() if line.strip().startswith("openssl verify")]
    result = subprocess.run(
        shlex.split(command), cwd=prod.directory.parent, capture_output=True, text=True, check=False
    )
    assert result.stdout.strip() == "demo/certificates/frankfurt-1.pem: OK", result.stderr


def test_it_says_what_happened_and_what_comes_next(prod: Demo) -> None:
    for words in ("loopback", "3 of 3 verified", "openssl verify", "pulumi up", "toolkit verify", *ZONES):
        assert words in prod.said


def test_a_single_root_in_short_lived_mode(dev: Demo) -> None:
    outputs = contract.load(str(dev.directory / "outputs.json"))
    assert outputs.certificate_authority.type == "ROOT"
    assert outputs.certificate_authority.usage_mode == "SHORT_LIVED_CERTIFICATE"
    certificates = dev.directory / "certificates"
    assert not (certificates / "intermediate.pem").exists()
    assert openssl_verify("-CAfile", certificates / "root.pem", certificates / "dev.pem").returncode == 0
    assert "-untrusted" not in dev.said
    assert "$50 a month" in dev.said
    report = json.loads((dev.directory / "verify.json").read_text())
    assert [(zone["zone"], zone["passed"]) for zone in report["zones"]] == [("dev", True)]
