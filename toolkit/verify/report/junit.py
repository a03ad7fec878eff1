"""The report for CI systems: JUnit's XML, a suite a zone and a case a check.

Nobody ever fixed the format; what is written here is what the schemas of Jenkins' xUnit plugin and of Ant have in
common: a suite needs ``name``, ``tests``, ``failures`` and ``errors``, all its suites stand in one ``testsuites``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from toolkit.text import legible
from toolkit.verify.report import verdict
from toolkit.verify.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from toolkit.verify.results import Check, Handshake, Report, ZoneResult

_RUN = "run"
_HANDSHAKES = "handshakes"


class JunitForm:
    """Implements :class:`toolkit.verify.report.Form`.

    The document is free of failures and errors exactly when the report has passed.
    """

    def render(self, report: Report) -> str:
        """The report as one ``testsuites`` element."""
        suites = [_suite(suite, report) for suite in _suites(report)]
        root = ET.Element("testsuites", {"name": legible(f"toolkit verify, mesh {report.mesh}")})
        for total in ("tests", "failures", "errors"):
            root.set(total, str(sum(int(suite.get(total, "0")) for suite in suites)))
        root.set("time", _seconds(report.finished - report.started))
        root.extend(suites)
        ET.indent(root)
        document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
        return document.decode() + "\n"


class _Case(NamedTuple):
    """One case of a suite.

    Attributes:
        name: what was looked at.
        verdict: ``failure``, ``error`` or ``skipped``; None when it passed.
        message: why, on one line.
        kind: of the verdict, for those who count by it.
        text: why, at length; what is worth knowing of a case that passed.
        time: how long it took, where that is known.
    """

    name: str
    verdict: str | None = None
    message: str = ""
    kind: str = ""
    text: str = ""
    time: timedelta | None = None


class _Suite(NamedTuple):
    """One suite of the document."""

    name: str
    cases: Sequence[_Case]
    properties: Sequence[tuple[str, str]] = ()
    time: timedelta | None = None


def _suites(report: Report) -> Iterator[_Suite]:
    for zone in report.zones:
        yield _zone(zone)
    for name in report.missing:
        text = "The contract has the zone, but no report says anything of it: run its job, or give its report."
        yield _Suite(name, [_Case("report", "error", "nothing is known of this zone", "missing", text)])
    if report.handshakes:
        yield _Suite(_HANDSHAKES, [_handshake(meeting) for meeting in report.handshakes])
    if report.interrupted:
        text = "Somebody stopped the run; the report holds what was known by then."
        yield _Suite(_RUN, [_Case("completion", "error", "the run was interrupted", "interrupted", text)])


def _zone(zone: ZoneResult) -> _Suite:
    cases = [_check(check, zone) for check in zone.checks]
    if not zone.passed and not any(check.failed for check in zone.checks):
        # Skipped cases alone would look like success.
        text = "No check failed, but not all of them were made."
        cases.append(
            _Case("completion", "error", "the zone's verification did not come to its end", "incomplete", text)
        )
    properties = [("region", zone.region)]
    properties += [("certificate", arn) for arn in zone.bought]
    properties += [("revoked", arn) for arn in zone.revoked]
    properties += [("not revoked", f"{found.certificate_arn}: {found.reason}") for found in zone.not_revoked]
    if zone.certificate:
        properties += [("serial", zone.certificate.serial), ("sha256", zone.certificate.sha256_fingerprint)]
    return _Suite(zone.zone, cases, properties, zone.issuance)


def _check(check: Check, zone: ZoneResult) -> _Case:
    # The one time that is measured is that from the request to the fetched certificate.
    time = zone.issuance if check.name == "fetch" else None
    if check.outcome is Outcome.SKIPPED:
        return _Case(check.name, "skipped", check.note or "a check before it failed", text=check.note)
    text = "\n".join(verdict.explained(check))
    if check.failed:
        message = f"expected {check.expected or 'another answer'}; found {check.found or 'nothing'}"
        return _Case(check.name, "failure", message, check.name, text, time)
    return _Case(check.name, text=text, time=time)


def _handshake(meeting: Handshake) -> _Case:
    name = f"{meeting.client} to {meeting.server}"
    if not meeting.problem:
        return _Case(name)
    return _Case(name, "failure", meeting.problem, "handshake", meeting.problem)


def _suite(suite: _Suite, report: Report) -> ET.Element:
    count = {
        verdict: sum(case.verdict == verdict for case in suite.cases) for verdict in ("failure", "error", "skipped")
    }
    element = ET.Element(
        "testsuite",
        {
            "name": legible(suite.name),
            "tests": str(len(suite.cases)),
            "failures": str(count["failure"]),
            "errors": str(count["error"]),
            "skipped": str(count["skipped"]),
            # Ant's schema knows no time zone here; it is UTC.
            "timestamp": f"{report.started:%Y-%m-%dT%H:%M:%S}",
        },
    )
    if suite.time is not None:
        element.set("time", _seconds(suite.time))
    if suite.properties:
        properties = ET.SubElement(element, "properties")
        for name, value in suite.properties:
            ET.SubElement(properties, "property", {"name": name, "value": legible(value)})
    for case in suite.cases:
        element.append(_case(case, f"{report.mesh}.{suite.name}"))
    return element


def _case(case: _Case, classname: str) -> ET.Element:
    element = ET.Element("testcase", {"name": legible(case.name), "classname": legible(classname)})
    if case.time is not None:
        element.set("time", _seconds(case.time))
    if case.verdict is None:
        if case.text:
            ET.SubElement(element, "system-out").text = legible(case.text)
        return element
    verdict = ET.SubElement(element, case.verdict, {"message": legible(case.message)})
    if case.kind:
        verdict.set("type", legible(case.kind))
    if case.text:
        verdict.text = legible(case.text)
    return element


def _seconds(time: timedelta) -> str:
    return f"{max(time.total_seconds(), 0):.3f}"
