"""How a run ends: its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.errors import EXIT_CHECK_FAILED, EXIT_ENVIRONMENT, EXIT_INTERRUPTED

if TYPE_CHECKING:
    from toolkit.verify.results import Report


def choose_exit_code(report: Report) -> int:
    """Return the exit code of a run.

    It is 3 when every zone failed for the same cause that has nothing to do with the zones, else 1 when a zone or a
    handshake failed.
    """
    if report.interrupted:
        return EXIT_INTERRUPTED
    if report.passed:
        return 0
    causes = {zone.cause for zone in report.zones}
    return EXIT_ENVIRONMENT if len(causes) == 1 and "" not in causes else EXIT_CHECK_FAILED
