"""Hold the values that all components of a stack share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from toolkit.infra.claims import Claims
    from toolkit.infra.deployment_account import Deployment
    from toolkit.infra.settings import Settings


@dataclass(frozen=True)
class StackContext:
    """The context of one stack.

    Attributes:
        settings: the stack's settings.
        deployment: the account and region that it deploys to.
        tags: the tags of all resources.
        claims: finds existing resources.
        opts: resource options of the components.
    """

    settings: Settings
    deployment: Deployment
    tags: Mapping[str, str]
    claims: Claims
    opts: pulumi.ResourceOptions
