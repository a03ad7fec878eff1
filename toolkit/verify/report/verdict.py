"""What a report comes to, in sentences that several forms share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.verify.results import Report


def cost(report: Report) -> str:
    """What the run bought, and for how much at most."""
    bought = report.certificates_bought
    revoked = sum(len(zone.revoked) for zone in report.zones)
    text = f"{bought} certificate{'s'[: bought != 1]} bought (at most ${report.cost:.2f})"
    return text + (f", {revoked} of them revoked" if revoked else "")


def trouble(report: Report) -> list[str]:
    """Everything that keeps the report from being good, a line each; none when it has passed."""
    failed = [zone.zone for zone in report.zones if not zone.passed]
    distrust = [meeting for meeting in report.handshakes if meeting.problem]
    lines = []
    if report.interrupted:
        lines.append("Interrupted: this is what was known by then")
    if report.missing:
        lines.append(f"Nothing is known of {len(report.missing)} zones ({', '.join(report.missing)})")
    if distrust:
        first = distrust[0]
        lines.append(
            f"{len(distrust)} of {len(report.handshakes)} handshakes failed, "
            f"such as {first.client} with {first.server}: {first.problem}"
        )
    if failed:
        lines.append(f"{len(failed)} of {len(report.zones)} zones failed ({', '.join(failed)})")
    return lines
