"""What the stack would create and AWS has already: its own from before, adopted on request, or somebody else's.

A destroyed stack leaves OIDC providers behind, since other workloads may depend on them; a stack whose state was lost
leaves everything. Without a look, creating such a thing again fails halfway through an update.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pulumi
import pulumi_aws as aws

from toolkit.errors import Problem
from toolkit.infra import eks_associations, lookups
from toolkit.infra.fields import MANAGED_BY, STACK, ZONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.infra.eks_associations import Association
    from toolkit.infra.settings import ZoneSettings

_ADOPT = "adoptExisting: true uses it as it is, and never changes or deletes it"


class Claim(NamedTuple):
    """What is done about one thing that the stack needs; with nothing set, it is created.

    Attributes:
        import_id: with which Pulumi takes it over; nothing happens to one that is in the stack's state.
        adopted_arn: of one that is used as it is.
    """

    import_id: str | None = None
    adopted_arn: str | None = None


CREATE = Claim()


@dataclass(frozen=True)
class ZoneClaims:
    """What is done about the things that one zone needs.

    Attributes:
        role: the control plane's role.
        verifier_role: the role of the verifier.
        profile: the instance profile.
        association: the Pod Identity association that exists for the service account.
    """

    role: Claim = CREATE
    verifier_role: Claim = CREATE
    profile: Claim = CREATE
    association: Association | None = None


class Claims:
    """Looks for what exists, in each account with the provider that the stack uses there.

    Args:
        tags: the stack's own, by which it knows its things.
        adopt: whether things of others are used as they are.

    Attributes:
        problems: things that exist and are somebody else's.
    """

    def __init__(self, tags: Mapping[str, str], *, adopt: bool) -> None:
        self._own = {key: tags[key] for key in (MANAGED_BY, STACK)}
        self._adopt = adopt
        self._roles: dict[tuple[str, str], frozenset[str]] = {}
        self.problems: list[Problem] = []

    def is_own(self, tags: Mapping[str, str] | None) -> bool:
        """Return whether something with these tags was made by this stack."""
        return self._own.items() <= dict(tags or {}).items()

    def claim_oidc_provider(self, path: str, provider_arn: str, provider: aws.Provider | None) -> Claim:
        """Look for the OIDC provider of an issuer.

        Args:
            path: the setting that asks for it.
            provider_arn: that it has or would have.
            provider: with which AWS is asked; None for the stack's own.
        """
        existing = lookups.find(provider_arn, lambda: lookups.get_oidc_provider(provider_arn, provider))
        if existing is None:
            return CREATE
        if not self.is_own(existing.tags) and self._adopt:
            self.problems += lookups.check_audiences(path, provider_arn, existing.client_id_lists)
        return self._claim(path, f"the OIDC provider {provider_arn}", provider_arn, provider_arn, existing.tags)

    def claim_role(self, path: str, name: str, prefix: str, account: str, provider: aws.Provider | None) -> Claim:
        """Look for a role whose name is not made unique.

        Args:
            path: the setting that asks for it.
            name: of the role.
            prefix: with which all names of the stack begin.
            account: that the role is in.
            provider: with which AWS is asked; None for the stack's own.
        """
        if name not in self._names(account, prefix, provider):
            return CREATE
        existing = lookups.find(name, lambda: _get_role(name, provider))
        if existing is None:
            return CREATE
        other = self._other_stack(existing.tags)
        if other is not None:
            # Its permissions are for that stack's CA. And after a rename it is this stack's: adopting would delete it.
            fix = f"aws iam tag-role --role-name {name} --tags Key={STACK},Value={self._own[STACK]}"
            message = f"the role {existing.arn} is of stack {other}; choose another namePrefix"
            self.problems.append(Problem(path, f"{message}, or, if that stack was renamed to this one: {fix}"))
            return CREATE
        return self._claim(path, f"the role {existing.arn}", name, existing.arn, existing.tags)

    def claim_profile(self, path: str, name: str, role: Claim, provider: aws.Provider | None) -> Claim:
        """Look for an instance profile, which has the name of its role.

        Args:
            path: the setting that asks for it.
            name: of both.
            role: what is done about the role.
            provider: with which AWS is asked; None for the stack's own.
        """
        options = pulumi.InvokeOptions(provider=provider)
        existing = lookups.find(name, lambda: aws.iam.get_instance_profile(name=name, opts=options))
        if existing is None:
            return CREATE
        # Its tags are not shown; it is the stack's if its role is.
        own = self._own if role.import_id and existing.role_name == name else {}
        return self._claim(path, f"the instance profile {existing.arn}", name, existing.arn, own)

    def find_association(
        self, path: str, zone: ZoneSettings, role: Claim, provider: aws.Provider | None
    ) -> Association | None:
        """Look for the Pod Identity association of a zone's service account.

        Args:
            path: of the zone.
            zone: the zone.
            role: what is done about its role.
            provider: with which AWS is asked for the association's role.

        Returns:
            One that the stack has made or that is adopted.
        """
        existing = eks_associations.find(zone)
        if existing is None:
            return None
        if role.adopted_arn is not None and existing.role_arn == role.adopted_arn:
            return existing._replace(is_adopted=True)
        role_name = existing.role_arn.rpartition("/")[2]
        owner = lookups.find(existing.role_arn, lambda: _get_role(role_name, provider))
        tags = (owner.tags if owner else None) or {}
        # Of a stack that was renamed, the role has the tag of before; whether it is the same role shows later.
        if self.is_own(tags) or self._other_stack(tags) is not None:
            return existing._replace(zone=tags.get(ZONE, "") if self.is_own(tags) else zone.name)
        self.problems.append(
            Problem(
                f"{path}.serviceAccount",
                f"{zone.namespace}/{zone.service_account} in cluster {zone.cluster_name} is associated with "
                f"{existing.role_arn} already ({existing.identifier}), and a service account has one role; delete that "
                "association, or give the zone's control plane another service account",
            )
        )
        return None

    def _other_stack(self, tags: Mapping[str, str] | None) -> str | None:
        """Return the name of the stack of this program that made something; None for this stack and for others."""
        given = dict(tags or {})
        if given.get(MANAGED_BY) != self._own[MANAGED_BY] or self.is_own(given):
            return None
        return given.get(STACK, "")

    def _claim(self, path: str, what: str, import_id: str, arn: str, tags: Mapping[str, str] | None) -> Claim:
        if self.is_own(tags):
            return Claim(import_id=import_id)
        if self._adopt:
            return Claim(adopted_arn=arn)
        self.problems.append(Problem(path, f"{what} exists already and is not this stack's; {_ADOPT}"))
        return CREATE

    def _names(self, account: str, prefix: str, provider: aws.Provider | None) -> frozenset[str]:
        """Return the names of an account's roles that begin as the stack's do; one call for all."""
        key = (account, prefix)
        if key not in self._roles:
            pattern, options = f"^{re.escape(prefix)}", pulumi.InvokeOptions(provider=provider)
            existing = lookups.find(
                f"a role of account {account} that begins with {prefix}",
                lambda: aws.iam.get_roles(name_regex=pattern, opts=options),
            )
            self._roles[key] = frozenset(existing.names if existing else ())
        return self._roles[key]


def _get_role(name: str, provider: aws.Provider | None) -> aws.iam.GetRoleResult:
    return aws.iam.get_role(name=name, opts=pulumi.InvokeOptions(provider=provider))
