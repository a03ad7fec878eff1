"""Operations on CAs: creating, certifying, changing, deleting, tagging."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from toolkit.pki import pem
from toolkit.sandbox import paging
from toolkit.sandbox.aws_error import AwsError, validation
from toolkit.sandbox.private_ca import certificate_authority as state
from toolkit.sandbox.private_ca import importing, revocation
from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.sandbox.paging import Item
    from toolkit.sandbox.private_ca.registry import Registry
    from toolkit.sandbox.services import Caller
    from toolkit.values import Object

# botocore, DeleteCertificateAuthorityRequest.PermanentDeletionTimeInDays
_DEFAULT_DELETION_DAYS = 30
_DELETABLE = (state.CREATING, state.PENDING, state.DISABLED, state.EXPIRED)
_UPDATABLE = (state.ACTIVE, state.DISABLED)
_LIVING = (state.PENDING, state.ACTIVE, state.DISABLED, state.EXPIRED)
# botocore, ListCertificateAuthoritiesRequest.MaxResults: more may be asked for, and 100 are returned.
_PAGE = 100
_MAX_TAGS = 50


class Authorities:
    """Each public method is one operation."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def create_certificate_authority(self, caller: Caller, params: Object) -> Object:
        """A CA that waits for its certificate."""
        now = self._registry.clock()
        prefix = f"arn:{caller.partition}:acm-pca:{caller.region}:{caller.account}:certificate-authority/"
        arn = prefix + str(uuid.uuid4())
        wanted = params.get("RevocationConfiguration")
        if wanted is not None:
            revocation.check(wanted, arn, self._registry.storage)
        request = {name: value for name, value in params.items() if name != "IdempotencyToken"}
        made = CertificateAuthority.create(arn, caller.account, request, now)
        made.usable_from = now + self._registry.creation_delay
        _require_tags(made.tags)

        def store() -> str:
            self._require_room(caller)
            self._registry.authorities[made.arn] = made
            return made.arn

        scope = ("create", caller.account, caller.region)
        return {"CertificateAuthorityArn": self._registry.once(params.get("IdempotencyToken"), scope, store)}

    def _require_room(self, caller: Caller) -> None:
        # AWS Private CA quotas: a deleted CA counts until its restoration period has ended.
        now = self._registry.clock()
        counted = sum(
            found.owner == caller.account
            and found.arn.split(":")[3] == caller.region
            and not (found.status(now) == state.DELETED and (found.restorable_until or now) <= now)
            for found in self._registry.authorities.values()
        )
        if counted >= self._registry.max_authorities:
            raise AwsError("LimitExceededException", "The account has as many private CAs as it may have.")

    def describe_certificate_authority(self, caller: Caller, params: Object) -> Object:
        """Everything about a CA but its certificate."""
        found = self._registry.find(caller, params["CertificateAuthorityArn"])
        return {"CertificateAuthority": found.describe(self._registry.clock())}

    def list_certificate_authorities(self, caller: Caller, params: Object) -> Object:
        """The CAs of the account in the region, or those that others share with it, a page at a time."""
        own = params.get("ResourceOwner", "SELF") == "SELF"
        visible = [
            found
            for found in sorted(self._registry.authorities.values(), key=lambda known: (known.created, known.arn))
            if found.arn.split(":")[3] == caller.region
            and own == (found.owner == caller.account)
            and (own or self._registry.is_shared_with(caller, found))
        ]
        shown, token = _page(visible, params)
        now = self._registry.clock()
        return {"CertificateAuthorities": [found.describe(now) for found in shown], "NextToken": token}

    def get_certificate_authority_csr(self, caller: Caller, params: Object) -> Object:
        """The request for its own certificate."""
        found, now = self._registry.find(caller, params["CertificateAuthorityArn"]), self._registry.clock()
        if found.status(now) == state.CREATING:
            raise AwsError("RequestInProgressException", "The certificate authority is still being created.")
        found.require(now, *_LIVING, doing="reading its CSR")
        return {"Csr": found.csr()}

    def get_certificate_authority_certificate(self, caller: Caller, params: Object) -> Object:
        """Its own certificate, and the chain above it."""
        found = self._registry.find(caller, params["CertificateAuthorityArn"])
        now = self._registry.clock()
        if found.status(now) == state.PENDING:
            # AWS's words (getmoto/moto: moto/acmpca/exceptions.py), although it is the certificate that was asked for.
            raise AwsError(
                "InvalidStateException",
                f"The certificate authority {found.arn} is not in the correct state"
                " to have a certificate signing request.",
            )
        found.require(now, state.ACTIVE, state.DISABLED, state.EXPIRED, doing="reading its certificate")
        own, *above = found.certificates
        # Both end without a line end, as those of GetCertificate do.
        return {"Certificate": pem.write([own]).rstrip(), "CertificateChain": pem.write(above).rstrip() or None}

    def import_certificate_authority_certificate(self, caller: Caller, params: Object) -> None:
        """Give it its certificate, which makes it active."""
        found, now = self._registry.find(caller, params["CertificateAuthorityArn"]), self._registry.clock()
        with found.lock:
            found.require(now, state.PENDING, state.ACTIVE, state.EXPIRED, doing="importing a certificate")
            above = params.get("CertificateChain")
            found.certificates = importing.certificates(found, params["Certificate"], above, now)
            # PCAUpdateCA.md: after a renewal it is what it was before it expired, active or disabled.
            disabled = found.stored_status == state.DISABLED
            found.set_status(state.DISABLED if disabled else state.ACTIVE, now)
            revocation.publish(found, self._registry.storage, now)

    def update_certificate_authority(self, caller: Caller, params: Object) -> None:
        """Enable, disable, or change how revocation is published."""
        found, now = self._registry.find(caller, params["CertificateAuthorityArn"]), self._registry.clock()
        status, wanted = params.get("Status"), params.get("RevocationConfiguration")
        if status is None and wanted is None:
            raise validation("Either RevocationConfiguration or Status should be present")
        if status not in (None, state.ACTIVE, state.DISABLED):
            raise AwsError("InvalidArgsException", f"The status can not be set to {status}.")
        if wanted is not None:
            revocation.check(wanted, found.arn, self._registry.storage)
        with found.lock:
            # Only the status needs a certificate.
            states = _UPDATABLE if status is not None else (state.PENDING, *_UPDATABLE)
            found.require(now, *states, doing="an update")
            if wanted is not None:
                found.request["RevocationConfiguration"] = wanted
                revocation.publish(found, self._registry.storage, now)
            if status is not None:
                found.set_status(status, now)

    def delete_certificate_authority(self, caller: Caller, params: Object) -> None:
        """Delete it; for some days it can be restored."""
        found, now = self._registry.find(caller, params["CertificateAuthorityArn"]), self._registry.clock()
        with found.lock:
            # botocore, DeleteCertificateAuthority: an active CA must be disabled first.
            found.require(now, *_DELETABLE, doing="deletion")
            days = params.get("PermanentDeletionTimeInDays", _DEFAULT_DELETION_DAYS)
            found.status_before_deletion = found.status(now)
            # A CA that was still being created can't be restored (same place).
            creating = found.status_before_deletion == state.CREATING
            found.restorable_until = None if creating else now + timedelta(days=days)
            found.set_status(state.DELETED, now)

    def restore_certificate_authority(self, caller: Caller, params: Object) -> None:
        """Bring a deleted CA back, pending or disabled as it may be."""
        found, now = self._registry.find(caller, params["CertificateAuthorityArn"]), self._registry.clock()
        with found.lock:
            found.require(now, state.DELETED, doing="restoration")
            if found.restorable_until is None or now > found.restorable_until:
                raise AwsError("InvalidStateException", "The restoration period has ended.")
            # botocore, RestoreCertificateAuthority: it comes back disabled (or pending), never active.
            # One whose certificate has expired shows as EXPIRED (PCAUpdateCA.md).
            pending = found.status_before_deletion == state.PENDING
            found.set_status(state.PENDING if pending else state.DISABLED, now)
            found.restorable_until = None

    def list_tags(self, caller: Caller, params: Object) -> Object:
        """Its tags, a page at a time."""
        found = self._registry.find_undeleted(caller, params["CertificateAuthorityArn"], doing="listing tags")
        tags = [{"Key": key, "Value": value} for key, value in found.tags.items()]
        shown, token = _page(tags, params)
        return {"Tags": shown, "NextToken": token}

    def tag_certificate_authority(self, caller: Caller, params: Object) -> None:
        """Add tags, or give known ones other values."""
        found = self._registry.find_undeleted(caller, params["CertificateAuthorityArn"], doing="tagging")
        with found.lock:
            tags = found.tags | {tag["Key"]: tag.get("Value", "") for tag in params["Tags"]}
            _require_tags(tags)
            found.tags = tags

    def untag_certificate_authority(self, caller: Caller, params: Object) -> None:
        """Remove tags."""
        found = self._registry.find_undeleted(caller, params["CertificateAuthorityArn"], doing="removing tags")
        with found.lock:
            for tag in params["Tags"]:
                # With a value, only the pair of both is removed (botocore, UntagCertificateAuthority).
                if found.tags.get(tag["Key"]) == tag.get("Value", found.tags.get(tag["Key"])):
                    found.tags.pop(tag["Key"], None)


def _page(items: Sequence[Item], params: Object) -> tuple[list[Item], str | None]:
    size = min(params.get("MaxResults", _PAGE), _PAGE)
    return paging.cut(items, params.get("NextToken"), size, "InvalidNextTokenException")


def _require_tags(tags: dict[str, str]) -> None:
    if len(tags) > _MAX_TAGS:
        raise AwsError("TooManyTagsException", f"A certificate authority has at most {_MAX_TAGS} tags.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise AwsError("InvalidTagException", "Tag keys that begin with aws: are reserved.")
