"""What keeps a live stack from being taken apart halfway."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from collections.abc import Sequence


class Guard(pulumi.ComponentResource):
    """A protected resource in the state alone, which depends on others.

    The engine deletes dependents first, refuses to delete what is protected, and then leaves alone whatever that
    depends on (pulumi/pulumi: pkg/resource/deploy/step.go, DeleteStep.Apply; deployment_executor.go,
    performPostSteps). So nothing below a guard is deleted while it is there, also by ``--skip-preview``; and unlike
    things that are protected themselves, those may be replaced.
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
            guarded: what it depends on; of a component, all that is in it.
            protect: whether it guards; otherwise it can be deleted like anything else.
            opts: resource options.
        """
        own = pulumi.ResourceOptions(protect=protect, depends_on=list(guarded))
        super().__init__("kong-mesh-pca:guard:Guard", name, None, pulumi.ResourceOptions.merge(opts, own))
        self.register_outputs({})
