"""The real Pulumi CLI and its aws plugin against the sandbox: `make test-pulumi`.

Everything that the CLI keeps, knows and asks stays in a temporary directory and on the loopback. Where the CLI is not
installed nothing is run, and that is said.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.files import project_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.sandbox.server import Sandbox

STACK = "sandbox"
# What stacks/Pulumi.sandbox.yaml names, for people who start `toolkit sandbox --port 4599`.
PORT = "http://127.0.0.1:4599"
TOOLKIT = (sys.executable, "-c", "from toolkit.cli import main; main()")
# A provider that hangs would otherwise keep CI until its own end.
PATIENCE = 900


class StepError(Exception):
    """A step failed; the message says how, and what it said."""


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        words: that people know it by.
        command: what is run.
        output: the file in the project that takes its standard output.
    """

    words: str
    command: tuple[str, ...]
    output: str | None = None


def steps(pulumi: str) -> Iterator[Step]:
    """What is run, in order."""

    def of_pulumi(*words: str, output: str | None = None) -> Step:
        return Step(" ".join(("pulumi", *words)), (pulumi, *words, "--stack", STACK, "--non-interactive"), output)

    def of_toolkit(word: str) -> Step:
        return Step(f"toolkit {word}", (*TOOLKIT, word, "--outputs", "outputs.json"))

    yield Step("pulumi stack init", (pulumi, "stack", "init", STACK, "--non-interactive"))
    yield of_pulumi("preview")
    yield of_pulumi("up", "--yes")
    # What a second update would change, the first left undone or will change for ever.
    yield of_pulumi("up", "--yes", "--expect-no-changes")
    yield of_pulumi("stack", "output", "--json", "--show-secrets", output="outputs.json")
    yield of_toolkit("outputs")
    yield of_toolkit("verify")
    yield of_pulumi("destroy", "--yes")


def not_installed(pulumi: str | None) -> str | None:
    """What is missing, in words; None if everything is there."""
    if pulumi is None:
        return "the pulumi CLI is not installed; https://www.pulumi.com/docs/install/"
    wanted = importlib.metadata.version("pulumi-aws")
    try:
        said = subprocess.run([pulumi, "plugin", "ls", "--json"], capture_output=True, text=True, check=True).stdout
        plugins = [(item["kind"], item["name"], item["version"].removeprefix("v")) for item in json.loads(said)]
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError, TypeError) as error:
        return f"the pulumi CLI does not list its plugins: {' '.join(str(error).split())}"
    if ("resource", "aws", wanted) in plugins:
        return None
    return f"pulumi's aws plugin {wanted} is not installed; pulumi plugin install resource aws {wanted}"


def lay_out(directory: Path, endpoint_url: str) -> Path:
    """A copy of the project that the CLI may write to, its stack pointed at the sandbox."""
    project = directory / "project"
    (project / "stacks").mkdir(parents=True)
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(project_root() / name, project / name)
    settings = project_root() / "stacks" / f"Pulumi.{STACK}.yaml"
    text = settings.read_text(encoding="utf-8").replace(PORT, endpoint_url)
    (project / "stacks" / settings.name).write_text(text, encoding="utf-8")
    # Pulumi.yaml names it; the program is run by what runs this.
    (project / ".venv").symlink_to(sys.prefix)
    return project


def environment(directory: Path, sandbox: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """What the steps know: the sandbox and a home of their own; of the caller's environment where programs are."""
    home, kept = directory / "home", directory / "pulumi"
    for made in (home, kept, directory / "state"):
        made.mkdir()
    plugins = Path(own.get("PULUMI_HOME") or Path(own.get("HOME", "/")) / ".pulumi") / "plugins"
    if plugins.is_dir():
        (kept / "plugins").symlink_to(plugins)
    return {
        "PATH": own.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        **sandbox,
        "AWS_REGION": "eu-central-1",
        # Neither credentials that are lying about nor those of the machine.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "PULUMI_HOME": str(kept),
        "PULUMI_BACKEND_URL": (directory / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "sandbox",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def run(step: Step, project: Path, env: Mapping[str, str]) -> None:
    """Run one step.

    Raises:
        StepError: it did not end well.
    """
    try:
        result = subprocess.run(
            step.command, cwd=project, env=dict(env), capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StepError(f"{step.words} failed: {error}") from error
    if result.returncode:
        said = f"{result.stdout}{result.stderr}".rstrip()
        raise StepError(f"{step.words} failed (exit code {result.returncode})\n{said}")
    if step.output:
        (project / step.output).write_text(result.stdout, encoding="utf-8")


def run_all(pulumi: str, sandbox: Sandbox) -> None:
    """Run every step, the first that fails being the last.

    Raises:
        StepError: one did.
    """
    with tempfile.TemporaryDirectory(prefix="test-pulumi-") as name:
        directory = Path(name)
        project = lay_out(directory, sandbox.endpoint_url)
        env = environment(directory, sandbox.environment, os.environ)
        for step in steps(pulumi):
            sys.stdout.write(f"{step.words}\n")
            sys.stdout.flush()
            run(step, project, env)


def main() -> int:
    pulumi = shutil.which("pulumi")
    missing = not_installed(pulumi)
    if pulumi is None or missing:
        sys.stderr.write(f"not run: {missing}\n")
        return 0
    # Imported late: moto takes longer than it takes to see that there is nothing to do.
    from toolkit.sandbox.server import Sandbox  # noqa: PLC0415

    try:
        with Sandbox() as sandbox:
            run_all(pulumi, sandbox)
    except StepError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("The Pulumi CLI made, kept, proved and destroyed the stack in the sandbox.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
