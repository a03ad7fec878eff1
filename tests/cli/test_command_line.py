"""The command line as a user meets it: real processes, real exit codes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from tests.support import Authority, contract_document, hierarchy, pending_document
from toolkit import cli
from toolkit.cli.contract import SUBCOMMANDS
from toolkit.errors import ExternalError

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("pulumi", "pulumi_aws", "boto3", "botocore", "moto")


@pytest.fixture(scope="module")
def issuing() -> Authority:
    return hierarchy()


@pytest.fixture
def outputs(issuing: Authority, tmp_path: Path) -> Path:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(contract_document(issuing)))
    return file


def toolkit(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from toolkit.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)


def imported_by(*arguments: str | Path) -> set[str]:
    """The heavy packages that are loaded once the command is done."""
    program = (
        "import sys\n"
        "from toolkit.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print('loaded:', *[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", program, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("loaded:")]
    return set(line.split()[1:])


@pytest.mark.slow
def test_help_and_documents_start_fast(outputs: Path) -> None:
    assert imported_by("--help") == set()
    assert imported_by("render-mesh", "--help") == set()
    assert imported_by("verify", "--help") == set()
    for words in ([], ["create"], ["show"], ["csr"], ["schema"]):
        assert imported_by("contract", *words, "--help") == set()
    assert imported_by("contract", "schema") == set()
    for form in ("table", "json"):
        assert imported_by("contract", "show", "--contract", outputs, "-o", form) == set()
    assert imported_by("render-mesh", "--contract", outputs) == set()
    assert imported_by("render-mesh", "--contract", outputs, "--ca-cert", "secret", "--format", "universal") == set()


# The commands, and those of groups, by the words with which they are called.
ENTRIES = {**cli.COMMANDS, **{f"contract {name}": entry for name, entry in SUBCOMMANDS.items()}}


@pytest.mark.parametrize("name", ENTRIES)
def test_the_list_of_commands_says_what_the_commands_say(name: str) -> None:
    entry = ENTRIES[name]
    command = getattr(importlib.import_module(entry.module), entry.name)
    assert isinstance(command, click.Command)
    assert command.name == name.rsplit(maxsplit=1)[-1]
    assert (command.help or "").lstrip("\b").strip().startswith(entry.summary)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_option_is_explained(name: str) -> None:
    command = importlib.import_module(ENTRIES[name].module).command
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name}: {parameter.name} has no help"


@pytest.mark.parametrize("name", ENTRIES)
def test_help_shows_examples_as_they_are_typed(name: str) -> None:
    said = CliRunner().invoke(cli.main, [*name.split(), "--help"]).output
    assert "\\b" not in said
    if "Examples:" in said:
        examples = said.partition("Examples:\n")[2].splitlines()
        assert any(line.startswith("    toolkit") for line in examples), examples


def test_the_process_of_a_command_is_tuned(outputs: Path) -> None:
    program = (
        "import gc, os, sys\n"
        "from toolkit.__main__ import run\n"
        "before = gc.get_stats()\n"
        "try: run()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(gc.isenabled(), gc.get_stats() == before, os.environ['PYDANTIC_DISABLE_PLUGINS'], file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", program, "render-mesh", "--contract", str(outputs)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    # The collector is on, and had nothing to do until here.
    assert result.stderr == "True True __all__\n"
    assert "kind: Mesh" in result.stdout


def test_every_problem_of_an_outputs_file_is_said_and_nothing_is_written(
    outputs: Path, issuing: Authority, tmp_path: Path
) -> None:
    document = contract_document(issuing)
    document["certificateAuthority"]["arn"] = "arn:aws:s3:::bucket"
    document["meshes"] = "default"
    del document["zones"][1]["region"]
    first, second, _ = document["certificateChain"].split("-----END CERTIFICATE-----\n")
    document["certificateChain"] = f"{second}-----END CERTIFICATE-----\n{first}-----END CERTIFICATE-----\n"
    outputs.write_text(json.dumps(document))
    target = tmp_path / "mesh.yaml"
    result = toolkit("render-mesh", "--contract", outputs, "--output-file", target)
    assert result.returncode == 2
    assert result.stdout == ""
    assert not target.exists()
    for path in ("certificateAuthority.arn:", "meshes:", "zones[1].region:", "certificateChain:"):
        assert path in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("Error: ")
    assert "Hint: " in result.stderr


@pytest.mark.parametrize("command", ["contract show", "contract csr", "render-mesh", "verify"])
@pytest.mark.parametrize(
    "content", ["", "not json", "[]", "{}", '{"schemaVersion": 99}', '{"pendingCertificateAuthority": 1}']
)
def test_what_is_no_contract(command: str, content: str, tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(content)
    result = toolkit(*command.split(), "--contract", file)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    piped = toolkit(*command.split(), "--contract", "-", input=content)
    assert piped.returncode == 2
    assert "standard input" in piped.stderr


@pytest.mark.parametrize("command", ["render-mesh", "verify"])
def test_nothing_can_be_done_while_the_ca_waits(command: str, tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(pending_document()))
    result = toolkit(command, "--contract", file)
    assert (result.returncode, result.stdout) == (2, "")
    assert "the stack's CA has no certificate yet" in result.stderr
    assert "Hint: toolkit contract csr" in result.stderr


def test_the_lifetime_is_the_stacks_unless_chosen(outputs: Path, issuing: Authority) -> None:
    outputs.write_text(json.dumps(contract_document(issuing) | {"dataPlaneLifetime": "36h"}))
    assert "expiration: 36h\n" in toolkit("render-mesh", "--contract", outputs).stdout
    assert "expiration: 12h\n" in toolkit("render-mesh", "--contract", outputs, "--expiration", "12h").stdout
    outputs.write_text(json.dumps(contract_document(issuing) | {"dataPlaneLifetime": "9y"}))
    for command, option in {"render-mesh": "--expiration", "verify": "--lifetime"}.items():
        result = toolkit(command, "--contract", outputs)
        assert (result.returncode, result.stdout) == (2, "")
        assert f"{option}: 9y (the contract's dataPlaneLifetime)" in result.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    assert "Traceback" not in toolkit("render-mesh", "--contract", missing).stderr
    result = toolkit("--debug", "render-mesh", "--contract", missing)
    assert "Traceback" in result.stderr
    assert "InvalidInputError" in result.stderr


def test_wrong_usage() -> None:
    for arguments in (["no-such-command"], ["render-mesh", "--no-such-option"], ["verify", "--timeout", "0"]):
        assert toolkit(*arguments).returncode == 2


def test_without_pulumi_it_is_an_environment_error(tmp_path: Path) -> None:
    result = toolkit("render-mesh", env={"PATH": str(tmp_path)})
    assert result.returncode == 3
    assert "--contract FILE" in result.stderr


def test_without_credentials_no_zone_is_asked(outputs: Path, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin", "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    result = toolkit("verify", "--contract", outputs, env=environment)
    assert result.returncode == 3
    assert "no AWS credentials" in result.stderr
    unknown = toolkit("verify", "--contract", outputs, "--profile", "nobody", env=environment)
    assert unknown.returncode == 3
    assert "nobody" in unknown.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ExternalError("AWS is away", "Wait."), 3, "Error: AWS is away\nHint: Wait."),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (ZeroDivisionError("oops"), 3, "defect in the toolkit: ZeroDivisionError: oops"),
    ],
)
def test_how_errors_end(error: BaseException, code: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command
    def broken() -> None:
        raise error

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: broken)
    result = CliRunner().invoke(cli.main, ["demo"])
    assert result.exit_code == code
    assert words in result.stderr


def test_a_mesh_of_the_stack(outputs: Path, tmp_path: Path) -> None:
    mesh, secret = tmp_path / "mesh.yaml", tmp_path / "secret.yaml"
    result = toolkit(
        "render-mesh", "--contract", outputs, "--ca-cert", "secret", "--secret-file", secret, "--output-file", mesh
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert "kind: Mesh" in mesh.read_text()
    assert "kind: Secret" in secret.read_text()
    assert secret.stat().st_mode & 0o777 == 0o600
    stream = toolkit("render-mesh", "--contract", outputs, "--ca-cert", "secret").stdout
    assert stream.index("kind: Secret") < stream.index("kind: Mesh")


def test_options_that_do_not_go_together(outputs: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    result = toolkit("render-mesh", "--contract", outputs, "--secret-file", secret)
    assert result.returncode == 2
    assert "--ca-cert secret" in result.stderr
    assert not secret.exists()
    unknown = toolkit("render-mesh", "--contract", outputs, "--mesh", "other", "--expiration", "1d12h")
    assert unknown.returncode == 2
    assert "meshes: 'other' is not a mesh of the contract" in unknown.stderr
    assert "--expiration" in unknown.stderr
