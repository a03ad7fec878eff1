"""Write the report as gauges in Prometheus' text format, for node_exporter's textfile collector.

Names end in their base unit (https://prometheus.io/docs/practices/naming/). No name ends in ``_total``, because these
counts start again with each run.
"""

from __future__ import annotations

from toolkit.reporting.prometheus import Gauges
from toolkit.verify.results import Outcome, Report, ZoneResult

PREFIX = "kong_mesh_pca_verify_"
# Help text of each gauge, in the order of the document.
GAUGES = {
    "passed": "Whether the last run passed: every zone was verified and passed, and every handshake succeeded.",
    "interrupted": "Whether the last run was stopped before it was complete.",
    "last_run_timestamp_seconds": "When the last run ended.",
    "duration_seconds": "How long the last run took.",
    "certificates_issued": "How many certificates were issued in the last run.",
    "certificates_revoked": "How many certificates of the last run were revoked.",
    "cost_upper_bound_dollars": "Maximum cost of the certificates of the last run, in US dollars.",
    "calls": "Number of AWS calls in the last run, by operation, including retries.",
    "zone_passed": "Whether every check of the zone passed; 0 for a zone without a result.",
    "zone_missing": "Whether a zone of the contract has no result.",
    "check_outcome": "The outcome of a check of a zone: 1 for the actual outcome, 0 for the others.",
    "issuance_seconds": "Time from the request for the zone's certificate to the fetched certificate.",
    "certificate_not_after_timestamp_seconds": "When the zone's certificate expires.",
    "chain_not_after_timestamp_seconds": "When the first CA of the certificate's chain expires.",
    "handshake_passed": "Whether the handshake between the client's zone and the server's zone succeeded.",
}
_WORSE_WHEN_MORE = {"interrupted", "zone_missing", "issuance_seconds"}


def render(report: Report) -> str:
    """Return the report in text format 0.0.4, which the textfile collector reads."""
    samples = Gauges(PREFIX, GAUGES, _WORSE_WHEN_MORE)
    _run(report, samples)
    for zone in report.zones:
        _zone(report.mesh, zone, samples)
    for name in report.missing_zones:
        samples.add("zone_passed", 0, mesh=report.mesh, zone=name, region="")
        samples.add("zone_missing", 1, mesh=report.mesh, zone=name, region="")
    for meeting in report.handshakes:
        ends = {"mesh": report.mesh, "client": meeting.client, "server": meeting.server}
        samples.add("handshake_passed", not meeting.problem, **ends)
    return samples.render()


def _run(report: Report, samples: Gauges) -> None:
    mesh = report.mesh
    samples.add("passed", report.passed, mesh=mesh)
    samples.add("interrupted", report.interrupted, mesh=mesh)
    samples.add("last_run_timestamp_seconds", report.finished_at.timestamp(), mesh=mesh)
    samples.add("duration_seconds", (report.finished_at - report.started_at).total_seconds(), mesh=mesh)
    samples.add("certificates_issued", report.certificates_issued, mesh=mesh)
    samples.add("certificates_revoked", report.certificates_revoked, mesh=mesh)
    samples.add("cost_upper_bound_dollars", round(report.cost_at_most_usd, 4), mesh=mesh)
    for operation, count in sorted(report.calls.items()):
        samples.add("calls", count, mesh=mesh, operation=operation)


def _zone(mesh: str, zone: ZoneResult, samples: Gauges) -> None:
    labels = {"mesh": mesh, "zone": zone.zone, "region": zone.region}
    samples.add("zone_passed", zone.passed, **labels)
    samples.add("zone_missing", 0, **labels)
    for check in zone.checks:
        for outcome in Outcome:
            samples.add("check_outcome", check.outcome is outcome, **labels, check=check.name, outcome=outcome.value)
    if zone.issuance is not None:
        samples.add("issuance_seconds", zone.issuance.total_seconds(), **labels)
    if zone.certificate is not None:
        samples.add("certificate_not_after_timestamp_seconds", zone.certificate.not_after.timestamp(), **labels)
        ends = [link.not_after.timestamp() for link in zone.certificate.chain]
        if ends:
            samples.add("chain_not_after_timestamp_seconds", min(ends), **labels)
