"""One run: create the CA, take the smoke path, send the probes, and delete the CA whatever happened."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tests.aws import authority, plan, smoke
from tests.aws.account import Account, earlier_authorities
from tests.aws.authority import CreationError, RemovalError, StateFile
from tests.aws.probe import Scene, Stage
from toolkit.errors import (
    EXIT_CHECK_FAILED,
    ExternalError,
    InterruptedByUserError,
    ToolkitError,
    flatten,
)
from toolkit.pki import pem
from toolkit.redaction import blot
from toolkit.text import escape_lines
from toolkit.verify.report.table import render as render_table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.aws.answers import Record
    from toolkit.cli.signals import Signals

# The beyond-ca probe asks for 7 days, the most that a CA in short-lived mode issues for.
_SECOND_DAYS = 5
# How long to look for a CA after its creation failed: AWS may list a new CA with a delay.
_LOOK_SECONDS, _LOOK_PAUSE_SECONDS = 15, 3


class FailedError(ToolkitError):
    """The smoke path failed: the toolkit's verification did not pass."""

    exit_code = EXIT_CHECK_FAILED


def say(text: str) -> None:
    """Print a line. Ignore a closed terminal or pipe, so that the CA is still deleted."""
    with suppress(OSError, ValueError):
        sys.stdout.write(escape_lines(blot(text)) + "\n")
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
            ExternalError: AWS did not create the CA, returned an error in the smoke path, or can't be reached.
            RemovalError: the CA could not be deleted.
            InterruptedByUserError: somebody stopped the run.
        """
        state = StateFile(self.directory / f"authority-{self.identifier}.json", self.identifier, self.account.region)
        state.note("creating")
        signals.hold()
        seconds = 0
        try:
            self.arn = authority.create(self.account, self.identifier)
            state.note("created", self.arn)
            self.say(f"Created {self.arn}")
            self.record.of(self.arn)
            with signals.raising():
                scene = self._work()
        except CreationError as error:
            if not error.is_certain:
                seconds = _LOOK_SECONDS
                self.say(f"Creating the CA failed. Looking for it for {seconds} seconds.")
            raise
        except KeyboardInterrupt:
            self.say("Stopping." if self.keep else "Stopping. Deleting the CA.")
            raise InterruptedByUserError("interrupted") from None
        except (BotoCoreError, ClientError) as error:
            raise ExternalError(f"the smoke path failed: {flatten(error)}") from error
        finally:
            self._finish(state, seconds)
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
        self.record.certificates += report.certificates_issued
        self.record.smoke = smoke.summary(report)
        self.say(render_table(report))

    def _ask(self, scene: Scene, stage: Stage) -> None:
        """Send the probes of one state.

        "import-second" comes before what counts on it.
        """
        probes = [probe for probe in plan.PROBES if probe.stage is stage]
        for probe in sorted(probes, key=lambda probe: probe.name != "import-second"):
            self.record.ask(scene, probe)
        self.say(f"Recorded {len(probes)} answers of a CA that is {stage.name.lower()}")

    def _finish(self, state: StateFile, seconds: float) -> None:
        """Delete every CA of this run, or say how to; then write what is recorded.

        Args:
            state: notes the deletion.
            seconds: how long to look for a CA whose creation failed.

        Raises:
            RemovalError: a CA could not be deleted.
        """
        try:
            if self.keep and self.arn:
                self.say(f"Kept {self.arn}. It costs ${plan.PER_MONTH} a month until you delete it:")
                self.say("\n".join(f"  {line}" for line in authority.commands_by_hand(self.account, self.arn)))
            deleted = clean_up(self.account, self._to_delete(seconds), self.say)
            if deleted:
                with suppress(ToolkitError):
                    state.note("deleted", deleted[0])
        finally:
            with suppress(ToolkitError):
                self.record.write()

    def _to_delete(self, seconds: float) -> Iterator[str]:
        """Yield the CA unless it is kept, then every other CA of this run: AWS may have created more than one."""
        if self.arn and not self.keep:
            yield self.arn
        until = time.monotonic() + seconds
        while not (found := self._found()) and time.monotonic() < until:
            time.sleep(_LOOK_PAUSE_SECONDS)
        yield from (arn for arn in found if arn != self.arn)

    def _found(self) -> list[str]:
        """Return the CAs of this run, by their tag."""
        try:
            return [each.arn for each in earlier_authorities(self.account) if each.run == self.identifier]
        except ExternalError as error:
            self.say(f"Can't look for other CAs of this run: {error.message}")
            self.say(f"If AWS shows one later, this deletes it: {authority.cleanup_command(self.account)}")
            return []

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


def clean_up(account: Account, found: Iterable[str], say: Callable[[str], None] = say) -> list[str]:
    """Delete CAs, each whatever happens to the others. The caller must hold signals.

    Args:
        account: of the CAs.
        found: their ARNs. The next one is asked for after the one before is deleted.
        say: prints a line.

    Returns:
        the ARNs of the deleted CAs.

    Raises:
        RemovalError: one or more could not be deleted; the error has the commands for all of those.
    """
    deleted: list[str] = []
    failed: list[RemovalError] = []
    for arn in found:
        try:
            authority.remove(account, arn)
            deleted.append(arn)
            say(f"Deleted {arn}. {plan.after_deletion()}")
        except RemovalError as error:
            failed.append(error)
    if failed:
        commands = [command for error in failed for command in error.commands]
        raise RemovalError(", ".join(error.arn for error in failed), failed[0].reason, commands)
    return deleted
