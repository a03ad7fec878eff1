"""Check the settings against the account that the stack deploys to, before anything is created."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import Problem
from toolkit.pki import arn

if TYPE_CHECKING:
    from toolkit.infra.settings import AccountSettings, Settings, ZoneSettings

# A placeholder for "no boundary"; AWS managed policies exist in every account.
_AWS_OWN = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True)
class Deployment:
    """The account and region that a stack deploys to.

    Attributes:
        account: twelve digits.
        partition: the account's partition.
        region: the region of the stack's provider, and of the CAs that it creates.
    """

    account: str
    partition: str
    region: str

    def locate_authority(self, settings: Settings) -> tuple[str, str]:
        """Return account and region of the issuing CA."""
        if settings.adopt_arn is None:
            return self.account, self.region
        adopted = arn.PRIVATE_CA.parse(settings.adopt_arn)
        return adopted.account, adopted.region


def list_problems(settings: Settings, deployment: Deployment) -> list[Problem]:
    """Return the settings that don't match the account that the stack deploys to.

    Args:
        settings: settings that :mod:`toolkit.infra.rules` has found valid.
        deployment: the account and region.
    """
    problems = list(_partition_problems(settings, deployment))
    for index, zone in enumerate(settings.zones):
        problems += _zone_problems(f"zones[{index}]", zone, settings, deployment)
    return [*problems, *_parent_problems(settings, deployment), *_alarm_problems(settings, deployment)]


def list_warnings(settings: Settings, deployment: Deployment) -> list[Problem]:
    """Return the settings that may not match the account; only AWS or the CA's owner knows.

    Args:
        settings: settings that :mod:`toolkit.infra.rules` has found valid.
        deployment: the account and region.
    """
    owner, _ = deployment.locate_authority(settings)
    return [
        Problem(
            f"zones[{index}].accountId",
            f"is {account}, and the adopted CA is in account {owner}; it must be shared with the zone's account, which "
            "toolkit verify shows",
        )
        for index, zone in enumerate(settings.zones)
        if settings.topology == "adopt" and (account := zone.resolve_account(deployment.account)) != owner
    ]


def _partition_problems(settings: Settings, deployment: Deployment) -> Iterator[Problem]:
    """Trust, permissions and sharing don't work across partitions (AWS General Reference, "Partitions")."""
    for path, text in _arns("", settings.model_dump(mode="json", by_alias=True, exclude={"tags"})):
        if text.split(":")[1] != deployment.partition:
            yield Problem(path, f"is in partition {text.split(':')[1]}, but the stack is in {deployment.partition}")


def _arns(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield every ARN in the settings, with its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _arns(f"{path}.{key}".removeprefix("."), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _arns(f"{path}[{index}]", item)
    elif isinstance(value, str) and re.match(r"arn:aws[a-z-]*:", value):
        yield path, value


def _zone_problems(path: str, zone: ZoneSettings, settings: Settings, deployment: Deployment) -> Iterator[Problem]:
    account = zone.resolve_account(deployment.account)
    yield from _access_problems(path, zone, deployment)
    if zone.oidc_provider_arn is not None:
        provider = arn.OIDC_PROVIDER.parse(zone.oidc_provider_arn).account
        if provider != account:
            # IAM only trusts providers in the same account.
            yield Problem(
                f"{path}.oidcProviderArn",
                f"is in account {provider}, but the zone's roles are created in {account}; "
                "a role can trust only providers in its own account",
            )
    if arn.find_partition(zone.region) != deployment.partition:
        yield Problem(f"{path}.region", f"{zone.region} is not in the stack's partition {deployment.partition}")
    boundary = arn.parse_policy(zone.permissions_boundary_arn or settings.permissions_boundary_arn or _AWS_OWN)
    if boundary.account not in ("", account):
        key = f"{path}.permissionsBoundaryArn" if zone.permissions_boundary_arn else "permissionsBoundaryArn"
        yield Problem(key, f"is in account {boundary.account}, but zone {zone.name}'s roles are in {account}")
    yield from _share_problems(path, account, settings, deployment)


def _access_problems(path: str, access: AccountSettings, deployment: Deployment) -> Iterator[Problem]:
    """Without credentials of its own, another account is never reached."""
    account = access.resolve_account(deployment.account)
    if account != deployment.account and not access.is_elsewhere:
        yield Problem(
            f"{path}.accountId",
            f"is {account}, but this stack deploys to {deployment.account}; set profile or assumeRoleArn beside it",
        )


def _share_problems(path: str, account: str, settings: Settings, deployment: Deployment) -> Iterator[Problem]:
    owner, _ = deployment.locate_authority(settings)
    sharing = settings.sharing
    # Only AWS knows whether an organization or a unit contains the account; verify tests it.
    if account == owner or settings.topology == "adopt":
        return
    if sharing is None or not (account in sharing.accounts or sharing.organizational_units or sharing.organization):
        yield Problem(
            f"{path}.accountId" if account != deployment.account else path,
            f"is {account}, but the CA is not shared with that account; add it to sharing.accounts",
        )


def _parent_problems(settings: Settings, deployment: Deployment) -> Iterator[Problem]:
    parent = settings.parent
    if parent is None:
        return
    yield from _access_problems("parent", parent, deployment)
    signer = arn.PRIVATE_CA.parse(parent.arn)
    # pca-resource-sharing.html: of the CA templates, only PathLen0 can be shared with other accounts.
    if signer.account != parent.resolve_account(deployment.account) and settings.intermediate_path_length:
        yield Problem(
            "intermediatePathLength",
            f"must be 0: the parent is shared from account {signer.account}, and AWS shares no other template for CAs; "
            "with parent.profile or parent.assumeRoleArn in that account it is not needed",
        )


def _alarm_problems(settings: Settings, deployment: Deployment) -> Iterator[Problem]:
    if settings.alarms is None:
        return
    owner, region = deployment.locate_authority(settings)
    if owner != deployment.account:
        yield Problem("alarms", f"can't work: AWS publishes a CA's metrics in the CA's account, {owner}")
    if (
        settings.alarms.topic_arn is not None
        and (topic_region := arn.TOPIC.parse(settings.alarms.topic_arn).region) != region
    ):
        # CloudWatch user guide, "Notifying users on alarm changes": an alarm and its topic must be in the same region.
        yield Problem("alarms.topicArn", f"is in {topic_region}, but the alarms are in the CA's region, {region}")
