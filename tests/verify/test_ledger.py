from __future__ import annotations

import base64
import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from tests.verify.faults import Tampering
from tests.verify.world import asking, client_error, plan, source
from toolkit.errors import ExternalError
from toolkit.verify import runner
from toolkit.verify.calls import Caller, StoppedError
from toolkit.verify.issue import issue
from toolkit.verify.ledger import Account, FileLedger

if TYPE_CHECKING:
    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs


def test_runs_append_and_nobody_else_reads(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "ledger.jsonl"
    for number in range(2):
        with FileLedger(file) as ledger:
            ledger.issued("zone", asking(), f"arn:{number}")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [json.loads(line)["certificateArn"] for line in file.read_text().splitlines()] == ["arn:0", "arn:1"]


def test_many_at_once_write_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    ledgers = [FileLedger(file), FileLedger(file)]

    def write(number: int) -> None:
        for count in range(50):
            ledgers[number % 2].issued("zone" * 50, asking(), f"{number}-{count}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ledger in ledgers:
        ledger.__exit__()
    arns = {json.loads(line)["certificateArn"] for line in file.read_text().splitlines()}
    assert arns == {f"{number}-{count}" for number in range(4) for count in range(50)}


def test_a_ledger_that_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(ExternalError, match=r"can't write the ledger .*: Is a directory"):
        FileLedger(tmp_path)


def test_a_ledger_may_be_a_pipe_that_a_program_reads(tmp_path: Path) -> None:
    """Without a reader, to open it would wait for one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ExternalError, match=r"can't write the ledger .*: it is a pipe that no program reads"):
        FileLedger(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with FileLedger(pipe) as ledger:
        ledger.append("x", {"event": "revoked"})
    assert b'"event": "revoked"' in os.read(reader, 1000)
    os.close(reader)


def events(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_request_is_on_disk_before_it_is_sent_and_its_certificate_before_it_is_used(
    aws: TestSandbox, outputs: StackOutputs, tmp_path: Path
) -> None:
    file = tmp_path / "ledger"
    sent: list[bool] = []
    fetched: list[bool] = []

    def issue(params: dict[str, Any], **_: Any) -> None:
        question = json.loads(params["body"])
        known = [line for line in events(file) if line["idempotencyToken"] == question["IdempotencyToken"]]
        sent.append([line["event"] for line in known] == ["requested"])
        # The whole request, in the form in which it is sent.
        csr = base64.b64decode(question["Csr"]).decode()
        (line,) = known
        assert (line["csr"], line["validity"], line["templateArn"], line["signingAlgorithm"]) == (
            csr,
            question["Validity"],
            question["TemplateArn"],
            question["SigningAlgorithm"],
        )
        assert line["certificateAuthorityArn"] == question["CertificateAuthorityArn"]

    def fetch(params: dict[str, Any], **_: Any) -> None:
        asked = json.loads(params["body"])["CertificateArn"]
        fetched.append(any(line.get("certificateArn") == asked for line in events(file)))

    watched = Tampering(
        Tampering(source(aws), "before-call.acm-pca.IssueCertificate", issue),
        "before-call.acm-pca.GetCertificate",
        fetch,
    )
    with FileLedger(file) as ledger:
        report = runner.verify(outputs, plan(outputs, ledger=ledger), watched).report
    assert report.passed
    assert (sent, all(fetched)) == ([True], True)
    issued = {arn for zone in report.zones for arn in zone.certificates_issued}
    assert {line["certificateArn"] for line in events(file) if line["event"] == "issued"} == issued
    assert "PRIVATE KEY" not in file.read_text()


def test_a_request_that_can_not_be_written_down_is_not_sent(aws: TestSandbox, outputs: StackOutputs) -> None:
    issued = aws.private_ca.registry.authorities[outputs.certificate_authority.arn].issued
    before = len(issued)
    with FileLedger(Path("/dev/full")) as ledger:
        run = runner.verify(outputs, plan(outputs, ledger=ledger, probe_denials=True), source(aws))
    assert isinstance(run.trouble, ExternalError)
    assert "No space left on device; a request of zone " in str(run.trouble)
    assert (run.report.certificates_issued, len(issued)) == (0, before)
    assert run.report.calls["IssueCertificate"] <= len(outputs.zones)


@pytest.mark.parametrize(
    ("error", "recorded"),
    [
        (client_error("AccessDeniedException", 400), ["requested", "refused"]),
        # AWS may have issued it all the same.
        (client_error("InternalFailure", 500), ["requested"]),
        (ConnectionClosedError(endpoint_url="https://x"), ["requested"]),
        (ReadTimeoutError(endpoint_url="https://x"), ["requested"]),
        # A proxy's page, for which botocore has the status alone.
        (client_error("403", 403), ["requested"]),
        (client_error("RequestTimeout", 408), ["requested"]),
        # It never reached AWS.
        (EndpointConnectionError(endpoint_url="https://x"), ["requested", "refused"]),
        (ConnectTimeoutError(endpoint_url="https://x"), ["requested", "refused"]),
    ],
)
def test_only_a_request_that_was_certainly_not_fulfilled_is_refused(
    tmp_path: Path, error: Exception, recorded: list[str]
) -> None:
    class Client:
        def issue_certificate(self, **_: Any) -> None:
            raise error

    client: Any = Client()
    file = tmp_path / "ledger"
    with FileLedger(file) as ledger, pytest.raises(type(error)):
        issue(client, Caller(time.monotonic() + 0.2), asking(), Account("zone", ledger))
    assert [line["event"] for line in events(file)] == recorded


def test_a_refusal_after_a_lost_answer_proves_nothing(tmp_path: Path) -> None:
    errors = [ConnectionClosedError(endpoint_url="https://x"), client_error("AccessDeniedException", 400)]

    class Client:
        def issue_certificate(self, **_: Any) -> None:
            raise errors.pop(0)

    client: Any = Client()
    with FileLedger(tmp_path / "ledger") as ledger, pytest.raises(ClientError):
        issue(client, Caller(time.monotonic() + 30), asking(), Account("zone", ledger))
    assert [line["event"] for line in events(tmp_path / "ledger")] == ["requested"]


def test_a_run_that_was_stopped_records_no_request(tmp_path: Path) -> None:
    caller = Caller(time.monotonic() + 30)
    caller.stop.set()
    client: Any = None
    with FileLedger(tmp_path / "ledger") as ledger, pytest.raises(StoppedError):
        issue(client, caller, asking(), Account("zone", ledger))
    assert events(tmp_path / "ledger") == []
