"""Every rule, by its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.lint import (
    authorities,
    chain_rules,
    common_names,
    contract_rules,
    credentials,
    durations,
    names,
    products,
    secret_documents,
    sources,
    structure,
    unreadable,
)

if TYPE_CHECKING:
    from toolkit.mesh.lint.context import Check
    from toolkit.mesh.lint.findings import Rule

_ROOMS = (
    unreadable,
    structure,
    names,
    sources,
    secret_documents,
    durations,
    authorities,
    chain_rules,
    common_names,
    credentials,
    products,
    contract_rules,
)
RULES: dict[str, Rule] = {
    rule.code: rule for rule in sorted((rule for room in _ROOMS for rule in room.RULES), key=lambda rule: rule.code)
}
# What looks at one Mesh; the Secrets have checks of their own.
CHECKS: tuple[Check, ...] = (
    structure.check,
    names.check,
    sources.check,
    durations.check,
    authorities.check,
    chain_rules.check,
    common_names.check,
    credentials.check,
    products.check,
    contract_rules.check,
)
