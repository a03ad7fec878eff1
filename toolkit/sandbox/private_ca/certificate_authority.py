"""One private CA: its key, its state, and what it has issued."""

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
# botocore, CreateCertificateAuthorityRequest: the defaults of what was not asked for.
DEFAULT_USAGE_MODE = "GENERAL_PURPOSE"
DEFAULT_KEY_STORAGE = "FIPS_140_2_LEVEL_3_OR_HIGHER"
# botocore, CrlConfiguration.S3ObjectAcl
DEFAULT_ACL = "PUBLIC_READ"


@dataclass
class IssuedCertificate:
    """A certificate that a CA issued.

    Attributes:
        arn: as AWS forms it: the CA's, ``/certificate/`` and the serial number in 32 hexadecimal digits.
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
        """Create a CA that waits for its certificate.

        Raises:
            AwsError: the configuration can't be had.
        """
        configuration = request["CertificateAuthorityConfiguration"]
        key = keys.generate(configuration["KeyAlgorithm"])
        keys.find_hash(configuration["SigningAlgorithm"], key)
        name = subject.build_name(configuration["Subject"])
        # Refused now, not when the request is read.
        list(passthrough.read_csr_extensions(configuration.get("CsrExtensions") or {}))
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
        """Return the state as AWS shows it.

        A CA whose certificate has expired is EXPIRED, whether it was active or disabled before (user guide,
        PCAUpdateCA.md); a young one is CREATING.

        Args:
            now: the moment.
        """
        own = self.certificate
        if self.stored_status == PENDING and self.usable_from is not None and now < self.usable_from:
            return CREATING
        if self.stored_status in (ACTIVE, DISABLED) and own is not None and own.not_valid_after_utc <= now:
            return EXPIRED
        return self.stored_status

    def require(self, now: datetime, *allowed: str, doing: str) -> None:
        """Refuse a call that its state does not allow.

        Raises:
            AwsError: ``InvalidStateException``.
        """
        status = self.status(now)
        if status not in allowed:
            message = f"The certificate authority is not in a valid state for {doing}: {status}."
            raise AwsError("InvalidStateException", message)

    def set_status(self, status: str, now: datetime) -> None:
        """Change the state and remember when."""
        self.stored_status = status
        self.changed = now

    def take_crl_number(self) -> int:
        """Return the number of the next CRL; it counts up with each (RFC 5280, 5.2.3)."""
        self.crl_number += 1
        return self.crl_number

    def csr(self) -> str:
        """Return the request for its own certificate, signed with its configured algorithm.

        It asks for CA:TRUE (user guide, PCACertInstall.md) and for what ``CsrExtensions`` said.
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
        """Return what DescribeCertificateAuthority returns."""
        own = self.certificate
        return {
            "Arn": self.arn,
            "OwnerAccount": self.owner,
            "CreatedAt": self.created,
            "LastStateChangeAt": self.changed,
            "Type": self.kind,
            # Decimal, as in the user guide's examples (PCACertInstall.md), unlike serial numbers everywhere else.
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
    """Return a revocation configuration as AWS shows it: both parts, also those that nobody gave.

    Source: user guide, PCAUpdateCA.md; botocore, CrlConfiguration.S3ObjectAcl: "If no value is specified, the default
    is PUBLIC_READ".

    Args:
        configuration: as the CA was given it.
    """
    given = configuration or {}
    crl, ocsp = given.get("CrlConfiguration"), given.get("OcspConfiguration")
    shown = {"S3ObjectAcl": DEFAULT_ACL, **crl} if crl and crl["Enabled"] else crl
    return {"CrlConfiguration": shown or {"Enabled": False}, "OcspConfiguration": ocsp or {"Enabled": False}}
