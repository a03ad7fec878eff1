"""Findings in the forms that people and machines want. One interface, one file per form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from toolkit.mesh.lint.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.mesh.lint.findings import Finding


class Form(Protocol):
    """One way to write findings."""

    def render(self, findings: Sequence[Finding]) -> str:
        """The findings as text that ends with a newline, or is empty."""


def counted(findings: Sequence[Finding]) -> dict[Severity, int]:
    """How many there are of each severity."""
    return {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}


def summary(findings: Sequence[Finding]) -> str:
    """How many there are, in words: ``2 errors, 1 note``."""
    many = [f"{number} {severity}{'s'[: number != 1]}" for severity, number in counted(findings).items() if number]
    return ", ".join(many) or "nothing found"
