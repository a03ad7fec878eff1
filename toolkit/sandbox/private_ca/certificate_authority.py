"""Represent a private CA: its key, its state and the certificates that it issued."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.private_ca import keys, passthrough, subject

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from datetime import datetime

    from toolkit.sandbox.private_ca.keys import PrivateKey
    from toolkit.values import Object, Value

CREATING, PENDING, ACTIVE = "CREATING", "PENDING_CERTIFICATE", "ACTIVE"
DISABLED, EXPIRED, DELETED = "DISABLED", "EXPIRED", "DELETED"
UNDELETED = (CREATING, PENDING, ACTIVE, DISABLED, EXPIRED)
# botocore, CreateCertificateAuthorityRequest: the defaults.
DEFAULT_USAGE_MODE = "GENERAL_PURPOSE"
DEFAULT_KEY_STORAGE = "FIPS_140_2_LEVEL_3_OR_HIGHER"
# botocore, CrlConfiguration.S3ObjectAcl
DEFAULT_ACL = "PUBLIC_READ"


@dataclass
class IssuedCertificate:
    """A certificate that a CA issued.

    Attributes:
        arn: the CA's ARN, ``/certificate/`` and the serial number in 32 hexadecimal digits, as on AWS.
        pem: the certificate.
        chain: the issuing CA first, the root last; empty for a root's own certificate.
        ready: when GetCertificate starts to return it.
        issued: when it was requested.
        serial: its serial number.
        template: the template's ARN, if the request named one.
        revoked: when it was revoked, if it was.
        revocation_reason: the reason given to RevokeCertificate.
    """

    arn: str
    pem: str
    chain: str
    ready: datetime
    issued: datetime
    serial: int
    template: str | None
    revoked: datetime | None = None
    revocation_reason: str = "UNSPECIFIED"


@dataclass
class CertificateAuthority:
    """Keep the state of one private CA.

    Attributes:
        arn: its ARN.
        owner: the account that created it.
        request: the parameters of CreateCertificateAuthority.
        key: the private key, which no operation returns.
        name: its subject.
        stored_status: its status, except CREATING and EXPIRED, which :meth:`status` computes.
        certificates: its own certificate first, the root last; empty until one is imported.
        issued: the issued certificates by ARN.
        usable_from: the time until which its status is CREATING.
        policy: its resource policy.
        permissions: ACM's permissions, by principal and source account.
        audit_reports: its audit reports by identifier.
        crl_number: the number of the last CRL.
        lock: must be held while its state changes.
    """

    arn: str
    owner: str
    request: Object
    created: datetime
    key: PrivateKey
    name: x509.Name
    changed: datetime
    stored_status: str = PENDING
    certificates: tuple[x509.Certificate, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    issued: MutableMapping[str, IssuedCertificate] = field(default_factory=dict)
    usable_from: datetime | None = None
    policy: Object | None = None
    permissions: dict[tuple[str, str], Object] = field(default_factory=dict)
    audit_reports: dict[str, Object] = field(default_factory=dict)
    crl_number: int = 0
    restorable_until: datetime | None = None
    status_before_deletion: str = DISABLED
    lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def create(cls, arn: str, owner: str, request: Object, now: datetime) -> CertificateAuthority:
        """Create a CA, which then needs its certificate.

        Raises:
            AwsError: the configuration is invalid or not supported.
        """
        configuration = request["CertificateAuthorityConfiguration"]
        key = keys.generate(configuration["KeyAlgorithm"])
        keys.find_hash(configuration["SigningAlgorithm"], key)
        name = subject.build_name(configuration["Subject"])
        # Reject invalid extensions now, not only when the CSR is read.
        list(passthrough.read_csr_extensions(configuration.get("CsrExtensions") or {}))
        tags = {tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", ())}
        return cls(arn, owner, request, now, key, name, now, tags=tags)

    @property
    def identifier(self) -> str:
        """Return the UUID at the end of the ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def kind(self) -> str:
        """Return ROOT or SUBORDINATE."""
        return str(self.request["CertificateAuthorityType"])

    @property
    def usage_mode(self) -> str:
        """Return the usage mode, which limits the certificates that the CA may issue."""
        return str(self.request.get("UsageMode", DEFAULT_USAGE_MODE))

    @property
    def certificate(self) -> x509.Certificate | None:
        """Return the CA's own certificate; None until one is imported."""
        return self.certificates[0] if self.certificates else None

    @property
    def issuing_name(self) -> x509.Name:
        """Return the issuer name: the subject of the CA's certificate, byte for byte (RFC 5280, 4.1.2.4)."""
        own = self.certificate
        return self.name if own is None else own.subject

    def status(self, now: datetime) -> str:
        """Return the status as AWS shows it.

        A CA whose certificate has expired is EXPIRED, whether it was active or disabled before (user guide,
        PCAUpdateCA.md). A new CA is CREATING for a while.

        Args:
            now: the current time.
        """
        own = self.certificate
        if self.stored_status == PENDING and self.usable_from is not None and now < self.usable_from:
            return CREATING
        if self.stored_status in (ACTIVE, DISABLED) and own is not None and own.not_valid_after_utc <= now:
            return EXPIRED
        return self.stored_status

    def require(self, now: datetime, *allowed: str, doing: str) -> None:
        """Reject a call that the CA's status does not allow.

        Raises:
            AwsError: ``InvalidStateException``.
        """
        status = self.status(now)
        if status not in allowed:
            message = f"The certificate authority is not in a valid state for {doing}: {status}."
            raise AwsError("InvalidStateException", message)

    def set_status(self, status: str, now: datetime) -> None:
        """Set the status and the time of the change."""
        self.stored_status = status
        self.changed = now

    def take_crl_number(self) -> int:
        """Return the number of the next CRL; each CRL has a higher number (RFC 5280, 5.2.3)."""
        self.crl_number += 1
        return self.crl_number

    def csr(self) -> str:
        """Return the CSR of the CA's own certificate, signed with the configured algorithm.

        It requests CA:TRUE (user guide, PCACertInstall.md) and the configured ``CsrExtensions``.
        """
        configuration = self.request["CertificateAuthorityConfiguration"]
        algorithm = keys.find_hash(configuration["SigningAlgorithm"], self.key)
        builder = x509.CertificateSigningRequestBuilder().subject_name(self.name)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        for extension, critical in passthrough.read_csr_extensions(configuration.get("CsrExtensions") or {}):
            builder = builder.add_extension(extension, critical=critical)
        request = builder.sign(self.key, algorithm)
        return request.public_bytes(serialization.Encoding.PEM).decode()

    def describe(self, now: datetime) -> Object:
        """Return the result of DescribeCertificateAuthority."""
        own = self.certificate
        return {
            "Arn": self.arn,
            "OwnerAccount": self.owner,
            "CreatedAt": self.created,
            "LastStateChangeAt": self.changed,
            "Type": self.kind,
            # Decimal, as in the user guide's examples (PCACertInstall.md); other serial numbers are hexadecimal.
            "Serial": str(own.serial_number) if own else None,
            "Status": self.status(now),
            "NotBefore": own.not_valid_before_utc if own else None,
            "NotAfter": own.not_valid_after_utc if own else None,
            "CertificateAuthorityConfiguration": self.request["CertificateAuthorityConfiguration"],
            "RevocationConfiguration": show_revocation(self.request.get("RevocationConfiguration")),
            "RestorableUntil": self.restorable_until,
            "KeyStorageSecurityStandard": self.request.get("KeyStorageSecurityStandard", DEFAULT_KEY_STORAGE),
            "UsageMode": self.usage_mode,
        }


def show_revocation(configuration: Mapping[str, Value] | None) -> Object:
    """Return a revocation configuration as AWS shows it: both parts, even if only one was set.

    Source: user guide, PCAUpdateCA.md; botocore, CrlConfiguration.S3ObjectAcl: "If no value is specified, the default
    is PUBLIC_READ".

    Args:
        configuration: the CA's configuration, as requested.
    """
    given = configuration or {}
    crl, ocsp = given.get("CrlConfiguration"), given.get("OcspConfiguration")
    shown = {"S3ObjectAcl": DEFAULT_ACL, **crl} if crl and crl["Enabled"] else crl
    return {"CrlConfiguration": shown or {"Enabled": False}, "OcspConfiguration": ocsp or {"Enabled": False}}
