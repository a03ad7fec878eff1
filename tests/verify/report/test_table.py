from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verify.report import samples
from toolkit.verify.report.table import render as render_table


def test_what_a_zone_bought_that_did_not_pass_is_named() -> None:
    report = samples.mixed()
    text = render_table(report)
    passed, refused, untrusted, _ = report.zones
    assert f"  issued, revoked  {untrusted.certificates_issued[0]}\n" in text
    assert passed.certificates_issued[0] not in text
    assert not refused.certificates_issued
    assert f"  issued  {passed.certificates_issued[0]}\n" in render_table(report, wide=True)


def test_what_was_not_revoked_is_named_with_the_reason_also_of_zones_that_passed() -> None:
    zone = samples.kept()
    text = render_table(samples.report([samples.good(), zone]))
    assert (
        f"Not revoked\n  oregon-1  {zone.certificates_issued[0]}\n    reason:   AccessDeniedException: not authorized\n"
        "    do:       Revoke it as the CA's administrator with aws acm-pca revoke-certificate." in text
    )
    assert "2 certificates issued (at most $1.50), 1 not revoked" in text


def test_a_zone_that_was_stopped_did_not_fail() -> None:
    text = render_table(samples.interrupted())
    row = next(line for line in text.splitlines() if line.startswith("ireland-1"))
    assert "interrupted" in row
    assert "failed" not in text
    assert "1 of 2 zones was interrupted (ireland-1)" in text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_zone_and_result_stay_on_narrow_terminals(width: int) -> None:
    zone = replace(samples.good(), zone="production-eu-central-1-frankfurt-blue")
    report = samples.report([zone, samples.refused()], handshakes=samples.meetings([zone, samples.good()]))
    shown = render_table(report, width=width).splitlines()
    head, _, first, second, *rest = shown
    assert head.split()[0] == "ZONE"
    assert "RESULT" in head
    assert first.startswith("production-")
    assert "passed" in first
    assert second.startswith("ireland-1")
    assert "failed" in second
    # Of a matrix that does not fit, the failed handshakes alone are shown.
    assert any(line.startswith("CLIENT / SERVER") for line in rest) == (width == 120)
