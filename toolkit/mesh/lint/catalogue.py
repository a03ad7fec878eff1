"""Load all rules by their codes: those of ``catalogue.json``, and those about CA certificates.

The texts are JSON, because every start of ``toolkit lint`` reads them, thirty times faster than TOML.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from toolkit.pki import authority
from toolkit.pki.authority import IN_A_MESH, KUMA


class Severity(StrEnum):
    """The severity of a finding, in the words of SARIF 2.1.0, 3.27.10."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """Return the severity as a number; a larger one is more severe."""
        return -[*Severity].index(self)


@dataclass(frozen=True)
class Rule:
    """One kind of problem.

    Attributes:
        code: stable; never reused for another rule.
        severity: of every finding of the rule.
        title: what is wrong, in a few words.
        why: the effect.
        fix: what to do, unless a finding has a better text.
        source: where the rule comes from.
    """

    code: str
    severity: Severity
    title: str
    why: str
    fix: str
    source: str


# The rules of pki/authority.py that apply to a Mesh. Lifetimes have their own rules, which also warn in advance. A
# Mesh contains no revocation list.
OF_AUTHORITIES = {
    "key-strength": "MESH080",
    "path-length": "MESH081",
    "signature-strength": "MESH084",
    "basic-constraints-critical": "MESH140",
    "key-cert-sign": "MESH141",
    "key-usage": "MESH142",
    "extended-key-usage": "MESH144",
    "name-constraints": "MESH145",
    "name-constraint-forms": "MESH146",
    "critical-extensions": "MESH147",
    "critical-extensions-of-aws": "MESH148",
    "legacy-extensions": "MESH149",
    "serial-number": "MESH150",
    "authority-key-identifier": "MESH151",
    "subject": "MESH152",
    "policy-constraints": "MESH154",
}


def _read_rules() -> dict[str, Rule]:
    tables = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    rules = [Rule(code, Severity(table.pop("severity")), **table) for code, table in tables.items()]
    for rule in authority.RULES:
        if rule.name in OF_AUTHORITIES:
            refusing = rule.refused_by & IN_A_MESH
            severity = Severity.ERROR if refusing else Severity.WARNING
            why = f"Refused by {', '.join(sorted(refusing or rule.refused_by - {KUMA}))}."
            rules.append(Rule(OF_AUTHORITIES[rule.name], severity, rule.title, why, rule.fix, rule.source))
    return {rule.code: rule for rule in sorted(rules, key=lambda rule: rule.code)}


RULES = _read_rules()
