"""Write the report as JUnit XML for CI systems, with a suite for each zone and a case for each check.

The format has no standard. These documents are valid in the schemas of Jenkins' xUnit plugin and of Ant: a suite has
``name``, ``tests``, ``failures`` and ``errors``, and all suites are in one ``testsuites``.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from toolkit.text import replace_illegible
from toolkit.verify.report import verdict
from toolkit.verify.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.verify.results import Check, Handshake, Report, ZoneResult


class Case(NamedTuple):
    """One case of a suite.

    Attributes:
        name: the name of the check.
        verdict: ``failure``, ``error`` or ``skipped``; None if it passed.
        message: the reason on one line.
        kind: the verdict's type attribute, for statistics; None for none.
        text: the reason in full; for a passed case, a note.
        time: its duration; None if it is not known.
    """

    name: str
    verdict: str | None = None
    message: str = ""
    kind: str | None = None
    text: str = ""
    time: timedelta | None = None


def render(report: Report) -> str:
    """Return the report as one ``testsuites`` element.

    The document is free of failures and errors exactly when the report has passed.
    """
    suites = list(_suites(report))
    tests, failures, errors = (
        sum(int(suite.get(total, "0")) for suite in suites) for total in ("tests", "failures", "errors")
    )
    name, time = f"toolkit verify, mesh {report.mesh}", report.finished_at - report.started_at
    root = _element("testsuites", name=name, tests=tests, failures=failures, errors=errors, time=time)
    root.extend(suites)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document.decode() + "\n"


def _suites(report: Report) -> Iterator[ET.Element]:
    for zone in report.zones:
        yield _zone(report, zone)
    for name in report.missing_zones:
        text = "The contract has the zone, but no report has a result for it: run its job, or add its report."
        yield _suite(report, name, [Case("report", "error", "no result for this zone", "missing", text)])
    if report.handshakes:
        cases = [_handshake(meeting) for meeting in report.handshakes]
        if missing := report.handshakes_not_made:
            cases.append(
                Case("not made", "skipped", f"{missing} handshakes were not made", text=verdict.VERIFY_TOGETHER)
            )
        yield _suite(report, "handshakes", cases)
    if report.interrupted:
        text = "The run was stopped. The report has the results up to then."
        yield _suite(report, "run", [Case("completion", "error", "the run was interrupted", "interrupted", text)])


def _zone(report: Report, zone: ZoneResult) -> ET.Element:
    cases = [_check(check, zone) for check in zone.checks]
    if zone.interrupted:
        # Skipped cases alone would look like success.
        text = "No check failed, but some were not made."
        cases.append(Case("completion", "error", "the zone's verification is not complete", "incomplete", text))
    properties = [("region", zone.region)]
    properties += [("certificate", arn) for arn in zone.certificates_issued]
    properties += [("revoked", arn) for arn in zone.certificates_revoked]
    properties += [("not revoked", f"{kept.certificate_arn}: {kept.reason}") for kept in zone.not_revoked]
    if zone.certificate:
        properties += [("serial", zone.certificate.serial), ("sha256", zone.certificate.sha256_fingerprint)]
    return _suite(report, zone.zone, cases, properties, zone.issuance)


def _check(check: Check, zone: ZoneResult) -> Case:
    # Only the time from the request to the fetched certificate is measured.
    time = zone.issuance if check.name == "fetch" else None
    if check.outcome is Outcome.SKIPPED:
        return Case(check.name, "skipped", check.note or "a check before it failed", text=check.note)
    text = "\n".join(verdict.explain(check))
    if check.failed:
        message = f"expected {check.expected or 'another answer'}; found {check.found or 'nothing'}"
        return Case(check.name, "failure", message, check.name, text, time)
    return Case(check.name, text=text, time=time)


def _handshake(meeting: Handshake) -> Case:
    name = f"{meeting.client} to {meeting.server}"
    if not meeting.problem:
        return Case(name)
    return Case(name, "failure", meeting.problem, "handshake", meeting.problem)


def _suite(
    report: Report,
    name: str,
    cases: Sequence[Case],
    properties: Sequence[tuple[str, str]] = (),
    time: timedelta | None = None,
) -> ET.Element:
    count = Counter(case.verdict for case in cases)
    suite = _element(
        "testsuite",
        name=name,
        tests=len(cases),
        failures=count["failure"],
        errors=count["error"],
        skipped=count["skipped"],
        # In UTC: Ant's schema allows no time zone here.
        timestamp=f"{report.started_at:%Y-%m-%dT%H:%M:%S}",
        time=time,
    )
    if properties:
        suite.append(_element("properties"))
        suite[0].extend(_element("property", name=key, value=value) for key, value in properties)
    for case in cases:
        element = _element("testcase", name=case.name, classname=f"{report.mesh}.{name}", time=case.time)
        if case.verdict:
            element.append(_element(case.verdict, case.text, message=case.message, type=case.kind))
        elif case.text:
            element.append(_element("system-out", case.text))
        suite.append(element)
    return suite


def _element(tag: str, text: str = "", /, **attributes: str | int | timedelta | None) -> ET.Element:
    """Return an element. Attributes that are None are omitted; times are in seconds."""
    element = ET.Element(tag)
    element.text = replace_illegible(text) or None
    for name, value in attributes.items():
        if value is not None:
            shown = f"{max(value.total_seconds(), 0):.3f}" if isinstance(value, timedelta) else str(value)
            element.set(name, replace_illegible(shown))
    return element
