"""Where tests run `python -m tests.aws`: a directory, an environment with the sandbox as the only AWS, and its CAs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.sandbox.conformance.world import ACCOUNT
from toolkit.files import find_project_root

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestSandbox
    from toolkit.sandbox.private_ca.certificate_authority import CertificateAuthority

# Other tests create no CAs there.
REGION = "sa-east-1"
SECONDS = 120
YES = ("--account", ACCOUNT, "--yes")


@dataclass
class Place:
    """A directory and an environment in which the command runs, and the CAs that it creates in the sandbox."""

    aws: TestSandbox
    directory: Path
    environment: dict[str, str]
    before: set[str]

    @contextmanager
    def start(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Start the command, and kill it if it is still running at the end."""
        command = [sys.executable, "-m", "tests.aws", *words]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=self.directory, env=self.environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *words: str, code: int = 0) -> str:
        """Run the command to its end, and return what it printed."""
        with self.start(*words) as process:
            said, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == code, said
        return said

    @property
    def record(self) -> dict[str, Any]:
        return dict(json.loads((self.directory / "build/aws/answers.json").read_text()))

    @property
    def created(self) -> list[CertificateAuthority]:
        known = dict(self.aws.private_ca.registry.authorities)
        return [found for arn, found in known.items() if f":{REGION}:" in arn and arn not in self.before]

    def status(self) -> list[str]:
        return [found.status(self.aws.clock()) for found in self.created]


def environment(aws: TestSandbox, home: Path) -> dict[str, str]:
    """Return the command's variables: the sandbox, and no other AWS."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(find_project_root()),
        "HOME": str(home),
        **aws.environment,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def place_in(aws: TestSandbox, directory: Path) -> Place:
    return Place(aws, directory, environment(aws, directory), set(aws.private_ca.registry.authorities))
