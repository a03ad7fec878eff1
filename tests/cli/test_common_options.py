"""``-q``, ``--no-color`` and ``-y``, before the command and after it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests.cli.terminal import run_on_terminal
from tests.support import contract_document, hierarchy
from toolkit.cli import main

if TYPE_CHECKING:
    from pathlib import Path

LINE = ("render-mesh", "--credentials", "env", "--access-key", "inline", "--access-key-secret", "inline")
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
# Nobody listens there.
NOWHERE = ("--endpoint-url", "http://127.0.0.1:9", "--timeout", "1")
# Not on this machine; a name that never resolves (RFC 6761, 6.4).
ELSEWHERE = ("--endpoint-url", "https://aws.invalid", "--timeout", "1")


@pytest.mark.parametrize("words", [("-q", "lint"), ("lint", "-q"), ("--quiet", "lint"), ("lint", "--quiet")])
def test_only_errors_are_said(tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text("type: Mesh\nname: default\n")
    plain = CliRunner().invoke(main, ["lint", str(file)])
    quiet = CliRunner().invoke(main, [*words, str(file)])
    assert "in 1 file" in plain.stderr
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (plain.exit_code, plain.stdout, "")
    missing = CliRunner().invoke(main, [*words, "missing.yaml"])
    assert missing.stderr.startswith("Error: can't read missing.yaml")


def test_warnings_are_not_said(outputs: Path, tmp_path: Path) -> None:
    arguments = [*LINE, "--contract", str(outputs), "--allow-inline-credentials", "--output-file", str(tmp_path / "m")]
    assert "Warning:" in CliRunner().invoke(main, arguments, env=KEYS).stderr
    assert CliRunner().invoke(main, [*arguments, "-q"], env=KEYS).stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--no-color", "lint"), ("lint", "--no-color")])
def test_without_colors(tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text("type: Mesh\nname: default\nmtls: 1\n")
    for arguments in ((file,), ("missing.yaml",)):
        assert "\x1b[" in run_on_terminal("lint", *arguments).text
        assert "\x1b[" not in run_on_terminal(*words, *arguments).text


@pytest.fixture
def many_zones(tmp_path: Path) -> Path:
    """A contract whose verification costs more than a dollar on AWS."""
    document = contract_document(hierarchy())
    zone = document["zones"][0]
    document["zones"] = [{**zone, "name": f"zone-{number}"} for number in range(1, 4)]
    file = tmp_path / "many.json"
    file.write_text(json.dumps(document))
    return file


@pytest.mark.slow
def test_more_than_a_dollar_is_asked_for_on_a_terminal(many_zones: Path, outputs: Path) -> None:
    question = "Go on? [y/N]"
    line = ("verify", "--contract", many_zones)
    refused = run_on_terminal(*line, *ELSEWHERE, answers={question: "n\n"}, environment=KEYS)
    assert question in refused.text
    assert "not verified; nothing was issued" in refused.text
    assert refused.exit_code == 130
    # A ledger that can't be written is named before the question.
    unwritable = run_on_terminal(*line, *ELSEWHERE, "--ledger", many_zones / "ledger", environment=KEYS)
    assert "can't write the ledger" in " ".join(unwritable.text.split())
    assert (question in unwritable.text, unwritable.exit_code) == (False, 3)
    agreed = run_on_terminal(*line, *ELSEWHERE, answers={question: "y\n"}, environment=KEYS)
    assert (question in agreed.text, agreed.exit_code) == (True, 3)
    for arguments in (
        (*line, "-y", *ELSEWHERE),
        ("verify", "--contract", outputs, "--zone", "zone-1", *ELSEWHERE),
        # Nothing is paid on this machine.
        (*line, *NOWHERE),
    ):
        shown = run_on_terminal(*arguments, environment=KEYS)
        assert (question in shown.text, shown.exit_code) == (False, 3)


@pytest.mark.slow
def test_a_job_is_not_asked(many_zones: Path) -> None:
    line = ["verify", "--contract", str(many_zones)]
    result = CliRunner().invoke(main, [*line, *ELSEWHERE], env=KEYS)
    assert "Asking for 3 certificates, one per zone; they cost up to $2.25." in result.stderr
    assert (result.exit_code, "Go on?" in result.stderr) == (3, False)
    one = CliRunner().invoke(main, [*line, *ELSEWHERE, "--zone", "zone-1"], env=KEYS)
    assert "Asking for 1 certificate; it costs up to $0.75." in one.stderr
    local = CliRunner().invoke(main, [*line, *NOWHERE, "--zone", "zone-1"], env=KEYS)
    assert "Asking for 1 certificate; on AWS it would cost up to $0.75." in local.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", [["verify"], ["verify", "--resume"]])
def test_a_warning_that_credentials_are_sent_unencrypted(many_zones: Path, tmp_path: Path, command: list[str]) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.touch()
    words = [*command, *([str(ledger)] if command[1:] else []), "--contract", str(many_zones), "--timeout", "1"]
    for url, is_safe in (
        ("http://aws.invalid:4566", False),
        ("https://aws.invalid", True),
        ("http://localhost:9", True),
        ("http://[::1]:9", True),
    ):
        result = CliRunner().invoke(main, words, env={**KEYS, "AWS_ENDPOINT_URL": url})
        assert result.stderr.count(f"Warning: {url} is an http:// address on another host") == (not is_safe), url
