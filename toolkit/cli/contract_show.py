"""``toolkit contract show``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Literal

import click

from toolkit.cli.expiration import WARN_DAYS, describe_time_left
from toolkit.cli.options import choose_look, emit, output_file, stack_outputs, warn, warn_of_unknown_mode

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from toolkit.contract import PendingStack, StackOutputs

_EXAMPLES = """\b
Examples:
  toolkit contract show
  toolkit contract show --outputs outputs.json --format json
"""


@click.command(name="show", epilog=_EXAMPLES)
@stack_outputs
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people; or the contract itself, with what was derived.",
)
@output_file
def command(
    *,
    outputs: str | None,
    stack: str | None,
    cwd: str | None,
    form: Literal["table", "json"],
    output: Path | None,
) -> None:
    """Show a contract, as a table or as JSON.

    It is read and checked as every other command does it; docs/contract.md describes it. A CA that ends within 90 days
    is warned of on standard error.
    """
    from datetime import UTC, datetime

    from toolkit import contract

    loaded = contract.load_stack(outputs, stack, cwd)
    now = datetime.now(UTC)
    if form == "json":
        emit(loaded.to_json(), output)
    else:
        emit(_table(loaded, now, output, _where(outputs, stack, cwd)), output)
    if isinstance(loaded, contract.StackOutputs):
        warn_of_unknown_mode(loaded)
        for warning in _warnings(loaded, now):
            warn(warning)


def _table(loaded: StackOutputs | PendingStack, now: datetime, output: Path | None, where: tuple[str, str]) -> str:
    from toolkit.cli import contract_table
    from toolkit.contract import StackOutputs

    if isinstance(loaded, StackOutputs):
        return contract_table.show_active(loaded, now, choose_look(output))
    return contract_table.show_pending(loaded, where, choose_look(output))


def _where(outputs: str | None, stack: str | None, cwd: str | None) -> tuple[str, str]:
    """The options with which the toolkit, and the Pulumi CLI, find the same stack again."""
    pulumi = [word for option, value in (("--stack", stack), ("--cwd", cwd)) if value for word in (option, value)]
    file = ["--outputs", outputs] if outputs and outputs != "-" else []
    return _words([*file, *pulumi]), _words(pulumi)


def _words(words: list[str]) -> str:
    return "".join(f" {shlex.quote(word)}" for word in words)


def _warnings(outputs: StackOutputs, now: datetime) -> list[str]:
    from toolkit.pki import duration

    authority, lifetime = outputs.certificate_authority, outputs.data_plane_lifetime
    end = f"{authority.not_after:%Y-%m-%d}, {describe_time_left(authority.not_after, now)}"
    if authority.not_after <= now:
        return [f"the CA ended on {end}: no zone gets certificates from it any more"]
    found = []
    if (authority.not_after - now).days < WARN_DAYS:
        found.append(f"the CA ends on {end}; have its successor in every zone by then")
    if problem := authority.check_lifetime(duration.parse(lifetime)):
        found.append(f"dataPlaneLifetime: {lifetime} {problem}, so AWS refuses such certificates")
    return found
