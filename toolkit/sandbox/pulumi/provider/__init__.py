"""Create the resources of pulumi-aws that the program uses, with boto3.

The behavior follows the bridged provider (hashicorp/terraform-provider-aws), including surprises: a CA's own
``certificate`` is empty on creation, because the CA has no certificate yet.
"""

from toolkit.sandbox.pulumi.provider import private_ca, supporting_resources
from toolkit.sandbox.pulumi.provider.functions import FUNCTIONS

__all__ = ["FUNCTIONS", "KINDS"]

# By resource type, such as aws:iam/role:Role.
KINDS = {**private_ca.KINDS, **supporting_resources.KINDS}
