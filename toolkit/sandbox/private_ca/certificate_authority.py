"""Represent a private CA: its key, its state and the certificates that it issued."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from toolkit.pki import chain, pem
from toolkit.sandbox.aws_error import AwsError, make_argument_error, make_unsupported_error
from toolkit.sandbox.private_ca import asn1
from toolkit.values import Object

if TYPE_CHECKING:
    from datetime import datetime


CREATING, PENDING, ACTIVE = "CREATING", "PENDING_CERTIFICATE", "ACTIVE"
DISABLED, EXPIRED, DELETED = "DISABLED", "EXPIRED", "DELETED"
CREATED = (PENDING, ACTIVE, DISABLED, EXPIRED)
UNDELETED = (CREATING, *CREATED)
# botocore, CreateCertificateAuthorityRequest: the defaults.
DEFAULT_USAGE_MODE = "GENERAL_PURPOSE"
DEFAULT_KEY_STORAGE = "FIPS_140_2_LEVEL_3_OR_HIGHER"
# botocore, CrlConfiguration.S3ObjectAcl
DEFAULT_ACL = "PUBLIC_READ"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
# botocore acm-pca: KeyAlgorithm, SigningAlgorithm
_RSA_BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "EC_prime256v1": ec.SECP256R1,
    "EC_secp384r1": ec.SECP384R1,
    "EC_secp521r1": ec.SECP521R1,
}
_HASHES: dict[str, Hash] = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}


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

    @classmethod
    def create(cls, arn: str, owner: str, request: Object, now: datetime) -> CertificateAuthority:
        """Create a CA, which then needs its certificate.

        Raises:
            AwsError: the configuration is invalid or not supported.
        """
        configuration = request["CertificateAuthorityConfiguration"]
        storage = request.get("KeyStorageSecurityStandard", DEFAULT_KEY_STORAGE)
        if not storage.startswith("FIPS"):
            raise make_unsupported_error(f"Key storage {storage}")
        key = _generate_key(configuration["KeyAlgorithm"])
        name = asn1.build_name(configuration["Subject"])
        tags = {tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", ())}
        made = cls(arn, owner, request, now, key, name, now, tags=tags)
        # Reject an invalid algorithm or extension now, not only when the CSR is read.
        made.csr()
        return made

    @property
    def identifier(self) -> str:
        """Return the UUID at the end of the ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def region(self) -> str:
        """Return the region in the ARN."""
        return self.arn.split(":")[3]

    @property
    def configuration(self) -> Object:
        """Return the requested algorithms, subject and extensions."""
        return dict(self.request["CertificateAuthorityConfiguration"])

    @property
    def revocation(self) -> Object:
        """Return the requested revocation configuration; empty if there is none."""
        return dict(self.request.get("RevocationConfiguration") or {})

    @property
    def crl(self) -> Object:
        """Return the configuration of the CRL; empty if it is not enabled."""
        configuration = self.revocation.get("CrlConfiguration") or {}
        return configuration if configuration.get("Enabled") else {}

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

    def csr(self) -> str:
        """Return the CSR of the CA's own certificate, signed with the configured algorithm.

        It requests CA:TRUE (user guide, PCACertInstall.md) and the configured ``CsrExtensions``.
        """
        builder = x509.CertificateSigningRequestBuilder().subject_name(self.name)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        for extension, critical in asn1.read_extensions(self.configuration.get("CsrExtensions") or {}, "CsrExtensions"):
            builder = builder.add_extension(extension, critical=critical)
        return pem.write_request(builder.sign(self.key, self.find_hash()))

    def find_hash(self, signing_algorithm: str | None = None) -> Hash:
        """Return the hash of a signing algorithm; by default of the CA's own.

        Raises:
            AwsError: the algorithm does not match the type of the CA's key, which AWS rejects (botocore,
                IssueCertificateRequest.SigningAlgorithm), or the sandbox does not have it.
        """
        wanted = signing_algorithm or str(self.configuration["SigningAlgorithm"])
        name, _, family = wanted.partition("WITH")
        if name not in _HASHES or family not in ("RSA", "ECDSA"):
            raise make_unsupported_error(f"Signing algorithm {wanted}")
        if (family == "RSA") != isinstance(self.key, rsa.RSAPrivateKey):
            raise make_argument_error(
                f"The signing algorithm {wanted} does not match the key algorithm of the certificate authority."
            )
        return _HASHES[name]

    def make_key_identifier(self) -> x509.AuthorityKeyIdentifier:
        """Return the authority key identifier for certificates and CRLs: the CA's own subject key identifier.

        It is read from the CA's certificate, because an external parent CA may compute it in another way.
        """
        own = chain.find_extension(self.certificates[0], x509.SubjectKeyIdentifier)
        if own is None:
            return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)

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
            "CertificateAuthorityConfiguration": self.configuration,
            # AWS shows both parts, even if only one was set (user guide, PCAUpdateCA.md; botocore,
            # CrlConfiguration.S3ObjectAcl: "If no value is specified, the default is PUBLIC_READ").
            "RevocationConfiguration": {
                "CrlConfiguration": {"S3ObjectAcl": DEFAULT_ACL, **self.crl} if self.crl else {"Enabled": False},
                "OcspConfiguration": self.revocation.get("OcspConfiguration") or {"Enabled": False},
            },
            "RestorableUntil": self.restorable_until,
            "KeyStorageSecurityStandard": self.request.get("KeyStorageSecurityStandard", DEFAULT_KEY_STORAGE),
            "UsageMode": self.usage_mode,
        }


def _generate_key(algorithm: str) -> PrivateKey:
    if algorithm in _RSA_BITS:
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS[algorithm])
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    # AWS has ML-DSA and SM2 too.
    raise make_unsupported_error(f"Key algorithm {algorithm}")
