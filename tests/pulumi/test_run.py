"""The runner of `make test-pulumi`, with a stand-in for the Pulumi CLI."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.pulumi import run
from toolkit.files import project_root
from toolkit.sandbox import program
from toolkit.sandbox.engine import State

if TYPE_CHECKING:
    from tests.conftest import TestSandbox

AWS_PLUGIN = {"name": "aws", "kind": "resource", "version": importlib.metadata.version("pulumi-aws")}
STEPS = [
    "stack init sandbox --non-interactive",
    "preview --stack sandbox --non-interactive",
    "up --yes --stack sandbox --non-interactive",
    "up --yes --expect-no-changes --stack sandbox --non-interactive",
    "stack output --json --show-secrets --stack sandbox --non-interactive",
    "destroy --yes --stack sandbox --non-interactive",
]


@dataclass
class Cli:
    """A stand-in on PATH, and the runner that finds it."""

    directory: Path

    def __post_init__(self) -> None:
        script = self.directory / "pulumi"
        script.write_text(f"#!{sys.executable}\n{Path(__file__).with_name('pulumi.py').read_text()}")
        script.chmod(0o755)
        self.plugins(AWS_PLUGIN)

    def plugins(self, *plugins: dict[str, Any]) -> None:
        (self.directory / "plugins.json").write_text(json.dumps(plugins))

    def tell(self, what: str, text: str = "") -> None:
        (self.directory / what).write_text(text)

    def calls(self) -> list[dict[str, Any]]:
        file = self.directory / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def words(self) -> list[str]:
        return [" ".join(call["words"]) for call in self.calls()]

    def run(self, **more: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{self.directory}{os.pathsep}/usr/bin:/bin", "HOME": str(self.directory), **more}
        command = [sys.executable, "-m", "tests.pulumi.run"]
        return subprocess.run(
            command, cwd=project_root(), env=env, capture_output=True, text=True, check=False, timeout=300
        )


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_every_step_is_run_and_nothing_is_left(cli: Cli) -> None:
    result = cli.run()
    assert result.returncode == 0, result.stdout + result.stderr
    assert cli.words() == ["plugin ls --json", *STEPS]
    assert json.loads((cli.directory / "left").read_text()) == []
    assert result.stdout.splitlines()[5:] == [
        "toolkit outputs",
        "toolkit verify",
        "pulumi destroy --yes",
        "The Pulumi CLI made, kept, proved and destroyed the stack in the sandbox.",
    ]
    assert not Path(cli.calls()[-1]["cwd"]).exists()


def test_the_steps_know_the_sandbox_and_nothing_else(cli: Cli) -> None:
    cli.tell("idle")
    (cli.directory / ".pulumi" / "plugins").mkdir(parents=True)
    real = {
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_PROFILE": "production",
        "PULUMI_ACCESS_TOKEN": "pul-real",
        "PULUMI_BACKEND_URL": "https://api.pulumi.com",
        "HTTPS_PROXY": "http://proxy.example.com",
    }
    cli.run(**real)
    calls = [call for call in cli.calls() if call["words"][0] != "plugin"]
    for call in calls:
        env = call["env"]
        assert env["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
        assert (env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]) == ("sandbox", "sandbox")
        assert not set(env.values()) & set(real.values())
        assert not {"AWS_SESSION_TOKEN", "AWS_PROFILE", "PULUMI_ACCESS_TOKEN", "HTTPS_PROXY"} & set(env)
        above = Path(call["cwd"]).parent
        assert env["PULUMI_BACKEND_URL"] == (above / "state").as_uri()
        assert (env["HOME"], env["PULUMI_HOME"]) == (str(above / "home"), str(above / "pulumi"))
        assert env["PULUMI_CONFIG_PASSPHRASE"]
        assert env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
        assert call["cwd"] != str(project_root())
    assert len({call["cwd"] for call in calls}) == 1


def test_the_project_is_a_copy_that_points_at_the_sandbox(tmp_path: Path) -> None:
    project = run.lay_out(tmp_path, "http://127.0.0.1:1234")
    text = (project / "stacks" / "Pulumi.sandbox.yaml").read_text()
    assert "4599" not in text.partition("config:")[2]
    # Every service that the program may call, so that nothing of it reaches AWS.
    endpoints = json.loads(program.read_stack(project, "sandbox").values["aws:endpoints"])
    assert set(endpoints[0]) >= {"acmpca", "cloudwatch", "eks", "iam", "organizations", "ram", "s3", "scheduler", "sns"}
    assert set(endpoints[0].values()) == {"http://127.0.0.1:1234"}
    assert (project / ".venv" / "bin" / "python").exists()


def test_plugins_are_found_where_the_caller_keeps_them(tmp_path: Path) -> None:
    for own, number in (({"HOME": str(tmp_path)}, "1"), ({"PULUMI_HOME": str(tmp_path / "kept")}, "2")):
        where = tmp_path / ("kept" if number == "2" else ".pulumi") / "plugins"
        where.mkdir(parents=True)
        directory = tmp_path / number
        directory.mkdir()
        env = run.environment(directory, {}, own)
        assert (Path(env["PULUMI_HOME"]) / "plugins").resolve() == where


@pytest.mark.parametrize(("words", "count"), [("preview", 2), ("up --yes --stack", 3), ("destroy", 6)])
def test_a_step_that_fails_is_the_last_and_is_named(cli: Cli, words: str, count: int) -> None:
    if words != "destroy":
        cli.tell("idle")
    cli.tell("fail", words)
    result = cli.run()
    assert result.returncode == 1
    named = words.removesuffix(" --stack")
    said = result.stderr.splitlines()
    assert said[0].startswith(f"pulumi {named}")
    assert said[0].endswith(" failed (exit code 1)")
    assert said[1:] == ["said on standard output", "error: said on standard error"]
    assert cli.words()[1:] == STEPS[:count]
    assert "The Pulumi CLI made" not in result.stdout


def test_outputs_that_are_no_contract_fail_at_the_toolkit(cli: Cli) -> None:
    cli.tell("idle")
    result = cli.run()
    assert result.returncode == 1
    assert result.stderr.startswith("toolkit outputs failed (exit code 2)\n")


def test_changes_that_do_not_end_are_named(cli: Cli) -> None:
    cli.tell("fail", "up --yes --expect-no-changes")
    result = cli.run()
    assert result.returncode == 1
    assert result.stderr.startswith("pulumi up --yes --expect-no-changes failed (exit code 1)\n")


def test_without_the_cli_one_line_says_so(cli: Cli) -> None:
    (cli.directory / "pulumi").unlink()
    result = cli.run()
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == ("not run: the pulumi CLI is not installed; https://www.pulumi.com/docs/install/\n")


@pytest.mark.parametrize(
    "plugins",
    [
        (),
        ({**AWS_PLUGIN, "version": "6.0.0"},),
        ({**AWS_PLUGIN, "kind": "language"},),
        ({**AWS_PLUGIN, "name": "gcp"},),
    ],
)
def test_without_the_plugin_one_line_says_so(cli: Cli, plugins: tuple[dict[str, Any], ...]) -> None:
    cli.plugins(*plugins)
    result = cli.run()
    assert (result.returncode, result.stdout) == (0, "")
    version = AWS_PLUGIN["version"]
    assert result.stderr == (
        f"not run: pulumi's aws plugin {version} is not installed; pulumi plugin install resource aws {version}\n"
    )
    assert cli.words() == ["plugin ls --json"]


@pytest.mark.parametrize("said", ["", "not json", "{}", "[1]", '[{"name": "aws"}]'])
def test_a_cli_that_can_not_be_understood_is_not_run(cli: Cli, said: str) -> None:
    cli.tell("plugins.json", said)
    result = cli.run()
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.startswith("not run: ")
    assert result.stderr.count("\n") == 1


def test_make_offers_it() -> None:
    make = shutil.which("make")
    assert make
    said = subprocess.run([make, "help"], cwd=project_root(), capture_output=True, text=True, check=True).stdout
    assert "make test-pulumi " in said


def test_the_sandboxes_stack_needs_nothing_around_it(aws: TestSandbox) -> None:
    """So that it works with `toolkit sandbox`, which knows no stack."""
    found = program.preview(project_root(), program.read_stack(project_root(), "sandbox"), aws, State())
    assert found.of("create")
