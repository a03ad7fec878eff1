from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.world import asking
from toolkit.errors import InvalidInputError
from toolkit.verify import ledger_lines
from toolkit.verify.ledger import FileLedger
from toolkit.verify.ledger_lines import Status

if TYPE_CHECKING:
    from pathlib import Path

OLD = {"at": "2026-01-01T12:00:00.000Z", "zone": "z", "certificateAuthorityArn": "arn:ca", "certificateArn": "arn:1"}


def written(directory: Path) -> str:
    """One request of each kind, as a run writes them."""
    file = directory / "ledger"
    with FileLedger(file) as ledger:
        for token in ("issued", "revoked", "refused", "unknown"):
            ledger.requested("zone", asking(token=token))
        for token in ("issued", "revoked"):
            ledger.issued("zone", asking(token=token), f"arn:{token}")
        ledger.revoked("zone", asking().authority_arn, "arn:revoked")
        ledger.refused("zone", asking(token="refused"), "AccessDenied")
    return file.read_text()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    recorded = ledger_lines.parse(written(tmp_path), "ledger")
    issued, revoked, refused, unknown = recorded.entries
    assert (issued.certificate_arn, issued.revoked) == ("arn:issued", False)
    assert (revoked.certificate_arn, revoked.revoked) == ("arn:revoked", True)
    assert (refused.certificate_arn, refused.reason) == ("", "AccessDenied")
    assert [entry.status for entry in recorded.entries] == ["issued", "issued", "refused", "unknown"]
    # The very same request.
    assert unknown.request == asking(token="unknown")
    assert abs((datetime.now(UTC) - unknown.at).total_seconds()) < 60


def test_a_ledger_without_requests_is_read() -> None:
    issued = {**OLD, "event": "issued", "purpose": "verification", "idempotencyToken": "1"}
    lines = [
        issued,
        {**issued, "idempotencyToken": "2", "purpose": "denied-minting", "certificateArn": "arn:2"},
        {**OLD, "event": "revoked"},
        # Its first line is in another file.
        {**OLD, "event": "revoked", "certificateArn": "arn:3"},
    ]
    found = ledger_lines.parse("".join(json.dumps(line) + "\n" for line in lines), "ledger").entries
    assert [(entry.certificate_arn, entry.purpose, entry.revoked) for entry in found] == [
        ("arn:1", "verification", True),
        ("arn:2", "denied-minting", False),
        ("arn:3", "verification", True),
    ]
    assert not any(entry.status is Status.UNKNOWN or entry.request for entry in found)


def test_a_line_may_end_anywhere(tmp_path: Path) -> None:
    text = written(tmp_path)
    *whole, last = text.splitlines(keepends=True)
    for end in range(1, len(last) - 1):
        torn = "".join(whole) + last[:end]
        assert ledger_lines.parse(torn, "ledger").torn == (len(whole) + 1,), last[:end]
    first = whole[0]
    for end in range(1, len(first) - 1):
        # The next run ended it.
        torn = f"{first[:end]}\n{''.join(whole)}"
        assert ledger_lines.parse(torn, "ledger").torn == (1,), first[:end]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nonsense", "line 2: is not a JSON object"),
        ("[]", "line 2"),
        ('{"event": "issued"', "line 2: is not a JSON object"),
        ("{}", "line 2"),
        (json.dumps({**OLD, "event": "sold"}), "line 2"),
        (json.dumps({**OLD, "event": "issued"}), "line 2: purpose"),
        (json.dumps({**OLD, "event": "revoked", "at": "yesterday"}), "line 2: at"),
        (json.dumps({**OLD, "event": "revoked", "at": "2026-01-01T12:00:00"}), "line 2: at"),
        (json.dumps({**OLD, "event": "revoked", "zone": 7}), "line 2: zone"),
        ("[" * 100_000, "line 2: is not a JSON object"),
    ],
)
def test_a_line_that_is_not_valid_is_named(line: str, problem: str) -> None:
    good = json.dumps({**OLD, "event": "revoked"})
    with pytest.raises(InvalidInputError) as caught:
        ledger_lines.parse(f"{good}\n{line}\n{good}\n", "file")
    assert caught.value.message == "file is not a ledger of toolkit verify"
    assert [str(found)[: len(problem)] for found in caught.value.problems][:1] == [problem]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"csr": "-----BEGIN PRIVATE KEY-----\n"}, "csr"),
        ({"certificateAuthorityArn": "arn:ca"}, "certificateAuthorityArn"),
        ({"validity": {"Type": "DAYS", "Value": 7}}, "validity.Type"),
        ({"validity": {"Type": "ABSOLUTE", "Value": "7"}}, "validity.Value"),
        ({"idempotencyToken": "x" * 37}, "idempotencyToken"),
        ({"templateArn": ""}, "templateArn"),
    ],
)
def test_a_request_that_is_not_valid_is_named(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    line = {**json.loads(written(tmp_path).splitlines()[0]), **change}
    with pytest.raises(InvalidInputError) as caught:
        ledger_lines.parse(json.dumps(line) + "\n", "file")
    assert str(caught.value.problems[0]).startswith(f"line 1: {problem}: ")


@given(st.lists(st.one_of(st.text(max_size=60), st.just('{"at": "2026'), st.just(json.dumps(OLD))), max_size=5))
def test_whatever_is_in_a_file_it_is_read_or_refused(lines: list[str]) -> None:
    try:
        ledger_lines.parse("\n".join(lines), "file")
    except InvalidInputError as error:
        assert all(problem.path.startswith("line ") for problem in error.problems)


@pytest.mark.parametrize(
    "text", ["type: Mesh\nname: default\n", '\n{\n  "schemaVersion": 2\n}\n', "[]", "\0\xff", "x" * 200_000]
)
def test_a_file_of_another_kind_is_not_appended_to(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    with pytest.raises(InvalidInputError, match="file is not a ledger of toolkit verify") as caught:
        ledger_lines.require_ledger(file)
    assert caught.value.hint.startswith("Name a new file")


def test_ledgers_and_new_files_and_devices_are_appended_to(tmp_path: Path) -> None:
    lines = written(tmp_path)
    file = tmp_path / "file"
    ledger_lines.require_ledger(file)
    # Killed runs leave incomplete lines.
    for text in ("", "\n", lines, lines[:1], lines[:100], f"{lines[:1]}\n{lines}", f"{lines[:100]}\n{lines}"):
        file.write_text(text)
        ledger_lines.require_ledger(file)
    os.mkfifo(tmp_path / "pipe")
    for other in ("pipe", "/dev/null", "/dev/zero", "."):
        ledger_lines.require_ledger(tmp_path / other)
