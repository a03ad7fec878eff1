"""One private CA: its key, its state, and what it has issued."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from toolkit.pki import pem
from toolkit.sandbox.private_ca import keys, subject
from toolkit.sandbox.private_ca.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from datetime import datetime

    from toolkit.sandbox.private_ca.keys import PrivateKey

CREATING, PENDING, ACTIVE = "CREATING", "PENDING_CERTIFICATE", "ACTIVE"
DISABLED, EXPIRED, DELETED = "DISABLED", "EXPIRED", "DELETED"
# botocore, CreateCertificateAuthorityRequest: the defaults of what was not asked for.
DEFAULT_USAGE_MODE = "GENERAL_PURPOSE"
DEFAULT_KEY_STORAGE = "FIPS_140_2_LEVEL_3_OR_HIGHER"


@dataclass
class IssuedCertificate:
    """A certificate that a CA issued.

    Attributes:
        arn: as AWS forms it: the CA's, ``/certificate/`` and 32 hexadecimal digits.
        pem: the certificate.
        chain: the issuing CA first, the root last; empty for a root's own.
        ready: when GetCertificate begins to return it.
        issued: when it was asked for.
        serial: its serial number.
        template: the template's ARN, if one was named.
        revoked: when it was revoked, if it was.
        revocation_reason: as RevokeCertificate was given it.
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
    """A private CA.

    Attributes:
        arn: its ARN.
        owner: the account that created it.
        request: what CreateCertificateAuthority was given.
        key: never leaves it.
        name: its subject.
        stored_status: see :meth:`status`.
        certificates: its own first, the root last; empty until one is imported.
        issued: by ARN.
        usable_from: until then it is CREATING.
        policy: its resource policy.
        permissions: of ACM, by principal and source account.
        audit_reports: by identifier.
        crl_number: of the last CRL.
        lock: held while any of it changes.
    """

    arn: str
    owner: str
    request: dict[str, Any]
    created: datetime
    key: PrivateKey
    name: x509.Name
    changed: datetime
    stored_status: str = PENDING
    certificates: tuple[x509.Certificate, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    issued: MutableMapping[str, IssuedCertificate] = field(default_factory=dict)
    usable_from: datetime | None = None
    policy: dict[str, Any] | None = None
    permissions: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    audit_reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    crl_number: int = 0
    restorable_until: datetime | None = None
    status_before_deletion: str = DISABLED
    lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def create(cls, arn: str, owner: str, request: dict[str, Any], now: datetime) -> CertificateAuthority:
        """A CA that waits for its certificate.

        Raises:
            AwsError: the configuration can't be had.
        """
        configuration = request["CertificateAuthorityConfiguration"]
        key = keys.generate(configuration["KeyAlgorithm"])
        keys.signature_hash(configuration["SigningAlgorithm"], key)
        name = subject.name(configuration["Subject"])
        tags = {tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", ())}
        return cls(arn, owner, request, now, key, name, now, tags=tags)

    @property
    def identifier(self) -> str:
        """The UUID at the end of its ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def kind(self) -> str:
        """ROOT or SUBORDINATE."""
        return str(self.request["CertificateAuthorityType"])

    @property
    def usage_mode(self) -> str:
        """What it may issue."""
        return str(self.request.get("UsageMode", DEFAULT_USAGE_MODE))

    @property
    def certificate(self) -> x509.Certificate | None:
        """Its own certificate, once there is one."""
        return self.certificates[0] if self.certificates else None

    @property
    def issuing_name(self) -> x509.Name:
        """The name in what it issues: the subject of its certificate, in the same bytes (RFC 5280, 4.1.2.4)."""
        own = self.certificate
        return self.name if own is None else own.subject

    def status(self, now: datetime) -> str:
        """The state as AWS shows it: an active CA whose certificate has ended is EXPIRED, a young one CREATING."""
        own = self.certificate
        if self.stored_status == PENDING and self.usable_from is not None and now < self.usable_from:
            return CREATING
        if self.stored_status == ACTIVE and own is not None and own.not_valid_after_utc <= now:
            return EXPIRED
        return self.stored_status

    def require(self, now: datetime, *allowed: str, doing: str) -> None:
        """Refuse a call that its state does not allow.

        Raises:
            AwsError: ``InvalidStateException``.
        """
        status = self.status(now)
        if status not in allowed:
            raise AwsError(
                "InvalidStateException", f"The certificate authority is not in a valid state for {doing}: {status}."
            )

    def set_status(self, status: str, now: datetime) -> None:
        """Change the state and remember when."""
        self.stored_status = status
        self.changed = now

    def next_crl_number(self) -> int:
        """Counts up with every CRL (RFC 5280, 5.2.3)."""
        self.crl_number += 1
        return self.crl_number

    def csr(self) -> str:
        """The request for its own certificate, signed with its configured algorithm."""
        configuration = self.request["CertificateAuthorityConfiguration"]
        algorithm = keys.signature_hash(configuration["SigningAlgorithm"], self.key)
        request = x509.CertificateSigningRequestBuilder().subject_name(self.name).sign(self.key, algorithm)
        return request.public_bytes(serialization.Encoding.PEM).decode()

    def chain_pem(self) -> str:
        """Its own certificate first, the root last: what comes with every certificate it issues."""
        return pem.write(self.certificates)

    def describe(self, now: datetime) -> dict[str, Any]:
        """What DescribeCertificateAuthority returns."""
        own = self.certificate
        return {
            "Arn": self.arn,
            "OwnerAccount": self.owner,
            "CreatedAt": self.created,
            "LastStateChangeAt": self.changed,
            "Type": self.kind,
            "Serial": f"{own.serial_number:x}" if own else None,
            "Status": self.status(now),
            "NotBefore": own.not_valid_before_utc if own else None,
            "NotAfter": own.not_valid_after_utc if own else None,
            "CertificateAuthorityConfiguration": self.request["CertificateAuthorityConfiguration"],
            "RevocationConfiguration": self.request.get("RevocationConfiguration"),
            "RestorableUntil": self.restorable_until,
            "KeyStorageSecurityStandard": self.request.get("KeyStorageSecurityStandard", DEFAULT_KEY_STORAGE),
            "UsageMode": self.usage_mode,
        }
