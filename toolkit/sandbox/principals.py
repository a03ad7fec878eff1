"""Identify the callers of the emulated AWS and evaluate their policies.

moto stores roles and issues credentials, but enforces neither trust policies nor permissions. This module enforces
both. Request signatures are not checked: on loopback, an access key ID is enough to identify the caller.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from moto.iam.models import AccessKey, get_account_id_from, iam_backends
from moto.sts.models import sts_backends

from toolkit.pki import arn
from toolkit.policy.evaluation import Decision, Request, evaluate, may_allow
from toolkit.sandbox import organizations
from toolkit.sandbox.aws_error import AwsError
from toolkit.values import MotoObject, Object

ADMINISTRATOR_KEY = "sandbox"
_EC2 = "ec2.amazonaws.com"
# botocore sts/2011-06-15/service-2.json, roleSessionNameType and AssumeRoleRequest.DurationSeconds.
_LONGEST_SESSION_NAME = 64
_SESSION_SECONDS = 3600
_SHORTEST_SECONDS, _LONGEST_SECONDS = 900, 43_200
# Stored on moto's session, so that the tags are deleted with it.
TAGS = "transitive_tags"


@dataclass(frozen=True)
class Principal:
    """A caller with credentials.

    Attributes:
        account: twelve digits.
        arn: the ARN that ``sts:GetCallerIdentity`` returns.
        role_arn: the assumed role; None for users and the administrator.
        tags: the session's transitive tags, which the caller keeps from role to role.
        is_user: whether it is an IAM user; the administrator, who may do everything in the account, is neither user nor
            role.
    """

    account: str
    arn: str
    role_arn: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    is_user: bool = False

    @property
    def partition(self) -> str:
        """Return the partition of the caller's ARN."""
        return self.arn.split(":")[1]

    @property
    def role_name(self) -> str:
        """Return the last part of the role's ARN; empty if the caller has no role."""
        return self.role_arn.rpartition("/")[2] if self.role_arn else ""

    @property
    def layers(self) -> list[list[Object]]:
        """Return the caller's policies in layers, each of which must allow the call; none for the administrator."""
        if self.role_arn is not None:
            return _list_role_policies(self.role_arn)
        return [_list_user_policies(self)] if self.is_user else []

    @property
    def context(self) -> dict[str, str]:
        """Return the caller's condition keys (IAM user guide, global condition keys)."""
        role = _role(self.role_arn) if self.role_arn else None
        tags = {tag["Key"]: tag["Value"] for tag in role.tags} if role else {}
        context = {f"aws:PrincipalTag/{key}": value for key, value in (tags | dict(self.tags)).items()}
        context |= {"aws:PrincipalAccount": self.account, "aws:PrincipalArn": self.role_arn or self.arn}
        organization = organizations.find_id(self.account, self.partition)
        return context | ({"aws:PrincipalOrgID": organization} if organization else {})

    def authorize(self, action: str, resource: str, context: Mapping[str, str]) -> None:
        """Check that the caller's policies allow an action.

        Raises:
            AwsError: ``AccessDeniedException``, with AWS's message.
        """
        request = Request(action, resource, {**context, **self.context})
        # A permissions boundary allows nothing by itself, but must allow the same action as the policies.
        decisions = [evaluate(documents, request) for documents in self.layers]
        if all(decision is Decision.ALLOWED for decision in decisions):
            return
        reason = f"because no identity-based policy allows the {action} action"
        if Decision.EXPLICITLY_DENIED in decisions:
            reason = "with an explicit deny in an identity-based policy"
        message = f"User: {self.arn} is not authorized to perform: {action} on resource: {resource} {reason}"
        raise AwsError("AccessDeniedException", message)


def read_own_account() -> str:
    """Return the administrator's account: moto's default account, unless the sandbox was given another one."""
    return str(get_account_id_from(ADMINISTRATOR_KEY))


def give_account(account: str) -> None:
    """Set the administrator's account.

    moto finds the account of a request by its access key (moto/iam/models.py, get_account_id_from).

    Args:
        account: twelve digits.
    """
    key = AccessKey("administrator", "AKIA", account)
    # moto falls back to this key for an access key ID that does not have AWS's format (moto/core/responses.py,
    # get_access_key).
    for identifier in (ADMINISTRATOR_KEY, "AKIAEXAMPLE"):
        iam_backends[account]["aws"].access_keys[identifier] = key


def check_assume_role(caller: Principal, parameters: Mapping[str, str]) -> None:
    """Check that the role's trust policy and the caller's own policies let the caller assume the role.

    Raises:
        AwsError: ``AccessDenied``, also for a role that does not exist, as AWS does.
    """
    role_arn = parameters.get("RoleArn", "")
    _refuse_unmodelled(parameters)
    external = {"sts:ExternalId": parameters["ExternalId"]} if "ExternalId" in parameters else {}
    # Transitive tags become tags of the new session, which needs sts:TagSession (IAM user guide, "Chaining roles with
    # session tags").
    for action in ("sts:AssumeRole", *(["sts:TagSession"] if caller.tags else [])):
        if not _may_become(caller, action, role_arn, {**caller.context, **external}):
            message = f"User: {caller.arn} is not authorized to perform: {action} on resource: {role_arn}"
            raise AwsError("AccessDenied", message, status=403)


def _may_become(caller: Principal, action: str, role_arn: str, context: Mapping[str, str]) -> bool:
    document = _trust(role_arn)
    if document is None:
        return False
    role = arn.ROLE.parse(role_arn)
    own = {caller.arn, caller.role_arn or caller.arn}
    whole_account = {caller.account, f"arn:{role.partition}:iam::{caller.account}:root"}
    trusted = Request(action, context=context, principals={"AWS": frozenset(whole_account | own)})
    if evaluate([document], trusted) is not Decision.ALLOWED:
        return False
    mine = [evaluate(layer, Request(action, role_arn, context)) for layer in caller.layers]
    # Within an account, the caller's own policies need not allow it if the trust policy names the caller (IAM user
    # guide, policy evaluation logic).
    named = Request(action, context=context, principals={"AWS": frozenset(own)})
    if caller.account == role.account and evaluate([document], named) is Decision.ALLOWED:
        return Decision.EXPLICITLY_DENIED not in mine
    return all(decision is Decision.ALLOWED for decision in mine)


def check_web_identity(parameters: Mapping[str, str]) -> None:
    """Check that a web identity token matches the role's trust policy: provider, audience and subject.

    The token's signature is not checked, because no cluster signs tokens for the sandbox.

    Raises:
        AwsError: ``InvalidIdentityToken``, ``ExpiredToken`` or ``AccessDenied``.
    """
    role_arn = parameters.get("RoleArn", "")
    _refuse_unmodelled(parameters)
    try:
        role = arn.ROLE.parse(role_arn)
    except ValueError as error:
        raise AwsError("ValidationError", f"{role_arn} is invalid") from error
    claims = read_claims(parameters.get("WebIdentityToken", ""))
    if any(name.startswith("https://aws.amazon.com/tags") for name in claims):
        raise AwsError("ValidationError", "Session tags in tokens are not in the sandbox; AWS itself has them.")
    issuer = str(claims.get("iss", "")).removeprefix("https://")
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires <= datetime.now(UTC).timestamp():
        raise AwsError("ExpiredToken", "Token expired")
    provider = f"arn:{role.partition}:iam::{role.account}:oidc-provider/{issuer}"
    audience = claims.get("aud")
    audience = str(audience[0] if isinstance(audience, list) and audience else audience)
    oidc_provider = iam_backends[role.account][role.partition].open_id_providers.get(provider)
    if oidc_provider is None:
        raise AwsError("InvalidIdentityToken", "No OpenIDConnect provider found in your account for the token's issuer")
    if audience not in oidc_provider.client_id_list:
        raise AwsError("InvalidIdentityToken", "Incorrect token audience")
    context = {f"{issuer}:aud": audience, f"{issuer}:sub": str(claims.get("sub", ""))}
    request = Request("sts:AssumeRoleWithWebIdentity", context=context, principals={"Federated": frozenset({provider})})
    if evaluate([_trust(role_arn) or {}], request) is not Decision.ALLOWED:
        raise AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", status=403)


def read_claims(token: str) -> Object:
    """Return the claims of a JSON Web Token.

    The signature is not checked, because nothing signs tokens for the sandbox.

    Raises:
        AwsError: ``InvalidIdentityToken``.
    """
    try:
        _header, payload, _signature = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise AwsError("InvalidIdentityToken", "The ID Token provided is not a valid JWT") from error
    if not isinstance(claims, dict):
        raise AwsError("InvalidIdentityToken", "The ID Token provided is not a valid JWT")
    return claims


def check_service(service: str, role_arn: str, context: Mapping[str, str], tags: Mapping[str, str]) -> None:
    """Check that a role's trust policy lets an AWS service assume the role for a resource.

    Args:
        service: the service principal, for example ``ecs-tasks.amazonaws.com``.
        role_arn: the role.
        context: the condition keys that the service sends, for example ``aws:SourceArn``.
        tags: the session tags that the service sets.

    Raises:
        AwsError: ``AccessDenied``, also for a role that does not exist.
    """
    document = _trust(role_arn) or {}
    known = {**context, **{f"aws:RequestTag/{key}": value for key, value in tags.items()}}
    for action in ("sts:AssumeRole", *(["sts:TagSession"] if tags else [])):
        request = Request(action, context=known, principals={"Service": frozenset({service})})
        if evaluate([document], request) is not Decision.ALLOWED:
            message = f"{service} is not authorized to perform: {action} on resource: {role_arn}"
            raise AwsError("AccessDenied", message, status=403)
    # EC2 user guide, "IAM roles for Amazon EC2": an instance gets an instance profile, which contains the role.
    if service == _EC2 and not _is_in_an_instance_profile(role_arn):
        raise AwsError("AccessDenied", f"{role_arn} is in no instance profile, so no instance gets it.", status=403)


def is_meant_for(service: str, role_arn: str, *actions: str) -> bool:
    """Return whether a role's trust policy lets a service perform all actions, whatever the conditions are."""
    document, named = _trust(role_arn) or {}, {"Service": frozenset({service})}
    return all(may_allow(document, Request(action, principals=named)) for action in actions)


def open_session(role_arn: str, name: str, region: str, tags: Mapping[str, str]) -> MotoObject:
    """Return credentials of a role, for a caller that has been checked.

    Args:
        role_arn: the role.
        name: the session name; truncated to STS's limit.
        region: the region of the request.
        tags: the session tags.
    """
    role = arn.ROLE.parse(role_arn)
    session = sts_backends[role.account][role.partition].assume_role(
        region_name=region,
        role_session_name=name[:_LONGEST_SESSION_NAME],
        role_arn=role_arn,
        policy=None,
        duration=_SESSION_SECONDS,
        external_id=None,
    )
    setattr(session, TAGS, dict(tags))
    return session


def has_role(role_arn: str) -> bool:
    """Return whether the role exists."""
    return _role(role_arn) is not None


def _is_in_an_instance_profile(role_arn: str) -> bool:
    parsed = arn.ROLE.parse(role_arn)
    profiles = iam_backends[parsed.account][parsed.partition].instance_profiles
    return any(role.arn == role_arn for profile in list(profiles.values()) for role in profile.roles)


def _refuse_unmodelled(parameters: Mapping[str, str]) -> None:
    duration = parameters.get("DurationSeconds", str(_SESSION_SECONDS))
    numeric = duration.isascii() and duration.isdecimal() and len(duration) <= len(str(_LONGEST_SECONDS))
    if not numeric or not _SHORTEST_SECONDS <= int(duration) <= _LONGEST_SECONDS:
        limits = f"from {_SHORTEST_SECONDS} to {_LONGEST_SECONDS}"
        raise AwsError("ValidationError", f"DurationSeconds must be a number {limits}, not {duration!r}.")
    if any(name.startswith("Policy") for name in parameters):
        raise AwsError("ValidationError", "Session policies are not in the sandbox; AWS itself has them.")
    if any(name.startswith(("Tags", "TransitiveTagKeys")) for name in parameters):
        raise AwsError("ValidationError", "Session tags are not in the sandbox; AWS itself has them.")


def _role(role_arn: str) -> MotoObject:
    try:
        parsed = arn.ROLE.parse(role_arn)
    except ValueError:
        return None
    roles = iam_backends[parsed.account][parsed.partition].roles
    return next((role for role in list(roles.values()) if role.arn == role_arn), None)


def _trust(role_arn: str) -> Object | None:
    role = _role(role_arn)
    if role is None:
        return None
    document = json.loads(role.assume_role_policy_document)
    # moto accepts any JSON.
    return document if isinstance(document, dict) else {}


def _list_user_policies(caller: Principal) -> list[Object]:
    """Return the policies of a user and of the user's groups; none for a deleted user."""
    backend = iam_backends[caller.account][caller.partition]
    user = next((user for user in list(backend.users.values()) if user.arn == caller.arn), None)
    return _list_policies(user, *backend.get_groups_for_user(user.name)) if user else []


def _list_role_policies(role_arn: str) -> list[list[Object]]:
    """Return the role's policies and its permissions boundary, if it has one; each layer must allow the call."""
    role = _role(role_arn)
    if role is None:
        # A deleted role has no policies.
        return [[]]
    layers = [_list_policies(role)]
    if role.permissions_boundary_arn:
        parsed = arn.ROLE.parse(role_arn)
        managed = iam_backends[parsed.account][parsed.partition].managed_policies
        boundary = managed.get(role.permissions_boundary_arn)
        layers.append([_default_version(boundary)] if boundary else [])
    return layers


def _list_policies(*holders: MotoObject) -> list[Object]:
    """Return the inline and the attached policies of users, groups or roles."""
    inline = [json.loads(document) for holder in holders for document in holder.policies.values()]
    return inline + [_default_version(policy) for holder in holders for policy in holder.managed_policies.values()]


def _default_version(policy: MotoObject) -> Object:
    """Return the default version of a managed policy."""
    (document,) = [kept.document for kept in policy.versions if kept.version_id == policy.default_version_id]
    return dict(json.loads(document))
