"""Steps that every stack goes through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.pulumi.inventory import inventory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from tests.pulumi.command_line import Stack


def comes_up(aws: TestSandbox, stack: Stack) -> None:
    """Check that a preview creates nothing, an update what the preview named, and the next update nothing more."""
    before = inventory(aws)
    previewed = stack.preview()
    assert not previewed.error
    assert set(previewed.changes.values()) == {"create"}
    assert inventory(aws) == before
    made = stack.up(skip_preview=True)
    assert made.changes == previewed.changes
    assert stack.up().changes == {}
    # Read back from AWS, everything is still as the program wants it.
    assert not stack.refresh().error
    assert stack.up(skip_preview=True).changes == {}


def proves_every_zone(aws: TestSandbox, stack: Stack, directory: Path) -> None:
    """Render a Mesh from the outputs, and verify every zone."""
    (directory / "outputs.json").write_text(json.dumps(stack.outputs()), encoding="utf-8")
    contract = ("--contract", "outputs.json")
    for words in (
        ("contract", "show", *contract),
        ("render-mesh", *contract, "--output-file", "mesh.yaml"),
        ("verify", *contract),
    ):
        done = toolkit(directory, aws, *words)
        assert done.returncode == 0, done.stdout + done.stderr


def toolkit(directory: Path, aws: TestSandbox, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the toolkit with the sandbox's administrator."""
    command = [sys.executable, "-c", "from toolkit.cli import main; main()", *words]
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "AWS_REGION": "eu-central-1", **aws.environment}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
