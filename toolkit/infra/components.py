"""Define what all components of a stack share: their context, and the guard against partial deletion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
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


class Guard(pulumi.ComponentResource):
    """A protected resource that exists only in the state and depends on other resources.

    The engine deletes dependents first, refuses to delete a protected resource, and then skips the resources that it
    depends on (pulumi/pulumi: pkg/resource/deploy/step.go, DeleteStep.Apply; deployment_executor.go, performPostSteps).
    So no guarded resource is deleted while the guard exists, not even with ``--skip-preview``. Unlike protected
    resources, guarded resources can be replaced.
    """

    def __init__(
        self,
        name: str,
        guarded: Sequence[pulumi.Resource],
        *,
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Guard resources.

        Args:
            name: logical name.
            guarded: the resources to guard; a component includes all its children.
            protect: whether the guard is protected; otherwise it can be deleted like any resource.
            opts: resource options.
        """
        own = pulumi.ResourceOptions(protect=protect, depends_on=list(guarded))
        super().__init__("kong-mesh-pca:guard:Guard", name, None, pulumi.ResourceOptions.merge(opts, own))
        self.register_outputs({})
