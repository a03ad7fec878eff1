"""Write the report as JUnit XML for CI systems, with a suite for each zone and a case for each check."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.reporting.junit import Case, Suite, write_suites
from toolkit.verify.report import verdict
from toolkit.verify.results import Check, Handshake, Outcome, Report, ZoneResult


def render(report: Report) -> str:
    """Return the report as one ``testsuites`` element.

    The document is free of failures and errors exactly when the report has passed.
    """
    name, time = f"toolkit verify, mesh {report.mesh}", report.finished_at - report.started_at
    return write_suites(name, _suites(report), group=report.mesh, started=report.started_at, time=time)


def _suites(report: Report) -> Iterator[Suite]:
    for zone in report.zones:
        yield _zone(zone)
    for name in report.missing_zones:
        text = "The contract has the zone, but no report has a result for it: run its job, or add its report."
        yield Suite(name, [Case("report", "error", "no result for this zone", "missing", text)])
    if report.handshakes:
        cases = [_handshake(meeting) for meeting in report.handshakes]
        if missing := report.handshakes_not_made:
            cases.append(
                Case("not made", "skipped", f"{missing} handshakes were not made", text=verdict.VERIFY_TOGETHER)
            )
        yield Suite("handshakes", cases)
    if report.interrupted:
        text = "The run was stopped. The report has the results up to then."
        yield Suite("run", [Case("completion", "error", "the run was interrupted", "interrupted", text)])


def _zone(zone: ZoneResult) -> Suite:
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
    return Suite(zone.zone, cases, properties, zone.issuance)


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
