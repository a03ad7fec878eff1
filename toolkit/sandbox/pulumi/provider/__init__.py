"""What pulumi-aws creates, for the resource types of our program: each is really created, with boto3.

The behavior follows the bridged provider (hashicorp/terraform-provider-aws), traps included: a CA's own
``certificate`` is empty when it is created, because there is none yet.
"""

from toolkit.sandbox.pulumi.provider import clusters, iam, private_ca, ram, s3, watching
from toolkit.sandbox.pulumi.provider.functions import FUNCTIONS

__all__ = ["FUNCTIONS", "KINDS"]

# By the type of the resource, such as aws:iam/role:Role.
KINDS = {
    **clusters.KINDS,
    **iam.KINDS,
    **private_ca.KINDS,
    **ram.KINDS,
    **s3.KINDS,
    **watching.KINDS,
}
