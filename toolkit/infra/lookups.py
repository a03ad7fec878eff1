"""What a stack counts on beside CAs: looked up before anything is made, so that a wrong name costs nothing.

Some of it AWS would refuse halfway through an update, and some of it never: a role may trust an OIDC provider that
does not exist, and an alarm may tell a topic that does not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from toolkit.errors import Problem, one_line
from toolkit.pki import arn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolkit.infra.settings import SharingSettings, ZoneSettings

_AUDIENCE = "sts.amazonaws.com"
# Organizations API reference, common errors of DescribeOrganization.
_NO_ORGANIZATION = "AWSOrganizationsNotInUseException"
# What IAM says (NoSuchEntity, "cannot be found"), and the provider in its place (terraform-plugin-sdk: retry,
# NotFoundError; hashicorp/terraform-provider-aws: internal/tfresource, EmptyResultError).
_MISSING = ("NoSuchEntity", "cannot be found", "couldn't find resource", "empty result", "not found")
# Python's SDK (pulumi/runtime/invoke.py), the engine (pulumi/pulumi: source_eval.go, Invoke), the bridge and gRPC.
_WRAPPER = re.compile(
    r"invoke of \S+ failed: |invocation of \S+ returned an error: |invoking \S+: |rpc error: code = \w+ desc = "
    r"|[0-9]+ errors? occurred: |\* "
)
_EXTERNAL = "allowExternalAccounts lets accounts outside of it accept an invitation"


def oidc_problems(path: str, provider_arn: str, provider: aws.Provider | None) -> list[Problem]:
    """Whether the OIDC provider of a zone's cluster is there and takes the tokens that EKS makes for AWS.

    Verification takes another role, so nothing but the control plane would find it out.

    Args:
        path: the setting that names the provider.
        provider_arn: of the provider.
        provider: with which AWS is asked; None for the stack's own.
    """
    try:
        found = aws.iam.get_open_id_connect_provider(arn=provider_arn, opts=_with(provider))
    except Exception as error:  # noqa: BLE001 - Pulumi raises nothing narrower for a function that failed
        if _may_not_look(provider_arn, error):
            return []
        message = f"{provider_arn} can't be looked up: {reason(error)}; createOidcProvider would make it"
        return [Problem(path, message)]
    return audience_problems(path, provider_arn, found.client_id_lists)


def audience_problems(path: str, provider_arn: str, audiences: Sequence[str]) -> list[Problem]:
    """Return whether an OIDC provider accepts the tokens that EKS makes for AWS.

    Args:
        path: the setting that names the provider.
        provider_arn: of the provider.
        audiences: that it accepts.
    """
    if _AUDIENCE in audiences:
        return []
    names = ", ".join(audiences) or "nobody"
    return [Problem(path, f"{provider_arn} takes tokens for {names}, and the control plane's are for {_AUDIENCE}")]


def cluster_problems(path: str, zone: ZoneSettings, provider: aws.Provider | None) -> list[Problem]:
    """Whether a zone's EKS cluster is there.

    Args:
        path: the setting that names it.
        zone: whose cluster it is.
        provider: with which AWS is asked; None for the stack's own.
    """
    name = zone.cluster_name or ""
    return _missing(path, name, lambda: aws.eks.get_cluster(name=name, region=zone.region, opts=_with(provider)))


def boundary_problems(path: str, policy_arn: str, provider: aws.Provider | None) -> list[Problem]:
    """Whether a permissions boundary is there.

    Args:
        path: the setting that names it.
        policy_arn: of the policy.
        provider: with which AWS is asked; None for the stack's own.
    """
    return _missing(path, policy_arn, lambda: aws.iam.get_policy(arn=policy_arn, opts=_with(provider)))


def bucket_problems(path: str, bucket: str) -> list[Problem]:
    """Whether an existing bucket for revocation lists is there; whether AWS may write to it AWS says itself.

    Args:
        path: the setting that names it.
        bucket: its name.
    """
    return _missing(path, bucket, lambda: aws.s3.get_bucket(bucket=bucket))


def topic_problems(path: str, topic_arn: str, account: str) -> list[Problem]:
    """Whether the topic that alarms tell is there, if it is in the stack's own account.

    Args:
        path: the setting that names it.
        topic_arn: of the topic.
        account: that the stack deploys to.
    """
    topic = arn.TOPIC.parse(topic_arn)
    if topic.account != account:
        return []
    return _missing(path, topic_arn, lambda: aws.sns.get_topic(name=topic.resource, region=topic.region))


def sharing_problems(sharing: SharingSettings) -> list[Problem]:
    """Whether RAM can share with whom it is told to; otherwise AWS says so when the CA is there already.

    Who is a member can be known for sure only in the accounts that may list them; elsewhere an account is believed
    to be one.

    Args:
        sharing: the stack's, with method ram.
    """
    if sharing.allow_external_accounts and not (sharing.organizational_units or sharing.organization):
        return []
    try:
        found = aws.organizations.get_organization()
    except Exception as error:  # noqa: BLE001 - Pulumi raises nothing narrower for a function that failed
        # Who may not look is not refused for it.
        return _without_organization(sharing) if _NO_ORGANIZATION in str(error) else []
    members = {account.id for account in found.accounts or ()}
    strangers = [account for account in sharing.accounts if members and account not in members]
    if not strangers or sharing.allow_external_accounts:
        return []
    message = f"{', '.join(strangers)} is not in organization {found.id}; {_EXTERNAL}"
    return [Problem("sharing.accounts", message)]


def _without_organization(sharing: SharingSettings) -> list[Problem]:
    given = {
        "accounts": bool(sharing.accounts) and not sharing.allow_external_accounts,
        "organizationalUnits": bool(sharing.organizational_units),
        "organization": sharing.organization is not None,
    }
    mend = {"accounts": f"; {_EXTERNAL}"}
    return [
        Problem(f"sharing.{key}", f"can't be shared with: the stack's account is in no organization{mend.get(key, '')}")
        for key, wanted in given.items()
        if wanted
    ]


def _missing(path: str, name: str, look: Callable[[], object]) -> list[Problem]:
    try:
        look()
    except Exception as error:  # noqa: BLE001 - Pulumi raises nothing narrower for a function that failed
        if _may_not_look(name, error):
            return []
        return [Problem(path, f"{name} can't be looked up: {reason(error)}")]
    return []


def warn_unless_missing(name: str, error: Exception) -> None:
    """Warn that it is not known whether something exists, unless AWS said that it does not.

    Args:
        name: what was looked up.
        error: with which that failed.
    """
    if not any(words in str(error) for words in _MISSING):
        pulumi.log.warn(f"Whether {name} exists is not known: {reason(error)}")


def reason(error: Exception) -> str:
    """Return AWS's or the provider's own message, without what Pulumi's engine and SDK wrap it in.

    Args:
        error: of a function that failed.
    """
    message = one_line(error)
    while match := _WRAPPER.match(message):
        message = message[match.end() :]
    # The property that the failure is about, which a function has none of (pulumi/runtime/invoke.py).
    return message.removesuffix("()").strip() or type(error).__name__


def _may_not_look(name: str, error: Exception) -> bool:
    """Whether AWS did not let us look: that says nothing of the thing, so it is a warning."""
    message = reason(error)
    denied = any(word in message for word in ("AccessDenied", "UnauthorizedOperation", "is not authorized to perform"))
    if denied:
        pulumi.log.warn(f"Whether {name} exists is not known: {message}")
    return denied


def _with(provider: aws.Provider | None) -> pulumi.InvokeOptions:
    return pulumi.InvokeOptions(provider=provider)
