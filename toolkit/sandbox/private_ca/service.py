"""The operations of AWS Private CA, one method each."""

from __future__ import annotations

import logging
import re
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from toolkit.pki import chain
from toolkit.sandbox.private_ca import authority as state
from toolkit.sandbox.private_ca import importing, issuing, protocol
from toolkit.sandbox.private_ca.authority import CertificateAuthority, IssuedCertificate
from toolkit.sandbox.private_ca.errors import AwsError, not_in_sandbox, validation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolkit.sandbox.private_ca.protocol import Response

_log = logging.getLogger(__name__)
# botocore, IdempotencyToken of IssueCertificate and CreateCertificateAuthority.
_TOKEN_LIFETIME = timedelta(minutes=5)
# botocore, DeleteCertificateAuthorityRequest.PermanentDeletionTimeInDays
_DEFAULT_DELETION_DAYS = 30
_DELETABLE = (state.PENDING, state.DISABLED, state.EXPIRED)
_MAX_TAGS = 50

Params = dict[str, Any]


@dataclass(frozen=True)
class Caller:
    """Who asks, as the server in front resolved it.

    Attributes:
        account: twelve digits; what is created belongs to it.
        region: that the request was signed for.
        partition: of that region.
        authorize: is given the IAM action, the resource and the condition keys of a call, and raises
            :class:`AwsError` for one that the caller's policies don't allow; lets everything through by default.
    """

    account: str
    region: str
    partition: str = "aws"
    authorize: Callable[[str, str, Mapping[str, str]], None] = lambda *_: None


class PrivateCaService:
    """All private CAs of all accounts and regions.

    Args:
        clock: tells the time, aware of its zone.
        issuance_delay: how long GetCertificate answers RequestInProgressException after an issuance.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        issuance_delay: timedelta = timedelta(0),
    ) -> None:
        self._clock = clock
        self.issuance_delay = issuance_delay
        self._authorities: dict[str, CertificateAuthority] = {}
        # What an idempotency token stands for, and until when.
        self._tokens: dict[tuple[str, ...], tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def handle(self, caller: Caller, target: str, body: bytes) -> Response:
        """Answer one call; never raises.

        Args:
            caller: who asks.
            target: the ``X-Amz-Target`` header, for example ``ACMPrivateCA.IssueCertificate``.
            body: JSON.
        """
        try:
            operation = protocol.operation(target)
            params = protocol.decode(operation, body)
            _authorize(caller, operation.name, params)
            return protocol.encode(self._method(operation.name)(caller, params) or {})
        except AwsError as error:
            return protocol.refusal(error)
        except Exception:  # noqa: BLE001 - a traceback must never reach the client, whatever the defect
            _log.exception("%s failed", target)
            return protocol.refusal(AwsError("InternalFailure", "The sandbox has a defect.", 500))

    def _method(self, operation: str) -> Callable[[Caller, Params], Params | None]:
        method: Callable[[Caller, Params], Params | None] | None = getattr(self, "_" + _snake(operation), None)
        if method is None:
            raise not_in_sandbox(operation)
        return method

    def _authority(self, caller: Caller, arn: str) -> CertificateAuthority:
        """The CA; it exists only in its own region, and another account needs a policy, which is not modelled."""
        found = self._authorities.get(arn)
        if found is None or arn.split(":")[3] != caller.region:
            if not re.search(r":certificate-authority/", arn):
                raise AwsError("InvalidArnException", f"{arn} is not the ARN of a certificate authority.")
            raise AwsError("ResourceNotFoundException", f"Could not find Certificate Authority {arn}.")
        if found.owner != caller.account:
            raise AwsError(
                "AccessDeniedException",
                f"Account {caller.account} is not authorized on {arn} because no resource-based policy allows it.",
            )
        return found

    def _once(self, token: str | None, scope: tuple[str, ...], now: datetime, store: Callable[[], str]) -> str:
        """Store something and return its ARN, or the ARN for which the token already stands.

        Args:
            token: the caller's idempotency token, if any.
            scope: within which tokens are compared.
            now: tokens are forgotten five minutes later.
            store: makes it known and returns its ARN.
        """
        with self._lock:
            known = self._tokens.get((*scope, token)) if token is not None else None
            if known and known[1] > now:
                return known[0]
            arn = store()
            if token is not None:
                self._tokens[(*scope, token)] = (arn, now + _TOKEN_LIFETIME)
            return arn

    # Certificate authorities

    def _create_certificate_authority(self, caller: Caller, params: Params) -> Params:
        now = self._clock()
        revocation = params.get("RevocationConfiguration") or {}
        if any((revocation.get(kind) or {}).get("Enabled") for kind in ("CrlConfiguration", "OcspConfiguration")):
            raise not_in_sandbox("Revocation (CRL and OCSP)")
        prefix = f"arn:{caller.partition}:acm-pca:{caller.region}:{caller.account}:certificate-authority/"
        request = {name: value for name, value in params.items() if name != "IdempotencyToken"}
        made = CertificateAuthority.create(prefix + str(uuid.uuid4()), caller.account, request, now)
        _require_tags(made.tags)
        scope = ("create", caller.account, caller.region)

        def store() -> str:
            self._authorities[made.arn] = made
            return made.arn

        return {"CertificateAuthorityArn": self._once(params.get("IdempotencyToken"), scope, now, store)}

    def _describe_certificate_authority(self, caller: Caller, params: Params) -> Params:
        found = self._authority(caller, params["CertificateAuthorityArn"])
        return {"CertificateAuthority": found.describe(self._clock())}

    def _list_certificate_authorities(self, caller: Caller, params: Params) -> Params:
        if params.get("NextToken") is not None:
            # Everything comes on the first page, so no token is ever given out.
            raise AwsError("InvalidNextTokenException", "The token was not given out by this service.")
        own = params.get("ResourceOwner", "SELF") == "SELF"
        found = [
            authority.describe(self._clock())
            for authority in list(self._authorities.values())
            if own and authority.owner == caller.account and authority.arn.split(":")[3] == caller.region
        ]
        return {"CertificateAuthorities": found}

    def _get_certificate_authority_csr(self, caller: Caller, params: Params) -> Params:
        found = self._authority(caller, params["CertificateAuthorityArn"])
        found.require(
            self._clock(), state.PENDING, state.ACTIVE, state.DISABLED, state.EXPIRED, doing="reading its CSR"
        )
        return {"Csr": found.csr()}

    def _get_certificate_authority_certificate(self, caller: Caller, params: Params) -> Params:
        found = self._authority(caller, params["CertificateAuthorityArn"])
        found.require(self._clock(), state.ACTIVE, state.DISABLED, state.EXPIRED, doing="reading its certificate")
        own, *above = found.certificates
        return {"Certificate": chain.to_pem([own]), "CertificateChain": chain.to_pem(above) or None}

    def _import_certificate_authority_certificate(self, caller: Caller, params: Params) -> None:
        found, now = self._authority(caller, params["CertificateAuthorityArn"]), self._clock()
        with found.lock:
            found.require(now, state.PENDING, state.ACTIVE, state.EXPIRED, doing="importing a certificate")
            above = params.get("CertificateChain")
            found.certificates = importing.certificates(found, params["Certificate"], above, now)
            found.set_status(state.ACTIVE, now)

    def _update_certificate_authority(self, caller: Caller, params: Params) -> None:
        found, now = self._authority(caller, params["CertificateAuthorityArn"]), self._clock()
        status, revocation = params.get("Status"), params.get("RevocationConfiguration")
        if status is None and revocation is None:
            raise validation("Either RevocationConfiguration or Status should be present")
        if revocation is not None:
            raise not_in_sandbox("Revocation (CRL and OCSP)")
        if status not in (state.ACTIVE, state.DISABLED):
            raise AwsError("InvalidArgsException", f"The status can not be set to {status}.")
        with found.lock:
            found.require(now, state.ACTIVE, state.DISABLED, doing="an update")
            found.set_status(status, now)

    def _delete_certificate_authority(self, caller: Caller, params: Params) -> None:
        found, now = self._authority(caller, params["CertificateAuthorityArn"]), self._clock()
        with found.lock:
            # botocore, DeleteCertificateAuthority: an active CA must be disabled first.
            found.require(now, *_DELETABLE, doing="deletion")
            days = params.get("PermanentDeletionTimeInDays", _DEFAULT_DELETION_DAYS)
            found.status_before_deletion = found.status(now)
            found.restorable_until = now + timedelta(days=days)
            found.set_status(state.DELETED, now)

    def _restore_certificate_authority(self, caller: Caller, params: Params) -> None:
        found, now = self._authority(caller, params["CertificateAuthorityArn"]), self._clock()
        with found.lock:
            found.require(now, state.DELETED, doing="restoration")
            if found.restorable_until is None or now > found.restorable_until:
                raise AwsError("InvalidStateException", "The restoration period has ended.")
            # botocore, RestoreCertificateAuthority: to what it was, an expired one included; never to ACTIVE.
            was = found.status_before_deletion
            found.set_status(state.PENDING if was == state.PENDING else state.DISABLED, now)
            found.restorable_until = None

    # Certificates

    def _issue_certificate(self, caller: Caller, params: Params) -> Params:
        found, now = self._authority(caller, params["CertificateAuthorityArn"]), self._clock()
        certificate = issuing.issue(found, params, caller.partition, now)
        scope = ("issue", caller.account, found.arn)
        # A root's own certificate has no chain above it.
        above = "" if certificate.issuer == certificate.subject else found.chain_pem()
        arn = f"{found.arn}/certificate/{uuid.uuid4().hex}"
        issued = IssuedCertificate(arn, chain.to_pem([certificate]), above, now + self.issuance_delay)

        def store() -> str:
            found.issued[arn] = issued
            return arn

        return {"CertificateArn": self._once(params.get("IdempotencyToken"), scope, now, store)}

    def _get_certificate(self, caller: Caller, params: Params) -> Params:
        found = self._authority(caller, params["CertificateAuthorityArn"])
        found.require(
            self._clock(), state.PENDING, state.ACTIVE, state.DISABLED, state.EXPIRED, doing="reading a certificate"
        )
        issued = found.issued.get(params["CertificateArn"])
        if issued is None:
            raise AwsError("ResourceNotFoundException", f"Could not find certificate {params['CertificateArn']}.")
        if self._clock() < issued.ready:
            raise AwsError("RequestInProgressException", "The certificate is still being issued.")
        return {"Certificate": issued.pem, "CertificateChain": issued.chain or None}

    # Tags

    def _list_tags(self, caller: Caller, params: Params) -> Params:
        found = self._authority(caller, params["CertificateAuthorityArn"])
        return {"Tags": [{"Key": key, "Value": value} for key, value in found.tags.items()]}

    def _tag_certificate_authority(self, caller: Caller, params: Params) -> None:
        found = self._authority(caller, params["CertificateAuthorityArn"])
        with found.lock:
            tags = found.tags | {tag["Key"]: tag.get("Value", "") for tag in params["Tags"]}
            _require_tags(tags)
            found.tags = tags

    def _untag_certificate_authority(self, caller: Caller, params: Params) -> None:
        found = self._authority(caller, params["CertificateAuthorityArn"])
        with found.lock:
            for tag in params["Tags"]:
                # With a value, only the pair of both is removed (botocore, UntagCertificateAuthority).
                if found.tags.get(tag["Key"]) == tag.get("Value", found.tags.get(tag["Key"])):
                    found.tags.pop(tag["Key"], None)


def _authorize(caller: Caller, operation: str, params: Params) -> None:
    # Service authorization reference, "AWS Private Certificate Authority": creating and listing have no
    # resource; acm-pca:TemplateArn is the one condition key. Whether AWS has it in the context of a request
    # that names no template is not documented, so here it has not.
    resource = params.get("CertificateAuthorityArn") or params.get("ResourceArn") or "*"
    template = params.get("TemplateArn")
    caller.authorize(f"acm-pca:{operation}", resource, {"acm-pca:TemplateArn": template} if template else {})


def _require_tags(tags: dict[str, str]) -> None:
    if len(tags) > _MAX_TAGS:
        raise AwsError("TooManyTagsException", f"A certificate authority has at most {_MAX_TAGS} tags.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise AwsError("InvalidTagException", "Tag keys that begin with aws: are reserved.")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
