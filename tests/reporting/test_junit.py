from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from junitparser import JUnitXml

from toolkit.reporting.junit import Case, Suite, write_suites

STARTED = datetime(2026, 1, 1, 12, tzinfo=UTC)


def read(suites: Sequence[Suite]) -> JUnitXml:
    text = write_suites("a run", suites, group="default", started=STARTED, time=timedelta(seconds=2.5))
    return JUnitXml.fromstring(text.encode())


def test_totals_are_those_of_the_cases() -> None:
    cases = [
        Case("good"),
        Case("bad", "failure", "why", "kind"),
        Case("broken", "error", "why"),
        Case("left", "skipped"),
    ]
    document = read([Suite("one", cases), Suite("two", [Case("good")])])
    assert (document.tests, document.failures, document.errors, document.time) == (5, 1, 1, 2.5)
    first, second = document
    assert (first.tests, first.failures, first.errors, first.skipped) == (4, 1, 1, 1)
    assert (second.tests, second.failures, second.errors, second.skipped) == (1, 0, 0, 0)
    assert [case.classname for case in first] == ["default.one"] * 4


def test_what_xml_can_not_carry_is_replaced() -> None:
    text = write_suites(
        "a\x00", [Suite("\x1b", [Case("]]>", "failure", "<&>\x08")])], group="g", started=STARTED, time=timedelta()
    )
    (suite,) = JUnitXml.fromstring(text.encode())
    (case,) = suite
    assert case.name == "]]>"
    assert case.result[0].message == "<&>\N{REPLACEMENT CHARACTER}"
