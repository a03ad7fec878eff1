"""All zones at once, each on its own: a zone that hangs never holds up what is known of another."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from toolkit.verify.advice import advise, describe_error
from toolkit.verify.calls import Caller
from toolkit.verify.causes import Cause
from toolkit.verify.results import Report, ZoneResult, judge
from toolkit.verify.zone import ZoneVerification

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from toolkit.contract import StackOutputs, Zone
    from toolkit.errors import ToolkitError
    from toolkit.verify.identity import IdentitySource
    from toolkit.verify.plan import Plan
    from toolkit.verify.zone import Proxy

MAX_ZONES_AT_ONCE = 128
# A zone ends by itself when its time is up; only one that hangs in a call is given up on, this much later.
_GRACE_SECONDS = 2.0
# How often it is looked whether zones hang while others wait.
_LOOK_SECONDS = 0.5
# After a second Ctrl-C, calls that are under way get this long instead.
_HURRIED_GRACE_SECONDS = 0.5
# However often somebody stops a run, an answer that may name a new certificate gets this long.
_ANSWER_SECONDS = 10.0
_STOP_LOOK_SECONDS = 0.05


class Run(NamedTuple):
    """What came of a run.

    Attributes:
        report: what is known of all zones.
        proxies: what data plane proxies would hold, for handshakes; in the report's order.
        unanswered: how many requests had no answer when the report was made: AWS may have issued certificates that
            the report lacks.
        trouble: what ended the run before all zones were done, such as a ledger on a full disk; whoever calls must
            raise it, when the report is safe: it may be all that is known of what was issued.
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
    """Ask for one certificate in every zone and judge what comes back.

    Args:
        outputs: the contract.
        plan: what to ask.
        source: how to become what a zone is.
        on_result: is told each zone's result as it comes, in the caller's thread.
        zones: those to ask; None for all of the contract.
        on_begin: is told each zone's verification as it begins, in the zone's thread.
        on_start: is given the function that interrupts the run, as Ctrl-C does. A signal handler may call it; a second
            call shortens the wait for calls that are under way.

    Returns:
        A result for every zone that was asked, also for those that failed or did not answer in time. After Ctrl-C or
        trouble, what was known by then, once what was under way has had a moment to end.
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
    """Return the report of a run that ended before any zone could be asked: all fail at their identity.

    Args:
        outputs: the contract.
        plan: what would have been asked.
        zones: those that would have been asked.
        error: why they were not.
    """
    now = datetime.now(UTC)
    results = []
    for zone in zones:
        verification = ZoneVerification(zone, outputs, plan, Caller(time.monotonic()))
        verification.cause = Cause.CREDENTIALS
        expected = " or ".join(zone.role_arns)
        verification.checks.append(judge("identity", expected, describe_error(error), advise(error, ""), good=False))
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
        self._waiting: queue.SimpleQueue[Zone] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[ZoneResult | BaseException] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._begun: dict[str, ZoneVerification] = {}
        self._threads: list[threading.Thread] = []
        self._replaced = 0
        self._interruptions = 0
        self.unanswered = 0
        self._deadline = self._last_moment()

    def _last_moment(self) -> float:
        """When the run is over whatever happens, on the clock of :func:`time.monotonic`."""
        rounds = -(-len(self.zones) // MAX_ZONES_AT_ONCE)
        most = self._plan.timeout * rounds
        return time.monotonic() + min(most, self._plan.deadline or most).total_seconds()

    def results(self) -> Iterator[ZoneResult]:
        """Each zone's result, the quickest first; zones that don't answer in time come last, as failures."""
        for zone in self.zones:
            self._waiting.put(zone)
        self._start(min(len(self.zones), MAX_ZONES_AT_ONCE))
        missing = {zone.name: zone for zone in self.zones}
        try:
            while missing:
                left = self._deadline + _GRACE_SECONDS - time.monotonic()
                try:
                    # Also when time is up: what is there is taken.
                    result = self._done.get(timeout=max(min(left, _LOOK_SECONDS), 0))
                except queue.Empty:
                    if left <= 0:
                        break
                    self._replace_hanging(missing)
                    continue
                if isinstance(result, BaseException):
                    raise result
                del missing[result.zone]
                yield result
        finally:
            self._stop.set()
        # Counted before the results are made: a late answer may be in one, but is never missed.
        self.unanswered = len(self._plan.ledger.unanswered)
        for zone in missing.values():
            yield self._verification(zone).hangs()

    def _start(self, threads: int) -> None:
        for _ in range(threads):
            # Daemons: a call that hangs beyond its deadline must not keep the process alive.
            thread = threading.Thread(target=self._work, name=f"verify-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _replace_hanging(self, missing: Container[str]) -> None:
        """Zones that hang beyond their time must not hold up those that wait for a thread."""
        if self._waiting.empty():
            return
        begun = list(self._begun.items())
        hanging = sum(name in missing and verification.caller.left < -_GRACE_SECONDS for name, verification in begun)
        self._start(hanging - self._replaced)
        self._replaced = max(hanging, self._replaced)

    def interrupt(self) -> None:
        """End the run as Ctrl-C does; safe in a signal handler, where no lock may be taken."""
        self._interruptions += 1
        self._done.put(KeyboardInterrupt())

    def stop(self) -> None:
        """Let every zone end at its next call.

        A call that is under way gets a moment to end, after a second interruption a shorter one. A request for a
        certificate gets more time: AWS may have issued it, and the report must name it.
        """
        self._stop.set()
        begun = time.monotonic()
        until = begun + _GRACE_SECONDS
        hurried = False
        with suppress(KeyboardInterrupt):
            for thread in self._threads:
                while thread.is_alive() and time.monotonic() < self._end_of_wait(begun, until):
                    thread.join(_STOP_LOOK_SECONDS)
                    if self._interruptions > 1 and not hurried:
                        hurried, until = True, min(until, time.monotonic() + _HURRIED_GRACE_SECONDS)
        self.unanswered = len(self._plan.ledger.unanswered)

    def _end_of_wait(self, begun: float, until: float) -> float:
        """Return until when threads are waited for, on the clock of :func:`time.monotonic`."""
        return begun + _ANSWER_SECONDS if self._plan.ledger.unanswered else until

    def begun(self) -> list[ZoneResult]:
        """What is known of every zone that was begun."""
        # A copy: a thread that hangs may begin another zone meanwhile.
        return [verification.result() for verification in list(self._begun.values())]

    def proxies(self) -> tuple[Proxy, ...]:
        """What data plane proxies would hold, of the zones that got a certificate."""
        proxies = [self._begun[zone.name].proxy for zone in self.zones if zone.name in self._begun]
        return tuple(proxy for proxy in proxies if proxy is not None)

    def _verification(self, zone: Zone) -> ZoneVerification:
        """A zone's verification; a zone that was never begun gets one that knows nothing."""
        verification = self._begun.get(zone.name)
        if verification is None:
            deadline = min(time.monotonic() + self._plan.timeout.total_seconds(), self._deadline)
            verification = ZoneVerification(
                zone, self._outputs, self._plan, Caller(deadline, self._stop, zone=zone.name)
            )
            self._begun[zone.name] = verification
        return verification

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                zone = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                verification = self._verification(zone)
                self._on_begin(verification)
                self._done.put(verification.run(self._source))
            except BaseException as error:  # noqa: BLE001 - a defect must surface in the caller's thread
                self._done.put(error)
