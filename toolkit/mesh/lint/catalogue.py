"""Every rule, by its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.lint import (
    access_keys,
    authorities,
    chain_rules,
    common_names,
    contract_rules,
    credentials,
    durations,
    key_pairs,
    labels,
    last_applied,
    metadata,
    names,
    placeholders,
    products,
    secret_documents,
    secret_names,
    sources,
    structure,
    telemetry_rules,
    unreadable,
    value_types,
)

if TYPE_CHECKING:
    from toolkit.mesh.lint.context import Check, SecretCheck
    from toolkit.mesh.lint.findings import Rule

_ROOMS = (
    unreadable,
    structure,
    value_types,
    labels,
    names,
    sources,
    secret_documents,
    durations,
    authorities,
    chain_rules,
    common_names,
    credentials,
    access_keys,
    placeholders,
    key_pairs,
    metadata,
    secret_names,
    last_applied,
    products,
    contract_rules,
    telemetry_rules,
)
RULES: dict[str, Rule] = {
    rule.code: rule for rule in sorted((rule for room in _ROOMS for rule in room.RULES), key=lambda rule: rule.code)
}
# What looks at one Mesh.
CHECKS: tuple[Check, ...] = (
    structure.check,
    labels.check,
    names.check,
    sources.check,
    durations.check,
    authorities.check,
    chain_rules.check,
    common_names.check,
    credentials.check,
    access_keys.check,
    key_pairs.check,
    metadata.check,
    secret_names.check,
    last_applied.check,
    products.check,
    contract_rules.check,
    telemetry_rules.check,
)
# What looks at one Secret.
SECRET_CHECKS: tuple[SecretCheck, ...] = (
    secret_documents.check_secret,
    secret_names.check_secret,
    metadata.check_secret,
    labels.check_secret,
    access_keys.check_secret,
    last_applied.check_secret,
)
