"""The JUnit report is valid by a schema, and a library for such reports can read it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from hypothesis import given
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from tests.verify.report import samples
from toolkit.verify.report.junit import render as render_junit
from toolkit.verify.results import Outcome, Report

SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


def rendered(report: Report) -> str:
    text = render_junit(report)
    SCHEMA.validate(text)
    return text


def suites(report: Report) -> dict[str, TestSuite]:
    read = JUnitXml.fromstring(rendered(report).encode())
    return {suite.name: suite for suite in read if isinstance(suite, TestSuite)}


def cases(suite: TestSuite) -> dict[str, TestCase]:
    return {case.name: case for case in suite if isinstance(case, TestCase)}


def totals(report: Report) -> dict[str, int]:
    root = ET.fromstring(rendered(report))  # noqa: S314 - the form wrote it
    counted = {"failures": len(root.findall(".//failure")), "errors": len(root.findall(".//error"))}
    counted["tests"] = len(root.findall(".//testcase"))
    for name, count in counted.items():
        assert int(root.attrib[name]) == count
        assert sum(int(suite.attrib[name]) for suite in root) == count
    for suite in root:
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        assert int(suite.attrib["skipped"]) == len(suite.findall(".//skipped"))
    return counted


@pytest.mark.parametrize("kind", samples.ALL)
def test_totals_are_right_and_red_means_not_passed(kind: str) -> None:
    report = samples.ALL[kind]()
    counted = totals(report)
    assert (counted["failures"] + counted["errors"] == 0) == report.passed


def test_a_zone_is_a_suite_and_a_check_is_a_case() -> None:
    report = samples.mixed()
    read = suites(report)
    assert list(read) == ["frankfurt-1", "ireland-1", "tokyo-1", "oregon-1", "sydney-1", "handshakes"]
    for zone in report.zones:
        found = cases(read[zone.zone])
        assert list(found) == [check.name for check in zone.checks]
        for check in zone.checks:
            case = found[check.name]
            assert case.classname == f"default.{zone.zone}"
            verdicts = {Outcome.PASSED: [], Outcome.FAILED: [Failure], Outcome.SKIPPED: [Skipped]}
            assert [type(result) for result in case.result] == verdicts[check.outcome]
    assert cases(read["frankfurt-1"])["fetch"].time == pytest.approx(0.412)
    assert "time" not in ET.tostring(cases(read["ireland-1"])["identity"]._elem).decode()
    root = ET.fromstring(rendered(report))  # noqa: S314 - the form wrote it
    suite = next(suite for suite in root if suite.attrib["name"] == "tokyo-1")
    properties = [(found.attrib["name"], found.attrib["value"]) for found in suite.iter("property")]
    assert ("region", "ap-northeast-1") in properties
    assert ("revoked", report.zones[2].certificates_issued[0]) in properties


def test_a_failure_says_what_was_expected_and_found_and_what_to_do() -> None:
    (failure,) = cases(suites(samples.mixed())["ireland-1"])["authority"].result
    assert failure.message == "expected ACTIVE, GENERAL_PURPOSE; found DISABLED, GENERAL_PURPOSE"
    assert failure.type == "authority"
    assert failure.text is not None
    assert [line.split(":")[0] for line in failure.text.splitlines()] == ["expected", "found", "do"]
    assert samples.ADVICE in failure.text
    noted = cases(suites(samples.passed())["frankfurt-1"])["basic-constraints"]
    assert "without the critical mark" in (noted.system_out or "")


def test_missing_zones_and_interruptions_are_errors() -> None:
    read = suites(samples.interrupted())
    assert [type(result) for case in cases(read["oregon-1"]).values() for result in case.result] == [Error]
    assert [type(result) for case in cases(read["run"]).values() for result in case.result] == [Error]
    # A zone whose checks were all skipped would look green.
    assert isinstance(cases(read["ireland-1"])["completion"].result[0], Error)


def test_handshakes_are_cases() -> None:
    read = suites(samples.mixed())["handshakes"]
    found = cases(read)
    assert set(found) == {f"{met.client} to {met.server}" for met in samples.mixed().handshakes}
    assert found["frankfurt-1 to oregon-1"].is_passed
    assert "self-signed" in (found["frankfurt-1 to tokyo-1"].result[0].message or "")
    assert "handshakes" not in suites(samples.report([samples.good()]))


@given(report=samples.reports)
def test_no_text_breaks_out(report: Report) -> None:
    counted = totals(report)
    assert (counted["failures"] + counted["errors"] == 0) == report.passed
    read = ET.fromstring(rendered(report))  # noqa: S314 - the form wrote it
    assert {element.tag for element in read.iter()} <= {
        *("testsuites", "testsuite", "testcase", "properties", "property"),
        *("failure", "error", "skipped", "system-out"),
    }


def test_what_xml_cannot_carry_is_replaced() -> None:
    zone = samples.good("a\x00b\x1b[31m\ufffe\ud800]]><script>")
    text = rendered(samples.report([zone]))
    assert "a\ufffdb\ufffd[31m\ufffd\ufffd]]&gt;&lt;script&gt;" in text
