"""Hold the state that all operations share, and check permissions: CAs, idempotency tokens and the clock."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from toolkit.pki import templates
from toolkit.policy.evaluation import Decision, Request, evaluate
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.private_ca.certificate_authority import UNDELETED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from toolkit.sandbox.crl_storage import MotoStorage
    from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority
    from toolkit.sandbox.services import Caller
    from toolkit.values import Object

# botocore, IdempotencyToken of IssueCertificate and CreateCertificateAuthority.
_TOKEN_LIFETIME = timedelta(minutes=5)

# IAM user guide, global condition keys.
ORGANIZATION = "aws:PrincipalOrgID"


class Shares(Protocol):
    """AWS RAM, which shares CAs with other accounts."""

    def allows(self, account: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Return whether a share allows an account an action on a CA."""

    def reaches(self, account: str, resource: str) -> bool:
        """Return whether a CA is shared with an account."""


@dataclass
class Registry:
    """The state of the service.

    Attributes:
        clock: returns the current time with a time zone.
        storage: the S3 of the same sandbox.
        creation_delay: how long a new CA is CREATING.
        issuance_delay: how long a new certificate is in progress.
        max_authorities: the quota of an account in a region; deleted CAs count until they can't be restored.
        authorities: the CAs by ARN.
        shares: the RAM of the same sandbox, if it has one.
        tokens: ARN and expiration by scope and idempotency token.
    """

    clock: Callable[[], datetime]
    storage: MotoStorage
    creation_delay: timedelta = timedelta(0)
    issuance_delay: timedelta = timedelta(0)
    max_authorities: int = 200
    authorities: MutableMapping[str, CertificateAuthority] = field(default_factory=dict)
    shares: Shares | None = None
    tokens: MutableMapping[tuple[str, ...], tuple[str, datetime]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, caller: Caller, arn: str) -> CertificateAuthority:
        """Return a CA of the caller's region by its ARN.

        Raises:
            AwsError: the CA does not exist.
        """
        authority = self.authorities.get(arn)
        if authority is not None and arn.split(":")[3] == caller.region:
            return authority
        if not re.search(r":certificate-authority/", arn):
            raise AwsError("InvalidArnException", f"{arn} is not the ARN of a certificate authority.")
        raise AwsError("ResourceNotFoundException", f"Could not find Certificate Authority {arn}.")

    def find_undeleted(self, caller: Caller, arn: str, *, doing: str) -> CertificateAuthority:
        """Return a CA for an operation that a deleted CA does not allow.

        Raises:
            AwsError: the CA does not exist or is deleted (``InvalidStateException``, which all these operations have in
                botocore's model).
        """
        authority = self.find(caller, arn)
        authority.require(self.clock(), *UNDELETED, doing=doing)
        return authority

    def store_once(self, token: str | None, scope: tuple[str, ...], store: Callable[[], str]) -> str:
        """Store an object and return its ARN, or return the ARN of the earlier request with the same token.

        Args:
            token: the caller's idempotency token, if any; it expires after five minutes.
            scope: tokens are compared within this scope.
            store: stores the object and returns its ARN.
        """
        now = self.clock()
        with self._lock:
            known = self.tokens.get((*scope, token)) if token is not None else None
            if known and known[1] > now:
                return known[0]
            arn = store()
            if token is not None:
                self.tokens[(*scope, token)] = (arn, now + _TOKEN_LIFETIME)
            return arn

    def authorize(self, caller: Caller, operation: str, params: Object) -> None:
        """Check the caller's own policies first; then, from another account, the CA's resource policy or a share.

        Raises:
            AwsError: ``AccessDeniedException``.
        """
        # Service authorization reference, "AWS Private Certificate Authority": creating and listing have no resource.
        resource = params.get("CertificateAuthorityArn") or params.get("ResourceArn") or "*"
        for context in _contexts(operation, params, caller.partition):
            self._authorize(caller, f"acm-pca:{operation}", resource, context)

    def is_shared_with(self, caller: Caller, authority: CertificateAuthority) -> bool:
        """Return whether the CA's policy or a share names the caller's account."""
        named = str(authority.policy or "")
        by_policy = caller.account in named or (caller.organization is not None and caller.organization in named)
        return by_policy or (self.shares is not None and self.shares.reaches(caller.account, authority.arn))

    def _authorize(self, caller: Caller, action: str, resource: str, context: Mapping[str, str]) -> None:
        caller.authorize(action, resource, context)
        authority = self.authorities.get(resource)
        if authority is None or authority.owner == caller.account:
            return
        names = frozenset({caller.account, f"arn:{caller.partition}:iam::{caller.account}:root"})
        known = {**context, **({ORGANIZATION: caller.organization} if caller.organization else {})}
        request = Request(action, resource, known, principals={"AWS": names})
        by_policy = authority.policy is not None and evaluate([authority.policy], request) is Decision.ALLOWED
        by_share = self.shares is not None and self.shares.allows(caller.account, action, resource, context)
        if not by_policy and not by_share:
            raise AwsError(
                "AccessDeniedException",
                f"Account {caller.account} is not authorized to perform: {action} on resource: {resource} "
                f"because no resource-based policy allows the {action} action",
            )


def _contexts(operation: str, params: Object, partition: str) -> list[dict[str, str]]:
    """Return the sets of condition keys of a call; the call must be allowed with each set.

    AWS does not document whether a request without a template has ``acm-pca:TemplateArn`` in its context. So such a
    request must be allowed without the key, and also with the default template.
    """
    key, named = "acm-pca:TemplateArn", params.get("TemplateArn")
    if named:
        return [{key: named}]
    return (
        [{}, {key: templates.build_arn(templates.END_ENTITY, partition)}] if operation == "IssueCertificate" else [{}]
    )
