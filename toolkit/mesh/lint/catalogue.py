"""Every rule, by its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.mesh.lint import (
    access_keys,
    authority_arn_rules,
    chain_rules,
    common_names,
    contract_rules,
    credential_rules,
    data_source_rules,
    durations,
    key_pairs,
    labels,
    last_applied,
    metadata,
    name_rules,
    placeholders,
    products,
    secret_documents,
    secret_names,
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
    name_rules,
    data_source_rules,
    secret_documents,
    durations,
    authority_arn_rules,
    chain_rules,
    common_names,
    credential_rules,
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
    name_rules.check,
    data_source_rules.check,
    durations.check,
    authority_arn_rules.check,
    chain_rules.check,
    common_names.check,
    credential_rules.check,
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
