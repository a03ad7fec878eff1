from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from tests.verify.world import plan, source
from toolkit.errors import SurroundingsError
from toolkit.verify import runner
from toolkit.verify.ledger import FileLedger

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.contract import StackOutputs


def test_runs_append_and_nobody_else_reads(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "ledger.jsonl"
    for number in range(2):
        with FileLedger(file) as ledger:
            ledger.bought("zone", "arn:ca", f"arn:{number}", "verification")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [json.loads(line)["certificateArn"] for line in file.read_text().splitlines()] == ["arn:0", "arn:1"]


def test_many_at_once_write_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    ledgers = [FileLedger(file), FileLedger(file)]

    def write(number: int) -> None:
        for count in range(50):
            ledgers[number % 2].bought("zone" * 50, "arn", f"{number}-{count}", "verification")

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
    with pytest.raises(SurroundingsError, match="can't write the ledger"):
        FileLedger(tmp_path)


def test_what_is_bought_is_written_before_it_is_used(aws: TestSandbox, outputs: StackOutputs, tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    seen: list[int] = []

    class Slow(FileLedger):
        def bought(self, zone: str, authority_arn: str, certificate_arn: str, purpose: str) -> None:
            super().bought(zone, authority_arn, certificate_arn, purpose)
            seen.append(sum(certificate_arn in line for line in file.read_text().splitlines()))

    with Slow(file) as ledger:
        report = runner.verify(outputs, plan(outputs, ledger=ledger), source(aws)).report
    assert report.passed
    assert seen == [1, 1, 1]
    bought = {arn for zone in report.zones for arn in zone.bought}
    assert {json.loads(line)["certificateArn"] for line in file.read_text().splitlines()} == bought
