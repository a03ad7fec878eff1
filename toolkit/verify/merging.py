"""One report of several: each zone verified by a job of its own, all of them seen together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.errors import InvalidInputError, Problem
from toolkit.verify.results import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.contract import StackOutputs
    from toolkit.verify.results import ZoneResult


def merge(reports: Sequence[Report], outputs: StackOutputs) -> Report:
    """Put reports of one mesh and one CA together, in the contract's order.

    A zone that several know is taken from the report that was finished last. A zone of the contract that none knows
    is missing, and then the whole has not passed.

    Args:
        reports: at least one.
        outputs: the contract, which says which zones there should be.

    Raises:
        InvalidInputError: they are of several meshes or CAs, of another CA than the contract's, or know a zone that
            the contract does not.
    """
    ordered = sorted(reports, key=lambda report: report.finished)
    _refuse_strangers(ordered, outputs)
    known: dict[str, ZoneResult] = {zone.zone: zone for report in ordered for zone in report.zones}
    names = [zone.name for zone in outputs.zones]
    return Report(
        mesh=ordered[0].mesh,
        authority_arn=outputs.certificate_authority.arn,
        usage_mode=outputs.certificate_authority.usage_mode,
        started=min(report.started for report in ordered),
        finished=ordered[-1].finished,
        zones=tuple(known[name] for name in names if name in known),
        handshakes=tuple({(met.client, met.server): met for report in ordered for met in report.handshakes}.values()),
        missing=tuple(name for name in names if name not in known),
        interrupted=any(report.interrupted for report in ordered),
    )


def _refuse_strangers(reports: Sequence[Report], outputs: StackOutputs) -> None:
    problems = []
    authority = outputs.certificate_authority.arn
    names = {zone.name for zone in outputs.zones}
    meshes = sorted({report.mesh for report in reports})
    if len(meshes) > 1:
        problems.append(Problem("mesh", f"the reports are of several meshes: {', '.join(meshes)}"))
    others = sorted({report.authority_arn for report in reports} - {authority})
    problems += [Problem("certificateAuthorityArn", f"{other} is not the stack's, {authority}") for other in others]
    strangers = sorted({zone.zone for report in reports for zone in report.zones} - names)
    problems += [Problem("zones", f"{stranger} is no zone of the stack") for stranger in strangers]
    if problems:
        raise InvalidInputError("the reports can't be put together", problems, "Merge the reports of one stack.")
