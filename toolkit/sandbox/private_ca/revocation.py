"""Check a CA's revocation configuration, build the extensions that point to it, publish CRLs in S3 and find them there.

Source: botocore acm-pca, RevocationConfiguration; user guide, "Setting up a certificate revocation method". AWS writes
a CRL about half an hour after a revocation, the sandbox at once. The sandbox has no OCSP responder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID
from moto.s3.models import s3_backends

from toolkit.pki import arn
from toolkit.policy.evaluation import Decision, Request, evaluate, may_allow
from toolkit.sandbox.aws_error import make_argument_error, make_unsupported_error, make_validation_error
from toolkit.sandbox.private_ca.certificate_authority import DEFAULT_ACL, CertificateAuthority
from toolkit.values import MotoObject, Object, Value

if TYPE_CHECKING:
    PutObject = Callable[[str, str, str, bytes], None]

_REASONS = {
    "UNSPECIFIED": x509.ReasonFlags.unspecified,
    "KEY_COMPROMISE": x509.ReasonFlags.key_compromise,
    "CERTIFICATE_AUTHORITY_COMPROMISE": x509.ReasonFlags.ca_compromise,
    "AFFILIATION_CHANGED": x509.ReasonFlags.affiliation_changed,
    "SUPERSEDED": x509.ReasonFlags.superseded,
    "CESSATION_OF_OPERATION": x509.ReasonFlags.cessation_of_operation,
    "PRIVILEGE_WITHDRAWN": x509.ReasonFlags.privilege_withdrawn,
    "A_A_COMPROMISE": x509.ReasonFlags.aa_compromise,
}
_SERVICE, _CLOUDFRONT = "acm-pca.amazonaws.com", "cloudfront.amazonaws.com"
# AWS Private CA user guide, "Access policies for CRLs in Amazon S3".
_ON_BUCKET = ("s3:GetBucketAcl", "s3:GetBucketLocation")
_ON_OBJECTS = ("s3:PutObject", "s3:PutObjectAcl")
_READ = "s3:GetObject"
_DENY_ALL = {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}


def check(wanted: Mapping[str, Value], authority_arn: str) -> None:
    """Reject a configuration that AWS would reject.

    Args:
        wanted: the requested configuration.
        authority_arn: the CA's ARN.

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
    problem = find_problem(authority_arn, crl["S3BucketName"], crl.get("S3ObjectAcl", DEFAULT_ACL))
    if problem:
        raise make_validation_error(f"{problem} Check your S3 bucket permissions and try again.")


def find_problem(authority_arn: str, bucket: str, acl: str) -> str | None:
    """Return why AWS Private CA can't write to a bucket; None if it can.

    Args:
        authority_arn: the ARN of the CA that writes.
        bucket: the bucket's name.
        acl: the canned ACL of the object.
    """
    authority = arn.PRIVATE_CA.parse(authority_arn)
    stored_bucket = _find_bucket(authority.account, bucket)
    if stored_bucket is None:
        return f"The bucket '{bucket}' does not exist."
    blocked = stored_bucket.public_access_block
    if acl == "PUBLIC_READ" and blocked is not None and str(blocked.block_public_acls).lower() == "true":
        return f"The bucket '{bucket}' blocks public access, and PUBLIC_READ was asked for."
    bucket_arn = f"arn:{authority.partition}:s3:::{bucket}"
    wanted = [(action, bucket_arn) for action in _ON_BUCKET]
    wanted += [(action, f"{bucket_arn}/crl/x.crl") for action in _ON_OBJECTS]
    # Policies may limit the service to the account's own CAs, or to one CA (user guide, crl-planning.md).
    context = {"aws:SourceAccount": authority.account, "aws:SourceArn": authority_arn}
    for action, resource in wanted:
        request = Request(action, resource, context, principals={"Service": frozenset({_SERVICE})})
        if evaluate([_read_policy(stored_bucket)], request) is not Decision.ALLOWED:
            return f"The service principal '{_SERVICE}' requires {action} permissions for your S3 bucket '{bucket}'."
    return None


def put_object(account: str, bucket: str, key: str, body: bytes) -> None:
    """Write an object to moto's S3; do nothing if the bucket has been deleted."""
    stored_bucket = _find_bucket(account, bucket)
    if stored_bucket is not None:
        s3_backends[account][stored_bucket.partition].put_object(bucket, key, body)


def _find_bucket(account: str, name: str) -> MotoObject:
    partition, owner = s3_backends.bucket_accounts.get(name, ("", ""))
    return s3_backends[account][partition].buckets.get(name) if owner == account else None


def _read_policy(bucket: MotoObject) -> Object:
    """Return a bucket's policy; one that denies everything for invalid JSON, which moto accepts and AWS does not."""
    try:
        policy = json.loads(bucket.policy or "{}")
    except ValueError:
        policy = None
    return policy if isinstance(policy, dict) else _DENY_ALL


def _make_key(authority: CertificateAuthority) -> str:
    path = str(authority.crl.get("CustomPath", "")).strip("/")
    return f"{path + '/' if path else ''}crl/{authority.identifier}.crl"


def find_public(authorities: Iterable[CertificateAuthority], host: str, bucket: str | None, key: str) -> bytes | None:
    """Find the public CRL that a URL names.

    Args:
        authorities: the CAs.
        host: the URL's host, in lower case.
        bucket: the S3 bucket in the host or the path, if there is one.
        key: the rest of the path, decoded.

    Returns:
        The CRL; None if the URL names no CRL, or one that is not public.
    """
    for authority in authorities:
        crl = authority.crl
        if not crl or key != _make_key(authority):
            continue
        by_name = host == crl.get("CustomCname", "").lower()
        stored_bucket = _find_bucket(authority.owner, crl["S3BucketName"])
        if stored_bucket is None or not (by_name or bucket == crl["S3BucketName"]):
            continue
        resource = f"arn:{stored_bucket.partition}:s3:::{crl['S3BucketName']}/{key}"
        policy, is_public = _read_policy(stored_bucket), crl.get("S3ObjectAcl", DEFAULT_ACL) == "PUBLIC_READ"
        plain = Request(_READ, resource, {"aws:SecureTransport": "false"})
        # CloudFront may read the object: the CA's custom name is then that of a distribution.
        cloudfront = Request(_READ, resource, principals={"Service": frozenset({_CLOUDFRONT})})
        denied = evaluate([policy], plain) is Decision.EXPLICITLY_DENIED
        if (is_public and not denied) or (by_name and may_allow(policy, cloudfront)):
            stored = stored_bucket.keys.get(key)
            return bytes(stored.value) if stored else None
    return None


def make_extensions(authority: CertificateAuthority) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """Yield the extensions that tell where to look up the revocation of the CA's certificates."""
    crl, ocsp = authority.crl, authority.revocation.get("OcspConfiguration") or {}
    hidden = (crl.get("CrlDistributionPointExtensionConfiguration") or {}).get("OmitExtension")
    if crl and not hidden:
        host = crl.get("CustomCname") or f"{crl['S3BucketName']}.s3.{authority.region}.amazonaws.com"
        url = x509.UniformResourceIdentifier(f"http://{host}/{_make_key(authority)}")
        yield x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)]), False
    if ocsp.get("Enabled"):
        host = ocsp.get("OcspCustomCname") or f"ocsp.acm-pca.{authority.region}.amazonaws.com"
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"http://{host}")
        )
        yield x509.AuthorityInformationAccess([access]), False


def publish(authority: CertificateAuthority, now: datetime, put: PutObject) -> None:
    """Write the CRL, if the CA has one configured and has a certificate to sign it with."""
    if not authority.crl or not authority.certificates:
        return
    # Each CRL has a higher number (RFC 5280, 5.2.3).
    authority.crl_number += 1
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.issuing_name)
        .last_update(now)
        .next_update(now + timedelta(days=authority.crl["ExpirationInDays"]))
        .add_extension(x509.CRLNumber(authority.crl_number), critical=False)
        # RFC 5280, 5.2.1: conforming issuers include it in every CRL.
        .add_extension(authority.make_key_identifier(), critical=False)
    )
    for issued in authority.issued.values():
        if issued.revoked is not None:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(issued.serial)
                .revocation_date(issued.revoked)
                .add_extension(x509.CRLReason(_REASONS[issued.revocation_reason]), critical=False)
            )
            builder = builder.add_revoked_certificate(entry.build())
    signed = builder.sign(authority.key, authority.find_hash())
    put(authority.owner, authority.crl["S3BucketName"], _make_key(authority), signed.public_bytes(Encoding.DER))
