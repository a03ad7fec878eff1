"""Real certificates and contracts for tests: small authorities that sign in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from toolkit.contract import StackOutputs
from toolkit.pki import pem
from toolkit.pki.extensions import build_key_usage

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

# With the name of a tool behind it, set where that tool must be there, as in CI.
NEED = "TOOLKIT_TESTS_NEED_"
NOW = datetime.now(UTC).replace(microsecond=0)
AUTHORITY_ARN = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"


def without(tool: str, what: str) -> NoReturn:
    """Skip a test on a machine that lacks a tool; fail where the tool is needed.

    For what ``make test`` can't install by itself: a laptop may be offline, or have no browser.

    Args:
        tool: its name in the variable that says whether it is needed, such as ``GO``.
        what: why the test can't run.
    """
    if os.environ.get(f"{NEED}{tool}"):
        pytest.fail(what)
    pytest.skip(what)


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


@dataclass
class Authority:
    """A CA of a test; `parent` None makes a root."""

    common_name: str
    parent: Authority | None = None
    path_length: int | None = None
    not_after: datetime = NOW + timedelta(days=3650)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        signer = self.parent or self
        builder = (
            self._builder(name(self.common_name), self.key.public_key(), self.not_after)
            .issuer_name(name(signer.common_name))
            .add_extension(x509.BasicConstraints(ca=True, path_length=self.path_length), critical=True)
            .add_extension(build_key_usage("digital_signature", "key_cert_sign", "crl_sign"), critical=True)
        )
        if self.parent:
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False
            )
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    @staticmethod
    def _builder(
        subject: x509.Name,
        public_key: CertificatePublicKeyTypes,
        not_after: datetime,
        not_before: datetime | None = None,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or NOW - timedelta(hours=1))
            .not_valid_after(not_after)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )

    def chain(self) -> tuple[x509.Certificate, ...]:
        return (self.certificate, *(self.parent.chain() if self.parent else ()))

    def sign_authority(self, request: str, not_after: datetime, path_length: int | None = 0) -> x509.Certificate:
        """A CA below this one, for a request that somebody else made."""
        asked = x509.load_pem_x509_csr(request.encode())
        return (
            self._builder(asked.subject, asked.public_key(), not_after)
            .issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(build_key_usage("digital_signature", "key_cert_sign", "crl_sign"), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def issue(  # every argument is one way in which a certificate can be wrong
        self,
        public_key: CertificatePublicKeyTypes,
        uris: list[str],
        *,
        not_after: datetime | None = None,
        not_before: datetime | None = None,
        is_ca: bool = False,
        usage: x509.KeyUsage | None = None,
        extended: tuple[x509.ObjectIdentifier, ...] = (
            ExtendedKeyUsageOID.SERVER_AUTH,
            ExtendedKeyUsageOID.CLIENT_AUTH,
        ),
        san_critical: bool = True,
        common_name: str | None = None,
    ) -> x509.Certificate:
        """An end entity as AWS's EndEntityCertificate/V1 makes it, unless told otherwise."""
        sans = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        subject = name(common_name) if common_name else x509.Name([])
        builder = (
            self._builder(subject, public_key, not_after or NOW + timedelta(hours=24), not_before)
            .issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=False)
            .add_extension(usage or build_key_usage("digital_signature", "key_encipherment"), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(sans, critical=san_critical)
        )
        if extended:
            builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def hierarchy() -> Authority:
    """An issuing CA below a root."""
    root = Authority("Test Root CA")
    return Authority("Test Issuing CA", parent=root, path_length=0, not_after=NOW + timedelta(days=1825))


def contract_document(issuing: Authority) -> dict[str, Any]:
    """A valid contract as plain JSON values, for tests that break it."""
    certificates = issuing.chain()
    return {
        "schemaVersion": 1,
        "certificateAuthority": {
            "arn": AUTHORITY_ARN,
            "type": "SUBORDINATE" if issuing.parent else "ROOT",
            "region": "eu-central-1",
            "usageMode": "GENERAL_PURPOSE",
            "keyAlgorithm": "EC_prime256v1",
            "signingAlgorithm": "SHA256WITHECDSA",
            "notAfter": issuing.not_after.isoformat().replace("+00:00", "Z"),
        },
        "certificateChain": pem.write(certificates),
        "rootCertificate": pem.write(certificates[-1:]),
        "meshes": ["default"],
        "dataPlaneLifetime": "24h",
        "zones": [zone_document("zone-1", "eu-central-1"), zone_document("zone-2", "eu-west-1")],
    }


def request_pem(common_name: str = "Test Issuing CA", key: ec.EllipticCurvePrivateKey | None = None) -> str:
    """A signing request as a CA makes it for itself."""
    request = x509.CertificateSigningRequestBuilder().subject_name(name(common_name))
    signed = request.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def pending_document() -> dict[str, Any]:
    """What a stack exports while its CA waits for a certificate from elsewhere, as plain JSON values."""
    return {
        "schemaVersion": 1,
        "pendingCertificateAuthority": {
            "arn": AUTHORITY_ARN,
            "region": "eu-central-1",
            "certificateSigningRequest": request_pem(),
        },
    }


def zone_document(zone: str, region: str) -> dict[str, Any]:
    return {
        "name": zone,
        "region": region,
        "accountId": "123456789012",
        "namespace": "kong-mesh-system",
        "serviceAccount": "kong-mesh-control-plane",
        "identity": "irsa",
        "roleArn": f"arn:aws:iam::123456789012:role/zone-{zone}-0a1b2c3",
        "verifierRoleArn": f"arn:aws:iam::123456789012:role/verifier-{zone}-0a1b2c3",
    }


def contract(issuing: Authority) -> StackOutputs:
    return StackOutputs.model_validate(contract_document(issuing), strict=False)
