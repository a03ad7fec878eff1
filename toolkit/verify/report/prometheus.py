"""The report for node_exporter's textfile collector: gauges in Prometheus' text format.

Names end in their base unit (https://prometheus.io/docs/practices/naming/); none ends in ``_total``, since what a run
counted does not go on growing with the next one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolkit.text import legible
from toolkit.verify.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.verify.results import Report, ZoneResult

PREFIX = "kong_mesh_pca_verify_"
# Every gauge and what it says, in the order of the document.
GAUGES = {
    "passed": "Whether the last run passed: every zone was asked and passed, and all trust each other.",
    "interrupted": "Whether somebody stopped the last run before it was done.",
    "last_run_timestamp_seconds": "When the last run ended.",
    "duration_seconds": "How long the last run took.",
    "certificates_bought": "How many certificates were issued to the last run.",
    "certificates_revoked": "How many of the certificates of the last run it revoked.",
    "cost_upper_bound_dollars": "At most so many US dollars the certificates of the last run cost.",
    "calls": "Calls of AWS that the last run made, by operation, repeated ones included.",
    "zone_passed": "Whether every check of the zone passed; 0 also for a zone of which nothing is known.",
    "zone_missing": "Whether nothing is known of a zone that the contract has.",
    "check_outcome": "How a check of a zone ended: 1 for the outcome that it had, 0 for the others.",
    "issuance_seconds": "From the request for the zone's certificate to the fetched certificate.",
    "certificate_not_after_timestamp_seconds": "When the zone's certificate ends.",
    "chain_not_after_timestamp_seconds": "When the first CA of the chain that came with the certificate ends.",
    "handshake_passed": "Whether a proxy of the client's zone and one of the server's trust each other.",
}
_WORSE_WHEN_MORE = {"interrupted", "zone_missing", "issuance_seconds"}


class PrometheusForm:
    """Implements :class:`toolkit.verify.report.Form`."""

    def render(self, report: Report) -> str:
        """The report as text format 0.0.4, which is what the textfile collector reads."""
        samples = _Samples()
        _run(report, samples)
        for zone in report.zones:
            _zone(report.mesh, zone, samples)
        for name in report.missing:
            samples.add("zone_passed", 0, mesh=report.mesh, zone=name, region="")
            samples.add("zone_missing", 1, mesh=report.mesh, zone=name, region="")
        for meeting in report.handshakes:
            ends = {"mesh": report.mesh, "client": meeting.client, "server": meeting.server}
            samples.add("handshake_passed", not meeting.problem, **ends)
        return "".join(f"{line}\n" for line in samples.lines())


@dataclass
class _Samples:
    """Samples by gauge and labels. The collector refuses a file in which one series stands twice."""

    values: dict[str, dict[str, float]] = field(default_factory=lambda: {name: {} for name in GAUGES})

    def add(self, gauge: str, value: float, **labels: str) -> None:
        """Add a sample; where the series is there, as of names that look alike when written, the worse stays."""
        series, key = self.values[gauge], _labels(labels)
        worse = max if gauge in _WORSE_WHEN_MORE or labels.get("outcome", "passed") != "passed" else min
        series[key] = worse(series.get(key, value), value)

    def lines(self) -> Iterator[str]:
        for gauge, series in self.values.items():
            if not series:
                continue
            yield f"# HELP {PREFIX}{gauge} {GAUGES[gauge]}"
            yield f"# TYPE {PREFIX}{gauge} gauge"
            yield from (f"{PREFIX}{gauge}{labels} {_number(value)}" for labels, value in series.items())


def _run(report: Report, samples: _Samples) -> None:
    mesh = report.mesh
    samples.add("passed", report.passed, mesh=mesh)
    samples.add("interrupted", report.interrupted, mesh=mesh)
    samples.add("last_run_timestamp_seconds", report.finished.timestamp(), mesh=mesh)
    samples.add("duration_seconds", (report.finished - report.started).total_seconds(), mesh=mesh)
    samples.add("certificates_bought", report.certificates_bought, mesh=mesh)
    samples.add("certificates_revoked", report.certificates_revoked, mesh=mesh)
    samples.add("cost_upper_bound_dollars", round(report.cost, 4), mesh=mesh)
    for operation, count in sorted(report.calls.items()):
        samples.add("calls", count, mesh=mesh, operation=operation)


def _zone(mesh: str, zone: ZoneResult, samples: _Samples) -> None:
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
        ends = [link.not_after.timestamp() for link in zone.certificate.way]
        if ends:
            samples.add("chain_not_after_timestamp_seconds", min(ends), **labels)


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    # The three that the text format knows; the backslash first.
    return legible(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(float(value))
