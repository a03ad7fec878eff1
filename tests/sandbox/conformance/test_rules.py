"""Test every rule of AWS Private CA that the sandbox implements, through boto3 over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.conformance import (
    rules_authorities,
    rules_certificates,
    rules_csr,
    rules_forms,
    rules_importing,
    rules_lifecycle,
    rules_passthrough,
    rules_pod_identity,
    rules_publishing,
    rules_ram,
    rules_ram_principals,
    rules_requests,
    rules_roles,
    rules_sharing,
    rules_validity,
)
from tests.sandbox.conformance.world import RULES, Rule, World

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

AREAS = (
    rules_authorities,
    rules_certificates,
    rules_csr,
    rules_forms,
    rules_importing,
    rules_lifecycle,
    rules_passthrough,
    rules_pod_identity,
    rules_publishing,
    rules_ram,
    rules_ram_principals,
    rules_requests,
    rules_roles,
    rules_sharing,
    rules_validity,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.identifier)
def test_rule(rule: Rule, aws: TestSandbox) -> None:
    rule.check(World(aws))


def test_every_rule_names_its_source() -> None:
    assert len(AREAS) == 15
    assert len(RULES) >= 120
    for rule in RULES:
        assert len(rule.source) > 8, rule.identifier
        assert rule.statement.endswith("."), rule.identifier


def test_the_documentation_lists_every_rule_and_difference() -> None:
    from tests.sandbox.conformance import document  # noqa: PLC0415 - it imports this module

    for part in document.PARTS:
        assert part.renewed == part.text, "run `make docs`"
