"""Check the ARN of the private CA that an acmpca backend or an acmpca provider names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.documents.wording import show
from toolkit.mesh.lint.catalogue import RULES, Rule
from toolkit.mesh.lint.findings import report
from toolkit.pki.arn import PRIVATE_CA, Arn, find_partition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.mesh.documents.typed import MeshDocument
    from toolkit.mesh.lint.findings import Finding


NO_ARN = RULES["MESH060"]
OTHER_ARN = RULES["MESH061"]
OTHER_PARTITION = RULES["MESH062"]

# botocore acm-pca, Arn: at most 200 characters.
_LIMIT = 200
_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")


def check(mesh: MeshDocument) -> Iterator[Finding]:
    """Yield the findings of this module."""
    for backend in mesh.backends:
        value = backend.conf.get("arn")
        if backend.type != "acmpca" or not isinstance(value, str):
            continue
        if problem := judge_arn(value):
            rule, message = problem
            yield report(mesh, rule, (*backend.path, "conf", "arn"), message)


def judge_arn(value: str) -> tuple[Rule, str] | None:
    """Return the rule that an ARN breaks, and a message; None if it is the ARN of a private CA."""
    try:
        arn = Arn.parse(value)
    except ValueError:
        return NO_ARN, f"{show(value, _LIMIT)} is no ARN" if value else "arn is empty"
    try:
        PRIVATE_CA.parse(value)
    except ValueError:
        what = arn.service if arn.service != "acm-pca" else arn.resource
        return OTHER_ARN, f"{show(value, _LIMIT)} is not the ARN of a private CA, but of {show(what)}"
    if arn.partition not in _PARTITIONS:
        return OTHER_PARTITION, f"the partition {show(arn.partition)} is not one of {', '.join(_PARTITIONS)}"
    if (expected := find_partition(arn.region)) != arn.partition:
        return OTHER_PARTITION, f"{arn.region} is a region of the partition {expected}, not of {arn.partition}"
    return None
