"""Every mutation of an issued certificate fails the expected checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import contract
from tests.verify.broken_issuer import ISSUING, MUTATIONS, BrokenIssuer, Mutation
from tests.verify.world import plan
from toolkit.verify import runner

if TYPE_CHECKING:
    from toolkit.verify.results import Check

OUTPUTS = contract(ISSUING)


def failed(issuer: BrokenIssuer) -> list[Check]:
    zones = OUTPUTS.zones[:1]
    (zone,) = runner.verify(OUTPUTS, plan(OUTPUTS), issuer, zones=zones).report.zones
    return [check for check in zone.checks if check.failed]


def test_an_issuer_that_is_not_broken_passes() -> None:
    assert failed(BrokenIssuer(lambda _: None)) == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.identifier.replace(" ", "-") for mutation in MUTATIONS])
def test_what_is_broken_is_named(mutation: Mutation) -> None:
    found = failed(BrokenIssuer(mutation.change))
    assert {check.name for check in found} == set(mutation.checks)
    for check in found:
        assert check.expected
        assert check.found
        assert check.advice


def test_there_are_enough_of_them() -> None:
    assert len({mutation.identifier for mutation in MUTATIONS}) == len(MUTATIONS) >= 50
