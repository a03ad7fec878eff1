"""What a run does and what it costs, in words, before anything is created."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.aws.authority import DELETION_DAYS, KEY_ALGORITHM, USAGE_MODE
from tests.aws.probe import ISSUE
from tests.aws.probes_authority import OTHERS
from tests.aws.probes_issuing import ISSUING
from toolkit.pricing import AUTHORITY_PRICE, CERTIFICATE_PRICE, describe_sources

if TYPE_CHECKING:
    from pathlib import Path

    from tests.aws.account import Account

PROBES = (*ISSUING, *OTHERS)
# The CA's two own certificates, and that of toolkit verify.
_BEYOND_PROBES = 3
_HOURS_A_MONTH = 730
PER_CERTIFICATE, PER_MONTH = CERTIFICATE_PRICE[USAGE_MODE], AUTHORITY_PRICE[USAGE_MODE]


def expected_certificates() -> int:
    """Return how many certificates a run issues if AWS answers as the conformance rules say.

    Where no rule says whether AWS issues one, it counts.
    """
    return sum(probe.issues for probe in PROBES) + _BEYOND_PROBES


def most_certificates() -> int:
    """Return how many certificates a run issues if AWS issues one for each probe that it should reject."""
    return sum(probe.operation == ISSUE for probe in PROBES) + _BEYOND_PROBES


def lines(account: Account, record: Path, *, keep: bool) -> Iterator[str]:
    """Yield what a run does and what it costs."""
    count, most = expected_certificates(), most_certificates()
    yield f"Account   {account.number}, as {account.caller_arn}"
    yield f"Region    {account.region}, answered by {account.host}"
    yield f"Creates   one private CA: root, {USAGE_MODE}, {KEY_ALGORITHM}, tagged; nothing else"
    yield f"Issues    {count} certificates: 2 for the CA, 1 for toolkit verify, {count - _BEYOND_PROBES} for probes"
    yield f"Probes    {len(PROBES)}; those that AWS rejects cost nothing"
    yield f"Writes    {record}, and the contract, the Mesh and the report beside it"
    yield f"Deletes   {_deletes(keep=keep)}"
    yield f"Costs     ${PER_MONTH} a month for the CA, prorated: about ${PER_MONTH / _HOURS_A_MONTH:.2f} an hour"
    yield f"          ${PER_CERTIFICATE} for each certificate: ${count * PER_CERTIFICATE:.2f}"
    yield f"          at most ${most * PER_CERTIFICATE:.2f}, if AWS issues one for each of {most} requests"
    yield "          The first private CA in an account and region has no monthly charge for 30 days;"
    yield "          certificates are charged all the same."
    yield f"          ({describe_sources()})"


def _deletes(*, keep: bool) -> str:
    if keep:
        return "nothing: --keep leaves the CA, and AWS charges for it until you delete it"
    return f"the CA, also after an error or Ctrl-C; it can be restored for {DELETION_DAYS} days"


def after_deletion() -> str:
    """Return what a deleted CA costs (aws.amazon.com/private-ca/pricing; user guide, PCADeleteCA.md)."""
    return (
        f"It can be restored for {DELETION_DAYS} days. AWS doesn't charge for a deleted CA; if you restore it, AWS "
        "charges for the time in between (aws.amazon.com/private-ca/pricing)."
    )
