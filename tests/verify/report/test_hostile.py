"""Manipulated reports and duplicate entries: no form hides a failure or interprets text as markup."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from tests.verify.report import samples
from toolkit.errors import InvalidInputError
from toolkit.text import escape, replace_illegible
from toolkit.verify.report.json import parse
from toolkit.verify.report.json import render as render_json
from toolkit.verify.report.junit import render as render_junit
from toolkit.verify.report.prometheus import render as render_prometheus
from toolkit.verify.report.table import draw_matrix
from toolkit.verify.report.table import render as render_table
from toolkit.verify.results import Check, Handshake, Outcome, Report, ZoneResult

GOOD = samples.good()
BAD = replace(GOOD, checks=(Check("chain", Outcome.FAILED, "a way", "none", "Render it."),))


def of(*zones: ZoneResult, handshakes: tuple[Handshake, ...] = ()) -> Report:
    return samples.report(zones, handshakes=handshakes)


def test_a_zone_without_checks_proves_nothing() -> None:
    report = of(replace(GOOD, checks=()))
    assert not report.passed
    assert 'errors="1"' in render_junit(report)


@pytest.mark.parametrize("zones", [(GOOD, BAD), (BAD, GOOD)])
def test_of_two_samples_of_one_series_the_worse_stays(zones: tuple[ZoneResult, ...]) -> None:
    handshakes = (Handshake("a", "b", "expired"), Handshake("a", "b"))
    report = of(*zones, handshakes=handshakes[:: 1 if zones[0] is GOOD else -1])
    lines = render_prometheus(replace(report, missing_zones=("x", GOOD.zone))).splitlines()
    of_zone = [line.partition("verify_")[2] for line in lines if 'zone="frankfurt-1",region="eu-central-1"' in line]
    labels = '{mesh="default",zone="frankfurt-1",region="eu-central-1"'
    assert f"zone_passed{labels}}} 0" in of_zone
    assert f'check_outcome{labels},check="chain",outcome="failed"}} 1' in of_zone
    assert f'check_outcome{labels},check="chain",outcome="passed"}} 0' in of_zone
    assert any(line.endswith('handshake_passed{mesh="default",client="a",server="b"} 0') for line in lines)


@pytest.mark.parametrize("text", ["[/bold]", "[red]", "\x1b]0;owned\x07", "\u202egnp.exe", "\u2066", "\x9b31m"])
@pytest.mark.parametrize("color", [False, True])
def test_text_is_no_more_than_text_in_a_terminal(text: str, color: bool) -> None:
    check = Check("chain", Outcome.FAILED, text, text, text, text)
    zone = replace(GOOD, zone=text, region=text, checks=(check,))
    report = of(zone, handshakes=(Handshake(text, "b", text), Handshake("b", text, text)))
    table = render_table(report, wide=True, color=color, width=200)
    assert escape(text) in table
    for forbidden in ("\x1b]", "\x07", "\u202e", "\u2066", "\x9b"):
        assert forbidden not in table
    assert draw_matrix(report, 10_000)
    Console(file=io.StringIO()).print(draw_matrix(report, 10_000))


def test_marks_that_turn_text_round_are_shown() -> None:
    turned = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    assert replace_illegible(f"a{turned}b") == f"a{'�' * len(turned)}b"
    assert replace_illegible("\u200d\u05e9\u2028") == "\u200d\u05e9\u2028"


def test_a_time_that_is_none_is_refused() -> None:
    document = json.loads(render_json(of(GOOD)))
    document["zones"][0]["issuanceMilliseconds"] = 10**30
    with pytest.raises(InvalidInputError, match="not a report"):
        parse(json.dumps(document), "report.json")
    document["zones"][0]["issuanceMilliseconds"] = 5
    assert parse(json.dumps(document), "report.json").zones[0].issuance == timedelta(milliseconds=5)
