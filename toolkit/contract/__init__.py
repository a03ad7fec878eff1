"""The contract between the Pulumi program and everything that reads its stack outputs.

The program writes it through :class:`StackOutputs`, the command line reads it through the same class, so
neither can drift from the other. A document with one field wrong is refused with every problem by path.
A stack whose CA is still to be certified by somebody else exports a :class:`PendingStack` instead.
"""

from toolkit.contract.json_schema import json_schema
from toolkit.contract.loading import load, load_stack, parse, read, validation_problems
from toolkit.contract.models import (
    DEFAULT_DATA_PLANE_LIFETIME,
    SCHEMA_VERSION,
    SHORT_LIVED_MAX,
    AccountId,
    CertificateAuthority,
    DnsLabel,
    Identity,
    Lifetime,
    MeshNames,
    PendingCertificateAuthority,
    PendingStack,
    Region,
    RoleArn,
    ServiceAccount,
    StackOutputs,
    UsageMode,
    Zone,
    distinct_zones,
    dns_label,
    mode_problem,
)
from toolkit.pki.algorithms import KeyAlgorithm, SigningAlgorithm

__all__ = [
    "DEFAULT_DATA_PLANE_LIFETIME",
    "SCHEMA_VERSION",
    "SHORT_LIVED_MAX",
    "AccountId",
    "CertificateAuthority",
    "DnsLabel",
    "Identity",
    "KeyAlgorithm",
    "Lifetime",
    "MeshNames",
    "PendingCertificateAuthority",
    "PendingStack",
    "Region",
    "RoleArn",
    "ServiceAccount",
    "SigningAlgorithm",
    "StackOutputs",
    "UsageMode",
    "Zone",
    "distinct_zones",
    "dns_label",
    "json_schema",
    "load",
    "load_stack",
    "mode_problem",
    "parse",
    "read",
    "validation_problems",
]
