"""Where the stack deploys to, and what of its settings does not fit there; judged before anything is made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import Problem
from toolkit.pki import arn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.infra.settings import Settings, ZoneSettings

# Stands for no boundary; AWS's own policies are in every account.
_AWS_OWN = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True)
class Home:
    """Where the stack deploys to.

    Attributes:
        account: twelve digits.
        partition: of that account.
        region: of the provider that it deploys with, where its CAs are made.
    """

    account: str
    partition: str
    region: str

    def authority(self, settings: Settings) -> tuple[str, str]:
        """Account and region of the issuing CA."""
        if settings.adopt_arn is None:
            return self.account, self.region
        adopted = arn.PRIVATE_CA.parse(settings.adopt_arn)
        return adopted.account, adopted.region


def home_problems(settings: Settings, home: Home) -> list[Problem]:
    """What does not fit the account that the stack deploys to; nothing is made before this is asked.

    Args:
        settings: that :func:`toolkit.infra.rules.problems` found good.
        home: where the stack deploys to.
    """
    found = list(_partition_problems(settings, home))
    for index, zone in enumerate(settings.zones):
        found += _zone_problems(f"zones[{index}]", zone, settings, home)
    found += _parent_problems(settings, home)
    found += _alarm_problems(settings, home)
    return found


def home_warnings(settings: Settings, home: Home) -> list[Problem]:
    """Return what may not fit the account that the stack deploys to, and only AWS or the CA's owner knows.

    Args:
        settings: that :func:`toolkit.infra.rules.problems` found good.
        home: where the stack deploys to.
    """
    owner, _ = home.authority(settings)
    return [
        Problem(
            f"zones[{index}].accountId",
            f"is {account}, and the adopted CA is in account {owner}; it must be shared with the zone's account, which "
            "toolkit verify shows",
        )
        for index, zone in enumerate(settings.zones)
        if settings.topology == "adopt" and (account := zone.account(home.account)) != owner
    ]


def _partition_problems(settings: Settings, home: Home) -> Iterator[Problem]:
    """Nothing crosses partitions: neither trust, nor permissions, nor sharing (AWS General Reference, "Partitions")."""
    for path, text in _arns("", settings.model_dump(mode="json", by_alias=True, exclude={"tags"})):
        if text.split(":")[1] != home.partition:
            yield Problem(path, f"is in partition {text.split(':')[1]}, but the stack is in {home.partition}")


def _arns(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Every ARN among settings, with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _arns(f"{path}.{key}".removeprefix("."), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _arns(f"{path}[{index}]", item)
    elif isinstance(value, str) and re.match(r"arn:aws[a-z-]*:", value):
        yield path, value


def _zone_problems(path: str, zone: ZoneSettings, settings: Settings, home: Home) -> Iterator[Problem]:
    account = zone.account(home.account)
    if account != home.account and not zone.is_elsewhere:
        yield Problem(
            f"{path}.accountId",
            f"is {account}, but this stack deploys to {home.account}; name a profile or an assumeRoleArn for it",
        )
    if zone.oidc_provider_arn is not None:
        provider = arn.OIDC_PROVIDER.parse(zone.oidc_provider_arn).account
        if provider != account:
            # IAM trusts only the account's own providers.
            yield Problem(
                f"{path}.oidcProviderArn",
                f"is in account {provider}, but the zone's roles are made in {account}; "
                "a role trusts only providers of its own",
            )
    if arn.find_partition(zone.region) != home.partition:
        yield Problem(f"{path}.region", f"{zone.region} is not in partition {home.partition}, which nothing crosses")
    boundary = arn.parse_policy(zone.permissions_boundary_arn or settings.permissions_boundary_arn or _AWS_OWN)
    if boundary.account not in ("", account):
        key = f"{path}.permissionsBoundaryArn" if zone.permissions_boundary_arn else "permissionsBoundaryArn"
        yield Problem(key, f"is in account {boundary.account}, but zone {zone.name}'s roles are in {account}")
    yield from _share_problems(path, account, settings, home)


def _share_problems(path: str, account: str, settings: Settings, home: Home) -> Iterator[Problem]:
    owner, _ = home.authority(settings)
    sharing = settings.sharing
    # Whether an organization or a unit holds the account is AWS's to know; verify proves it.
    if account == owner or settings.topology == "adopt":
        return
    if sharing is None or not (account in sharing.accounts or sharing.organizational_units or sharing.organization):
        yield Problem(
            f"{path}.accountId" if account != home.account else path,
            f"is {account}, with which the CA is not shared; name it in sharing.accounts",
        )


def _parent_problems(settings: Settings, home: Home) -> Iterator[Problem]:
    parent = settings.parent
    if parent is None:
        return
    signer = arn.PRIVATE_CA.parse(parent.arn)
    # pca-resource-sharing.html: of the templates for CAs only PathLen0 is shared with other accounts.
    if signer.account != parent.account(home.account) and settings.intermediate_path_length:
        yield Problem(
            "intermediatePathLength",
            f"must be 0: the parent is shared from account {signer.account}, and AWS shares no other template for CAs; "
            "with parent.profile or parent.assumeRoleArn in that account it is not needed",
        )


def _alarm_problems(settings: Settings, home: Home) -> Iterator[Problem]:
    if settings.alarms is None:
        return
    owner, region = home.authority(settings)
    if owner != home.account:
        yield Problem("alarms", f"can't work: AWS publishes a CA's metrics in its own account, which is {owner}")
    if settings.alarms.topic_arn is not None and (found := arn.TOPIC.parse(settings.alarms.topic_arn).region) != region:
        # CloudWatch user guide, "Notifying users on alarm changes": an alarm and its topic share a region.
        yield Problem("alarms.topicArn", f"is in {found}, but alarms are where the CA is, in {region}")
