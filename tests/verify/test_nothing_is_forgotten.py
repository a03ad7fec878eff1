"""Every issued certificate is in the report and in the ledger after any fault, and none is issued twice."""

from __future__ import annotations

import errno
import json
import os
import signal
import ssl
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.verify.faults import Tampering
from tests.verify.world import asking, failures, plan, source, with_policy
from toolkit import contract
from toolkit.errors import ExternalError
from toolkit.files import find_project_root
from toolkit.pki import pem
from toolkit.sandbox.pulumi import program
from toolkit.verify import runner
from toolkit.verify.calls import Caller
from toolkit.verify.denials import probe_denials
from toolkit.verify.failures import advise, describe_error
from toolkit.verify.identity import Ambient, IdentitySource, ZoneIdentity
from toolkit.verify.issue import _issued
from toolkit.verify.ledger import Account, FileLedger, Ledger
from toolkit.verify.zone import _authority_advice

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs, Zone

EVERYTHING = [{"Effect": "Allow", "Action": "acm-pca:*", "Resource": "*"}]


def sold(aws: TestSandbox, outputs: StackOutputs) -> set[str]:
    return set(aws.private_ca.registry.authorities[outputs.certificate_authority.arn].issued)


def test_a_disk_that_fills_up_between_request_and_answer(
    aws: TestSandbox, outputs: StackOutputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, write = sold(aws, outputs), os.write

    def fills_up(descriptor: int, line: bytes) -> int:
        if b'"issued"' in line:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, line)

    with FileLedger(tmp_path / "ledger") as ledger:
        monkeypatch.setattr("toolkit.verify.ledger.os.write", fills_up)
        run = runner.verify(outputs, plan(outputs, ledger=ledger), source(aws))
    assert isinstance(run.trouble, ExternalError)
    assert "No space left on device; it does not record that arn:" in str(run.trouble)
    assert (run.report.interrupted, run.report.passed) == (True, False)
    # The report is all that is left to know them from.
    assert {arn for zone in run.report.zones for arn in zone.certificates_issued} == sold(aws, outputs) - before


def test_half_a_line_is_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, write = tmp_path / "ledger", os.write
    with FileLedger(file) as ledger:
        with monkeypatch.context() as disk:
            disk.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:20]))
            with pytest.raises(ExternalError, match="No space left"):
                ledger.issued("zone", asking(), "arn:torn")
        ledger.issued("zone", asking(), "arn:whole")
    assert [json.loads(line)["certificateArn"] for line in file.read_text().splitlines()[1:]] == ["arn:whole"]


def test_a_line_that_a_run_before_left_half_written_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    file.write_text('{"at": "2026')
    with FileLedger(file) as ledger:
        ledger.issued("zone", asking(), "arn:1")
    assert json.loads(file.read_text().splitlines()[1])["certificateArn"] == "arn:1"


def test_a_ledger_that_is_a_pipe_can_not_be_synced_and_need_not_be(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with FileLedger(pipe) as ledger:
            ledger.issued("zone", asking(), "arn:1")
        assert json.loads(os.read(reading, 4096))["certificateArn"] == "arn:1"
    finally:
        os.close(reading)


def test_a_ledger_that_is_closed_writes_into_nobody_elses_file(tmp_path: Path) -> None:
    with FileLedger(tmp_path / "ledger") as ledger:
        pass
    other = os.open(tmp_path / "report", os.O_WRONLY | os.O_CREAT)
    try:
        with pytest.raises(ExternalError, match="it is closed"):
            ledger.issued("zone", asking(), "arn:late")
    finally:
        os.close(other)
    assert (tmp_path / "report").read_bytes() == b""


class Holding:
    """Takes identities as another source does, and does something in a zone's thread when AWS has answered."""

    def __init__(self, real: IdentitySource, operation: str, act: Callable[[Caller], object]) -> None:
        self._real, self._operation, self._act = real, operation, act

    def identity(self, zone: Zone, authority_region: str, caller: Caller) -> ZoneIdentity:
        identity = self._real.identity(zone, authority_region, caller)

        def answered(**_: Any) -> None:
            self._act(caller)

        identity.client.meta.events.register(f"after-call.acm-pca.{self._operation}", answered)
        return identity


def test_ctrl_c_waits_for_what_is_being_bought(aws: TestSandbox, outputs: StackOutputs) -> None:
    before = sold(aws, outputs)

    def interrupt(caller: Caller) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        # AWS has sold, and its answer is on its way until after the stop.
        assert caller.stop.wait(30)

    holding = Holding(source(aws), "IssueCertificate", interrupt)
    report = runner.verify(outputs, plan(outputs), holding, zones=outputs.zones[:1]).report
    assert report.interrupted
    assert set(report.zones[0].certificates_issued) == sold(aws, outputs) - before
    assert len(report.zones[0].certificates_issued) == 1
    # It did not fail: nobody waited for it.
    assert not any(check.failed for check in report.zones[0].checks)


class WatchedLedger(Ledger):
    """Says when the main thread looks at what has no answer."""

    def __init__(self) -> None:
        self.looked = threading.Event()
        self._tokens: set[str] = set()

    @property
    def unanswered(self) -> set[str]:
        if threading.current_thread() is threading.main_thread():
            self.looked.set()
        return self._tokens

    @unanswered.setter
    def unanswered(self, tokens: set[str]) -> None:
        self._tokens = tokens


@pytest.mark.parametrize("signals", [1, 2, 3])
def test_the_report_waits_for_the_answer_to_a_request(
    aws: TestSandbox, outputs: StackOutputs, monkeypatch: pytest.MonkeyPatch, signals: int
) -> None:
    monkeypatch.setattr(runner, "_GRACE_SECONDS", 0.0)
    monkeypatch.setattr(runner, "_HURRIED_GRACE_SECONDS", 0.0)
    interrupting: list[Callable[[], None]] = []
    before, ledger = sold(aws, outputs), WatchedLedger()

    def interrupt(caller: Caller) -> None:
        for stop in interrupting * signals:
            stop()
        # The answer comes when a report that does not wait for it would be written.
        assert caller.stop.wait(30)
        assert ledger.looked.wait(30)

    holding = Holding(source(aws), "IssueCertificate", interrupt)
    asked = plan(outputs, ledger=ledger)
    run = runner.verify(outputs, asked, holding, zones=outputs.zones[:1], on_start=interrupting.append)
    assert run.report.interrupted
    assert (set(run.report.zones[0].certificates_issued), run.unanswered) == (sold(aws, outputs) - before, 0)
    assert len(run.report.zones[0].certificates_issued) == 1


@pytest.mark.parametrize("interrupted", [True, False])
def test_an_answer_that_never_comes_is_counted(
    aws: TestSandbox, outputs: StackOutputs, monkeypatch: pytest.MonkeyPatch, *, interrupted: bool
) -> None:
    monkeypatch.setattr(runner, "_ANSWER_SECONDS", 0.1)
    interrupting: list[Callable[[], None]] = []
    release = threading.Event()

    def hang(_: Caller) -> None:
        if interrupted:
            interrupting[0]()
        release.wait(60)

    holding = Holding(source(aws), "IssueCertificate", hang)
    asked = plan(outputs, timeout=timedelta(seconds=4))
    run = runner.verify(outputs, asked, holding, zones=outputs.zones[:1], on_start=interrupting.append)
    release.set()
    assert (run.report.zones[0].certificates_issued, run.unanswered, run.report.interrupted) == ((), 1, interrupted)


def test_a_revocation_that_hangs_fails_no_check(aws: TestSandbox, outputs: StackOutputs) -> None:
    zone, release = outputs.zones[0], threading.Event()
    with_policy(aws, zone.verifying_role_arn, EVERYTHING)
    holding = Holding(source(aws), "RevokeCertificate", lambda _: release.wait(60))
    asked = plan(outputs, revoke=True, timeout=timedelta(seconds=4))
    try:
        report = runner.verify(outputs, asked, holding, zones=[zone]).report
    finally:
        release.set()
    assert report.passed, failures(report)
    assert report.zones[0].certificates_revoked == ()
    (kept,) = report.zones[0].not_revoked
    assert kept.certificate_arn == report.zones[0].certificates_issued[0]
    assert kept.reason.startswith("the run ended before AWS answered")


def test_what_a_probe_got_is_revoked_as_well(aws: TestSandbox) -> None:
    config = program.read_stack(find_project_root(), "dev")
    values = {**config.values, "kong-mesh-pca:usageMode": "GENERAL_PURPOSE"}
    outputs = contract.parse(json.dumps(program.run(find_project_root(), replace(config, values=values), aws)))
    with_policy(aws, outputs.zones[0].verifying_role_arn, EVERYTHING)
    report = runner.verify(outputs, plan(outputs, probe_denials=True, revoke=True), source(aws)).report
    (zone,) = report.zones
    assert len(zone.certificates_issued) == 2
    assert zone.certificates_revoked == zone.certificates_issued


def test_a_probe_whose_answer_is_lost_asks_the_same_again(outputs: StackOutputs) -> None:
    tokens: list[str] = []

    class Client:
        def issue_certificate(self, **question: Any) -> dict[str, str]:
            tokens.append(question["IdempotencyToken"])
            if len(tokens) == 1:
                raise ConnectionClosedError(endpoint_url="https://x")
            return {"CertificateArn": "arn:minted"}

    account = Account()
    client: Any = Client()
    asks = Caller(time.monotonic() + 30)
    leaf, *_ = pem.load_certificates(outputs.certificate_chain)
    assert next(probe_denials(client, outputs.certificate_authority, asks, account, leaf)).failed
    assert account.issued == ["arn:minted"]
    assert len(tokens) == 2
    assert len(set(tokens)) == 1


def test_nothing_is_asked_again_when_aws_has_forgotten_the_question() -> None:
    asks = Caller(time.monotonic() + 30)

    def lost() -> None:
        raise ConnectionClosedError(endpoint_url="https://x")

    with pytest.raises(ConnectionClosedError):
        asks.ask("IssueCertificate", lost, repeat_seconds=-1)
    assert asks.counts["IssueCertificate"] == 1


@pytest.mark.parametrize("answer", [{}, {"message": "<html>sign in"}])
def test_an_answer_that_is_not_of_aws_fails_that_zone_alone(
    aws: TestSandbox, outputs: StackOutputs, answer: dict[str, str]
) -> None:
    def replaced(parsed: dict[str, Any], **_: Any) -> None:
        parsed.pop("CertificateArn")
        parsed |= answer

    run = runner.verify(outputs, plan(outputs), Tampering(source(aws), "after-call.acm-pca.IssueCertificate", replaced))
    assert run.trouble is None
    ((zone, (check,)),) = failures(run.report).items()
    assert (zone, check.name) == ("ireland-1", "issue")
    assert check.found == "the response is not from AWS: it has no CertificateArn"
    assert "proxy" in check.advice


def test_half_an_answer_of_sts_is_not_quoted() -> None:
    def half() -> None:
        raise ResponseParserError("invalid XML received: b'<SecretAccessKey>wJalrXUtnFEMI'")

    with pytest.raises(ValueError, match="not from AWS") as caught:
        Caller(time.monotonic() + 30).ask("AssumeRole", half)
    assert "wJalr" not in "".join(traceback.format_exception(caught.value))


def test_the_request_that_aws_would_have_signed_is_not_quoted() -> None:
    message = "It does not match.\n\nThe Canonical String for this request should have been\nx-amz-security-token:FwoG"
    error = ClientError({"Error": {"Code": "SignatureDoesNotMatch", "Message": message}}, "GetCallerIdentity")
    assert describe_error(error).endswith("It does not match.")
    assert "clock" in advise(error)


@pytest.mark.parametrize(
    ("status", "lasts", "words"),
    [
        ("ACTIVE", True, "usage mode is not the contract's"),
        ("ACTIVE", False, "Renew the CA's certificate"),
        ("EXPIRED", False, "Renew the CA's certificate"),
        ("DISABLED", False, "Enable the CA"),
        # It has no certificate yet, so none that could end too soon.
        ("PENDING_CERTIFICATE", False, "Activate the CA"),
    ],
)
def test_what_to_do_about_a_ca(status: str, lasts: bool, words: str) -> None:
    assert words in _authority_advice(status, lasts=lasts)


def test_a_certificate_with_one_extension_twice_is_none() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), 7, now, now + timedelta(hours=1))
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"same"), critical=False)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.5"), b"same"), critical=False)
        .sign(key, hashes.SHA256())
    )
    der = built.public_bytes(serialization.Encoding.DER).replace(b"\x2a\x03\x05", b"\x2a\x03\x04")
    pem = ssl.DER_cert_to_PEM_cert(der)
    with pytest.raises(ValueError, match="can't be read: Duplicate"):
        _issued(pem, "")


def test_a_token_that_can_not_be_read_fails_the_identity(
    outputs: StackOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token")
    monkeypatch.setenv("AWS_ROLE_ARN", outputs.zones[0].role_arn)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    run = runner.verify(outputs, plan(outputs), Ambient(endpoint_url="http://127.0.0.1:9"), zones=outputs.zones[:1])
    assert run.trouble is None
    ((check,),) = failures(run.report).values()
    assert (check.name, "/nonexistent/token" in check.found) == ("identity", True)
    assert "readable" in check.advice
