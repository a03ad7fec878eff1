"""Create providers for accounts other than the stack's own."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pydantic.alias_generators import to_camel

from toolkit.values import Object, Value

if TYPE_CHECKING:
    from toolkit.infra.settings import AccountSettings

_SESSION = "kong-mesh-pca"
# The credentials of the stack; a zone's own profile replaces them.
_CREDENTIALS = frozenset(
    {"access_key", "secret_key", "token", "profile", "assume_roles", "assume_role_with_web_identity"}
)
# Settings that apply only to the stack's own account and region.
_OF_THE_STACK = frozenset({"region", "allowed_account_ids", "forbidden_account_ids"})
_SECRETS = frozenset({"secret_key", "token"})
_NUMBERS = frozenset({"max_retries", "token_bucket_rate_limiter_capacity"})


def create_provider(
    name: str, access: AccountSettings, region: str, opts: pulumi.ResourceOptions | None = None
) -> aws.Provider | None:
    """Return a provider for another account; None if the stack's own provider is used.

    Pulumi does not pass the stack's ``aws:*`` settings to an explicit provider, so this function does. Without a
    sandbox's endpoints, the provider would call AWS.

    Args:
        name: logical name of the provider.
        access: how to reach the account.
        region: the provider's region.
        opts: resource options of the provider.
    """
    if not access.is_elsewhere:
        return None
    given = dict(_stack_settings())
    if access.profile is not None:
        given = {key: value for key, value in given.items() if key not in _CREDENTIALS} | {"profile": access.profile}
    if access.assume_role_arn is not None:
        given["assume_roles"] = _chain(given.get("assume_roles"), access)
    account = access.resolve_account("")
    return aws.Provider(
        name,
        region=region,
        # If the profile is changed to another account, the provider must not create anything there.
        allowed_account_ids=[account] if account else None,
        opts=opts,
        **given,
    )


def _stack_settings() -> Iterator[tuple[str, Value]]:
    """Yield the stack's ``aws:*`` settings by the names of the provider's arguments; encrypted ones stay encrypted."""
    config = pulumi.Config("aws")
    for name in inspect.signature(aws.ProviderArgs).parameters:
        key = to_camel(name)
        text = None if name in _OF_THE_STACK else config.get(key)
        if text is None:
            continue
        value = _parse(name, text)
        secret = name in _SECRETS or pulumi.runtime.is_config_secret(config.full_key(key))
        yield name, pulumi.Output.secret(value) if secret else value


def _parse(name: str, text: str) -> Value:
    """Return a setting's value for the provider's argument; Pulumi stores lists, objects and booleans as JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, list | dict | bool) or name in _NUMBERS else text


def _chain(before: Value, access: AccountSettings) -> pulumi.Output[list[Object]]:
    """Return the roles to assume in order: the stack's own roles, then the account's role."""
    role: Object = {"roleArn": access.assume_role_arn, "sessionName": _SESSION}
    if access.external_id is not None:
        # Always secret, even if the stack file has it in plain text: it keeps others from assuming the role.
        role["externalId"] = pulumi.Output.secret(access.external_id)
    return pulumi.Output.all(before or [], role).apply(lambda both: [*both[0], both[1]])
