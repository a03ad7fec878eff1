"""Write the report as one HTML file without scripts or external resources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from toolkit.reporting.html import format_moment, render_page
from toolkit.values import Object
from toolkit.verify.report import verdict
from toolkit.verify.results import Check, Link, Outcome, Report, ZoneResult

if TYPE_CHECKING:
    from datetime import datetime, timedelta


_LOOK = "Look at the check chain of both zones: each certificate must lead to a root in the Mesh's caCert."
_ALL_OPEN = 4
_FAILED_OPEN = 10
_MOST_MEETINGS = 10
_NAMES_IN_BANNER = 8
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
    found: str = ""
    zones: tuple[Place, ...] = ()
    more: str = ""


class Place(NamedTuple):
    """A zone's name and the anchor of its section on the page; the anchor is empty if there is no section."""

    name: str
    anchor: str


class Box(NamedTuple):
    """One certificate in the picture of a chain.

    Attributes:
        role: its role in the chain, such as ``root CA``.
        name: the name; the picture shortens it.
        fingerprint: its SHA-256 fingerprint; the picture shows the beginning.
        until: when it expires, and how long that is after the run, as text.
        ended: whether it had expired when the run ended.
    """

    role: str
    name: str
    fingerprint: str
    until: str
    ended: bool


class ZonePart(NamedTuple):
    """The section of one zone.

    Attributes:
        result: the zone's result.
        anchor: the section's anchor on the page.
        open: whether the details are expanded at first.
        cells: one check for each column of the matrix; None for a check that the zone does not have.
        skipped: the skipped checks without a note, which share a line.
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
    skipped: tuple[Check, ...]
    boxes: tuple[Box, ...]
    trust: Outcome
    identity: str
    issuance: str
    bar: float


def render(report: Report) -> str:
    """Return the report as an HTML document. Its content security policy blocks all loading."""
    return render_page("verify.html.j2", report=report, **build_values(report))


def build_values(report: Report) -> Object:
    """Return the values of a report's page, so that its template has no logic."""
    names = tuple(dict.fromkeys(check.name for zone in report.zones for check in zone.checks))
    return {
        "headline": _headline(report),
        "lines": verdict.list_trouble(report, _NAMES_IN_BANNER),
        "tiles": list(_tiles(report)),
        "actions": list(_actions(report)),
        "check_names": names,
        "failed_names": {check.name for zone in report.zones for check in zone.checks if check.failed},
        "zones": list(_zones(report, names)),
        "clients": _in_order(report, {meeting.client for meeting in report.handshakes}),
        "servers": _in_order(report, {meeting.server for meeting in report.handshakes}),
        "met": {(meeting.client, meeting.server): meeting for meeting in report.handshakes},
        "duration": _duration(report.finished_at - report.started_at),
        "cost": verdict.describe_cost(report),
        "revoke_later": verdict.REVOKE_LATER,
    }


def _headline(report: Report) -> str:
    if report.passed:
        missing = report.handshakes_not_made
        return "Every zone gets certificates" + (f", but {missing:,} handshakes were not made" if missing else "")
    failed = [zone for zone in report.zones if zone.outcome is Outcome.FAILED]
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
        yield Action("interrupted", "Run it again: this report has only the results up to the interruption.")
    if report.missing_zones:
        advice = "Run the jobs of these zones, or add their reports with --merge."
        yield Action("missing", advice, zones=tuple(Place(name, "") for name in report.missing_zones))
    if report.passed and report.handshakes_not_made:
        yield Action("handshakes", verdict.VERIFY_TOGETHER, f"{report.handshakes_not_made:,} were not made")
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
    ordered = verdict.group_by_problem(report)
    for problem, pairs in ordered[:_MOST_MEETINGS]:
        more = f"and {len(pairs) - _MOST_MEETINGS:,} more" if len(pairs) > _MOST_MEETINGS else ""
        places = tuple(Place(pair, "handshakes") for pair in pairs[:_MOST_MEETINGS])
        yield Action("handshake", verdict.advise_on_handshake(problem) or _LOOK, problem, places, more)
    if rest := ordered[_MOST_MEETINGS:]:
        count = sum(len(pairs) for _, pairs in rest)
        yield Action("handshake", f"{count:,} more failed for {len(rest):,} other reasons; the matrix has them.")


def _zones(report: Report, names: Sequence[str]) -> Iterator[ZonePart]:
    longest = max((zone.issuance.total_seconds() for zone in report.zones if zone.issuance), default=0.0)
    opened = 0
    for number, zone in enumerate(report.zones):
        known = {check.name: check for check in zone.checks}
        shown = len(report.zones) <= _ALL_OPEN or (not zone.passed and opened < _FAILED_OPEN)
        opened += shown
        seconds = zone.issuance.total_seconds() if zone.issuance is not None else None
        trust = known["chain"].outcome if "chain" in known else Outcome.SKIPPED
        identity = known.get("identity")
        yield ZonePart(
            result=zone,
            anchor=_anchor(number),
            open=shown,
            cells=tuple(known.get(name) for name in names),
            skipped=tuple(check for check in zone.checks if check.outcome is Outcome.SKIPPED and not check.note),
            boxes=tuple(_boxes(zone, trust, report.finished_at)),
            trust=trust,
            identity=identity.found if identity and identity.outcome is Outcome.PASSED else "",
            issuance="" if seconds is None else _milliseconds(seconds),
            bar=round(100 * seconds / longest, 2) if seconds and longest else 0,
        )


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
    return Box(role, name, fingerprint, f"{format_moment(ends)}, {_until(ends, at)}", ended=ends <= at)


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
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest} s"


def _until(ends: datetime, at: datetime) -> str:
    hours = (ends - at).total_seconds() / 3600
    size = abs(hours)
    text = f"{size:.0f} h" if size < _HOURS_AS_SUCH else f"{size / 24:,.0f} days"
    return f"in {text}" if hours > 0 else f"{text} ago"
