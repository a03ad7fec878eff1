"""The matrix of handshakes in the table form of the report."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from tests.support import AUTHORITY_ARN
from toolkit.verify.handshakes.openssl import CLIENT_REFUSES, SERVER_REFUSES
from toolkit.verify.report.json import parse
from toolkit.verify.report.json import render as render_json
from toolkit.verify.report.table import render as render_table
from toolkit.verify.report.verdict import advise_on_handshake
from toolkit.verify.results import Handshake, Report

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXPIRED = f"{SERVER_REFUSES}: certificate verify failed: certificate has expired"


def report(*handshakes: Handshake, interrupted: bool = False) -> Report:
    return Report("default", AUTHORITY_ARN, "GENERAL_PURPOSE", NOW, NOW, (), handshakes, interrupted=interrupted)


def all_of(names: list[str], **bad: str) -> list[Handshake]:
    """Every zone with every other; the clients in `bad` have that problem."""
    return [Handshake(client, server, bad.get(client, "")) for client, server in permutations(names, 2)]


def test_a_few_zones_are_a_matrix() -> None:
    text = render_table(report(*all_of(["a", "b", "c"], b=EXPIRED)), width=80)
    rows = [line.split() for line in text.splitlines()]
    assert ["CLIENT", "/", "SERVER", "a", "b", "c"] in rows
    assert ["a", "-", "ok", "ok"] in rows
    assert ["b", "failed", "-", "failed"] in rows
    assert "  failed  b to a, b to c" in text
    assert f"    found:    {EXPIRED}" in text
    assert "    do:       Compare the machine's clock" in text
    assert "2 of 6 handshakes failed" in text


def test_many_zones_are_their_problems_alone() -> None:
    names = [f"zone-{number}" for number in range(20)]
    text = render_table(report(*all_of(names, **{"zone-7": EXPIRED})), width=80)
    assert "CLIENT / SERVER" not in text
    assert "zone-7 to zone-0, zone-7 to zone-1, zone-7 to zone-2 and 16 more" in text
    good = render_table(report(*all_of(names)), width=80)
    assert "Handshakes" not in good
    assert "380 handshakes between them" in good


def test_very_many_problems_are_counted() -> None:
    names = [f"zone-{number}" for number in range(15)]
    text = render_table(report(*all_of(names, **{name: f"problem of {name}" for name in names})), width=80)
    assert text.count("found:") == 10
    assert "70 more failed for 5 other reasons" in text


def test_what_an_interrupted_run_did_not_come_to_stays_open() -> None:
    text = render_table(report(Handshake("a", "b"), Handshake("a", "c"), interrupted=True), width=80)
    rows = [line.split() for line in text.splitlines()]
    assert ["a", "-", "ok", "ok"] in rows
    assert ["b", "-"] in rows


def test_without_handshakes_nothing_is_said_of_them() -> None:
    assert "andshake" not in render_table(report())


def test_a_failed_handshake_fails_the_report_and_survives_json() -> None:
    failed = report(*all_of(["a", "b"], a=EXPIRED))
    assert not failed.passed
    assert report(*all_of(["a", "b"])).passed
    assert parse(render_json(failed), "report.json").handshakes == failed.handshakes


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (f"{CLIENT_REFUSES}: certificate verify failed: unable to get local issuer certificate", "caCert"),
        (f"{SERVER_REFUSES}: alert unknown ca", "caCert"),
        (f"{SERVER_REFUSES}: alert certificate unknown", "other names"),
        (f"{CLIENT_REFUSES}: SPIFFE ID spiffe://default/web expected, none found", "other names"),
        (f"{CLIENT_REFUSES}: it is a CA certificate, which a peer must not present", "basic-constraints"),
        (f"{CLIENT_REFUSES}: certificate verify failed: unsuitable certificate purpose", "serverAuth"),
        ("the client can't use its certificate: it is for another key", "public-key"),
        ("something new", ""),
    ],
)
def test_each_problem_has_its_advice(problem: str, words: str) -> None:
    assert words in advise_on_handshake(problem)
    assert bool(advise_on_handshake(problem)) == bool(words)
