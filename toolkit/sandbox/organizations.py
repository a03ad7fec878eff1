"""Look up organizations, units and member accounts in moto, for sharing and policies."""

from __future__ import annotations

from moto.organizations.models import organizations_backends

from toolkit.values import MotoObject

RAM = "ram.amazonaws.com"


def find_id(account: str, partition: str) -> str | None:
    """Return the ID of the account's organization (``o-...``); None if the account is in no organization."""
    backend = _backend(account, partition)
    return str(backend.org.id) if backend else None


def is_management(account: str, partition: str) -> bool:
    """Return whether the account is the management account of an organization."""
    return organizations_backends[account][partition].org is not None


def are_together(one: str, other: str, partition: str) -> bool:
    """Return whether two accounts are in the same organization."""
    organization = find_id(one, partition)
    return organization is not None and organization == find_id(other, partition)


def knows(account: str, principal: str, partition: str) -> bool:
    """Return whether the ARN names the account's organization or one of its units."""
    backend = _backend(account, partition)
    return backend is not None and principal in {backend.org.arn, *(unit.arn for unit in list(backend.ou))}


def includes(principal: str, account: str, partition: str) -> bool:
    """Return whether the account is in the organization, or below the unit, that the ARN names."""
    backend = _backend(account, partition)
    if backend is None:
        return False
    above = {backend.org.arn}
    units = {unit.id: unit for unit in list(backend.ou)}
    parent = next(member.parent_id for member in list(backend.accounts) if member.id == account)
    while parent in units:
        above.add(units[parent].arn)
        parent = units[parent].parent_id
    return principal in above


def allow_access(account: str, service: str, partition: str) -> None:
    """Give a service trusted access to the organization of a management account."""
    organizations_backends[account][partition].enable_aws_service_access(ServicePrincipal=service)


def has_access(account: str, service: str, partition: str) -> bool:
    """Return whether a service has trusted access to the account's organization."""
    backend = _backend(account, partition)
    return backend is not None and any(item["ServicePrincipal"] == service for item in list(backend.services))


def forget() -> None:
    """Clear the memberships; moto keeps them outside its backends, so its reset does not clear them."""
    organizations_backends.master_accounts.clear()


def _backend(account: str, partition: str) -> MotoObject:
    """Return the backend of the organization's management account; None if the account is in no organization."""
    own = organizations_backends[account][partition]
    if own.org is not None:
        return own
    manager, managed_in = organizations_backends.master_accounts.get(account, ("", ""))
    if not manager or managed_in != partition:
        return None
    managing = organizations_backends[manager][partition]
    is_member = any(member.id == account and member.status == "ACTIVE" for member in list(managing.accounts))
    return managing if managing.org is not None and is_member else None
