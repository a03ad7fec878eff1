"""What pulumi-aws does, for the resource types of our program: each is really made, changed and deleted, with boto3.

The behaviour follows the bridged provider (hashicorp/terraform-provider-aws), traps included: a CA's own
``certificate`` is empty when it is created, because there is none yet.

The sandbox itself only creates. Changes, deletions and readings are for the real Pulumi engine, which asks for them
through the plugin of ``make test-pulumi``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.sandbox.pulumi.provider import clusters, functions, iam, private_ca, ram, s3, watching

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolkit.sandbox.pulumi.provider.kind import Aws, Kind

# By the type of the resource, such as aws:iam/role:Role.
KINDS: Mapping[str, Kind] = {
    **clusters.KINDS,
    **iam.KINDS,
    **private_ca.KINDS,
    **ram.KINDS,
    **s3.KINDS,
    **watching.KINDS,
}
# By the token of the function, such as aws:iam/getRole:getRole.
FUNCTIONS: Mapping[str, Callable[[Aws, dict[str, Any]], dict[str, Any]]] = {
    **iam.FUNCTIONS,
    **functions.FUNCTIONS,
    **private_ca.FUNCTIONS,
}
