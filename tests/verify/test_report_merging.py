from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.report import samples
from tests.verify.report.documents import make_json_schema
from tests.verify.world import failures, verify, without
from toolkit.errors import InvalidInputError
from toolkit.verify import report_merging
from toolkit.verify.report.html import build_values
from toolkit.verify.report.json import parse
from toolkit.verify.report.json import render as render_json
from toolkit.verify.report.junit import render as render_junit
from toolkit.verify.report.verdict import VERIFY_TOGETHER, summarize
from toolkit.verify.results import Check, Handshake, Outcome, Report, ZoneResult

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs


def test_a_report_comes_back_as_it_was(aws: TestSandbox, outputs: StackOutputs) -> None:
    without(aws, outputs.zones[1], "acm-pca:GetCertificate")
    report = verify(aws, outputs, probe_denials=True)
    text = render_json(report)
    again = parse(text, "report.json")
    assert render_json(again) == text
    assert failures(again) == failures(report)
    assert (again.calls, again.cost_at_most_usd, again.passed) == (report.calls, report.cost_at_most_usd, False)
    assert make_json_schema()["properties"]["schemaVersion"]


def test_jobs_of_three_zones_make_one_report(aws: TestSandbox, outputs: StackOutputs) -> None:
    whole = verify(aws, outputs)
    parts = [replace(whole, zones=(zone,)) for zone in whole.zones]
    merged = report_merging.merge(parts[::-1], outputs)
    assert [zone.zone for zone in merged.zones] == [zone.name for zone in outputs.zones]
    assert merged.passed
    assert merged.certificates_issued == 3
    short = report_merging.merge(parts[:2], outputs)
    assert short.missing_zones == ("ireland-1",)
    assert not short.passed


def test_the_last_word_on_a_zone_counts(aws: TestSandbox, outputs: StackOutputs) -> None:
    without(aws, outputs.zones[0], "acm-pca:IssueCertificate")
    bad = verify(aws, outputs)
    aws.clean_up()
    good = verify(aws, outputs)
    assert report_merging.merge([good, bad], outputs).passed
    later = replace(bad, finished_at=good.finished_at + timedelta(seconds=1))
    assert not report_merging.merge([good, later], outputs).passed


def test_reports_that_do_not_belong_together(aws: TestSandbox, outputs: StackOutputs) -> None:
    report = verify(aws, outputs)
    strange = replace(
        report,
        mesh="other",
        certificate_authority_arn="arn:other",
        zones=(replace(report.zones[0], zone="mars"),),
    )
    with pytest.raises(InvalidInputError) as caught:
        report_merging.merge([report, strange], outputs)
    assert [problem.path for problem in caught.value.problems] == ["mesh", "certificateAuthorityArn", "zones"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schemaVersion": 2}', "[" * 100_000])
def test_what_is_no_report(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"report\.json is not a report"):
        parse(text, "report.json")


@pytest.mark.parametrize(
    ("version", "words"),
    [("3", "is 3, and this version of the toolkit reads 1 or 2: upgrade the toolkit"), ("true", "must be 1 or 2")],
)
def test_a_report_of_a_newer_toolkit(version: str, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(f'{{"schemaVersion": {version}}}', "report.json")
    (problem,) = caught.value.problems
    assert problem.message.startswith(words)


@given(st.text())
def test_any_text_is_a_report_or_is_refused(text: str) -> None:
    try:
        parse(text, "report.json")
    except InvalidInputError:
        return


def of(*zones: ZoneResult, at: int = 0, **changes: Any) -> Report:
    return replace(samples.report(zones), finished_at=samples.STARTED + timedelta(seconds=at), **changes)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_reports_of_one_second_the_worse_counts(outputs: StackOutputs, order: int) -> None:
    good = samples.good()
    bad = replace(good, checks=(Check("issue", Outcome.FAILED),))
    outputs = whose(outputs)
    pair = ("frankfurt-1", "ireland-1")
    reports = [of(good, handshakes=(Handshake(*pair),)), of(bad, handshakes=(Handshake(*pair, "expired"),))]
    merged = report_merging.merge(reports[::order], outputs)
    assert [zone.passed for zone in merged.zones] == [False]
    assert [met.problem for met in merged.handshakes] == ["expired"]
    # Also where one report says two things of a zone.
    assert not report_merging.merge([of(*(good, bad)[::order])], outputs).zones[0].passed


def test_handshakes_stay_in_their_order(outputs: StackOutputs) -> None:
    zones = [samples.good(zone.name) for zone in outputs.zones]
    met = samples.meetings(zones, bad=zones[0].zone)
    merged = report_merging.merge([of(*zones, handshakes=met)], whose(outputs))
    assert merged.handshakes == met


def test_what_a_job_bought_before_it_was_tried_again_is_not_forgotten(outputs: StackOutputs) -> None:
    first = replace(samples.good(), certificates_issued=("arn:1",), checks=(Check("fetch", Outcome.FAILED),))
    second = replace(samples.good(), certificates_issued=("arn:2",), certificates_revoked=("arn:2",))
    (zone,) = report_merging.merge([of(second, at=9), of(first, at=1), of(first, at=1)], whose(outputs)).zones
    assert zone.passed
    assert (zone.certificates_issued, zone.certificates_revoked) == (("arn:1", "arn:2"), ("arn:2",))


def test_a_job_that_was_stopped_and_tried_again_is_done_with(outputs: StackOutputs) -> None:
    skipped = replace(samples.good(), checks=(Check("issue", Outcome.SKIPPED),))
    stopped = of(skipped, at=1, interrupted=True)
    outputs = whose(outputs)
    assert not report_merging.merge([stopped, of(samples.good(), at=2)], outputs).interrupted
    assert report_merging.merge(
        [replace(stopped, finished_at=samples.STARTED + timedelta(seconds=3)), of(samples.good())], outputs
    )
    assert report_merging.merge([stopped, of(samples.good())], outputs).interrupted


def test_a_zone_that_was_verified_again_has_no_handshakes(outputs: StackOutputs) -> None:
    names = [zone.name for zone in outputs.zones]
    zones = [samples.good(name) for name in names]
    first = of(samples.refused(names[0]), *zones[1:], handshakes=samples.meetings(zones[1:]))
    merged = report_merging.merge([first, of(zones[0], at=1)], whose(outputs))
    assert (merged.passed, merged.handshakes_not_made) == (True, 4)
    text = summarize(merged)
    assert text.startswith("All 3 zones get certificates, but 4 of 6 handshakes between them were not made; 3 cert")
    assert text.endswith(VERIFY_TOGETHER)
    values = build_values(merged)
    assert values["headline"] == "Every zone gets certificates, but 4 handshakes were not made"
    assert [action.advice for action in values["actions"]] == [VERIFY_TOGETHER]
    assert "4 handshakes were not made" in render_junit(merged)
    # Without any handshake, nothing is claimed of them; a zone that failed can't make any.
    assert report_merging.merge([of(*zones)], whose(outputs)).handshakes_not_made == 0
    assert first.handshakes_not_made == 0


def test_handshakes_of_strangers_are_refused(outputs: StackOutputs) -> None:
    report = of(samples.good(), handshakes=(Handshake("frankfurt-1", "\x1b[31mmars"),))
    with pytest.raises(InvalidInputError) as caught:
        report_merging.merge([report], whose(outputs))
    (problem,) = caught.value.problems
    assert problem == ("handshakes", r"\x1b[31mmars is not a zone of the contract")


def whose(outputs: StackOutputs) -> StackOutputs:
    """The contract of the CA that made-up reports are of."""
    authority = outputs.certificate_authority.model_copy(update={"arn": samples.report([]).certificate_authority_arn})
    return outputs.model_copy(update={"certificate_authority": authority})
