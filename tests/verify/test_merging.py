from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.world import failures, verify, without
from toolkit.errors import InvalidInputError
from toolkit.verify import merging
from toolkit.verify.report.json import JsonForm, json_schema, parse

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs


def test_a_report_comes_back_as_it_was(aws: TestSandbox, outputs: StackOutputs) -> None:
    without(aws, outputs.zones[1], "acm-pca:GetCertificate")
    report = verify(aws, outputs, probe_denials=True)
    text = JsonForm().render(report)
    again = parse(text, "report.json")
    assert JsonForm().render(again) == text
    assert failures(again) == failures(report)
    assert (again.calls, again.cost, again.passed) == (report.calls, report.cost, False)
    assert json_schema()["properties"]["schemaVersion"]


def test_jobs_of_three_zones_make_one_report(aws: TestSandbox, outputs: StackOutputs) -> None:
    whole = verify(aws, outputs)
    parts = [replace(whole, zones=(zone,)) for zone in whole.zones]
    merged = merging.merge(parts[::-1], outputs)
    assert [zone.zone for zone in merged.zones] == [zone.name for zone in outputs.zones]
    assert merged.passed
    assert merged.certificates_bought == 3
    short = merging.merge(parts[:2], outputs)
    assert short.missing == ("ireland-1",)
    assert not short.passed


def test_the_last_word_on_a_zone_counts(aws: TestSandbox, outputs: StackOutputs) -> None:
    without(aws, outputs.zones[0], "acm-pca:IssueCertificate")
    bad = verify(aws, outputs)
    aws.clean_up()
    good = verify(aws, outputs)
    assert merging.merge([good, bad], outputs).passed
    later = replace(bad, finished=good.finished + timedelta(seconds=1))
    assert not merging.merge([good, later], outputs).passed


def test_reports_that_do_not_belong_together(aws: TestSandbox, outputs: StackOutputs) -> None:
    report = verify(aws, outputs)
    strange = replace(
        report,
        mesh="other",
        authority_arn="arn:other",
        zones=(replace(report.zones[0], zone="mars"),),
    )
    with pytest.raises(InvalidInputError) as caught:
        merging.merge([report, strange], outputs)
    assert [problem.path for problem in caught.value.problems] == ["mesh", "certificateAuthorityArn", "zones"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schemaVersion": 2}', "[" * 100_000])
def test_what_is_no_report(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"report\.json is no report"):
        parse(text, "report.json")


@given(st.text())
def test_any_text_is_a_report_or_is_refused(text: str) -> None:
    try:
        parse(text, "report.json")
    except InvalidInputError:
        return
