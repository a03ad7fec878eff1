"""Write the report as gauges in Prometheus' text format, for node_exporter's textfile collector.

Names end in their base unit (https://prometheus.io/docs/practices/naming/). No name ends in ``_total``, because these
counts start again with each run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.reporting.prometheus import Gauges
from toolkit.verify.results import Outcome

if TYPE_CHECKING:
    from toolkit.verify.results import Report, ZoneResult

PREFIX = "kong_mesh_pca_verify_"
# Help text of each gauge, in the order of the document.
GAUGES = {
    "passed": "Whether the last run passed: every zone was asked and passed, and all trust each other.",
    "interrupted": "Whether somebody stopped the last run before it was done.",
    "last_run_timestamp_seconds": "When the last run ended.",
    "duration_seconds": "How long the last run took.",
    "certificates_issued": "How many certificates were issued to the last run.",
    "certificates_revoked": "How many of the certificates of the last run it revoked.",
    "cost_upper_bound_dollars": "At most so many US dollars the certificates of the last run cost.",
    "calls": "Calls of AWS that the last run made, by operation, repeated ones included.",
    "zone_passed": "Whether every check of the zone passed; 0 also for a zone of which nothing is known.",
    "zone_missing": "Whether nothing is known of a zone that the contract has.",
    "check_outcome": "How a check of a zone ended: 1 for the outcome that it had, 0 for the others.",
    "issuance_seconds": "From the request for the zone's certificate to the fetched certificate.",
    "certificate_not_after_timestamp_seconds": "When the zone's certificate expires.",
    "chain_not_after_timestamp_seconds": "When the first CA of the chain that came with the certificate expires.",
    "handshake_passed": "Whether a proxy of the client's zone and one of the server's trust each other.",
}
_WORSE_WHEN_MORE = {"interrupted", "zone_missing", "issuance_seconds"}


class PrometheusForm:
    """Implements :class:`toolkit.verify.report.Form`."""

    def render(self, report: Report) -> str:
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
