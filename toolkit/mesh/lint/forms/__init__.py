"""Render findings for people and programs, with one module per format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.lint.catalogue import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.mesh.lint.findings import Finding


def count(findings: Sequence[Finding]) -> dict[Severity, int]:
    """Count the findings of each severity."""
    return {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}


def summarize(findings: Sequence[Finding]) -> str:
    """Return the number of findings as text, such as ``2 errors, 1 note``."""
    many = [f"{number} {severity}{'s'[: number != 1]}" for severity, number in count(findings).items() if number]
    return ", ".join(many) or "nothing found"
