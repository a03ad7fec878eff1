"""Find the certificates of killed runs: repeat the recent requests of a ledger, so that AWS returns their ARNs.

AWS remembers an idempotency token for five minutes. Within that time, a repeated request returns the certificate of
the first request. AWS issues a certificate only if the first request never arrived.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from toolkit.errors import ToolkitError, flatten
from toolkit.pki import chain
from toolkit.verify.advice import DENIED, describe_error
from toolkit.verify.calls import Caller, DeadlineError, StoppedError
from toolkit.verify.issue import Issuer
from toolkit.verify.issue_request import SAME_QUESTION_SECONDS, is_refusal, send
from toolkit.verify.ledger import VERIFICATION, NoLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.identity import IdentitySource
    from toolkit.verify.ledger import IssueRequest, Ledger
    from toolkit.verify.ledger_lines import Entry

FORGOTTEN = (
    "AWS forgets a token after 5 minutes; look for the CSR's key in an audit report: "
    "aws acm-pca create-certificate-authority-audit-report"
)
_ERRORS = (ClientError, BotoCoreError, DeadlineError, OSError, ValueError)
# AWS rejects the same request with these codes every time, so the first request was rejected too.
_ALWAYS_REFUSED = {"InvalidArgsException", "InvalidArnException", "MalformedCSRException", "ValidationException"}
_MAX_THREADS = 64
# Allowed clock difference of machines that share a ledger; less than the margin to AWS's five minutes.
_CLOCK_SKEW_SECONDS = 30.0
# A running call gets this long for its answer after the deadline or a stop.
_GRACE_SECONDS = 2.0
_LOOK_SECONDS = 0.05


class Status(StrEnum):
    """The outcome of a request, as far as it is known."""

    ISSUED = "issued"
    RECOVERED = "recovered"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass
class Finding:
    """The outcome of a request after a resumed run.

    Attributes:
        entry: the request in the ledger.
        status: the outcome.
        certificate_arn: ARN of the certificate; empty if none is known.
        serial: serial number of the certificate, as ``RevokeCertificate`` takes it; empty if it was not fetched.
        reason: why nothing was issued, why the outcome is unknown, or why the certificate could not be fetched.
    """

    entry: Entry
    status: Status
    certificate_arn: str = ""
    serial: str = ""
    reason: str = ""

    @classmethod
    def of(cls, entry: Entry) -> Finding:
        """Return the outcome of a request from the ledger alone."""
        if entry.certificate_arn:
            return cls(entry, Status.ISSUED, entry.certificate_arn)
        if entry.refusal:
            return cls(entry, Status.REFUSED, reason=entry.refusal)
        return cls(entry, Status.UNKNOWN, reason=FORGOTTEN)


@dataclass(frozen=True)
class Resumed:
    """The outcomes of all requests of a ledger.

    Attributes:
        findings: in the ledger's order.
        interrupted: whether the user interrupted the run.
        trouble: the error that ended the run, such as a ledger that can't be written. The caller must raise it after
            it has shown the findings.
    """

    findings: tuple[Finding, ...]
    interrupted: bool = False
    trouble: Exception | None = None

    @property
    def complete(self) -> bool:
        """Return whether the outcome of every request is known."""
        return all(finding.status is not Status.UNKNOWN for finding in self.findings)


def is_young(entry: Entry) -> bool:
    """Return whether a request is recent: AWS certainly still remembers its token."""
    return entry.request is not None and _left(entry) > 0


@dataclass
class Resumption:
    """Repeats the recent requests without an answer, and fetches the certificates with a known ARN.

    Attributes:
        outputs: the contract.
        source: gets each zone's identity.
        asked: the zones to resume.
        timeout: time limit for one zone.
        ledger: records recovered ARNs.
    """

    outputs: StackOutputs
    source: IdentitySource
    asked: Sequence[Zone]
    timeout: timedelta
    ledger: Ledger = field(default_factory=NoLedger)
    _zones: queue.SimpleQueue[tuple[Zone, list[Finding]]] = field(default_factory=queue.SimpleQueue, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _trouble: Exception | None = field(default=None, init=False)

    def repeatable(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the requests without an answer that :meth:`run` would repeat now."""
        names = {zone.name for zone in self.asked}
        return [
            entry
            for entry in entries
            if entry.unknown and is_young(entry) and entry.zone in names and not _foreign(entry, self.outputs)
        ]

    def run(self, entries: Sequence[Entry], interruptions: Callable[[], int] = lambda: 0) -> Resumed:
        """Find the outcomes of all requests of a ledger.

        Args:
            entries: the entries of the ledger.
            interruptions: returns how often the user asked to stop. After the second time, calls get no time to end.

        Returns:
            A finding for each entry; after an interruption, the findings so far.
        """
        findings = [Finding.of(entry) for entry in entries]
        names = {zone.name for zone in self.outputs.zones}
        for finding in findings:
            _explain(finding, self.outputs, names)
        for zone in self.asked:
            mine = [finding for finding in findings if finding.entry.zone == zone.name]
            own = [finding for finding in mine if not _foreign(finding.entry, self.outputs)]
            if any(_is_worth_a_call(finding) for finding in own):
                self._zones.put((zone, own))
        self._run_threads(interruptions)
        # Copies, because a thread that hangs may still change a finding.
        copies = tuple(replace(finding) for finding in findings)
        return Resumed(copies, interruptions() > 0, self._trouble)

    def _run_threads(self, interruptions: Callable[[], int]) -> None:
        rounds = -(-self._zones.qsize() // _MAX_THREADS)
        until = time.monotonic() + self.timeout.total_seconds() * rounds + _GRACE_SECONDS
        # Daemons: a call that hangs must not keep the process alive.
        threads = [
            threading.Thread(target=self._work, name=f"resume-{number}", daemon=True)
            for number in range(min(self._zones.qsize(), _MAX_THREADS))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive() and time.monotonic() < until and interruptions() <= 1:
                thread.join(_LOOK_SECONDS)
                if interruptions() and not self._stop.is_set():
                    self._stop.set()
                    until = min(until, time.monotonic() + _GRACE_SECONDS)
        self._stop.set()

    def _work(self) -> None:
        while not self._stop.is_set() and self._trouble is None:
            try:
                zone, findings = self._zones.get_nowait()
            except queue.Empty:
                return
            caller = Caller(time.monotonic() + self.timeout.total_seconds(), self._stop, zone=zone.name)
            try:
                self._zone(zone, findings, caller)
            except StoppedError:
                return
            except ToolkitError as error:
                # The ledger can't be written.
                self._trouble = error
            except Exception as error:  # noqa: BLE001 - whatever is wrong here says nothing about another zone
                for finding in findings:
                    if finding.status is Status.UNKNOWN and is_young(finding.entry):
                        finding.reason = flatten(error)

    def _zone(self, zone: Zone, findings: list[Finding], caller: Caller) -> None:
        unknown = [finding for finding in findings if finding.status is Status.UNKNOWN]
        young = [finding for finding in unknown if is_young(finding.entry)]
        for finding in young:
            finding.reason = "it was not repeated in time"
        try:
            identity = self.source.identity(zone, self.outputs.certificate_authority.region, caller)
            problem = "" if identity.is_expected() else f"the identity is {identity.caller_arn}, not the zone's"
        except _ERRORS as error:
            problem = f"the zone's identity is not available: {describe_error(error)}"
        if problem:
            for finding in findings:
                if finding in young or finding.certificate_arn:
                    finding.reason = problem
            return
        for finding in young:
            self._repeat(finding, identity.client, caller)
        issuer = Issuer(identity.client, self.outputs.certificate_authority, caller)
        for finding in findings:
            if _is_worth_a_fetch(finding):
                _fetch(finding, issuer)

    def _repeat(self, finding: Finding, client: ACMPCAClient, caller: Caller) -> None:
        entry, left = finding.entry, _left(finding.entry)
        request = entry.request
        if request is None or left <= 0:
            finding.reason = FORGOTTEN
            return
        try:
            certificate_arn = caller.ask("IssueCertificate", lambda: send(client, request), left)
        except _ERRORS as error:
            finding.reason = describe_error(error)
            if _refuses_the_first(error, request):
                finding.status = Status.REFUSED
                self.ledger.refused(entry.zone, request, finding.reason)
            return
        # Before the ledger: if it can't be written, only the output names the certificate.
        finding.status, finding.certificate_arn, finding.reason = Status.RECOVERED, certificate_arn, ""
        self.ledger.issued(entry.zone, request, certificate_arn)


def _fetch(finding: Finding, issuer: Issuer) -> None:
    try:
        finding.serial = chain.format_serial_number(issuer.fetch(finding.certificate_arn).leaf)
    except _ERRORS as error:
        finding.reason = f"the certificate can't be fetched: {describe_error(error)}"


def _refuses_the_first(error: Exception, request: IssueRequest) -> bool:
    """Return whether the error of a repeated request proves that AWS issued nothing for the first request.

    AccessDenied proves nothing for a zone's own request, because the role may have been allowed before. It does for a
    denial probe, which expects it.
    """
    if not isinstance(error, ClientError) or not is_refusal(error):
        return False
    code = error.response["Error"]["Code"]
    denied = code in DENIED or code == "ResourceNotFoundException"
    return code in _ALWAYS_REFUSED or (denied and request.purpose != VERIFICATION)


def _left(entry: Entry) -> float:
    """Return for how many seconds AWS certainly still remembers a request's token; 0 or less if that is uncertain."""
    age = (datetime.now(UTC) - entry.at).total_seconds()
    # A time in the future is from another clock, so the age is unknown.
    return SAME_QUESTION_SECONDS - age if age > -_CLOCK_SKEW_SECONDS else 0.0


def _foreign(entry: Entry, outputs: StackOutputs) -> bool:
    """Return whether a request was made with another contract. A denial probe's CA is never the contract's."""
    return entry.purpose == VERIFICATION and entry.authority_arn != outputs.certificate_authority.arn


def _is_worth_a_call(finding: Finding) -> bool:
    return (finding.status is Status.UNKNOWN and is_young(finding.entry)) or _is_worth_a_fetch(finding)


def _is_worth_a_fetch(finding: Finding) -> bool:
    """Return whether the certificate could still be revoked: it is neither revoked nor expired."""
    if not finding.certificate_arn or finding.entry.revoked:
        return False
    request = finding.entry.request
    return request is None or request.not_after > datetime.now(UTC).timestamp()


def _explain(finding: Finding, outputs: StackOutputs, names: set[str]) -> None:
    """Set the reason of a recent request that can't be repeated with this contract."""
    if finding.status is not Status.UNKNOWN or not is_young(finding.entry):
        return
    if _foreign(finding.entry, outputs):
        finding.reason = f"it was sent to {finding.entry.authority_arn}: resume with the contract of that CA"
    elif finding.entry.zone not in names:
        finding.reason = f"the contract has no zone {finding.entry.zone}: resume with the contract of that zone"
