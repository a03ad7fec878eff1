"""One run: create the CA, take the smoke path, send the probes, and delete the CA whatever happened."""

from __future__ import annotations

import secrets
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tests.aws import authority, plan, smoke
from tests.aws.authority import RemovalError, StateFile
from tests.aws.probe import Scene, Stage
from toolkit.errors import (
    EXIT_CHECK_FAILED,
    ExternalError,
    InterruptedByUserError,
    ToolkitError,
    one_line,
)
from toolkit.pki import pem
from toolkit.redaction import blot
from toolkit.text import printable_lines
from toolkit.verify.report.table import TableForm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.aws.account import Account
    from tests.aws.answers import Record
    from toolkit.cli.signals import Signals

# The beyond-ca probe asks for 7 days, the most that a CA in short-lived mode issues for.
_SECOND_DAYS = 5


class FailedError(ToolkitError):
    """The smoke path failed: the toolkit's verification did not pass."""

    exit_code = EXIT_CHECK_FAILED


def say(text: str) -> None:
    """Print a line. A terminal or a pipe that is gone must not keep the CA from being deleted."""
    with suppress(OSError, ValueError):
        sys.stdout.write(printable_lines(blot(text)) + "\n")
        sys.stdout.flush()


@dataclass
class Run:
    """One run on one CA.

    Attributes:
        account: where.
        record: the answers.
        directory: for what the smoke path writes.
        keep: whether the CA is left there.
        smoke: whether to take the smoke path, beside the probes.
        identifier: of the run.
        arn: of the CA, once it is created.
        say: prints a line.
    """

    account: Account
    record: Record
    directory: Path
    keep: bool = False
    smoke: bool = True
    identifier: str = field(default_factory=lambda: secrets.token_hex(6))
    arn: str = ""
    say: Callable[[str], None] = say

    def run(self, signals: Signals) -> None:
        """Do everything. Once the CA exists, signals end the work but not the clean-up.

        Raises:
            ExternalError: AWS returned an error in the smoke path, or can't be reached.
            RemovalError: the CA could not be deleted.
            InterruptedByUserError: somebody stopped the run.
        """
        state = StateFile(self.directory / f"authority-{self.identifier}.json", self.identifier, self.account.region)
        state.note("creating")
        signals.hold()
        self.arn = authority.create(self.account, self.identifier)
        try:
            state.note("created", self.arn)
            self.say(f"Created {self.arn}")
            self.record.of(self.arn)
            with signals.raising():
                scene = self._work()
        except KeyboardInterrupt:
            raise InterruptedByUserError("interrupted") from None
        except (BotoCoreError, ClientError) as error:
            raise ExternalError(f"the smoke path failed: {one_line(error)}") from error
        finally:
            self._finish(state)
        if not self.keep:
            self._ask(scene, Stage.DELETED)
        self.record.write()

    def _work(self) -> Scene:
        """Do what needs the CA, in the order of its states."""
        scene = Scene(self.account, self.arn, self.identifier)
        self.account.pca.get_waiter("certificate_authority_csr_created").wait(**scene.named)
        self._ask(scene, Stage.PENDING)
        certificate = authority.activate(self.account, self.arn, f"{self.identifier}-root")
        scene.authority = pem.load_certificate(certificate)
        self.record.certificates += 1
        self.say("Activated it as a root")
        if self.smoke:
            self._smoke(certificate)
        self._ask(scene, Stage.ACTIVE)
        scene.second = authority.certify(self.account, self.arn, _SECOND_DAYS, f"{self.identifier}-second")
        self.record.certificates += 1
        self._ask(scene, Stage.RENEWED)
        authority.disable(self.account, self.arn)
        self._ask(scene, Stage.DISABLED)
        if self.keep:
            self.account.pca.update_certificate_authority(**scene.named, Status="ACTIVE")
        return scene

    def _smoke(self, certificate: str) -> None:
        outputs = smoke.contract(self.account, self.arn, certificate)
        mesh_file = smoke.render(outputs, self.directory)
        self.say(f"Rendered the Mesh: {mesh_file}")
        report = smoke.verified(self.account, outputs, mesh_file)
        self.record.certificates += report.certificates_bought
        self.record.smoke = smoke.summary(report)
        self.say(TableForm().render(report))

    def _ask(self, scene: Scene, stage: Stage) -> None:
        """Send the probes of one state.

        "import-second" comes before what counts on it.
        """
        probes = [probe for probe in plan.PROBES if probe.stage is stage]
        for probe in sorted(probes, key=lambda probe: probe.name != "import-second"):
            self.record.ask(scene, probe)
        self.say(f"Recorded {len(probes)} answers of a CA that is {stage.name.lower()}")

    def _finish(self, state: StateFile) -> None:
        """Delete the CA, or say how to; then write what is recorded.

        Raises:
            RemovalError: the CA could not be deleted.
        """
        try:
            if self.keep:
                self.say(f"Kept {self.arn}. It costs ${plan.PER_MONTH} a month until you delete it:")
                self.say("\n".join(f"  {line}" for line in authority.commands_by_hand(self.account, self.arn)))
            else:
                authority.remove(self.account, self.arn)
                self.say(f"Deleted {self.arn}. {plan.after_deletion()}")
                with suppress(ToolkitError):
                    state.note("deleted", self.arn)
        finally:
            with suppress(ToolkitError):
                self.record.write()

    def conclude(self) -> None:
        """Say what the run gave.

        Raises:
            FailedError: the verification did not pass.
        """
        cost = self.record.certificates * plan.PER_CERTIFICATE
        self.say(f"{self.record.certificates} certificates were issued: ${cost:.2f} on AWS.")
        self.say(f"{len(self.record.answers)} answers are in {self.record.path}. Compare them with the sandbox:")
        self.say(f"  python -m tests.aws compare {self.record.path}")
        if not self.record.smoke.get("passed"):
            raise FailedError("toolkit verify did not pass", f"{self.directory / 'verify.json'} has the checks.")


def clean_up(account: Account, found: list[str]) -> None:
    """Delete CAs, each whatever happens to the others.

    Raises:
        RemovalError: one or more could not be deleted; the error has the commands for all of those.
    """
    failed: list[RemovalError] = []
    for arn in found:
        try:
            authority.remove(account, arn)
            say(f"Deleted {arn}. {plan.after_deletion()}")
        except RemovalError as error:
            failed.append(error)
    if failed:
        commands = [command for error in failed for command in error.commands]
        raise RemovalError(", ".join(error.arn for error in failed), failed[0].reason, commands)
