"""Check a CA's revocation configuration, build the extensions that point to it, and publish CRLs.

Source: botocore acm-pca, RevocationConfiguration; user guide, "Setting up a certificate revocation method". AWS writes
a CRL about half an hour after a revocation, the sandbox at once. The sandbox has no OCSP responder.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from toolkit.sandbox.aws_error import make_argument_error, make_unsupported_error, make_validation_error
from toolkit.sandbox.private_ca import keys
from toolkit.sandbox.private_ca.certificate_authority import DEFAULT_ACL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from toolkit.sandbox.crl_storage import MotoStorage
    from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority
    from toolkit.values import Value

REASONS = {
    "UNSPECIFIED": x509.ReasonFlags.unspecified,
    "KEY_COMPROMISE": x509.ReasonFlags.key_compromise,
    "CERTIFICATE_AUTHORITY_COMPROMISE": x509.ReasonFlags.ca_compromise,
    "AFFILIATION_CHANGED": x509.ReasonFlags.affiliation_changed,
    "SUPERSEDED": x509.ReasonFlags.superseded,
    "CESSATION_OF_OPERATION": x509.ReasonFlags.cessation_of_operation,
    "PRIVILEGE_WITHDRAWN": x509.ReasonFlags.privilege_withdrawn,
    "A_A_COMPROMISE": x509.ReasonFlags.aa_compromise,
}


class PublishedCrl(NamedTuple):
    """The location of a CRL.

    Attributes:
        bucket: the S3 bucket.
        key: the object key.
        is_public: whether its ACL lets everyone read it.
        custom_name: the host in the certificates, in lower case, if the CA has a custom name.
    """

    bucket: str
    key: str
    is_public: bool
    custom_name: str | None


def check(wanted: Mapping[str, Value], authority_arn: str, storage: MotoStorage) -> None:
    """Reject a configuration that AWS would reject.

    Args:
        wanted: the requested configuration.
        authority_arn: the CA's ARN.
        storage: the S3 of the CRLs.

    Raises:
        AwsError: the configuration contradicts itself, or AWS Private CA can't write to the bucket.
    """
    crl, ocsp = wanted.get("CrlConfiguration") or {}, wanted.get("OcspConfiguration") or {}
    # hashicorp/terraform-provider-aws#29088: a disabled CRL with other keys is an error.
    if crl and not crl["Enabled"] and set(crl) - {"Enabled"}:
        raise make_argument_error("A CRL configuration that is not enabled can have no other settings.")
    for configuration, field in ((crl, "CustomCname"), (ocsp, "OcspCustomCname")):
        if "://" in configuration.get(field, ""):
            # botocore, CrlConfiguration.CustomCname: without a protocol prefix.
            raise make_argument_error(f"{field} must not include a protocol prefix.")
    if not crl.get("Enabled"):
        return
    if crl.get("CrlType", "COMPLETE") != "COMPLETE":
        raise make_unsupported_error("A partitioned CRL")
    if "ExpirationInDays" not in crl or "S3BucketName" not in crl:
        raise make_validation_error("An enabled CRL needs ExpirationInDays and S3BucketName.")
    problem = storage.find_problem(authority_arn, crl["S3BucketName"], crl.get("S3ObjectAcl", DEFAULT_ACL))
    if problem:
        raise make_validation_error(f"{problem} Check your S3 bucket permissions and try again.")


def _crl(authority: CertificateAuthority) -> Mapping[str, Value]:
    configuration = (authority.request.get("RevocationConfiguration") or {}).get("CrlConfiguration") or {}
    return configuration if configuration.get("Enabled") else {}


def _key(authority: CertificateAuthority) -> str:
    path = str(_crl(authority).get("CustomPath", "")).strip("/")
    return f"{path + '/' if path else ''}crl/{authority.identifier}.crl"


def find_published(authority: CertificateAuthority) -> PublishedCrl | None:
    """Return the location of a CA's CRL; None if it has none."""
    crl = _crl(authority)
    if not crl:
        return None
    is_public = crl.get("S3ObjectAcl", DEFAULT_ACL) == "PUBLIC_READ"
    name = crl.get("CustomCname")
    return PublishedCrl(crl["S3BucketName"], _key(authority), is_public, name.lower() if name else None)


def make_extensions(authority: CertificateAuthority) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """Yield the extensions that tell where to look up the revocation of the CA's certificates."""
    region = authority.arn.split(":")[3]
    configuration = authority.request.get("RevocationConfiguration") or {}
    crl, ocsp = _crl(authority), configuration.get("OcspConfiguration") or {}
    hidden = (crl.get("CrlDistributionPointExtensionConfiguration") or {}).get("OmitExtension")
    if crl and not hidden:
        host = crl.get("CustomCname") or f"{crl['S3BucketName']}.s3.{region}.amazonaws.com"
        url = x509.UniformResourceIdentifier(f"http://{host}/{_key(authority)}")
        yield x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)]), False
    if ocsp.get("Enabled"):
        host = ocsp.get("OcspCustomCname") or f"ocsp.acm-pca.{region}.amazonaws.com"
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"http://{host}")
        )
        yield x509.AuthorityInformationAccess([access]), False


def publish(authority: CertificateAuthority, storage: MotoStorage, now: datetime) -> None:
    """Write the CRL, if the CA has one configured and has a certificate to sign it with."""
    crl = _crl(authority)
    own = authority.certificate
    if not crl or own is None:
        return
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.issuing_name)
        .last_update(now)
        .next_update(now + timedelta(days=crl["ExpirationInDays"]))
        .add_extension(x509.CRLNumber(authority.take_crl_number()), critical=False)
        # RFC 5280, 5.2.1: conforming issuers include it in every CRL.
        .add_extension(keys.make_key_identifier(own, authority.key), critical=False)
    )
    for issued in list(authority.issued.values()):
        if issued.revoked is not None:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(issued.serial)
                .revocation_date(issued.revoked)
                .add_extension(x509.CRLReason(REASONS[issued.revocation_reason]), critical=False)
            )
            builder = builder.add_revoked_certificate(entry.build())
    signing = authority.request["CertificateAuthorityConfiguration"]["SigningAlgorithm"]
    signed = builder.sign(authority.key, keys.find_hash(signing, authority.key))
    storage.put(authority.owner, crl["S3BucketName"], _key(authority), signed.public_bytes(keys.DER))
