"""Define the contract between the Pulumi program and the programs that read its stack outputs.

The program writes it through :class:`StackOutputs` and the command line reads it through the same class, so the two
can't differ. For an invalid document, the error lists every problem with its path. A stack whose CA needs a certificate
from an external CA exports a :class:`toolkit.contract.pending.PendingStack` instead.
"""

from toolkit.contract.loading import list_validation_problems as list_validation_problems
from toolkit.contract.loading import load as load
from toolkit.contract.loading import load_stack as load_stack
from toolkit.contract.loading import parse as parse
from toolkit.contract.loading import read as read
from toolkit.contract.loading import read_source as read_source
from toolkit.contract.models import DEFAULT_DATA_PLANE_LIFETIME as DEFAULT_DATA_PLANE_LIFETIME
from toolkit.contract.models import DEFAULT_IDENTITY as DEFAULT_IDENTITY
from toolkit.contract.models import DEFAULT_NAMESPACE as DEFAULT_NAMESPACE
from toolkit.contract.models import DEFAULT_SERVICE_ACCOUNT as DEFAULT_SERVICE_ACCOUNT
from toolkit.contract.models import SCHEMA_VERSION as SCHEMA_VERSION
from toolkit.contract.models import AccountId as AccountId
from toolkit.contract.models import CertificateAuthority as CertificateAuthority
from toolkit.contract.models import DnsLabel as DnsLabel
from toolkit.contract.models import Identity as Identity
from toolkit.contract.models import Lifetime as Lifetime
from toolkit.contract.models import MeshNames as MeshNames
from toolkit.contract.models import Region as Region
from toolkit.contract.models import RoleArn as RoleArn
from toolkit.contract.models import ServiceAccount as ServiceAccount
from toolkit.contract.models import StackOutputs as StackOutputs
from toolkit.contract.models import Zone as Zone
from toolkit.contract.models import check_distinct_zones as check_distinct_zones
from toolkit.pki.algorithms import KeyAlgorithm as KeyAlgorithm
from toolkit.pki.algorithms import SigningAlgorithm as SigningAlgorithm
from toolkit.pki.usage_mode import SHORT_LIVED_MAX as SHORT_LIVED_MAX
from toolkit.pki.usage_mode import UsageMode as UsageMode
from toolkit.pki.usage_mode import check_mode as check_mode
