"""Verification against the sandbox: success, and each way in which a zone can fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.verify.faults import ZONE, Tampering
from tests.verify.world import Hanging, failures, plan, source, verify, without
from toolkit.files import find_project_root
from toolkit.pki import csr, pem
from toolkit.verify import runner
from toolkit.verify.calls import Caller, DeadlineError
from toolkit.verify.failures import advise
from toolkit.verify.identity import AssumeRole, ZoneIdentity
from toolkit.verify.issue import Issuer, make_idempotency_token
from toolkit.verify.report.json import render as render_json
from toolkit.verify.report.table import render as render_table
from toolkit.verify.results import Check, Outcome, Report
from toolkit.verify.zone import CHECK_NAMES, ZoneVerification

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs, Zone


def only_failure(report: Report, zone: str) -> Check:
    for found in report.zones:
        assert [check.name for check in found.checks] == list(CHECK_NAMES)
    (name, checks), *others = failures(report).items()
    assert (name, others) == (zone, [])
    (check,) = checks
    return check


def test_every_zone_passes(aws: TestSandbox, outputs: StackOutputs) -> None:
    seen: list[str] = []
    source = AssumeRole(endpoint_url=aws.endpoint_url, credentials=aws.credentials)
    report = runner.verify(outputs, plan(outputs), source, lambda result: seen.append(result.zone)).report
    assert failures(report) == {}
    assert report.passed
    assert [zone.zone for zone in report.zones] == [zone.name for zone in outputs.zones]
    assert sorted(seen) == sorted(zone.name for zone in outputs.zones)
    assert report.certificates_issued == 3
    assert len({zone.certificate.serial for zone in report.zones if zone.certificate}) == 3
    calls = ("AssumeRole", "GetCallerIdentity", "DescribeCertificateAuthority", "IssueCertificate", "GetCertificate")
    assert set(report.calls) == set(calls)
    assert report.cost_at_most_usd == pytest.approx(3 * 0.75)


def test_the_lifetime_asked_for_is_the_one_that_counts(aws: TestSandbox, outputs: StackOutputs) -> None:
    report = verify(aws, outputs, lifetime=timedelta(minutes=90))
    assert report.passed
    for zone in report.zones:
        assert zone.certificate
        left = zone.certificate.not_after - report.finished_at
        assert timedelta(minutes=89) < left <= timedelta(minutes=90)


def test_a_zone_that_may_not_issue(aws: TestSandbox, outputs: StackOutputs) -> None:
    without(aws, outputs.zones[1], "acm-pca:IssueCertificate")
    report = verify(aws, outputs)
    check = only_failure(report, "frankfurt-2")
    assert check.name == "issue"
    assert "no identity-based policy allows the acm-pca:IssueCertificate action" in check.found
    assert "Allow acm-pca:IssueCertificate" in check.advice
    assert report.certificates_issued == 2
    skipped = [c.name for c in report.zones[1].checks if c.outcome is Outcome.SKIPPED]
    assert skipped == list(CHECK_NAMES[3:])


def test_a_zone_that_may_issue_but_not_fetch(aws: TestSandbox, outputs: StackOutputs) -> None:
    without(aws, outputs.zones[2], "acm-pca:GetCertificate")
    report = verify(aws, outputs)
    check = only_failure(report, "ireland-1")
    assert check.name == "fetch"
    assert "Allow acm-pca:GetCertificate" in check.advice
    # It was issued all the same, so its ARN is kept.
    assert report.certificates_issued == 3
    shown = json.loads(render_json(report))["zones"][2]
    assert (shown["certificate"], shown["certificatesIssued"]) == (None, list(report.zones[2].certificates_issued))


def test_a_role_that_can_not_be_assumed(aws: TestSandbox, outputs: StackOutputs) -> None:
    zone = outputs.zones[0]
    gone = zone.model_copy(update={"verifier_role_arn": zone.verifying_role_arn + "-gone"})
    report = verify(aws, outputs.model_copy(update={"zones": (gone, *outputs.zones[1:])}))
    check = only_failure(report, "frankfurt-1")
    assert check.name == "identity"
    assert "not authorized to perform: sts:AssumeRole" in check.found
    assert "verifierPrincipals" in check.advice


def test_a_zones_own_role_is_for_its_control_plane_alone(aws: TestSandbox, outputs: StackOutputs) -> None:
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        aws.client("sts").assume_role(RoleArn=outputs.zones[0].role_arn, RoleSessionName="x")


def test_a_disabled_ca(aws: TestSandbox, outputs: StackOutputs) -> None:
    pca, arn = aws.client("acm-pca"), outputs.certificate_authority.arn
    pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    aws.on_cleanup(lambda: pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="ACTIVE"))
    report = verify(aws, outputs)
    assert {name: [check.name for check in checks] for name, checks in failures(report).items()} == {
        zone.name: ["authority"] for zone in outputs.zones
    }
    assert "Enable the CA" in report.zones[0].checks[1].advice
    assert "DISABLED" in report.zones[0].checks[1].found
    assert report.certificates_issued == 0


def test_a_mesh_that_carries_another_chain(aws: TestSandbox, outputs: StackOutputs) -> None:
    root_only = pem.write(pem.load_certificates(outputs.certificate_chain)[1:])
    assert verify(aws, outputs, trust_bundle=root_only).passed
    wrong = pem.write(pem.load_certificates(outputs.certificate_chain)[:1])
    report = verify(aws, outputs, trust_bundle=wrong)
    assert {check.name for checks in failures(report).values() for check in checks} == {"chain"}
    assert "Render the Mesh again" in report.zones[0].checks[4].advice


def test_issuance_that_takes_its_time(aws: TestSandbox, outputs: StackOutputs) -> None:
    aws.private_ca.registry.issuance_delay = timedelta(milliseconds=300)
    report = verify(aws, outputs)
    assert report.passed
    assert all(zone.issuance and zone.issuance >= timedelta(milliseconds=300) for zone in report.zones)


def test_issuance_that_never_ends(aws: TestSandbox, outputs: StackOutputs) -> None:
    aws.private_ca.registry.issuance_delay = timedelta(days=1)
    begun: list[ZoneVerification] = []

    def end_soon(**_: object) -> None:
        (zone,) = begun
        zone.caller.deadline = min(zone.caller.deadline, time.monotonic() + 1)

    tampering = Tampering(source(aws), "before-call.acm-pca.GetCertificate", end_soon)
    zones = [zone for zone in outputs.zones if zone.name == ZONE]
    report = runner.verify(outputs, plan(outputs), tampering, zones=zones, on_begin=begun.append).report
    ((check,),) = failures(report).values()
    assert check.name == "fetch"
    assert "still not ready" in check.found
    assert report.certificates_issued == 1


def test_aws_that_is_not_there(outputs: StackOutputs) -> None:
    source = AssumeRole(endpoint_url="http://127.0.0.1:9", credentials=("a", "b"))
    report = runner.verify(outputs, plan(outputs, timeout=timedelta(seconds=5)), source).report
    for zone in report.zones:
        assert zone.checks[0].name == "identity"
        assert zone.checks[0].failed
        assert "reaches AWS" in zone.checks[0].advice


@pytest.mark.slow
def test_a_zone_that_hangs_does_not_hold_up_another(aws: TestSandbox, outputs: StackOutputs) -> None:
    with Hanging(aws, "frankfurt-2") as source:
        report = runner.verify(outputs, plan(outputs, timeout=timedelta(seconds=5)), source).report
    check = only_failure(report, "frankfurt-2")
    assert check.name == "identity"
    assert "within 5 s" in check.expected


@pytest.mark.slow
def test_zones_that_hang_do_not_hold_up_those_that_wait_for_a_thread(
    aws: TestSandbox, outputs: StackOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MAX_ZONES_AT_ONCE", 1)
    monkeypatch.setattr(runner, "_GRACE_SECONDS", 0.1)
    with Hanging(aws, "frankfurt-1") as source:
        report = runner.verify(outputs, plan(outputs, timeout=timedelta(seconds=5)), source).report
    assert only_failure(report, "frankfurt-1").name == "identity"


def test_zones_that_wait_have_no_thread(outputs: StackOutputs, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
            raise ValueError(zone.name, authority_region, caller)

    zones = [outputs.zones[0].model_copy(update={"name": f"zone-{number}"}) for number in range(20)]
    finished: list[str] = []
    finished_at_start: list[int] = []
    really_start = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        finished_at_start.append(len(finished))
        really_start(thread)

    monkeypatch.setattr(runner, "MAX_ZONES_AT_ONCE", 2)
    monkeypatch.setattr(threading.Thread, "start", start)
    runner.verify(outputs, plan(outputs), Refusing(), lambda result: finished.append(result.zone), zones)
    assert sorted(finished) == sorted(zone.name for zone in zones)
    assert all(number < done + 2 for number, done in enumerate(finished_at_start))


@pytest.mark.slow
def test_what_a_zone_bought_before_it_hung_is_not_forgotten(aws: TestSandbox, outputs: StackOutputs) -> None:
    with Hanging(aws, "ireland-1", "before-call.acm-pca.GetCertificate") as source:
        report = runner.verify(outputs, plan(outputs, timeout=timedelta(seconds=5)), source).report
    check = only_failure(report, "ireland-1")
    assert (check.name, check.found) == ("fetch", "none")
    assert report.certificates_issued == 3


def test_a_defect_in_one_zone_leaves_the_others_alone(aws: TestSandbox, outputs: StackOutputs) -> None:
    real = AssumeRole(endpoint_url=aws.endpoint_url, credentials=aws.credentials)

    class Broken:
        def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
            if zone.name == "frankfurt-2":
                raise ZeroDivisionError("a secret")
            return real.identity(zone, authority_region, caller)

    run = runner.verify(outputs, plan(outputs), Broken())
    assert run.trouble is None
    check = only_failure(run.report, "frankfurt-2")
    assert check.name == "identity"
    # Where it is, and nothing of the message, which may quote anything.
    assert check.found.startswith("ZeroDivisionError in test_runner.py:")
    assert "defect" in check.advice


def test_a_zone_that_ends_while_the_run_gives_up_on_it_fails_at_one_check(outputs: StackOutputs) -> None:
    """The report must not depend on who was first."""
    refused = ZoneVerification(outputs.zones[0], outputs, plan(outputs), Caller(time.monotonic() + 30))

    class Refusing:
        def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
            raise ValueError(zone.name, authority_region, caller)

    result = refused.run(Refusing())
    assert refused.hangs() == result
    assert [check.name for check in result.checks if check.failed] == ["identity"]


def test_a_slow_zone_gets_the_same_advice_wherever_it_is(aws: TestSandbox, outputs: StackOutputs) -> None:
    late = DeadlineError("IssueCertificate: no time is left")
    for checks in range(len(CHECK_NAMES)):
        zone = ZoneVerification(outputs.zones[0], outputs, plan(outputs), Caller(time.monotonic() + 30))
        zone.checks += [Check(name, Outcome.PASSED) for name in CHECK_NAMES[:checks]]
        (failed,) = (check for check in zone.hangs().checks if check.failed)
        assert failed.name == CHECK_NAMES[checks]
        assert failed.advice == advise(late)
    assert advise(late) == advise(ReadTimeoutError(endpoint_url=aws.endpoint_url))


def test_a_repeated_question_buys_nothing(aws: TestSandbox, outputs: StackOutputs) -> None:
    key = csr.create_data_plane_key()
    first = csr.create_data_plane_csr(key, ["spiffe://default/a"])
    other = csr.create_data_plane_csr(key, ["spiffe://default/b"])
    issuer = Issuer(aws.client("acm-pca"), outputs.certificate_authority, Caller(time.monotonic() + 30))
    ends = datetime.now(UTC) + timedelta(hours=1)
    assert issuer.request(first, ends) == issuer.request(first, ends)
    assert issuer.request(first, ends) != issuer.request(other, ends)
    assert len(make_idempotency_token(outputs.certificate_authority.arn, b"csr")) <= 36


def test_the_table_says_what_failed_and_what_to_do(aws: TestSandbox, outputs: StackOutputs) -> None:
    without(aws, outputs.zones[1], "acm-pca:IssueCertificate")
    report = verify(aws, outputs)
    table = render_table(report, width=80)
    assert "\x1b" not in table
    lines = table.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == [zone.name for zone in outputs.zones]
    assert lines[2].split()[2:4] == ["passed", "15/15"]
    assert lines[3].split()[2:4] == ["failed", "2/15"]
    verdict = "1 of 3 zones failed (frankfurt-2), 2 certificates issued (at most $1.50)."
    for words in ("expected:", "found:", "do:", verdict):
        assert words in table
    assert "subject-alternative-names" not in table
    assert "subject-alternative-names" in render_table(report, wide=True)
    assert "\x1b" in render_table(report, color=True)


def test_the_json_report_is_what_the_documentation_shows(aws: TestSandbox, outputs: StackOutputs) -> None:
    report = json.loads(render_json(verify(aws, outputs)))
    text = (find_project_root() / "docs" / "reference" / "verification.md").read_text()
    shown = json.loads(text.split("```json\n")[1].split("```")[0])
    assert report.keys() == shown.keys()
    assert report["zones"][0].keys() == shown["zones"][0].keys()
    assert report["zones"][0]["certificate"].keys() == shown["zones"][0]["certificate"].keys()
    assert report["zones"][0]["checks"][0].keys() == shown["zones"][0]["checks"][0].keys()
    for name in CHECK_NAMES:
        assert f"`{name}`" in text


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_interruption_by_a_signal_handler_reports_what_is_known(
    aws: TestSandbox, outputs: StackOutputs, times: int
) -> None:
    interrupting: list[Callable[[], None]] = []

    def hang(**_: object) -> None:
        for interrupt in interrupting * times:
            interrupt()
        # Longer than anybody waits.
        released.wait(30)

    released = threading.Event()
    tampering = Tampering(source(aws), "before-call.acm-pca.GetCertificate", hang)
    begun = time.monotonic()
    report = runner.verify(outputs, plan(outputs), tampering, on_start=interrupting.append).report
    took = time.monotonic() - begun
    released.set()
    assert report.interrupted
    hangs = next(zone for zone in report.zones if zone.zone == "ireland-1")
    assert (len(hangs.certificates_issued), hangs.interrupted) == (1, True)
    # Whoever stops twice waits for less.
    assert times == 1 or took < 2 + runner._GRACE_SECONDS
