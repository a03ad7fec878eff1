"""The report for a termination message always fits, and is parsed like the JSON report."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from toolkit.errors import ExternalError
from toolkit.verify.mesh_identity import MeshIdentityPlan
from toolkit.verify.plan import Plan
from toolkit.verify.report import compact
from toolkit.verify.report.compact import LIMIT
from toolkit.verify.report.compact import render as render_compact
from toolkit.verify.report.json import parse
from toolkit.verify.report.json import render as render_json
from toolkit.verify.results import CertificateFacts, Check, Link, Outcome, Report, ZoneResult
from toolkit.verify.zone import list_checks

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
ARN = "arn:aws-us-gov:acm-pca:us-gov-west-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"
IDENTITY = MeshIdentityPlan("acmpca", {}, {}, creates_trust=True, authority_chain="")
NAMES = list_checks(Plan("default", "", probe_denials=True, mesh_identity=IDENTITY))
FINGERPRINT = ":".join(["AB"] * 32)


def facts(name: str = "Kong Mesh Issuing CA", uri: str = "spiffe://default/toolkit-verify") -> CertificateFacts:
    chain = (Link(name, FINGERPRINT, AT), Link(name, FINGERPRINT, AT))
    return CertificateFacts(":".join(["4f"] * 20), FINGERPRINT, AT, AT + timedelta(days=1), (uri, uri, uri), chain)


def zone(*checks: Check, name: str = "frankfurt-1", certificate: CertificateFacts | None = None) -> ZoneResult:
    return ZoneResult(
        zone=name,
        region="eu-central-1",
        checks=checks,
        certificates_issued=(f"{ARN}/certificate/{'0' * 32}",) * 2,
        certificate=certificate,
        issuance_milliseconds=412,
        calls={"AssumeRole": 1, "GetCertificate": 2},
    )


def report(*zones: ZoneResult, mesh: str = "default") -> Report:
    return Report(mesh, ARN, "GENERAL_PURPOSE", AT, AT + timedelta(seconds=1), zones)


def test_a_short_report_is_the_same_without_its_blanks() -> None:
    whole = report(zone(Check("identity", Outcome.PASSED, "a", "b"), certificate=facts()))
    text = render_compact(whole)
    assert json.loads(text) == json.loads(render_json(whole))
    assert text.count("\n") == 1
    assert parse(text, "x") == whole


def test_texts_of_checks_that_passed_go_first() -> None:
    checks = [Check(name, Outcome.PASSED, "e" * 150, "f" * 150, note="n") for name in NAMES[1:]]
    failed = Check(NAMES[0], Outcome.FAILED, "e" * 150, "f" * 150, "a" * 150)
    text = render_compact(report(zone(failed, *checks, certificate=facts())))
    assert len(text) <= LIMIT
    (found,) = parse(text, "x").zones
    assert found.checks[0] == failed
    assert {(check.outcome, check.expected, check.found, check.note) for check in found.checks[1:]} == {
        (Outcome.PASSED, "", "", "n")
    }
    assert found.certificate == facts()


def test_then_long_texts_are_cut() -> None:
    failed = Check("identity", Outcome.FAILED, "é" * 5000, "short", "advice " * 1000)
    text = render_compact(report(zone(failed, Check("issue", Outcome.SKIPPED))))
    assert LIMIT * 0.4 < len(text) <= LIMIT
    (found,) = parse(text, "x").zones
    assert found.checks[0].found == "short"
    assert found.checks[0].advice.startswith("advice advice")
    for cut in (found.checks[0].expected, found.checks[0].advice):
        assert cut.endswith("...")
    assert found.certificates_issued == zone().certificates_issued


names = st.from_regex(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
words = st.one_of(st.text(max_size=50), st.text(max_size=5).map(lambda text: text * 500))
checks_of_a_zone = st.lists(
    st.builds(Check, st.just("x"), st.sampled_from(Outcome), words, words, words, words),
    min_size=len(NAMES),
    max_size=len(NAMES),
)


@given(checks_of_a_zone, names, names, st.one_of(st.none(), st.builds(facts, words, words)))
@example([Check("x", Outcome.FAILED, *["\U0001f642" * 999] * 4)] * len(NAMES), "z" * 63, "m" * 63, facts("é" * 999))
def test_whatever_a_zone_says_fits_and_keeps_what_counts(
    checks: list[Check], name: str, mesh: str, certificate: CertificateFacts | None
) -> None:
    named = [replace(check, name=known) for check, known in zip(checks, NAMES, strict=True)]
    whole = report(zone(*named, name=name, certificate=certificate), mesh=mesh)
    text = render_compact(whole)
    assert len(text.encode()) <= LIMIT
    # What the kubelet keeps is the end of the message.
    kept = parse(text.encode()[-LIMIT:].decode(), "x")
    assert replace(kept, zones=()) == replace(whole, zones=())
    assert (kept.passed, kept.cost_at_most_usd, kept.calls) == (whole.passed, whole.cost_at_most_usd, whole.calls)
    (found,) = kept.zones
    assert [(check.name, check.outcome) for check in found.checks] == [(c.name, c.outcome) for c in named]
    assert (found.certificates_issued, found.issuance, found.passed) == (
        whole.zones[0].certificates_issued,
        whole.zones[0].issuance,
        whole.passed,
    )
    if certificate is None:
        assert found.certificate is None
    else:
        assert found.certificate is not None
        assert found.certificate.serial == certificate.serial
        assert found.certificate.not_after == certificate.not_after


def test_many_zones_are_as_short_as_can_be() -> None:
    zones = [zone(*(Check(check, Outcome.FAILED, "e" * 999) for check in NAMES), name=f"z{n}") for n in range(20)]
    text = render_compact(report(*zones))
    assert len(text) < len(render_json(report(*zones))) / 10
    assert len(parse(text, "x").zones) == 20


def test_it_is_written_into_the_file_that_is_there(tmp_path: Path) -> None:
    directory = tmp_path / "dev"
    directory.mkdir()
    message = directory / "termination-log"
    message.write_text("before" * 1000)
    # Somebody else's file, in a directory that takes no other: what the kubelet mounts.
    message.chmod(0o666)
    number = message.stat().st_ino
    with message.open() as mounted:
        compact.write(message, "{}\n")
        assert mounted.read() == "{}\n"
    assert message.stat().st_ino == number
    assert stat.S_IMODE(message.stat().st_mode) == 0o666
    assert os.listdir(directory) == ["termination-log"]  # noqa: PTH208 - names are what counts


def test_a_message_that_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(ExternalError, match="can't write"):
        compact.write(tmp_path / "missing" / "termination-log", "{}\n")
