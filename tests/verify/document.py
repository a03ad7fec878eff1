"""Write the table of faults into ``docs/reference/verification.md``. A test compares the page with this table."""

from __future__ import annotations

from tests.documentation import Part
from tests.verify.broken_issuer import MUTATIONS
from tests.verify.faults import CASES, EVERY, ZONE, Case


def _row(case: Case) -> str:
    where = {"": "none: it passes", ZONE: "that zone", EVERY: "every zone"}[case.zone]
    issued = "0 or 1" if case.issued is None else str(case.issued)
    return f"| {case.statement} | {where} | {f'`{case.check}`' if case.check else ''} | {issued} |"


def _defects() -> str:
    """The mutations by the check that names them, in their order."""
    by_check: dict[str, list[str]] = {}
    for mutation in MUTATIONS:
        by_check.setdefault(mutation.checks[0], []).append(mutation.identifier)
    return "\n".join(f"| `{check}` | {', '.join(found)} |" for check, found in by_check.items())


def section() -> str:
    """What goes wrong and where it shows; then what a broken issuer does and which check names it."""
    return f"""\
| fault | fails in | fails the check | certificates issued there |
| --- | --- | --- | --- |
{chr(10).join(_row(case) for case in CASES)}

Each of {len(MUTATIONS)} mutations of an issued certificate fails a check:

| check | mutations that fail it |
| --- | --- |
{_defects()}
"""


PART = Part("reference/verification.md", "<!-- faults: made by `make docs` -->", "<!-- end of faults -->", section)

if __name__ == "__main__":
    PART.write()
