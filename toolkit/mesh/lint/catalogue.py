"""Every rule, by its code: those of ``catalogue.json``, and those about certificates of CAs.

The texts are JSON because that is read thirty times faster than TOML, in every start of ``toolkit lint``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from toolkit.pki import authority
from toolkit.pki.authority import IN_A_MESH, KUMA


class Severity(StrEnum):
    """How bad a finding is; the words are those of SARIF 2.1.0, 3.27.10."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """Larger is worse."""
        return -[*Severity].index(self)


@dataclass(frozen=True)
class Rule:
    """One kind of problem.

    Attributes:
        code: stable, and never used for anything else again.
        severity: of every finding of the rule.
        title: what is wrong, in a few words.
        why: what comes of it.
        fix: what to do, where a finding does not say it better.
        source: where the rule comes from.
    """

    code: str
    severity: Severity
    title: str
    why: str
    fix: str
    source: str


# The rules of pki/authority.py that a Mesh is checked for. Lifetimes have rules of their own, with a warning
# beforehand; of a revocation list a Mesh says nothing.
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
