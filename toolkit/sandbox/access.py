"""Who calls the embedded AWS, and what their policies let them do.

moto keeps the roles and hands out the credentials but enforces neither trust nor permissions; this is where both
are enforced. Request signatures are not checked: whoever holds a key id here, on loopback, is taken at their word.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from toolkit.pki import arn
from toolkit.sandbox.iam import Decision, Request, evaluate
from toolkit.sandbox.private_ca.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

ADMINISTRATOR_KEY = "sandbox"


@dataclass(frozen=True)
class Principal:
    """Somebody with credentials.

    Attributes:
        account: twelve digits.
        arn: as ``sts:GetCallerIdentity`` shows it.
        role_arn: the role that was assumed; None for the administrator, who may do everything in the account.
    """

    account: str
    arn: str
    role_arn: str | None = None

    @property
    def role_name(self) -> str:
        """The last part of the role's ARN; empty for the administrator."""
        return self.role_arn.rpartition("/")[2] if self.role_arn else ""

    def authorize(self, action: str, resource: str, context: Mapping[str, str]) -> None:
        """Let the call through, or refuse it in AWS's words.

        Raises:
            AwsError: ``AccessDeniedException``.
        """
        if self.role_arn is None:
            return
        request = Request(action, resource, context)
        # A boundary allows nothing by itself; it must allow what the policies allow.
        decisions = [evaluate(documents, request) for documents in _layers(self.role_arn)]
        if all(decision is Decision.ALLOWED for decision in decisions):
            return
        denied = Decision.EXPLICITLY_DENIED in decisions
        reason = (
            "with an explicit deny in an identity-based policy"
            if denied
            else f"because no identity-based policy allows the {action} action"
        )
        message = f"User: {self.arn} is not authorized to perform: {action} on resource: {resource} {reason}"
        raise AwsError("AccessDeniedException", message)


def principal(key_id: str, token: str | None, account: str, partition: str) -> Principal:
    """Whose credentials these are.

    Args:
        key_id: of the access key.
        token: the session token that came with it.
        account: the sandbox's own.
        partition: of the region that was called.

    Raises:
        AwsError: nobody's, or they have expired.
    """
    if key_id == ADMINISTRATOR_KEY:
        return Principal(account, f"arn:{partition}:iam::{account}:root")
    for number in list(sts_backends):
        session = sts_backends[number][partition].get_assumed_role_from_access_key(key_id)
        if session is None:
            continue
        if session.session_token != token:
            break
        if session.expiration.replace(tzinfo=UTC) <= datetime.now(UTC):
            raise AwsError("ExpiredTokenException", "The security token included in the request is expired")
        return Principal(session.account_id, session.arn, session.role_arn)
    raise AwsError("UnrecognizedClientException", "The security token included in the request is invalid.")


def check_assume_role(caller: Principal, parameters: Mapping[str, str]) -> None:
    """Whether the role's trust policy, and the caller's own policies, let the caller take the role.

    Raises:
        AwsError: ``AccessDenied``, also for a role that is not there, as AWS does.
    """
    role_arn = parameters.get("RoleArn", "")
    _refuse_session_policies(parameters)
    document = _trust(role_arn)
    own = {caller.arn, *([caller.role_arn] if caller.role_arn else [])}
    named = Request("sts:AssumeRole", principals={"AWS": frozenset(own)})
    whole_account = {caller.account, f"arn:{_partition(role_arn)}:iam::{caller.account}:root"}
    account = Request("sts:AssumeRole", principals={"AWS": frozenset(whole_account | own)})
    refused = AwsError(
        "AccessDenied",
        f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
        status=403,
    )
    if document is None or evaluate([document], account) is not Decision.ALLOWED:
        raise refused
    # Trusting an account leaves the choice to the account: then the caller's own policies must allow it too.
    if caller.role_arn and evaluate([document], named) is not Decision.ALLOWED:
        own_policies = evaluate(_policies(caller.role_arn), Request("sts:AssumeRole", role_arn))
        if own_policies is not Decision.ALLOWED:
            raise refused


def check_web_identity(parameters: Mapping[str, str]) -> None:
    """Whether a web identity token fits the role's trust policy: provider, audience and subject.

    The token's signature is not checked, because no cluster signs tokens for the sandbox.

    Raises:
        AwsError: ``InvalidIdentityToken``, ``ExpiredTokenException`` or ``AccessDenied``.
    """
    role_arn = parameters.get("RoleArn", "")
    _refuse_session_policies(parameters)
    claims = _claims(parameters.get("WebIdentityToken", ""))
    issuer = str(claims.get("iss", "")).removeprefix("https://")
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires <= datetime.now(UTC).timestamp():
        raise AwsError("ExpiredTokenException", "Token expired")
    document = _trust(role_arn)
    provider = f"arn:{_partition(role_arn)}:iam::{_account(role_arn)}:oidc-provider/{issuer}"
    audience = claims.get("aud")
    audience = str(audience[0] if isinstance(audience, list) and audience else audience)
    _require_provider(role_arn, provider, audience)
    context = {
        f"{issuer}:aud": audience,
        f"{issuer}:sub": str(claims.get("sub", "")),
    }
    request = Request("sts:AssumeRoleWithWebIdentity", context=context, principals={"Federated": frozenset({provider})})
    if document is None or evaluate([document], request) is not Decision.ALLOWED:
        raise AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", status=403)


def _require_provider(role_arn: str, provider: str, audience: str) -> None:
    """The issuer must be known to the role's account, with the audience among its clients."""
    known = iam_backends[_account(role_arn)][_partition(role_arn)].open_id_providers if _account(role_arn) else {}
    found = known.get(provider)
    if found is None:
        raise AwsError("InvalidIdentityToken", "No OpenIDConnect provider found in your account for the token's issuer")
    if audience not in found.client_id_list:
        raise AwsError("InvalidIdentityToken", "Incorrect token audience")


def _refuse_session_policies(parameters: Mapping[str, str]) -> None:
    if any(name.startswith("Policy") for name in parameters):
        raise AwsError("ValidationError", "Session policies are not in the sandbox; AWS itself has them.")


def _claims(token: str) -> dict[str, Any]:
    try:
        _header, payload, _signature = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise AwsError("InvalidIdentityToken", "The ID Token provided is not a valid JWT") from error
    if not isinstance(claims, dict):
        raise AwsError("InvalidIdentityToken", "The ID Token provided is not a valid JWT")
    return claims


def _role(role_arn: str) -> Any:  # noqa: ANN401 - moto's own Role
    try:
        parsed = arn.role(role_arn)
    except ValueError:
        return None
    backend = iam_backends[parsed.account][parsed.partition]
    return next((role for role in list(backend.roles.values()) if role.arn == role_arn), None)


def _trust(role_arn: str) -> dict[str, Any] | None:
    role = _role(role_arn)
    return dict(json.loads(role.assume_role_policy_document)) if role else None


def _policies(role_arn: str) -> list[dict[str, Any]]:
    """Inline and attached policies of a role; none for one that was deleted."""
    role = _role(role_arn)
    if role is None:
        return []
    inline = [json.loads(document) for document in role.policies.values()]
    return inline + [_default_version(policy) for policy in role.managed_policies.values()]


def _default_version(policy: Any) -> dict[str, Any]:  # noqa: ANN401 - moto's own ManagedPolicy
    """The version of a managed policy that counts."""
    (document,) = [kept.document for kept in policy.versions if kept.version_id == policy.default_version_id]
    return dict(json.loads(document))


def _layers(role_arn: str) -> list[list[dict[str, Any]]]:
    """The role's policies and, if it has one, its permission boundary: each of them must allow."""
    role = _role(role_arn)
    layers = [_policies(role_arn)]
    if role is not None and role.permissions_boundary_arn:
        managed = iam_backends[_account(role_arn)][_partition(role_arn)].managed_policies
        boundary = managed.get(role.permissions_boundary_arn)
        layers.append([_default_version(boundary)] if boundary else [])
    return layers


def _account(role_arn: str) -> str:
    return role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""  # noqa: PLR2004 - colons of an ARN


def _partition(role_arn: str) -> str:
    return role_arn.split(":")[1] if role_arn.count(":") >= 5 else "aws"  # noqa: PLR2004 - same
