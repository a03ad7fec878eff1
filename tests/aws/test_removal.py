"""No run leaves a CA: lost answers, signals and passing errors do not keep it from being deleted."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.aws import authority, plan, running
from tests.aws.account import CREATED_BY, CREATOR, RUN, Account, connect, earlier_authorities
from tests.aws.answers import Record
from tests.aws.authority import CreationError, RemovalError
from tests.aws.places import REGION, SECONDS, YES, Place
from tests.aws.probe import Scene
from tests.clients.recorder import Recorder
from tests.sandbox.conformance.world import KEY, World
from toolkit.cli.signals import Signals
from toolkit.errors import ExternalError
from toolkit.sandbox.aws_error import AwsError
from toolkit.sandbox.faults import Call, ConnectionLostError, Fault, FaultPlan

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


pytestmark = pytest.mark.slow
TAGS = [{"Key": CREATED_BY, "Value": CREATOR}, {"Key": RUN, "Value": "0123456789ab"}]


@pytest.fixture
def world(place: Place) -> World:
    return World(place.aws, REGION)


@pytest.fixture
def account(inside: pytest.MonkeyPatch) -> Account:
    inside.setattr(authority, "_STATUS_PAUSE_SECONDS", 0)
    return connect(REGION, None)


def lose_answers(place: Place, monkeypatch: pytest.MonkeyPatch, body_of: Callable[[bytes], bytes], times: int) -> None:
    """Lose AWS's answers to CreateCertificateAuthority after the CA is created."""
    handle, calls = place.aws.private_ca.handle, []

    def lossy(caller: Any, call: Any, body: bytes) -> Any:
        if call.operation != "CreateCertificateAuthority":
            return handle(caller, call, body)
        calls.append(call)
        if len(calls) > times:
            return handle(caller, call, body)
        handle(caller, call, body_of(body))
        raise ConnectionLostError

    monkeypatch.setattr(place.aws.private_ca, "handle", lossy)


def test_every_answer_to_the_creation_is_lost(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_answers(place, monkeypatch, lambda body: body, 100)
    said = place.run(*YES, code=3)
    assert "can't create the CA" in said
    assert "Deleted arn:" in said
    assert place.status() == ["DELETED"]


def test_a_ca_that_aws_lists_late_is_deleted(
    place: Place, account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(running, "_LOOK_PAUSE_SECONDS", 0)
    lose_answers(place, monkeypatch, lambda body: body, 100)
    place.aws.faults = Recorder(before=rejecting("ListCertificateAuthorities", "AccessDeniedException", 1))
    said: list[str] = []
    run = running.Run(account, Record(account, tmp_path / "answers.json"), tmp_path, say=said.append)
    with pytest.raises(CreationError) as caught, Signals() as signals:
        run.run(signals)
    assert not caught.value.is_certain
    assert place.status() == ["DELETED"]
    assert [line.partition(" arn:")[0] for line in said][-1] == "Deleted"


def test_a_second_ca_of_the_same_run_is_deleted_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgotten(body: bytes) -> bytes:
        """As if AWS had forgotten the idempotency token when the second attempt comes."""
        return json.dumps(json.loads(body) | {"IdempotencyToken": "another"}).encode()

    lose_answers(place, monkeypatch, forgotten, 1)
    said = place.run(*YES)
    assert said.count("Deleted arn:") == 2
    assert place.status() == ["DELETED", "DELETED"]


def test_a_rejected_creation_is_looked_for_once(place: Place) -> None:
    fault = Fault(effect="expired-credentials", operation="CreateCertificateAuthority")
    place.aws.faults = recorder = Recorder(FaultPlan(faults=(fault,)))
    assert "cleanup --account" in place.run(*YES, code=3)
    # Once for earlier runs, and once for this one.
    assert recorder.operations().count("ListCertificateAuthorities") == 2


@pytest.mark.usefixtures("inside")
def test_all_attempts_of_a_call_end_while_aws_remembers_its_token() -> None:
    config = connect(REGION, None).pca.meta.config
    assert config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout) <= 150


@pytest.mark.parametrize(
    ("number", "operation"),
    [
        (signal.SIGINT, "GetCertificate"),
        (signal.SIGHUP, "GetCertificate"),
        (signal.SIGQUIT, "GetCertificate"),
        (signal.SIGINT, "CreateCertificateAuthority"),
    ],
)
def test_a_signal_in_each_call_from_one_on_deletes_the_ca(place: Place, number: signal.Signals, operation: str) -> None:
    """The first signal ends the run. The others come in each call of the removal, and must not end that."""
    # GetCertificate answers RequestInProgressException, so the run waits for the signal.
    place.aws.private_ca.registry.issuance_delay = timedelta(days=365)
    started: Future[subprocess.Popen[str]] = Future()

    def interrupt(_: Call) -> None:
        if operation in recorder.operations():
            started.result(SECONDS).send_signal(number)

    place.aws.faults = recorder = Recorder(before=interrupt)
    with place.start(*YES) as process:
        started.set_result(process)
        said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, said
    assert place.status() == ["DELETED"]
    assert "Stopping. Deleting the CA." in said
    assert "Deleted arn:" in said
    operations = recorder.operations()
    assert "DeleteCertificateAuthority" in operations[operations.index(operation) + 1 :]


def test_a_signal_ends_the_cleanup_after_the_ca_that_is_being_deleted(place: Place, world: World) -> None:
    for _ in range(2):
        world.root(Tags=TAGS)
    started: Future[subprocess.Popen[str]] = Future()

    def interrupt(call: Call) -> None:
        if call.operation == "UpdateCertificateAuthority":
            started.result(SECONDS).send_signal(signal.SIGINT)

    place.aws.faults = Recorder(before=interrupt)
    with place.start("cleanup", *YES) as process:
        started.set_result(process)
        said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, said
    assert "1 CAs are not deleted" in said
    assert sorted(place.status()) == ["ACTIVE", "DELETED"]


def rejecting(operation: str, code: str, times: int) -> Callable[[Call], None]:
    """Let AWS reject the first calls of an operation."""
    calls: list[Call] = []

    def reject(call: Call) -> None:
        if call.operation == operation:
            calls.append(call)
            if len(calls) <= times:
                raise AwsError(code, "Not now.")

    return reject


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("DescribeCertificateAuthority", "ResourceNotFoundException"),
        ("UpdateCertificateAuthority", "ConcurrentModificationException"),
        ("DeleteCertificateAuthority", "InvalidStateException"),
    ],
)
def test_errors_that_pass_do_not_end_the_removal(
    place: Place, world: World, account: Account, operation: str, code: str
) -> None:
    arn = world.root(Tags=TAGS)
    place.aws.faults = Recorder(before=rejecting(operation, code, 2))
    authority.remove(account, arn)
    assert place.status() == ["DELETED"]


def test_lost_connections_do_not_end_the_removal(place: Place, world: World, account: Account) -> None:
    arn = world.root(Tags=TAGS)
    attempts = account.pca.meta.config.retries["total_max_attempts"]
    fault = Fault(effect="reset", operation="DescribeCertificateAuthority", times=attempts)
    place.aws.faults = Recorder(FaultPlan(faults=(fault,)))
    authority.remove(account, arn)
    assert place.status() == ["DELETED"]


def test_a_removal_ends_when_the_time_is_up(
    place: Place, world: World, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = world.root(Tags=TAGS)
    monkeypatch.setattr(authority, "_STATUS_SECONDS", -1)
    place.aws.faults = Recorder(before=rejecting("DeleteCertificateAuthority", "InvalidStateException", 100))
    with pytest.raises(RemovalError, match="Not now") as caught:
        authority.remove(account, arn)
    assert caught.value.commands == authority.commands_by_hand(account, arn)


def test_a_ca_that_is_deleted_after_it_was_listed_is_left_out(place: Place, world: World, account: Account) -> None:
    arn = world.create(Tags=TAGS)
    assert [found.arn for found in earlier_authorities(account)] == [arn]

    def delete(call: Call) -> None:
        if call.operation == "ListTags":
            known = place.aws.private_ca.registry.authorities[arn]
            if known.status(place.aws.clock()) != "DELETED":
                world.delete(arn)

    place.aws.faults = Recorder(before=delete)
    assert earlier_authorities(account) == []


def test_a_ca_whose_tags_are_not_listed_yet_is_not_left_out(place: Place, world: World, account: Account) -> None:
    world.create(Tags=TAGS)
    place.aws.faults = Recorder(before=rejecting("ListTags", "InvalidStateException", 100))
    with pytest.raises(ExternalError, match="InvalidStateException"):
        earlier_authorities(account)


def test_a_certificate_that_cannot_be_compared_does_not_end_the_run(
    world: World, account: Account, tmp_path: Path
) -> None:
    arn, now = world.root(Tags=TAGS), datetime.now(UTC)
    empty = x509.Name([])
    # Without a subject key identifier.
    bare = x509.CertificateBuilder(empty, empty, KEY.public_key(), 1, now, now + timedelta(days=1))
    scene = Scene(account, arn, "run", bare.sign(KEY, hashes.SHA256()))
    probe = next(probe for probe in plan.PROBES if probe.issues)
    answer = Record(account, tmp_path / "answers.json").ask(scene, probe)
    assert "SubjectKeyIdentifier" in answer["result"]["unreadable"]
