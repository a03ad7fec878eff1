"""`toolkit verify`: where reports go, also when they can't go there."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.verify.world import token_file
from toolkit.cli import handshakes, main
from toolkit.cli.options import choose_look

if TYPE_CHECKING:
    from tests.conftest import TestSandbox


def verify(aws: TestSandbox, live_file: Path, *arguments: str | Path, **environment: str) -> Result:
    command = ["verify", "--contract", str(live_file), *map(str, arguments)]
    return CliRunner(env={**aws.environment, **environment}).invoke(main, command)


def test_a_ledger_on_a_full_disk_issues_nothing(aws: TestSandbox, live_file: Path) -> None:
    result = verify(aws, live_file, "-o", "json", "--ledger", "/dev/full")
    assert result.exit_code == 3
    assert "can't write the ledger /dev/full: No space left on device" in result.stderr
    report = json.loads(result.stdout)
    assert report["interrupted"] is True
    assert report["certificatesIssued"] == 0


def test_a_ledger_that_is_another_file_issues_nothing(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    mesh, report = tmp_path / "mesh.yaml", tmp_path / "report.json"
    mesh.write_text("type: Mesh\nname: default\n")
    result = verify(aws, live_file, "--ledger", mesh, "-o", f"json={report}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "mesh.yaml is not a ledger of toolkit verify" in result.stderr
    assert "Asking for" not in result.stderr
    assert (mesh.read_text(), report.exists()) == ("type: Mesh\nname: default\n", False)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("-o", "html=/dev/null/x"), "/dev/null is not a directory"),
        (("-o", "json=/dev/null/x/y"), "/dev/null is not a directory"),
        (("-o", "compact=missing/file"), "missing does not exist"),
        (("-o", "compact=/"), "it is a directory"),
        (("-o", "json=/"), "it is a directory"),
        (("-o", "json=/proc/x"), "can't write /proc/x"),
    ],
)
def test_what_can_not_be_written_is_found_before_anything_is_issued(
    aws: TestSandbox, live_file: Path, arguments: tuple[str, ...], problem: str
) -> None:
    result = verify(aws, live_file, *arguments)
    assert (result.exit_code, result.stdout) == (3, "")
    assert problem in result.stderr
    assert "Asking for" not in result.stderr


def test_a_report_on_a_full_disk_leaves_the_others(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    result = verify(aws, live_file, "-o", "json", "-o", "html=/dev/full", "--zone", "ireland-1")
    assert result.exit_code == 3
    assert "can't write" in result.stderr
    assert json.loads(result.stdout)["certificatesIssued"] == 1
    kept = tmp_path / "new" / "kept.json"
    arguments = ("-o", "compact=/dev/full", "-o", f"json={kept}", "--zone", "ireland-1")
    assert verify(aws, live_file, *arguments).exit_code == 3
    assert json.loads(kept.read_text())["passed"] is True


def test_what_can_not_go_to_its_file_goes_to_standard_error(aws: TestSandbox, live_file: Path) -> None:
    result = verify(aws, live_file, "-o", "json=/dev/full", "--zone", "ireland-1")
    assert (result.exit_code, result.stdout) == (3, "")
    assert '"certificatesIssued": 1' in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("-o", "json=a", "-o", "html=a"),
        ("-o", "html=a", "-o", "json=./a"),
        ("--ledger", "a", "-o", "json=a"),
    ],
)
def test_two_documents_for_one_file_buy_nothing(aws: TestSandbox, live_file: Path, arguments: tuple[str, ...]) -> None:
    result = verify(aws, live_file, *arguments)
    assert result.exit_code == 2
    assert "both write" in result.stderr
    assert "Asking for" not in result.stderr


def test_a_standard_output_that_is_closed_is_no_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert choose_look(None) == choose_look(Path("report"))


@pytest.mark.parametrize("arguments", [("--zone", "ireland-1"), ("--revoke",), ("--ledger", "a"), ("--no-handshakes",)])
def test_what_a_merge_would_not_heed_is_refused(aws: TestSandbox, live_file: Path, arguments: tuple[str, ...]) -> None:
    result = verify(aws, live_file, *arguments, "--merge", "report.json")
    assert result.exit_code == 2
    option = arguments[0].replace("--no-", "--")
    assert f"{option} has no effect with --merge" in result.stderr


def test_two_documents_may_go_into_what_is_no_file(aws: TestSandbox, live_file: Path) -> None:
    arguments = ("-o", "json=/dev/null", "-o", "html=/dev/null", "--zone", "ireland-1")
    assert verify(aws, live_file, *arguments).exit_code == 0


def test_a_defect_in_the_handshakes_leaves_what_was_bought(
    aws: TestSandbox, live_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meetings(*_: Any) -> Generator[Any]:
        raise ZeroDivisionError
        yield

    monkeypatch.setattr(handshakes, "load_engine", lambda **_: meetings)
    result = verify(aws, live_file, "-o", "json")
    assert result.exit_code == 3
    assert "this is a defect in the toolkit: ZeroDivisionError" in result.stderr
    assert json.loads(result.stdout)["certificatesIssued"] == 3


def test_the_token_is_where_the_environment_says(aws: TestSandbox, live_file: Path, tmp_path: Path) -> None:
    token = token_file(tmp_path, "frankfurt-1")
    named = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token)}
    result = verify(aws, live_file, "--zone", "frankfurt-1", "--identity", "web-identity", **named)
    assert result.exit_code == 0, result.output
    # With another way of being a zone it has no say.
    assert verify(aws, live_file, "--zone", "frankfurt-1", **named).exit_code == 0
