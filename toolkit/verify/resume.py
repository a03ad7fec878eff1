"""Find the certificates of killed runs: repeat the recent requests of a ledger, so that AWS returns their ARNs.

AWS remembers an idempotency token for five minutes. Within that time, a repeated request returns the certificate of
the first request. AWS issues a certificate only if the first request never arrived.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from toolkit.errors import ToolkitError, flatten
from toolkit.pki import chain
from toolkit.verify.calls import Caller, DeadlineError, StoppedError, read_code
from toolkit.verify.failures import DENIED, describe_error
from toolkit.verify.issue import SAME_QUESTION_SECONDS, Issuer, is_refusal, send
from toolkit.verify.ledger import VERIFICATION, IssueRequest, Ledger
from toolkit.verify.ledger_lines import Entry, Status

if TYPE_CHECKING:
    from mypy_boto3_acm_pca import ACMPCAClient

    from toolkit.contract import StackOutputs, Zone
    from toolkit.verify.identity import IdentitySource

FORGOTTEN = (
    "AWS forgets a token after 5 minutes; look for the CSR's key in an audit report: "
    "aws acm-pca create-certificate-authority-audit-report"
)
_ERRORS = (ClientError, BotoCoreError, DeadlineError, OSError, ValueError)
# AWS rejects the same request with these codes every time, so the first request was rejected too.
_ALWAYS_REFUSED = {"InvalidArgsException", "InvalidArnException", "MalformedCSRException", "ValidationException"}
_MAX_ZONES_AT_ONCE = 64
# Allowed clock difference of machines that share a ledger; less than the margin to AWS's five minutes.
_CLOCK_SKEW_SECONDS = 30.0
# A running call gets this long for its answer after the deadline or a stop.
_GRACE_SECONDS = 2.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Resumed:
    """The outcomes of all requests of a ledger.

    Attributes:
        entries: in the ledger's order.
        interrupted: whether the user interrupted the run.
        trouble: the error that ended the run, such as a ledger that can't be written. The caller must raise it after
            it has shown the entries.
    """

    entries: tuple[Entry, ...]
    interrupted: bool = False
    trouble: Exception | None = None

    @property
    def complete(self) -> bool:
        """Return whether the outcome of every request is known."""
        return all(entry.status is not Status.UNKNOWN for entry in self.entries)


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
    ledger: Ledger = field(default_factory=Ledger)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _trouble: Exception | None = field(default=None, init=False)

    def list_repeatable(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the requests without an answer that :meth:`run` would repeat now."""
        names = {zone.name for zone in self.asked}
        return [entry for entry in entries if entry.zone in names and _is_open(entry) and not self._is_foreign(entry)]

    def run(self, entries: Sequence[Entry], interruptions: Callable[[], int] = lambda: 0) -> Resumed:
        """Find the outcomes of all requests of a ledger.

        Args:
            entries: the entries of the ledger, which are updated.
            interruptions: returns how often the user asked to stop. After the second time, calls get no time to end.

        Returns:
            Each entry; after an interruption, with what is known so far.
        """
        for entry in entries:
            if entry.status is Status.UNKNOWN:
                entry.reason = self._explain(entry)
        waiting: deque[tuple[Zone, list[Entry]]] = deque()
        for zone in self.asked:
            own = [entry for entry in entries if entry.zone == zone.name and not self._is_foreign(entry)]
            if any(_is_open(entry) or _is_worth_a_fetch(entry) for entry in own):
                waiting.append((zone, own))
        self._run_threads(waiting, interruptions)
        # Copies, because a thread that hangs may still change an entry.
        return Resumed(tuple(replace(entry) for entry in entries), interruptions() > 0, self._trouble)

    def _is_foreign(self, entry: Entry) -> bool:
        """Return whether a request was made with another contract. A denial probe's CA is never the contract's."""
        return entry.purpose == VERIFICATION and entry.authority_arn != self.outputs.certificate_authority.arn

    def _explain(self, entry: Entry) -> str:
        """Return why the outcome of a request stays unknown, if it is not repeated."""
        if _left(entry) <= 0:
            return FORGOTTEN
        if self._is_foreign(entry):
            return f"it was sent to {entry.authority_arn}: resume with the contract of that CA"
        if entry.zone not in {zone.name for zone in self.outputs.zones}:
            return f"the contract has no zone {entry.zone}: resume with the contract of that zone"
        return FORGOTTEN

    def _run_threads(self, waiting: deque[tuple[Zone, list[Entry]]], interruptions: Callable[[], int]) -> None:
        rounds = -(-len(waiting) // _MAX_ZONES_AT_ONCE)
        until = time.monotonic() + self.timeout.total_seconds() * rounds + _GRACE_SECONDS
        # Daemons: a call that hangs must not keep the process alive.
        threads = [
            threading.Thread(target=self._work, args=(waiting,), daemon=True)
            for _ in range(min(len(waiting), _MAX_ZONES_AT_ONCE))
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

    def _work(self, waiting: deque[tuple[Zone, list[Entry]]]) -> None:
        while not self._stop.is_set() and not self._trouble:
            try:
                zone, entries = waiting.popleft()
            except IndexError:
                # Other threads have the last zones.
                return
            try:
                deadline = time.monotonic() + self.timeout.total_seconds()
                self._zone(zone, entries, Caller(deadline, self._stop, zone=zone.name))
            except StoppedError:
                return
            except ToolkitError as error:
                # The ledger can't be written.
                self._trouble = error
            except Exception as error:  # noqa: BLE001 - whatever is wrong here says nothing about another zone
                for entry in filter(_is_open, entries):
                    entry.reason = flatten(error)

    def _zone(self, zone: Zone, entries: list[Entry], caller: Caller) -> None:
        still_open = list(filter(_is_open, entries))
        for entry in still_open:
            entry.reason = "it was not repeated in time"
        try:
            identity = self.source.identity(zone, self.outputs.certificate_authority.region, caller)
            problem = "" if identity.is_expected() else f"the identity is {identity.caller_arn}, not the zone's"
        except _ERRORS as error:
            problem = f"the zone's identity is not available: {describe_error(error)}"
        if problem:
            for entry in entries:
                if entry in still_open or entry.certificate_arn:
                    entry.reason = problem
            return
        for entry in still_open:
            self._repeat(entry, identity.client, caller)
        issuer = Issuer(identity.client, self.outputs.certificate_authority, caller)
        for entry in filter(_is_worth_a_fetch, entries):
            try:
                entry.serial = chain.format_serial_number(issuer.fetch(entry.certificate_arn).leaf)
            except _ERRORS as error:
                entry.reason = f"the certificate can't be fetched: {describe_error(error)}"

    def _repeat(self, entry: Entry, client: ACMPCAClient, caller: Caller) -> None:
        request, left = entry.request, _left(entry)
        if request is None or left <= 0:
            entry.reason = FORGOTTEN
            return
        try:
            certificate_arn = caller.ask("IssueCertificate", lambda: send(client, request), left)
        except _ERRORS as error:
            entry.reason = describe_error(error)
            if _refuses_the_first(error, request):
                entry.set_refused(entry.reason)
                self.ledger.refused(entry.zone, request, entry.reason)
            return
        # Before the ledger: if it can't be written, only the output names the certificate.
        entry.set_issued(certificate_arn, Status.RECOVERED)
        self.ledger.issued(entry.zone, request, certificate_arn)


def _refuses_the_first(error: Exception, request: IssueRequest) -> bool:
    """Return whether the error of a repeated request proves that AWS issued nothing for the first request.

    AccessDenied proves nothing for a zone's own request, because the role may have been allowed before. It does for a
    denial probe, which expects it.
    """
    if not is_refusal(error):
        return False
    code = read_code(error)
    denied = code in DENIED or code == "ResourceNotFoundException"
    return code in _ALWAYS_REFUSED or (denied and request.purpose != VERIFICATION)


def _left(entry: Entry) -> float:
    """Return for how many seconds AWS certainly still remembers a request's token; 0 or less if that is uncertain."""
    age = (datetime.now(UTC) - entry.at).total_seconds()
    # A time in the future is from another clock, so the age is unknown.
    return SAME_QUESTION_SECONDS - age if entry.request and age > -_CLOCK_SKEW_SECONDS else 0.0


def _is_open(entry: Entry) -> bool:
    """Return whether a request without an answer is recent: AWS certainly still remembers its token."""
    return entry.status is Status.UNKNOWN and _left(entry) > 0


def _is_worth_a_fetch(entry: Entry) -> bool:
    """Return whether the certificate could still be revoked: it is neither revoked nor expired."""
    if not entry.certificate_arn or entry.revoked:
        return False
    return entry.request is None or entry.request.not_after > datetime.now(UTC).timestamp()
