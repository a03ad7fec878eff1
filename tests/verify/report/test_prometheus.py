"""The textfile report, read by Prometheus' own Python client."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from prometheus_client.parser import text_string_to_metric_families

from tests.verify.report import samples
from toolkit.text import replace_illegible
from toolkit.verify.report.prometheus import GAUGES, PREFIX
from toolkit.verify.report.prometheus import render as render_prometheus

if TYPE_CHECKING:
    from toolkit.verify.results import Report

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(report: Report) -> Series:
    text = render_prometheus(report)
    assert text.endswith("\n")
    series: Series = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation == GAUGES[family.name.removeprefix(PREFIX)]
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            # The collector refuses the whole file for a series that stands twice, or that has a time.
            assert key not in series
            assert sample.timestamp is None
            series[key] = sample.value
    return series


def value(report: Report, name: str, **labels: str) -> float:
    return read(report)[PREFIX + name, frozenset({"mesh": "default", **labels}.items())]


@pytest.mark.parametrize("name", GAUGES)
def test_names_are_as_prometheus_wants_them(name: str) -> None:
    assert re.fullmatch(r"[a-z][a-z_]*[a-z]", name)
    # _total is for counters, and units are base units.
    assert not name.endswith(("_total", "_count", "_sum", "_bucket", "_info", "_milliseconds"))


def test_a_zone_and_its_checks() -> None:
    report = samples.mixed()
    tokyo = {"zone": "tokyo-1", "region": "ap-northeast-1"}
    ireland = {"zone": "ireland-1", "region": "eu-west-1"}
    assert value(report, "zone_passed", zone="frankfurt-1", region="eu-central-1") == 1
    assert value(report, "zone_passed", **tokyo) == 0
    assert value(report, "check_outcome", **tokyo, check="chain", outcome="failed") == 1
    assert value(report, "check_outcome", **tokyo, check="chain", outcome="passed") == 0
    assert value(report, "check_outcome", **ireland, check="issue", outcome="skipped") == 1
    assert value(report, "issuance_seconds", **tokyo) == pytest.approx(1.78)
    certificate = samples.certificate()
    assert value(report, "certificate_not_after_timestamp_seconds", **tokyo) == certificate.not_after.timestamp()
    assert value(report, "chain_not_after_timestamp_seconds", **tokyo) == certificate.chain[0].not_after.timestamp()
    names = {(name, labels) for name, labels in read(report) if ("zone", "ireland-1") in labels}
    assert not [name for name, _ in names if "not_after" in name or "issuance" in name]


def test_a_missing_zone_alerts_like_a_failed_one() -> None:
    report = samples.mixed()
    assert value(report, "zone_passed", zone="sydney-1", region="") == 0
    assert value(report, "zone_missing", zone="sydney-1", region="") == 1
    assert value(report, "zone_missing", zone="tokyo-1", region="ap-northeast-1") == 0


def test_the_run_and_its_cost() -> None:
    report = samples.mixed()
    assert value(report, "passed") == 0
    assert value(samples.passed(), "passed") == 1
    assert value(samples.interrupted(), "interrupted") == 1
    assert value(report, "last_run_timestamp_seconds") == report.finished_at.timestamp()
    assert value(report, "duration_seconds") == pytest.approx(2.5)
    assert value(report, "certificates_issued") == 3
    assert value(report, "certificates_revoked") == 1
    assert value(report, "cost_upper_bound_dollars") == pytest.approx(2.25)
    assert value(report, "calls", operation="GetCertificate") == 9


def test_handshakes() -> None:
    report = samples.mixed()
    assert value(report, "handshake_passed", client="frankfurt-1", server="oregon-1") == 1
    assert value(report, "handshake_passed", client="frankfurt-1", server="tokyo-1") == 0
    assert not [name for name, _ in read(samples.report([samples.good()])) if "handshake" in name]


@given(report=samples.reports)
def test_labels_survive_whatever_they_hold(report: Report) -> None:
    series = read(report)
    zones = {dict(labels)["zone"] for name, labels in series if name == PREFIX + "zone_passed"}
    assert zones == {replace_illegible(name) for name in (*(zone.zone for zone in report.zones), *report.missing_zones)}
    for line in render_prometheus(report).split("\n"):
        assert line == "" or line.startswith(("# HELP ", "# TYPE ", PREFIX))
