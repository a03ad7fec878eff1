"""What a stack counts on beside CAs: looked up before anything is made, so that a wrong name costs nothing.

Some of it AWS would refuse halfway through an update, and some of it never: a role may trust an OIDC provider that
does not exist, and an alarm may tell a topic that does not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import pulumi
import pulumi_aws as aws

from toolkit.errors import Problem, flatten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolkit.infra.settings import SharingSettings

_Result = TypeVar("_Result")
_AUDIENCE = "sts.amazonaws.com"
# Organizations API reference, common errors of DescribeOrganization.
_NO_ORGANIZATION = "AWSOrganizationsNotInUseException"
# What IAM says (NoSuchEntity, "cannot be found"), and the provider in its place (terraform-plugin-sdk: retry,
# NotFoundError; hashicorp/terraform-provider-aws: internal/tfresource, EmptyResultError).
_MISSING = ("NoSuchEntity", "cannot be found", "couldn't find resource", "empty result", "not found")
_DENIED = ("AccessDenied", "UnauthorizedOperation", "is not authorized to perform")
# Python's SDK (pulumi/runtime/invoke.py), the engine (pulumi/pulumi: source_eval.go, Invoke), the bridge and gRPC.
_WRAPPER = re.compile(
    r"invoke of \S+ failed: |invocation of \S+ returned an error: |invoking \S+: |rpc error: code = \w+ desc = "
    r"|[0-9]+ errors? occurred: |\* "
)
_EXTERNAL = "allowExternalAccounts lets accounts outside of it accept an invitation"


class LookUpError(Exception):
    """AWS does not show what was looked up; the message is AWS's, or the provider's."""


def look_up(ask: Callable[[], _Result]) -> _Result:
    """Call a function of AWS or of Pulumi's provider.

    Args:
        ask: calls it.

    Raises:
        LookUpError: it failed.
    """
    try:
        return ask()
    except Exception as error:  # Pulumi raises nothing narrower for a function that failed
        raise LookUpError(extract_reason(error)) from error


def find(name: str, ask: Callable[[], _Result]) -> _Result | None:
    """Return what exists; None if it does not, or, with a warning, if AWS doesn't say.

    Args:
        name: what is looked up, for the warning.
        ask: calls the function.
    """
    try:
        return look_up(ask)
    except LookUpError as error:
        if not any(words in str(error) for words in _MISSING):
            _warn_of_unknown(name, error)
        return None


def list_missing(path: str, name: str, ask: Callable[[], object]) -> list[Problem]:
    """Return a problem if something does not exist.

    Args:
        path: the setting that names it.
        name: what is looked up.
        ask: calls the function.
    """
    try:
        look_up(ask)
    except LookUpError as error:
        return _explain(path, name, error)
    return []


def get_oidc_provider(provider_arn: str, provider: aws.Provider | None) -> aws.iam.GetOpenIdConnectProviderResult:
    """Ask AWS for an OIDC provider.

    Args:
        provider_arn: of the OIDC provider.
        provider: with which AWS is asked; None for the stack's own.
    """
    return aws.iam.get_open_id_connect_provider(arn=provider_arn, opts=pulumi.InvokeOptions(provider=provider))


def check_oidc_provider(path: str, provider_arn: str, provider: aws.Provider | None) -> list[Problem]:
    """Return whether the OIDC provider of a zone's cluster exists and accepts the tokens that EKS makes for AWS.

    Verification assumes another role, so nothing but the control plane would notice it.

    Args:
        path: the setting that names the provider.
        provider_arn: of the OIDC provider.
        provider: with which AWS is asked; None for the stack's own.
    """
    try:
        existing = look_up(lambda: get_oidc_provider(provider_arn, provider))
    except LookUpError as error:
        return _explain(path, provider_arn, error, "; createOidcProvider would make it")
    return check_audiences(path, provider_arn, existing.client_id_lists)


def check_audiences(path: str, provider_arn: str, audiences: Sequence[str]) -> list[Problem]:
    """Return whether an OIDC provider accepts the tokens that EKS makes for AWS.

    Args:
        path: the setting that names the provider.
        provider_arn: of the OIDC provider.
        audiences: that it accepts.
    """
    if _AUDIENCE in audiences:
        return []
    names = ", ".join(audiences) or "nobody"
    return [Problem(path, f"{provider_arn} takes tokens for {names}, and the control plane's are for {_AUDIENCE}")]


def check_sharing(sharing: SharingSettings) -> list[Problem]:
    """Return whether RAM can share with the accounts in the settings; otherwise AWS says so when the CA exists already.

    Who is a member can be known for sure only in the accounts that may list them; elsewhere an account is believed
    to be one.

    Args:
        sharing: the stack's, with method ram.
    """
    if sharing.allow_external_accounts and not (sharing.organizational_units or sharing.organization):
        return []
    try:
        organization = look_up(aws.organizations.get_organization)
    except LookUpError as error:
        # Who may not look is not refused for it.
        return _without_organization(sharing) if _NO_ORGANIZATION in str(error) else []
    members = {account.id for account in organization.accounts or ()}
    strangers = [account for account in sharing.accounts if members and account not in members]
    if not strangers or sharing.allow_external_accounts:
        return []
    return [
        Problem("sharing.accounts", f"{', '.join(strangers)} is not in organization {organization.id}; {_EXTERNAL}")
    ]


def _without_organization(sharing: SharingSettings) -> list[Problem]:
    given = {
        "accounts": bool(sharing.accounts) and not sharing.allow_external_accounts,
        "organizationalUnits": bool(sharing.organizational_units),
        "organization": sharing.organization is not None,
    }
    fixes = {"accounts": f"; {_EXTERNAL}"}
    return [
        Problem(
            f"sharing.{key}", f"can't be shared with: the stack's account is in no organization{fixes.get(key, '')}"
        )
        for key, wanted in given.items()
        if wanted
    ]


def _explain(path: str, name: str, error: LookUpError, advice: str = "") -> list[Problem]:
    """Return why something was not shown; a denied look says nothing of the thing, so it is a warning."""
    if any(word in str(error) for word in _DENIED):
        _warn_of_unknown(name, error)
        return []
    return [Problem(path, f"{name} can't be looked up: {error}{advice}")]


def _warn_of_unknown(name: str, error: LookUpError) -> None:
    pulumi.log.warn(f"Whether {name} exists is not known: {error}")


def extract_reason(error: Exception) -> str:
    """Return AWS's or the provider's own message, without what Pulumi's engine and SDK wrap it in.

    Args:
        error: of a function that failed.
    """
    message = flatten(error)
    while match := _WRAPPER.match(message):
        message = message[match.end() :]
    # The property that the failure is about, which a function has none of (pulumi/runtime/invoke.py).
    return message.removesuffix("()").strip() or type(error).__name__
