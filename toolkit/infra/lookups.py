"""Look up existing resources that a stack needs, before anything is created.

AWS would report some missing resources only halfway through an update, and others never: a role may trust an OIDC
provider that does not exist, and an alarm may have a topic that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import pulumi
import pulumi_aws as aws

from toolkit.errors import Problem, flatten
from toolkit.values import Value

if TYPE_CHECKING:
    from toolkit.infra.settings import SharingSettings

_Result = TypeVar("_Result")
_AUDIENCE = "sts.amazonaws.com"
# Organizations API reference, common errors of DescribeOrganization.
_NO_ORGANIZATION = "AWSOrganizationsNotInUseException"
# The errors of IAM (NoSuchEntity, "cannot be found"), and of the provider (terraform-plugin-sdk: retry, NotFoundError;
# hashicorp/terraform-provider-aws: internal/tfresource, EmptyResultError).
_MISSING = ("NoSuchEntity", "cannot be found", "couldn't find resource", "empty result", "not found")
_DENIED = ("AccessDenied", "UnauthorizedOperation", "is not authorized to perform")
# Prefixes by Pulumi's SDK (pulumi/runtime/invoke.py), the engine (pulumi/pulumi: source_eval.go, Invoke), bridge, gRPC.
_WRAPPER = re.compile(
    r"invoke of \S+ failed: |invocation of \S+ returned an error: |invoking \S+: |rpc error: code = \w+ desc = "
    r"|[0-9]+ errors? occurred: |\* "
)
_EXTERNAL = "allowExternalAccounts lets accounts outside of it accept an invitation"


class LookUpError(Exception):
    """A look-up failed; the message is that of AWS or of the provider."""


def look_up(function: Callable[..., _Result], /, **arguments: Value) -> _Result:
    """Call a function of AWS or of Pulumi's provider.

    Args:
        function: the function.
        arguments: its arguments.

    Raises:
        LookUpError: the call failed.
    """
    try:
        return function(**arguments)
    except Exception as error:  # Pulumi raises nothing narrower for a function that failed
        raise LookUpError(extract_reason(error)) from error


def find(
    resource: str, function: Callable[..., _Result], provider: aws.Provider | None, /, **arguments: Value
) -> _Result | None:
    """Return an existing resource; None if it does not exist, or, with a warning, if the call fails.

    Args:
        resource: the resource, for the warning.
        function: the function of Pulumi's provider that returns it.
        provider: the Pulumi provider to call AWS with; None for the stack's own.
        arguments: the function's arguments.
    """
    try:
        return look_up(function, opts=pulumi.InvokeOptions(provider=provider), **arguments)
    except LookUpError as error:
        if not any(words in str(error) for words in _MISSING):
            _warn_of_unknown(resource, error)
        return None


def list_missing(
    path: str, resource: str, function: Callable[..., object], provider: aws.Provider | None, /, **arguments: Value
) -> list[Problem]:
    """Return a problem if a resource does not exist.

    Args:
        path: the setting that names it.
        resource: the resource, for the message.
        function: the function of Pulumi's provider that returns it.
        provider: the Pulumi provider to call AWS with; None for the stack's own.
        arguments: the function's arguments.
    """
    try:
        look_up(function, opts=pulumi.InvokeOptions(provider=provider), **arguments)
    except LookUpError as error:
        return _explain(path, resource, error)
    return []


def check_oidc_provider(path: str, provider_arn: str, provider: aws.Provider | None) -> list[Problem]:
    """Return problems if the OIDC provider of a zone's cluster does not exist or does not accept EKS's tokens for AWS.

    Verification assumes another role, so only the control plane would detect this.

    Args:
        path: the setting that names the provider.
        provider_arn: the OIDC provider's ARN.
        provider: the Pulumi provider to call AWS with; None for the stack's own.
    """
    try:
        options = pulumi.InvokeOptions(provider=provider)
        existing = look_up(aws.iam.get_open_id_connect_provider, arn=provider_arn, opts=options)
    except LookUpError as error:
        return _explain(path, provider_arn, error, "; to create it, set createOidcProvider: true")
    return check_audiences(path, provider_arn, existing.client_id_lists)


def check_audiences(path: str, provider_arn: str, audiences: Sequence[str]) -> list[Problem]:
    """Return a problem if an OIDC provider does not accept EKS's tokens for AWS.

    Args:
        path: the setting that names the provider.
        provider_arn: the OIDC provider's ARN.
        audiences: the audiences that it accepts.
    """
    if _AUDIENCE in audiences:
        return []
    names = ", ".join(audiences) or "(none)"
    return [
        Problem(
            path, f"{provider_arn} accepts the audiences {names}, but not {_AUDIENCE} of the control plane's tokens"
        )
    ]


def check_sharing(sharing: SharingSettings) -> list[Problem]:
    """Return problems if RAM can't share with the accounts; AWS would report them only after the CA is created.

    Only some accounts may list the members of an organization. In other accounts, every account is assumed to be a
    member.

    Args:
        sharing: the stack's sharing settings, with method ram.
    """
    accounts = () if sharing.allow_external_accounts else sharing.accounts
    inside = {
        "accounts": accounts,
        "organizationalUnits": sharing.organizational_units,
        "organization": sharing.organization,
    }
    if not any(inside.values()):
        return []
    try:
        organization = look_up(aws.organizations.get_organization)
    except LookUpError as error:
        if _NO_ORGANIZATION not in str(error):
            # Not having permission to look up the organization is not an error.
            return []
        reason = "can't be shared with: the stack's account is in no organization"
        return [
            Problem(f"sharing.{key}", f"{reason}; {_EXTERNAL}" if key == "accounts" else reason)
            for key, value in inside.items()
            if value
        ]
    members = {account.id for account in organization.accounts or ()}
    strangers = [account for account in accounts if members and account not in members]
    if not strangers:
        return []
    return [
        Problem("sharing.accounts", f"{', '.join(strangers)} is not in organization {organization.id}; {_EXTERNAL}")
    ]


def _explain(path: str, name: str, error: LookUpError, advice: str = "") -> list[Problem]:
    """Return why a look-up failed; denied access is only a warning, because it proves nothing about the resource."""
    if any(word in str(error) for word in _DENIED):
        _warn_of_unknown(name, error)
        return []
    return [Problem(path, f"{name} can't be looked up: {error}{advice}")]


def _warn_of_unknown(name: str, error: LookUpError) -> None:
    pulumi.log.warn(f"Can't check whether {name} exists: {error}")


def extract_reason(error: Exception) -> str:
    """Return the message of AWS or of the provider, without the prefixes of Pulumi's engine and SDK.

    Args:
        error: the exception of a failed function.
    """
    message = flatten(error)
    while match := _WRAPPER.match(message):
        message = message[match.end() :]
    # An empty property name, which Pulumi appends to errors of functions (pulumi/runtime/invoke.py).
    return message.removesuffix("()").strip() or type(error).__name__
