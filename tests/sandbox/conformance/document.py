"""Write the tables of ``docs/reference/sandbox-rules.md``; a test compares the file with this output."""

from __future__ import annotations

import itertools

from tests.clients.differences import DIFFERENCES
from tests.documentation import Part
from tests.sandbox.conformance import test_rules
from tests.sandbox.conformance.world import RULES, Rule

TITLES = {
    "access": "Access",
    "audit": "Audit reports",
    "authority": "Certificate authorities",
    "blank": "Blank templates",
    "crl": "Certificate revocation lists",
    "csr": "Certificate signing requests",
    "delete": "Deletion",
    "form": "Response formats",
    "get": "Fetching certificates",
    "import": "Importing a CA certificate",
    "issue": "Issuing",
    "ocsp": "OCSP",
    "passthrough": "Passthrough",
    "path-length": "Path length",
    "permission": "Permissions",
    "policy": "Resource policies",
    "pod-identity": "EKS Pod Identity",
    "protocol": "Protocol",
    "restore": "Restoration",
    "revoke": "Revocation",
    "role": "Assuming roles",
    "root": "Root CAs",
    "service": "Roles of EC2 and ECS",
    "share": "Resource shares (AWS RAM)",
    "short-lived": "Short-lived mode",
    "signature": "Signatures",
    "state": "States",
    "tags": "Tags",
    "template": "Templates",
    "token": "Idempotency tokens",
    "update": "Updates",
    "validity": "Validity",
}


def area(rule: Rule) -> str:
    return rule.identifier.partition(".")[0]


def table() -> str:
    """Return the tables of all rules, one per area."""
    assert test_rules.AREAS
    lines = [f"{len(RULES)} rules, each a test of the same name in `tests/sandbox/conformance/`.", ""]
    for name, rules in itertools.groupby(sorted(RULES, key=lambda rule: TITLES[area(rule)]), key=area):
        lines += [f"### {TITLES[name]}", "", "| rule | statement | source |", "| --- | --- | --- |"]
        lines += [f"| `{rule.identifier}` | {rule.statement} | {rule.source} |" for rule in rules]
        lines += [""]
    return "\n".join(lines)


def differences() -> str:
    """Return the table of moto's tests of acm-pca that the sandbox differs from."""
    lines = ["| test | reason |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{test}` | {reason} |" for test, reason in DIFFERENCES.items())])


PARTS = (
    Part("reference/sandbox-rules.md", "<!-- rules: made by `make docs` -->", "<!-- end of rules -->", table),
    Part(
        "reference/sandbox-rules.md",
        "<!-- differences: made by `make docs` -->",
        "<!-- end of differences -->",
        differences,
    ),
)

if __name__ == "__main__":
    for part in PARTS:
        part.write()
