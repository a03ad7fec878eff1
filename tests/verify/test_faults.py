"""Each fault fails the expected check of its zone, with advice, in time, and without a second certificate."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.verify import document
from tests.verify.faults import CASES, EVERY, OF_ZONE, ZONE, Case, World
from tests.verify.world import failures
from toolkit.sandbox.faults import Fault

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs
    from toolkit.verify.results import Report

# What the runner waits beyond a zone's time, and what two busy cores may add to it.
_GRACE = timedelta(seconds=10)
PASSING = ("throttle", "reset", "error")
LASTING = [case for case in CASES if case.zone == ZONE and not case.slow]


def holds(case: Case, report: Report, issued: dict[str, int]) -> None:
    """The report says what the case expects, and AWS sold no more than that."""
    everywhere = [zone.zone for zone in report.zones]
    affected = {"": [], ZONE: [ZONE], EVERY: everywhere}[case.zone]
    found = failures(report)
    assert {zone: [check.name for check in checks] for zone, checks in found.items()} == {
        zone: [case.check, *case.also] for zone in affected
    }
    for checks in found.values():
        assert case.advice in checks[0].advice
        assert checks[0].advice
    assert report.finished_at - report.started_at < case.timeout + _GRACE
    for zone, count in issued.items():
        expected = case.issued if zone in affected else 1
        assert count == expected or (expected is None and count <= 1)


@pytest.mark.slow
@pytest.mark.parametrize("case", [pytest.param(case, id=case.identifier) for case in CASES])
def test_a_fault_alone(case: Case, aws: TestSandbox, outputs: StackOutputs) -> None:
    world = World.of(aws, outputs)
    world.changes["timeout"] = case.timeout
    case.prepare(world)
    report = world.verify()
    holds(case, report, world.count_issued())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_faults_mixed(seed: int, aws: TestSandbox, outputs: StackOutputs) -> None:
    """What passes by itself strikes all zones, and one fault that stays strikes one of them."""
    dice = random.Random(seed)  # noqa: S311 - reproducible, hides nothing
    world = World.of(aws, outputs)
    case = dice.choice(LASTING)
    world.changes["timeout"] = timedelta(seconds=12)
    case.prepare(world)
    lasting = aws.faults.plan.faults
    noise = [
        Fault.model_validate({"effect": effect, "probability": dice.uniform(0.05, 0.2)})
        for effect in dice.sample(PASSING, 2)
    ]
    late = Fault(effect="latency", seconds=dice.uniform(0.01, 0.1), probability=0.5)
    world.break_calls(*lasting, late, *noise, seed=seed)
    report = world.verify()
    found = failures(report)
    assert {zone: [check.name for check in checks] for zone, checks in found.items()} == {
        ZONE: [case.check, *case.also]
    }
    assert report.finished_at - report.started_at < timedelta(seconds=12) + _GRACE
    assert all(count <= 1 for count in world.count_issued().values())


def test_the_documentation_says_what_the_tests_do() -> None:
    assert document.PART.renewed == document.PART.text, "run `make docs`"


def test_the_cases_are_told_apart() -> None:
    names = [case.identifier for case in CASES]
    assert len(set(names)) == len(names)
    assert ZONE in OF_ZONE
