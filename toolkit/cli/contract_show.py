"""``toolkit contract show``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from toolkit.cli.expiration import WARN_DAYS, describe_time_left
from toolkit.cli.options import choose_look, contract_options, warn, warn_of_unknown_mode
from toolkit.cli.output_options import output_option, settle_outputs, write_outputs
from toolkit.cli.parameters import Command

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from toolkit.cli.output_options import Output
    from toolkit.contract import PendingStack, StackOutputs

_EXAMPLES = """\b
Examples:
  toolkit contract show
  toolkit contract show --contract outputs.json -o json
"""


@click.command(name="show", cls=Command, epilog=_EXAMPLES)
@contract_options
@output_option("table", "json", explanation="json is the contract itself, with what was derived.")
def command(
    *,
    contract_file: str | None,
    stack: str | None,
    cwd: str | None,
    outputs: tuple[Output, ...],
) -> None:
    """Show a contract, as a table or as JSON.

    The contract is read and checked as by all other commands. docs/reference/contract.md describes it. If the CA
    expires within 90 days, a warning goes to stderr.
    """
    from datetime import UTC, datetime

    from toolkit import contract

    outputs = settle_outputs(outputs, "table")
    loaded = contract.load_stack(contract_file, stack, cwd)
    now = datetime.now(UTC)

    def render(form: str, file: Path | None) -> str:
        if form == "json":
            return loaded.to_json()
        return _table(loaded, now, file, _where(contract_file, stack, cwd))

    write_outputs(outputs, render)
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


def _where(contract_file: str | None, stack: str | None, cwd: str | None) -> tuple[str, str]:
    """Return the options to name the same stack again: for the toolkit, and for the Pulumi CLI."""
    pulumi = [word for option, value in (("--stack", stack), ("--cwd", cwd)) if value for word in (option, value)]
    file = ["--contract", contract_file] if contract_file and contract_file != "-" else []
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
        found.append(f"the CA expires on {end}; have its successor in every zone by then")
    if problem := authority.check_lifetime(duration.parse(lifetime)):
        found.append(f"dataPlaneLifetime: {lifetime} {problem}, so AWS rejects such requests")
    return found
