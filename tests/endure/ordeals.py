"""Runs of `toolkit verify` that are killed and stopped, and what must be known of them afterwards.

The sandbox lives in this process and outlives them: its registry has every certificate that was issued.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from toolkit import contract
from toolkit.files import find_project_root
from toolkit.sandbox.pulumi import program

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from toolkit.contract import StackOutputs
    from toolkit.sandbox.server import Sandbox

ZONES = 30
_PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/1F2E3D4C5B6A7988"
# Each zone writes that it asks, and what it got.
_MOST_LINES = 2 * ZONES
_LOOK_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.05
_GIVE_UP_SECONDS = 120
_INTERRUPTED = 130
_World = TypeVar("_World")


@dataclass
class World:
    """A stack of many zones in a sandbox.

    Attributes:
        aws: the sandbox.
        outputs: the contract.
        directory: for the files of the runs.
        chance: chooses the moments.
        runs: how many there were.
    """

    aws: Sandbox
    outputs: StackOutputs
    directory: Path
    chance: random.Random
    runs: int = field(default=0, init=False)

    @classmethod
    def of(cls, aws: Sandbox, directory: Path, chooses: random.Random) -> World:
        config = program.read_stack(find_project_root(), "prod")
        cluster = {"region": "eu-central-1", "oidcProviderArn": _PROVIDER}
        zones = [{**cluster, "name": f"zone-{n}", "namespace": f"mesh-{n}"} for n in range(ZONES)]
        values = {**config.values, "kong-mesh-pca:zones": json.dumps(zones)}
        outputs = contract.parse(json.dumps(program.run(find_project_root(), replace(config, values=values), aws)))
        world = cls(aws, outputs, directory, chooses)
        world.outputs_file.write_text(outputs.to_json())
        return world

    @property
    def outputs_file(self) -> Path:
        return self.directory / "outputs.json"

    def issued(self) -> set[str]:
        return set(self.aws.private_ca.registry.authorities[self.outputs.certificate_authority.arn].issued)

    def ledger(self) -> Path:
        self.runs += 1
        return self.directory / f"{self.runs}.jsonl"

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "toolkit", "verify", "--contract", str(self.outputs_file), "-o", "json"]
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **self.aws.environment}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*command, *map(str, arguments)],
            cwd=find_project_root(),
            env=environment,
            text=True,
            stdout=pipe,
            stderr=pipe,
        )

    def resume(self, ledger: Path) -> dict[str, Any]:
        """What is known of a ledger's requests; everything must be."""
        with self.start("--resume", ledger) as process:
            stdout, stderr = process.communicate(timeout=_GIVE_UP_SECONDS)
        assert process.returncode == 0, f"{ledger}: exit code {process.returncode}\n{stdout}{stderr}"
        found: dict[str, Any] = json.loads(stdout)
        return found

    def wait_for_lines(self, process: subprocess.Popen[str], ledger: Path, count: int) -> None:
        """Wait until a ledger has so many lines, or the run has ended."""
        waited = 0.0
        while _lines(ledger) < count and not _ends(process, _LOOK_SECONDS):
            waited += _LOOK_SECONDS
            assert waited < _GIVE_UP_SECONDS, f"{ledger} never got {count} lines"


def _lines(ledger: Path) -> int:
    return ledger.read_bytes().count(b"\n") if ledger.exists() else 0


def _ends(process: subprocess.Popen[str], seconds: float) -> bool:
    """Whether the run ends in that time."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def known(ledger: Path) -> set[str]:
    """The ARNs that a ledger has."""
    events = [json.loads(line) for line in ledger.read_text().splitlines() if line.endswith("}")]
    return {event["certificateArn"] for event in events if event["event"] == "issued"}


def kill(world: World) -> int:
    """Kill a run at a random moment, resume it, and look for every certificate in the ledger.

    Returns:
        How many certificates had to be recovered.
    """
    before, ledger = world.issued(), world.ledger()
    with world.start("--ledger", ledger, "--no-handshakes") as process:
        world.wait_for_lines(process, ledger, world.chance.randint(0, _MOST_LINES))
        _ends(process, world.chance.uniform(0, _LONGEST_PAUSE_SECONDS))
        process.kill()
        process.communicate()
    had = known(ledger) if ledger.exists() else set()
    if ledger.exists():
        world.resume(ledger)
    issued = world.issued() - before
    if not ledger.exists():
        assert not issued, f"{len(issued)} certificates were issued before there was a ledger"
        return 0
    lost = issued - known(ledger)
    assert not lost, f"{ledger} does not know {lost}"
    return len(known(ledger) - had)


def stop(world: World) -> int:
    """Send two or three signals to a run, and look for every certificate in its report.

    Returns:
        How many certificates the report does not name because their answers came too late; the ledger leads to them.
    """
    before, ledger = world.issued(), world.ledger()
    sent: list[str] = []
    with world.start("--ledger", ledger, "--no-handshakes") as process:
        world.wait_for_lines(process, ledger, world.chance.randint(1, _MOST_LINES))
        for _ in range(world.chance.choice((2, 3))):
            number = world.chance.choice((signal.SIGINT, signal.SIGTERM))
            sent.append(number.name)
            process.send_signal(number)
            _ends(process, world.chance.uniform(0, _LONGEST_PAUSE_SECONDS))
        stdout, stderr = process.communicate(timeout=_GIVE_UP_SECONDS)
    what = f"{ledger}, {', '.join(sent)}: exit code {process.returncode}\n{stderr}"
    assert "Traceback" not in stderr, what
    assert stdout, what
    report = json.loads(stdout)
    # One that came after the last answer stops nothing.
    assert process.returncode == (_INTERRUPTED if report["interrupted"] else 0), what
    named = {arn for zone in report["zones"] for arn in zone["certificatesIssued"]}
    world.resume(ledger)
    late = world.issued() - before - named
    assert not late or "got no answer: AWS may have issued certificates" in stderr, f"{what}{late} are not mentioned"
    assert late <= known(ledger), f"{what}{late} are neither in the report nor in the ledger"
    return len(late)


def repeat(ordeal: Callable[[_World], int], world: _World, times: int, say: Callable[[str], None]) -> int:
    """Do it so many times, and return the sum of what it returned."""
    total = 0
    for number in range(times):
        total += ordeal(world)
        say(f"{ordeal.__name__} {number + 1} of {times}")
    return total
