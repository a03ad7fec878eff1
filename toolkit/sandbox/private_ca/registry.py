"""Hold the state that all operations share, and check permissions: CAs, idempotency tokens and the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from toolkit.pki import templates
from toolkit.policy.evaluation import Decision, Request, evaluate
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.private_ca.revocation import put_object
from toolkit.values import Object

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority
    from toolkit.sandbox.private_ca.revocation import PutObject
    from toolkit.sandbox.services import Caller

# botocore, IdempotencyToken of IssueCertificate and CreateCertificateAuthority.
_TOKEN_LIFETIME = timedelta(minutes=5)

# IAM user guide, global condition keys.
ORGANIZATION = "aws:PrincipalOrgID"


@dataclass
class Registry:
    """The state of the service.

    Attributes:
        clock: returns the current time with a time zone.
        put_object: writes an object to the S3 of the same sandbox.
        creation_delay: how long a new CA is CREATING.
        issuance_delay: how long a new certificate is in progress.
        max_authorities: the quota of an account in a region; deleted CAs count until they can't be restored.
        authorities: the CAs by ARN.
        find_shared_policies: returns the policies with which AWS RAM shares a CA with an account.
        tokens: ARN and expiration by scope and idempotency token.
        lock: held while an operation uses the state; reentrant.
    """

    clock: Callable[[], datetime]
    put_object: PutObject = put_object
    creation_delay: timedelta = timedelta(0)
    issuance_delay: timedelta = timedelta(0)
    max_authorities: int = 200
    authorities: MutableMapping[str, CertificateAuthority] = field(default_factory=dict)
    find_shared_policies: Callable[[str, str], list[Object]] = lambda _account, _resource: []
    tokens: MutableMapping[tuple[str, ...], tuple[str, datetime]] = field(default_factory=dict)
    lock: AbstractContextManager[object] = field(default_factory=threading.RLock)

    def find(self, caller: Caller, params: Object, *allowed: str, doing: str = "") -> CertificateAuthority:
        """Return the CA that a request names, in the caller's region.

        Args:
            caller: the caller.
            params: the request's parameters.
            allowed: the statuses that allow the call; all by default.
            doing: the call, for the error.

        Raises:
            AwsError: the CA does not exist, or its status does not allow the call.
        """
        arn = get_resource(params)
        authority = self.authorities.get(arn)
        if authority is None or authority.region != caller.region:
            if ":certificate-authority/" not in arn:
                raise AwsError("InvalidArnException", f"{arn} is not the ARN of a certificate authority.")
            raise AwsError("ResourceNotFoundException", f"Could not find Certificate Authority {arn}.")
        if allowed:
            authority.require(self.clock(), *allowed, doing=doing)
        return authority

    def store_once(self, token: str | None, scope: tuple[str, ...], store: Callable[[], str]) -> str:
        """Store an object and return its ARN, or return the ARN of the earlier request with the same token.

        Args:
            token: the caller's idempotency token, if any; it expires after five minutes.
            scope: tokens are compared within this scope.
            store: stores the object and returns its ARN.
        """
        with self.lock:
            if token is None:
                return store()
            now, key = self.clock(), (*scope, token)
            known = self.tokens.get(key)
            if known is None or known[1] <= now:
                known = self.tokens[key] = (store(), now + _TOKEN_LIFETIME)
            return known[0]

    def authorize(self, caller: Caller, operation: str, params: Object) -> None:
        """Check the caller's own policies first; then, from another account, the CA's resource policy or a share.

        Raises:
            AwsError: ``AccessDeniedException``.
        """
        # Service authorization reference, "AWS Private Certificate Authority": creating and listing have no resource.
        resource = get_resource(params) or "*"
        for context in _contexts(operation, params, caller.partition):
            self._authorize(caller, f"acm-pca:{operation}", resource, context)

    def is_shared_with(self, caller: Caller, authority: CertificateAuthority) -> bool:
        """Return whether the CA's policy or a share names the caller's account."""
        named = str(authority.policy or "")
        by_policy = caller.account in named or (caller.organization is not None and caller.organization in named)
        return by_policy or bool(self.find_shared_policies(caller.account, authority.arn))

    def _authorize(self, caller: Caller, action: str, resource: str, context: Mapping[str, str]) -> None:
        caller.authorize(action, resource, context)
        authority = self.authorities.get(resource)
        if authority is None or authority.owner == caller.account:
            return
        names = frozenset({caller.account, f"arn:{caller.partition}:iam::{caller.account}:root"})
        known = {**context, **({ORGANIZATION: caller.organization} if caller.organization else {})}
        request = Request(action, resource, known, principals={"AWS": names})
        by_share = evaluate(self.find_shared_policies(caller.account, resource), Request(action, resource, context))
        if Decision.ALLOWED not in (evaluate([authority.policy or {}], request), by_share):
            raise AwsError(
                "AccessDeniedException",
                f"Account {caller.account} is not authorized to perform: {action} on resource: {resource} "
                f"because no resource-based policy allows the {action} action",
            )


def get_resource(params: Object) -> str:
    """Return the ARN of the CA that a request names; empty if it names none."""
    return str(params.get("CertificateAuthorityArn") or params.get("ResourceArn") or "")


def _contexts(operation: str, params: Object, partition: str) -> list[dict[str, str]]:
    """Return the sets of condition keys of a call; the call must be allowed with each set.

    AWS does not document whether a request without a template has ``acm-pca:TemplateArn`` in its context. So such a
    request must be allowed without the key, and also with the default template.
    """
    key, named = "acm-pca:TemplateArn", params.get("TemplateArn")
    if named:
        return [{key: named}]
    default = {key: templates.build_arn(templates.END_ENTITY, partition)}
    return [{}, default] if operation == "IssueCertificate" else [{}]
