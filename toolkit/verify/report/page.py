"""Prepare the values of the HTML report, so that its template has no logic."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from toolkit.reporting.html import format_moment
from toolkit.verify.report import distrust, verdict
from toolkit.verify.results import Check, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from toolkit.verify.results import Handshake, Link, Report, ZoneResult

_LOOK = "Look at the check chain of both zones: each certificate must lead to a root in the Mesh's caCert."
_ALL_OPEN = 4
_FAILED_OPEN = 10
_MOST_MEETINGS = 10
_NAMES_IN_BANNER = 8
_NAME_WIDTH = 36
_FINGERPRINT_BYTES = 8
_HOURS_AS_SUCH = 72
_MINUTE = 60


class Tile(NamedTuple):
    """One number of the overview."""

    label: str
    value: str
    note: str = ""
    bad: bool = False


class Action(NamedTuple):
    """An action for the reader, for one or more zones.

    Attributes:
        check: name of the failed check.
        advice: what to do.
        found: the found value of the first failure.
        zones: where the check failed.
        more: how many zones or pairs are not listed, as text; empty if all are.
    """

    check: str
    advice: str
    found: str
    zones: tuple[Place, ...]
    more: str = ""


class Place(NamedTuple):
    """A zone's name and the anchor of its section on the page; the anchor is empty if there is no section."""

    name: str
    anchor: str


class Box(NamedTuple):
    """One certificate in the picture of a chain.

    Attributes:
        role: its role in the chain, such as ``root CA``.
        name: the name, shortened to fit into the picture.
        whole_name: the full name.
        fingerprint: the first bytes of its SHA-256 fingerprint.
        until: when it expires, and how long that is after the run, as text.
        ended: whether it had expired when the run ended.
    """

    role: str
    name: str
    whole_name: str
    fingerprint: str
    until: str
    ended: bool


@dataclass(frozen=True)
class ZonePart:
    """The section of one zone.

    Attributes:
        result: the zone's result.
        anchor: the section's anchor on the page.
        open: whether the details are expanded at first.
        cells: one check for each column of the matrix; None for a check that the zone does not have.
        boxes: the picture of the chain: the certificate first, the root last; empty without a certificate.
        trust: the outcome of the check chain.
        identity: the caller's ARN; empty if it is not known or not the expected one.
        issuance: time of the issuance, as text; empty if nothing was issued.
        bar: time of the issuance as a percentage of the longest one.
    """

    result: ZoneResult
    anchor: str
    open: bool
    cells: tuple[Check | None, ...]
    boxes: tuple[Box, ...]
    trust: Outcome
    identity: str
    issuance: str
    bar: float

    @property
    def outcome(self) -> Outcome:
        """Return the zone's outcome; ``SKIPPED`` means interrupted."""
        if self.result.interrupted:
            return Outcome.SKIPPED
        return Outcome.PASSED if self.result.passed else Outcome.FAILED

    @property
    def judged(self) -> list[Check]:
        """Return the checks that were made or that have a note."""
        return [check for check in self.result.checks if check not in self.skipped]

    @property
    def skipped(self) -> list[Check]:
        """Return the skipped checks without a note."""
        return [check for check in self.result.checks if check.outcome is Outcome.SKIPPED and not check.note]

    @property
    def passed_checks(self) -> int:
        """Return how many checks passed."""
        return sum(check.outcome is Outcome.PASSED for check in self.result.checks)


@dataclass(frozen=True)
class Meetings:
    """The handshake matrix.

    Attributes:
        clients: names of the rows.
        servers: names of the columns.
        met: handshakes by client and server.
        failed: the failed handshakes.
    """

    clients: tuple[str, ...]
    servers: tuple[str, ...]
    met: dict[tuple[str, str], Handshake]
    failed: tuple[Handshake, ...]


@dataclass(frozen=True)
class Page:
    """All values of the page."""

    report: Report
    headline: str
    lines: tuple[str, ...]
    tiles: tuple[Tile, ...]
    actions: tuple[Action, ...]
    check_names: tuple[str, ...]
    failed_names: frozenset[str]
    zones: tuple[ZonePart, ...]
    meetings: Meetings | None
    duration: str
    cost: str
    revoke_later: str


def build(report: Report) -> Page:
    """Return the values of a report's page."""
    names = tuple(dict.fromkeys(check.name for zone in report.zones for check in zone.checks))
    lines = verdict.list_trouble(report, _NAMES_IN_BANNER)
    return Page(
        report=report,
        headline=_headline(report),
        lines=tuple(lines),
        tiles=tuple(_tiles(report)),
        actions=tuple(_actions(report)),
        check_names=names,
        failed_names=frozenset(check.name for zone in report.zones for check in zone.checks if check.failed),
        zones=tuple(_zones(report, names)),
        meetings=_meetings(report),
        duration=_duration(report.finished_at - report.started_at),
        cost=verdict.describe_cost(report),
        revoke_later=verdict.REVOKE_LATER,
    )


def _headline(report: Report) -> str:
    if report.passed:
        missing = report.handshakes_not_made
        return "Every zone gets certificates" + (f", but {missing:,} handshakes were not made" if missing else "")
    failed = [zone for zone in report.zones if not zone.passed and not zone.interrupted]
    if failed:
        return f"{verdict.count_zones(failed, report.zones)} failed"
    if any(meeting.problem for meeting in report.handshakes):
        return "The zones do not all trust each other"
    return "The run was interrupted" if report.interrupted else "Not every zone was verified"


def _tiles(report: Report) -> Iterator[Tile]:
    good, zones = sum(zone.passed for zone in report.zones), len(report.zones) + len(report.missing_zones)
    missing = f"of {zones:,}" + (f", {len(report.missing_zones):,} missing" if report.missing_zones else "")
    yield Tile("zones passed", f"{good:,}", missing, bad=good < zones)
    checks = [check for zone in report.zones for check in zone.checks]
    counts = {outcome: sum(check.outcome is outcome for check in checks) for outcome in Outcome}
    others = [
        f"{counts[outcome]:,} {outcome.value}" for outcome in (Outcome.FAILED, Outcome.SKIPPED) if counts[outcome]
    ]
    note = ", ".join([f"of {len(checks):,}", *others])
    yield Tile("checks passed", f"{counts[Outcome.PASSED]:,}", note, bad=bool(others))
    if report.handshakes:
        met, total = sum(not meeting.problem for meeting in report.handshakes), len(report.handshakes)
        unmade = report.handshakes_not_made
        note = f"of {total:,}, both sides verify" + (f"; {unmade:,} not made" if unmade else "")
        yield Tile("handshakes", f"{met:,}", note, bad=met < total or unmade > 0)
    times = [zone.issuance for zone in report.zones if zone.issuance is not None]
    if times:
        middle = median(time.total_seconds() for time in times)
        yield Tile("median issuance", _milliseconds(middle), f"slowest {_milliseconds(max(times).total_seconds())}")
    ends = [link.not_after for zone in report.zones if zone.certificate for link in zone.certificate.chain]
    if ends:
        first = min(ends)
        yield Tile(
            "first CA expires", f"{first:%Y-%m-%d}", _until(first, report.finished_at), bad=first <= report.finished_at
        )
    issued = report.certificates_issued
    yield Tile("cost at most", f"${report.cost_at_most_usd:.2f}", f"{issued} certificate{'s'[: issued != 1]} issued")


def _actions(report: Report) -> Iterator[Action]:
    if report.interrupted:
        yield Action("interrupted", "Run it again: this report has only the results up to the interruption.", "", ())
    if report.missing_zones:
        advice = "Run the jobs of these zones, or add their reports with --merge."
        yield Action("missing", advice, "", tuple(Place(name, "") for name in report.missing_zones))
    if report.passed and report.handshakes_not_made:
        yield Action("handshakes", verdict.VERIFY_TOGETHER, f"{report.handshakes_not_made:,} were not made", ())
    groups: dict[tuple[str, str], list[tuple[Place, Check]]] = {}
    for number, zone in enumerate(report.zones):
        for check in zone.checks:
            if check.failed:
                groups.setdefault((check.name, check.advice), []).append((Place(zone.zone, _anchor(number)), check))
    for (name, advice), places in groups.items():
        yield Action(name, advice, places[0][1].found, tuple(place for place, _ in places))
    yield from _distrust(report)


def _distrust(report: Report) -> Iterator[Action]:
    """Yield an action for each problem of failed handshakes."""
    ordered = distrust.group_by_problem(report)
    for problem, pairs in ordered[:_MOST_MEETINGS]:
        more = f"and {len(pairs) - _MOST_MEETINGS:,} more" if len(pairs) > _MOST_MEETINGS else ""
        places = tuple(Place(pair, "handshakes") for pair in pairs[:_MOST_MEETINGS])
        yield Action("handshake", distrust.advise(problem) or _LOOK, problem, places, more)
    if rest := ordered[_MOST_MEETINGS:]:
        count = sum(len(pairs) for _, pairs in rest)
        yield Action(
            "handshake", f"{count:,} more failed for {len(rest):,} other reasons; the matrix has them.", "", ()
        )


def _zones(report: Report, names: Sequence[str]) -> Iterator[ZonePart]:
    longest = max((zone.issuance.total_seconds() for zone in report.zones if zone.issuance), default=0.0)
    opened = 0
    for number, zone in enumerate(report.zones):
        known = {check.name: check for check in zone.checks}
        shown = len(report.zones) <= _ALL_OPEN or (not zone.passed and opened < _FAILED_OPEN)
        opened += shown
        seconds = zone.issuance.total_seconds() if zone.issuance is not None else None
        trust = known["chain"].outcome if "chain" in known else Outcome.SKIPPED
        yield ZonePart(
            result=zone,
            anchor=_anchor(number),
            open=shown,
            cells=tuple(known.get(name) for name in names),
            boxes=tuple(_boxes(zone, trust, report.finished_at)),
            trust=trust,
            identity=_find_identity(known),
            issuance="" if seconds is None else _milliseconds(seconds),
            bar=round(100 * seconds / longest, 2) if seconds and longest else 0,
        )


def _find_identity(checks: Mapping[str, Check]) -> str:
    """Return the caller's ARN from the check identity; empty if the check did not pass."""
    identity = checks.get("identity")
    return identity.found if identity and identity.outcome is Outcome.PASSED else ""


def _boxes(zone: ZoneResult, trust: Outcome, at: datetime) -> Iterator[Box]:
    certificate = zone.certificate
    if certificate is None:
        return
    name = certificate.uris[0] if certificate.uris else "no name"
    yield _box("data plane certificate", name, certificate.sha256_fingerprint, certificate.not_after, at)
    for number, link in enumerate(certificate.chain):
        yield _box(_role(number, certificate.chain, trust), link.name, link.sha256_fingerprint, link.not_after, at)


def _role(number: int, links: Sequence[Link], trust: Outcome) -> str:
    """Return a CA's role in its chain. The last CA is called a root only if the check chain passed."""
    issuing, last = number == 0, number == len(links) - 1
    if last and trust is Outcome.PASSED:
        return "root and issuing CA" if issuing else "root CA"
    return "issuing CA" if issuing else "CA"


def _box(role: str, name: str, fingerprint: str, ends: datetime, at: datetime) -> Box:
    short = name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"
    beginning = ":".join(fingerprint.split(":")[:_FINGERPRINT_BYTES])[: _FINGERPRINT_BYTES * 3]
    return Box(role, short, name, beginning, f"{format_moment(ends)}, {_until(ends, at)}", ended=ends <= at)


def _meetings(report: Report) -> Meetings | None:
    if not report.handshakes:
        return None
    return Meetings(
        clients=_in_order(report, {meeting.client for meeting in report.handshakes}),
        servers=_in_order(report, {meeting.server for meeting in report.handshakes}),
        met={(meeting.client, meeting.server): meeting for meeting in report.handshakes},
        failed=tuple(meeting for meeting in report.handshakes if meeting.problem),
    )


def _in_order(report: Report, names: set[str]) -> tuple[str, ...]:
    """Return zone names in the report's order, so that a zone's row and column have the same number."""
    known = dict.fromkeys(zone.zone for zone in report.zones)
    return (*(name for name in known if name in names), *sorted(names - known.keys()))


def _anchor(number: int) -> str:
    return f"zone-{number + 1}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def _duration(time: timedelta) -> str:
    seconds = time.total_seconds()
    return f"{seconds:.1f} s" if seconds < _MINUTE else f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"


def _until(ends: datetime, at: datetime) -> str:
    hours = (ends - at).total_seconds() / 3600
    size = abs(hours)
    text = f"{size:.0f} h" if size < _HOURS_AS_SUCH else f"{size / 24:,.0f} days"
    return f"in {text}" if hours > 0 else f"{text} ago"
