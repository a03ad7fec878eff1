"""Create, certify, change, delete and tag CAs."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from toolkit.pki import names, pem
from toolkit.pki.authority import Needs
from toolkit.pki.judging import check_import
from toolkit.sandbox.aws_error import AwsError, make_argument_error, make_validation_error
from toolkit.sandbox.private_ca import certificate_authority as state
from toolkit.sandbox.private_ca import revocation
from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority
from toolkit.sandbox.services import Caller, page
from toolkit.values import Object

if TYPE_CHECKING:
    from cryptography import x509

    from toolkit.sandbox.private_ca.registry import Registry

# botocore, DeleteCertificateAuthorityRequest.PermanentDeletionTimeInDays
_DEFAULT_DELETION_DAYS = 30
_DELETABLE = (state.CREATING, state.PENDING, state.DISABLED, state.EXPIRED)
_UPDATABLE = (state.ACTIVE, state.DISABLED)
# botocore, ListCertificateAuthoritiesRequest.MaxResults: a request may ask for more, but AWS returns 100.
_PAGE = 100
_MAX_TAGS = 50


class Authorities:
    """The operations on CAs; each public method is one operation."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def create_certificate_authority(self, caller: Caller, params: Object) -> Object:
        """Create a CA, which then needs its certificate."""
        now = self._registry.clock()
        prefix = f"arn:{caller.partition}:acm-pca:{caller.region}:{caller.account}:certificate-authority"
        arn = f"{prefix}/{uuid.uuid4()}"
        revocation.check(params.get("RevocationConfiguration") or {}, arn)
        request = {name: value for name, value in params.items() if name != "IdempotencyToken"}
        made = CertificateAuthority.create(arn, caller.account, request, now)
        made.usable_from = now + self._registry.creation_delay
        _require_tags(made.tags)

        def store() -> str:
            self._require_room(caller)
            self._registry.authorities[made.arn] = made
            return made.arn

        scope = ("create", caller.account, caller.region)
        return {"CertificateAuthorityArn": self._registry.store_once(params.get("IdempotencyToken"), scope, store)}

    def _require_room(self, caller: Caller) -> None:
        # AWS Private CA quotas: a deleted CA counts until its restoration period ends.
        now = self._registry.clock()
        counted = sum(
            authority.owner == caller.account
            and authority.region == caller.region
            and not (authority.status(now) == state.DELETED and (authority.restorable_until or now) <= now)
            for authority in self._registry.authorities.values()
        )
        if counted >= self._registry.max_authorities:
            raise AwsError("LimitExceededException", "The account has reached its quota of private CAs.")

    def describe_certificate_authority(self, caller: Caller, params: Object) -> Object:
        """Return a CA's properties, without its certificate."""
        return {"CertificateAuthority": self._registry.find(caller, params).describe(self._registry.clock())}

    def list_certificate_authorities(self, caller: Caller, params: Object) -> Object:
        """Return a page of the account's CAs in the region, or of those that other accounts share with it."""
        own = params.get("ResourceOwner", "SELF") == "SELF"
        visible = [
            authority
            for authority in sorted(self._registry.authorities.values(), key=lambda known: (known.created, known.arn))
            if authority.region == caller.region
            and own == (authority.owner == caller.account)
            and (own or self._registry.is_shared_with(caller, authority))
        ]
        now = self._registry.clock()
        described = [authority.describe(now) for authority in visible]
        return page(described, params, _PAGE, "CertificateAuthorities", "InvalidNextTokenException")

    def get_certificate_authority_csr(self, caller: Caller, params: Object) -> Object:
        """Return the CSR of the CA's own certificate."""
        authority, now = self._registry.find(caller, params), self._registry.clock()
        if authority.status(now) == state.CREATING:
            raise AwsError("RequestInProgressException", "The certificate authority is still being created.")
        authority.require(now, *state.CREATED, doing="reading its CSR")
        return {"Csr": authority.csr()}

    def get_certificate_authority_certificate(self, caller: Caller, params: Object) -> Object:
        """Return the CA's own certificate and its chain."""
        authority, now = self._registry.find(caller, params), self._registry.clock()
        if authority.status(now) == state.PENDING:
            # AWS's message (getmoto/moto: moto/acmpca/exceptions.py), although the request asked for a certificate, not
            # a CSR.
            raise AwsError(
                "InvalidStateException",
                f"The certificate authority {authority.arn} is not in the correct state"
                " to have a certificate signing request.",
            )
        authority.require(now, state.ACTIVE, state.DISABLED, state.EXPIRED, doing="reading its certificate")
        own, *above = authority.certificates
        # Both have no line break at the end, as in GetCertificate.
        return {"Certificate": pem.write([own]).rstrip(), "CertificateChain": pem.write(above).rstrip() or None}

    def import_certificate_authority_certificate(self, caller: Caller, params: Object) -> None:
        """Import the CA's certificate, which activates the CA."""
        now = self._registry.clock()
        allowed = (state.PENDING, state.ACTIVE, state.EXPIRED)
        authority = self._registry.find(caller, params, *allowed, doing="importing a certificate")
        authority.certificates = _check_certificates(authority, params, now)
        # PCAUpdateCA.md: after a renewal, the CA has the status from before it expired, active or disabled.
        disabled = authority.stored_status == state.DISABLED
        authority.set_status(state.DISABLED if disabled else state.ACTIVE, now)
        revocation.publish(authority, now, self._registry.put_object)

    def update_certificate_authority(self, caller: Caller, params: Object) -> None:
        """Enable or disable the CA, or change its revocation configuration."""
        authority, now = self._registry.find(caller, params), self._registry.clock()
        status, wanted = params.get("Status"), params.get("RevocationConfiguration")
        if status is None and wanted is None:
            raise make_validation_error("Either RevocationConfiguration or Status should be present")
        if status not in (None, state.ACTIVE, state.DISABLED):
            raise make_argument_error(f"The status can't be set to {status}.")
        revocation.check(wanted or {}, authority.arn)
        # Only a change of the status needs a certificate.
        states = _UPDATABLE if status is not None else (state.PENDING, *_UPDATABLE)
        authority.require(now, *states, doing="an update")
        if wanted is not None:
            authority.request["RevocationConfiguration"] = wanted
            revocation.publish(authority, now, self._registry.put_object)
        if status is not None:
            authority.set_status(status, now)

    def delete_certificate_authority(self, caller: Caller, params: Object) -> None:
        """Delete the CA; it can be restored for some days."""
        now = self._registry.clock()
        # botocore, DeleteCertificateAuthority: an active CA must be disabled first.
        authority = self._registry.find(caller, params, *_DELETABLE, doing="deletion")
        days = params.get("PermanentDeletionTimeInDays", _DEFAULT_DELETION_DAYS)
        authority.status_before_deletion = authority.status(now)
        # A CA that was still being created can't be restored (botocore, DeleteCertificateAuthority).
        creating = authority.status_before_deletion == state.CREATING
        authority.restorable_until = None if creating else now + timedelta(days=days)
        authority.set_status(state.DELETED, now)

    def restore_certificate_authority(self, caller: Caller, params: Object) -> None:
        """Restore a deleted CA to the status pending or disabled."""
        now = self._registry.clock()
        authority = self._registry.find(caller, params, state.DELETED, doing="restoration")
        if authority.restorable_until is None or now > authority.restorable_until:
            raise AwsError("InvalidStateException", "The restoration period has ended.")
        # botocore, RestoreCertificateAuthority: the CA is disabled (or pending) afterwards, never active. If its
        # certificate has expired, its status is EXPIRED (PCAUpdateCA.md).
        pending = authority.status_before_deletion == state.PENDING
        authority.set_status(state.PENDING if pending else state.DISABLED, now)
        authority.restorable_until = None

    def list_tags(self, caller: Caller, params: Object) -> Object:
        """Return a page of the CA's tags."""
        authority = self._registry.find(caller, params, *state.UNDELETED, doing="listing tags")
        tags: list[Object] = [{"Key": key, "Value": value} for key, value in authority.tags.items()]
        return page(tags, params, _PAGE, "Tags", "InvalidNextTokenException")

    def tag_certificate_authority(self, caller: Caller, params: Object) -> None:
        """Add tags, or change the values of existing tags."""
        authority = self._registry.find(caller, params, *state.UNDELETED, doing="tagging")
        tags = authority.tags | {tag["Key"]: tag.get("Value", "") for tag in params["Tags"]}
        _require_tags(tags)
        authority.tags = tags

    def untag_certificate_authority(self, caller: Caller, params: Object) -> None:
        """Remove tags."""
        authority = self._registry.find(caller, params, *state.UNDELETED, doing="removing tags")
        for tag in params["Tags"]:
            # If the request has a value, the tag is only removed if its value matches (botocore,
            # UntagCertificateAuthority).
            if authority.tags.get(tag["Key"]) == tag.get("Value", authority.tags.get(tag["Key"])):
                authority.tags.pop(tag["Key"], None)


def _check_certificates(authority: CertificateAuthority, params: Object, now: datetime) -> tuple[x509.Certificate, ...]:
    """Return the CA's certificate and its chain, in order, if the CA may import them (user guide, PCACertInstall.html).

    Raises:
        AwsError: AWS would reject them.
    """
    kind: Literal["ROOT", "SUBORDINATE"] = "ROOT" if authority.kind == "ROOT" else "SUBORDINATE"
    own, *others = _read(params["Certificate"], "certificate")
    if others:
        raise _malformed("The certificate must contain exactly one certificate.")
    chain = params.get("CertificateChain")
    if kind == "ROOT" and chain:
        raise AwsError("InvalidRequestException", "A root CA's certificate is imported without a chain.")
    if kind == "SUBORDINATE" and not chain:
        raise AwsError("InvalidRequestException", "A subordinate CA's certificate is imported with its chain.")
    above = _read(chain, "certificate chain") if chain else ()
    key = authority.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    name, wanted = names.read_subject(own), authority.name.public_bytes()
    if names.read_public_key(own) != key or names.read_attributes(name) != names.read_attributes(wanted):
        raise AwsError(
            "CertificateMismatchException", "The certificate does not match the CA's certificate signing request."
        )
    problems = list(check_import(own, above, kind, Needs(at=now)))
    if problems:
        raise _malformed("; ".join(problem.message for problem in problems))
    return own, *above


def _read(text: bytes, what: str) -> tuple[x509.Certificate, ...]:
    try:
        return pem.load_certificates(text)
    except ValueError as error:
        raise _malformed(f"The {what} can't be read.") from error


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedCertificateException", message)


def _require_tags(tags: dict[str, str]) -> None:
    if len(tags) > _MAX_TAGS:
        raise AwsError("TooManyTagsException", f"A certificate authority has at most {_MAX_TAGS} tags.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise AwsError("InvalidTagException", "Tag keys that begin with aws: are reserved.")
