"""What all components of one stack share."""

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
    """One stack.

    Attributes:
        settings: of the stack.
        deployment: the account and region that it deploys to.
        tags: of everything that takes some.
        claims: looks for what exists already.
        opts: resource options of the components.
    """

    settings: Settings
    deployment: Deployment
    tags: Mapping[str, str]
    claims: Claims
    opts: pulumi.ResourceOptions
