"""Verify many zones at once, each in its own thread, so that a zone that hangs does not delay the others."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from toolkit.verify.calls import Caller
from toolkit.verify.failures import Cause, advise, describe_error
from toolkit.verify.results import Report, ZoneResult, judge
from toolkit.verify.zone import Proxy, ZoneVerification

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs, Zone
    from toolkit.errors import ToolkitError
    from toolkit.verify.identity import IdentitySource
    from toolkit.verify.plan import Plan

MAX_ZONES_AT_ONCE = 128
# A zone ends by itself at its deadline. A zone that hangs in a call is given up this much later.
_GRACE_SECONDS = 2.0
# How often to look for a signal: one that arrives just before a wait begins does not end the wait.
_LOOK_SECONDS = 0.5
# After a second Ctrl-C, running calls get this long instead.
_HURRIED_GRACE_SECONDS = 0.5
# An answer that may name a new certificate gets this long, no matter how often the user presses Ctrl-C.
_ANSWER_SECONDS = 10.0
_STOP_LOOK_SECONDS = 0.05


class Run(NamedTuple):
    """The result of a run.

    Attributes:
        report: the results of all zones.
        proxies: keys and certificates of the zones' proxies, for handshakes; in the report's order.
        unanswered: how many requests had no answer when the report was made. AWS may have issued certificates that
            the report does not contain.
        trouble: the error that ended the run before all zones were done, such as a ledger on a full disk. The caller
            must raise it after it has written the report, which may be the only record of issued certificates.
    """

    report: Report
    proxies: tuple[Proxy, ...]
    unanswered: int = 0
    trouble: Exception | None = None


def verify(  # noqa: PLR0913, PLR0917 - what watches a run is passed by name
    outputs: StackOutputs,
    plan: Plan,
    source: IdentitySource,
    on_result: Callable[[ZoneResult], None] = lambda _: None,
    zones: Sequence[Zone] | None = None,
    on_begin: Callable[[ZoneVerification], None] = lambda _: None,
    on_start: Callable[[Callable[[], None]], None] = lambda _: None,
) -> Run:
    """Request one certificate in each zone and check it.

    Args:
        outputs: the contract.
        plan: what to request and check.
        source: gets each zone's identity.
        on_result: is called with each zone's result as it is ready, in the caller's thread.
        zones: the zones to verify; None for all zones of the contract.
        on_begin: is called with each zone's verification when it begins, in the zone's thread.
        on_start: is called with the function that interrupts the run, as Ctrl-C does. A signal handler may call that
            function. A second call shortens the wait for running calls.

    Returns:
        A result for each zone, including zones that failed or did not answer in time. After Ctrl-C or an error, the
        results so far, after a short wait for running calls.
    """
    started = datetime.now(UTC)
    run = _Run(outputs, plan, source, outputs.zones if zones is None else zones, on_begin)
    results: dict[str, ZoneResult] = {}
    interrupted, trouble = True, None
    try:
        on_start(run.interrupt)
        for result in run.results():
            results[result.zone] = result
            on_result(result)
        interrupted = False
    except KeyboardInterrupt:
        pass
    except Exception as error:  # noqa: BLE001 - what was issued must not be forgotten, whatever went wrong
        trouble = error
    if interrupted:
        run.stop()
        results |= {result.zone: result for result in run.begun() if result.zone not in results}
    order = [zone.name for zone in run.zones]
    report = Report(
        mesh=plan.mesh,
        certificate_authority_arn=outputs.certificate_authority.arn,
        usage_mode=outputs.certificate_authority.priced_mode,
        started_at=started,
        finished_at=datetime.now(UTC),
        zones=tuple(results[name] for name in order if name in results),
        missing_zones=tuple(name for name in order if name not in results),
        interrupted=interrupted,
    )
    return Run(report, run.proxies(), run.unanswered, trouble)


def report_unasked(outputs: StackOutputs, plan: Plan, zones: Sequence[Zone], error: ToolkitError) -> Report:
    """Return the report of a run that ended before any call: every zone fails the check identity.

    Args:
        outputs: the contract.
        plan: the plan of the run.
        zones: the zones to verify.
        error: why the run ended.
    """
    now = datetime.now(UTC)
    results = []
    for zone in zones:
        verification = ZoneVerification(zone, outputs, plan, Caller(time.monotonic()))
        verification.cause = Cause.CREDENTIALS
        expected = " or ".join(zone.role_arns)
        verification.checks.append(judge("identity", expected, describe_error(error), advise(error), good=False))
        results.append(verification.result())
    authority = outputs.certificate_authority
    return Report(
        plan.mesh, authority.arn, authority.priced_mode, started_at=now, finished_at=now, zones=tuple(results)
    )


class _Run:
    """The threads of one run and what they share."""

    def __init__(
        self,
        outputs: StackOutputs,
        plan: Plan,
        source: IdentitySource,
        zones: Sequence[Zone],
        on_begin: Callable[[ZoneVerification], None],
    ) -> None:
        self.zones = zones
        self._on_begin = on_begin
        self._outputs = outputs
        self._plan = plan
        self._source = source
        self._done: queue.SimpleQueue[ZoneResult | BaseException] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._begun: dict[str, ZoneVerification] = {}
        self._waiting = iter(zones)
        self._threads: list[threading.Thread] = []
        self._interruptions = 0
        self.unanswered = 0
        # The latest end of the run, on the clock of time.monotonic().
        most = plan.timeout * -(-len(zones) // MAX_ZONES_AT_ONCE)
        self._deadline = time.monotonic() + min(most, plan.deadline or most).total_seconds()

    def results(self) -> Iterator[ZoneResult]:
        """Yield each zone's result, the quickest first. Zones that don't answer in time come last, as failures."""
        missing = {zone.name: zone for zone in self.zones}
        try:
            while missing:
                self._begin_waiting(missing)
                left = self._deadline + _GRACE_SECONDS - time.monotonic()
                try:
                    # Even after the deadline: a result that is already in the queue counts.
                    result = self._done.get(timeout=max(min(left, _LOOK_SECONDS), 0))
                except queue.Empty:
                    if left <= 0:
                        break
                    continue
                if isinstance(result, BaseException):
                    raise result
                del missing[result.zone]
                yield result
        finally:
            self._stop.set()
        # Count before the results are made: a late answer may be counted although a result has it, but is never missed.
        self.unanswered = len(self._plan.ledger.unanswered)
        for zone in missing.values():
            yield self._verification(zone).hangs()

    def interrupt(self) -> None:
        """End the run as Ctrl-C does. It takes no lock, so a signal handler may call it."""
        self._interruptions += 1
        self._done.put(KeyboardInterrupt())

    def stop(self) -> None:
        """Let every zone end at its next call.

        A running call gets a short time to end, and less after a second interruption. A request for a certificate gets
        more time: AWS may have issued the certificate, and the report must name it.
        """
        self._stop.set()
        begun = time.monotonic()
        with suppress(KeyboardInterrupt):
            for thread in self._threads:
                while thread.is_alive() and time.monotonic() < begun + self._choose_grace():
                    thread.join(_STOP_LOOK_SECONDS)
        self.unanswered = len(self._plan.ledger.unanswered)

    def _choose_grace(self) -> float:
        """Return for how many seconds after a stop running calls may end."""
        if self._plan.ledger.unanswered:
            return _ANSWER_SECONDS
        return _HURRIED_GRACE_SECONDS if self._interruptions > 1 else _GRACE_SECONDS

    def begun(self) -> list[ZoneResult]:
        """Return the current result of each zone that was begun."""
        return [verification.result() for verification in self._begun.values()]

    def proxies(self) -> tuple[Proxy, ...]:
        """Return the proxies of the zones that got a certificate."""
        proxies = [self._begun[zone.name].proxy for zone in self.zones if zone.name in self._begun]
        return tuple(proxy for proxy in proxies if proxy is not None)

    def _verification(self, zone: Zone) -> ZoneVerification:
        """Return a zone's verification; create it if the zone was not begun."""
        verification = self._begun.get(zone.name)
        if verification is None:
            deadline = min(time.monotonic() + self._plan.timeout.total_seconds(), self._deadline)
            verification = ZoneVerification(
                zone, self._outputs, self._plan, Caller(deadline, self._stop, zone=zone.name)
            )
            self._begun[zone.name] = verification
        return verification

    def _begin_waiting(self, missing: Container[str]) -> None:
        """Begin the next zones, so that the limit is reached. A zone that hangs beyond its deadline does not count.

        Args:
            missing: the zones without a result.
        """
        given_up = time.monotonic() - _GRACE_SECONDS
        running = sum(begun.caller.deadline > given_up for name, begun in self._begun.items() if name in missing)
        for zone in itertools.islice(self._waiting, max(MAX_ZONES_AT_ONCE - running, 0)):
            # A daemon: a call that hangs beyond its deadline must not keep the process alive.
            thread = threading.Thread(target=self._work, args=(self._verification(zone),), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self, verification: ZoneVerification) -> None:
        try:
            self._on_begin(verification)
            self._done.put(verification.run(self._source))
        except BaseException as error:  # noqa: BLE001 - a defect must surface in the caller's thread
            self._done.put(error)
