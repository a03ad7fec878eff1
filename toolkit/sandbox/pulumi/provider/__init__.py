"""Create the resources of pulumi-aws that the program uses, with boto3.

The behavior follows the bridged provider (hashicorp/terraform-provider-aws), including surprises: a CA's own
``certificate`` is empty on creation, because the CA has no certificate yet.
"""

from toolkit.sandbox.pulumi.provider import clusters, iam, private_ca, ram, s3, watching
from toolkit.sandbox.pulumi.provider.functions import FUNCTIONS

__all__ = ["FUNCTIONS", "KINDS"]

# By resource type, such as aws:iam/role:Role.
KINDS = {
    **clusters.KINDS,
    **iam.KINDS,
    **private_ca.KINDS,
    **ram.KINDS,
    **s3.KINDS,
    **watching.KINDS,
}
