"""Merge the reports of several runs, such as one verification job per zone, into one report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError, Problem
from toolkit.text import escape
from toolkit.verify.results import Report, Revocation, ZoneResult

if TYPE_CHECKING:
    from toolkit.contract import StackOutputs


def merge(reports: Sequence[Report], outputs: StackOutputs) -> Report:
    """Merge reports of one mesh and one CA, with the zones in the contract's order.

    - If several reports contain a zone, the report that finished last counts.
    - If two of them finished in the same second, the worse result counts.
    - The certificates of all reports are kept, because AWS has no list of issued certificates.
    - A zone of the contract that no report contains is missing, and the merged report has not passed.

    Args:
        reports: at least one.
        outputs: the contract, which names the zones.

    Raises:
        InvalidInputError: the reports are of several meshes or CAs, or of another CA than the contract's, or contain
            a zone that the contract does not have.
    """
    ordered = sorted(reports, key=lambda report: report.finished_at)
    _refuse_strangers(ordered, outputs)
    # The last of each wins: the latest, and of one second the worst.
    results = [(report, zone) for report in ordered for zone in report.zones]
    results.sort(key=lambda result: (result[0].finished_at, not result[1].passed))
    known = {zone.zone: (report, zone) for report, zone in results}
    meetings = [(report, met) for report in ordered for met in report.handshakes]
    last = {
        (met.client, met.server): (report, met)
        for report, met in sorted(meetings, key=lambda meeting: (meeting[0].finished_at, bool(meeting[1].problem)))
    }
    handshakes = [last[pair] for pair in dict.fromkeys((met.client, met.server) for _, met in meetings)]
    counted = [report for report, _ in (*known.values(), *handshakes)]
    names = [zone.name for zone in outputs.zones]
    return Report(
        mesh=ordered[0].mesh,
        certificate_authority_arn=outputs.certificate_authority.arn,
        usage_mode=outputs.certificate_authority.priced_mode,
        started_at=min(report.started_at for report in ordered),
        finished_at=ordered[-1].finished_at,
        zones=tuple(_with_all_issued(known[name][1], ordered) for name in names if name in known),
        handshakes=tuple(handshake for _, handshake in handshakes),
        missing_zones=tuple(name for name in names if name not in known),
        # An interrupted report does not count if later reports replace all its results.
        interrupted=any(report.interrupted for report in counted),
    )


def _with_all_issued(zone: ZoneResult, reports: Sequence[Report]) -> ZoneResult:
    every = [other for report in reports for other in report.zones if other.zone == zone.zone]
    revoked = tuple(dict.fromkeys(arn for other in every for arn in other.certificates_revoked))
    kept = {each.certificate_arn: each for other in every for each in other.not_revoked}
    asked = {request.idempotency_token: request for other in every for request in other.requests}
    return replace(
        zone,
        requests=tuple(asked.values()),
        certificates_issued=tuple(dict.fromkeys(arn for other in every for arn in other.certificates_issued)),
        certificates_revoked=revoked,
        revocations=(
            *(Revocation(arn, revoked=True) for arn in revoked),
            *(each for arn, each in kept.items() if arn not in revoked),
        ),
    )


def _refuse_strangers(reports: Sequence[Report], outputs: StackOutputs) -> None:
    problems = []
    authority = outputs.certificate_authority.arn
    names = {zone.name for zone in outputs.zones}
    meshes = sorted({report.mesh for report in reports})
    if len(meshes) > 1:
        problems.append(Problem("mesh", f"the reports are of several meshes: {escape(', '.join(meshes))}"))
    others = sorted({report.certificate_authority_arn for report in reports} - {authority})
    problems += [
        Problem("certificateAuthorityArn", f"{escape(other)} is not the contract's, {authority}") for other in others
    ]
    strangers = sorted({zone.zone for report in reports for zone in report.zones} - names)
    problems += [Problem("zones", f"{escape(stranger)} is not a zone of the contract") for stranger in strangers]
    parties = {name for report in reports for met in report.handshakes for name in (met.client, met.server)}
    others = sorted(parties - names - set(strangers))
    problems += [Problem("handshakes", f"{escape(other)} is not a zone of the contract") for other in others]
    if problems:
        raise InvalidInputError("the reports can't be merged", problems, "Merge the reports of one contract.")
