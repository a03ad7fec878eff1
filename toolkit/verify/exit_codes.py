"""Choose the exit code of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.errors import EXIT_CHECK_FAILED, EXIT_ENVIRONMENT, EXIT_INTERRUPTED

if TYPE_CHECKING:
    from toolkit.verify.results import Report


def choose_exit_code(report: Report) -> int:
    """Return the exit code of a run.

    - 0: every zone and handshake passed.
    - 3: every zone failed for one cause that lies outside the zones (:mod:`toolkit.verify.causes`).
    - 1: a zone or a handshake failed for any other reason.
    - 130: the run was interrupted.
    """
    if report.interrupted:
        return EXIT_INTERRUPTED
    if report.passed:
        return 0
    causes = {zone.cause for zone in report.zones}
    return EXIT_ENVIRONMENT if len(causes) == 1 and "" not in causes else EXIT_CHECK_FAILED
