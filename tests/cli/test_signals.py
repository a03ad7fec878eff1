"""Ctrl-C and SIGTERM, at every stage of a run."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from toolkit.cli.signals import Signals
from toolkit.sandbox.faults import Fault, FaultPlan, Faults

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox

BOTH = (signal.SIGINT, signal.SIGTERM)


def start(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "toolkit", "verify", *map(str, arguments)]
    known = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, text=True, env=known, stdout=pipe, stderr=pipe)


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_is_counted_and_raises_once_and_only_where_it_may(number: signal.Signals) -> None:
    heard: list[int] = []
    before = signal.getsignal(number)
    with Signals() as signals:
        signals.hold()
        signal.raise_signal(number)
        signals.listen(lambda: heard.append(signals.count))
        signal.raise_signal(number)
        assert (signals.count, heard) == (2, [1, 2])
        # What came before counts here.
        with pytest.raises(KeyboardInterrupt), signals.raising():
            pytest.fail("it was not raised")
        signal.raise_signal(number)
    assert signals.count == 3
    assert signal.getsignal(number) is before


def test_what_cleans_up_is_not_interrupted_again() -> None:
    cleaned = False
    with Signals() as signals:
        signals.hold()

        def work() -> None:
            nonlocal cleaned
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGTERM)
                signal.raise_signal(signal.SIGINT)
                cleaned = True

        with pytest.raises(KeyboardInterrupt), signals.raising():
            work()
    assert (cleaned, signals.count) == (True, 3)


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Signals():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", BOTH)
def test_before_anything_is_requested_a_signal_ends_the_process(tmp_path: Path, number: signal.Signals) -> None:
    contract = tmp_path / "contract"
    os.mkfifo(contract)
    with start("--contract", contract) as process:
        # It is opened when the command has begun.
        writing = os.open(contract, os.O_WRONLY)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
        os.close(writing)
    assert (process.returncode, stdout, stderr) == (130, "", "Interrupted.\n")


def test_while_the_report_is_written_signals_change_nothing(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for pipe in (first, second):
        os.mkfifo(pipe)
    reading = os.open(first, os.O_RDONLY | os.O_NONBLOCK)
    reports = ("-o", "table", "-o", f"prometheus={first}", "-o", f"prometheus={second}")
    with start("--contract", live_file, "--zone", "ireland-1", *reports, **aws.environment) as process:
        ready, _, _ = select.select([reading], [], [], 60)
        assert ready, process.poll()
        # It is writing, and then waits until somebody reads the second one.
        for number in (*BOTH, *BOTH):
            process.send_signal(number)
        assert "kong_mesh_pca_verify_certificates_issued" in second.read_text()
        stdout, stderr = process.communicate(timeout=60)
        os.close(reading)
    assert process.returncode == 0, stderr
    assert "1 of 1 verified" in stdout
    assert "Traceback" not in stderr


@pytest.mark.slow
def test_a_request_whose_answer_comes_too_late_is_told_of(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    aws.faults = Faults(FaultPlan(faults=(Fault(effect="latency", operation="IssueCertificate", seconds=30),)))
    ledger = tmp_path / "a ledger"
    os.mkfifo(ledger)
    reading = os.open(ledger, os.O_RDONLY | os.O_NONBLOCK)
    arguments = ("--zone", "ireland-1", "--ledger", ledger)
    with start("--contract", live_file, *arguments, **aws.environment) as process:
        ready, _, _ = select.select([reading], [], [], 60)
        assert ready, process.poll()
        for number in BOTH:
            process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
        os.close(reading)
    assert process.returncode == 130, stderr
    assert "1 of 1 zone was interrupted (ireland-1)" in stdout
    assert "1 request got no answer" in stderr
    assert f"toolkit verify --resume '{ledger}'" in stderr
