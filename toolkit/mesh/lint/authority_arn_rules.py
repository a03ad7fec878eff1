"""The private CA that an acmpca backend names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import shown
from toolkit.mesh.lint.findings import Rule, Severity, finding_at
from toolkit.pki.arn import Arn, certificate_authority, partition_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.context import Context
    from toolkit.mesh.lint.findings import Finding

_FORM = "arn:<partition>:acm-pca:<region>:<account>:certificate-authority/<uuid>"
_SOURCE = (
    "Kong/developer.konghq.com:app/mesh/acm-private-ca-policy.md (arn); AWS service authorization reference, AWS "
    "Private CA"
)

NO_ARN = Rule(
    "MESH060",
    Severity.ERROR,
    "The arn of an acmpca backend is no ARN",
    "The control plane takes the region and the CA from it, and gets no certificates.",
    f"Copy the ARN of the CA: {_FORM}.",
    _SOURCE,
)
OTHER_ARN = Rule(
    "MESH061",
    Severity.ERROR,
    "The arn of an acmpca backend is that of something else than a private CA",
    "AWS Private CA can't be asked for it, so no certificate is issued.",
    f"Copy the ARN of the CA: {_FORM}.",
    _SOURCE,
)
OTHER_PARTITION = Rule(
    "MESH062",
    Severity.ERROR,
    "The arn of an acmpca backend is of a partition that can't be",
    "A CA, its region and the control planes' credentials are all of one partition.",
    "Copy the ARN of the CA; it begins with arn:aws:, arn:aws-cn: or arn:aws-us-gov:.",
    "AWS General Reference, Amazon Resource Names",
)
RULES = (NO_ARN, OTHER_ARN, OTHER_PARTITION)

# botocore acm-pca, Arn: at most 200 characters.
_LIMIT = 200
_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")


def check(mesh: MeshDocument, context: Context) -> Iterator[Finding]:  # noqa: ARG001 - the form of all checks
    """The findings of this module."""
    for backend in mesh.backends:
        value = backend.conf.get("arn")
        if backend.type != "acmpca" or not isinstance(value, str):
            continue
        found = _judge(value)
        if found:
            rule, message = found
            yield finding_at(mesh, rule, (*backend.path, "conf", "arn"), message)


def _judge(value: str) -> tuple[Rule, str] | None:
    try:
        arn = Arn.parse(value)
    except ValueError:
        return NO_ARN, f"{shown(value, _LIMIT)} is no ARN" if value else "arn is empty"
    try:
        certificate_authority(value)
    except ValueError:
        what = arn.service if arn.service != "acm-pca" else arn.resource
        return OTHER_ARN, f"{shown(value, _LIMIT)} is not the ARN of a private CA, but of {shown(what)}"
    if arn.partition not in _PARTITIONS:
        return OTHER_PARTITION, f"the partition {shown(arn.partition)} is none of {', '.join(_PARTITIONS)}"
    if (expected := partition_of(arn.region)) != arn.partition:
        return OTHER_PARTITION, f"{arn.region} is a region of the partition {expected}, not of {arn.partition}"
    return None
