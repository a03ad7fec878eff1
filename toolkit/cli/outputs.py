"""``toolkit outputs``."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Literal

import click
from click.core import ParameterSource

from toolkit.cli.expiration import WARN_DAYS, describe_time_left
from toolkit.cli.options import choose_look, emit, output_file, stack_outputs, warn
from toolkit.errors import InvalidInputError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from toolkit.contract import PendingStack, StackOutputs

_EXAMPLES = """\b
Examples:
  toolkit outputs
  toolkit outputs --csr > issuing-ca.csr
  toolkit outputs --outputs outputs.json --format json
  toolkit outputs --format schema -o contract.schema.json
"""


@click.command(name="outputs", epilog=_EXAMPLES)
@stack_outputs
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "schema"]),
    default="table",
    show_default=True,
    help="For people; the contract itself; or the JSON Schema of any contract, which needs no stack.",
)
@click.option("--csr", is_flag=True, help="Only the signing request of a CA that waits for its certificate, as PEM.")
@output_file
def command(
    *,
    outputs: str | None,
    stack: str | None,
    cwd: str | None,
    form: Literal["table", "json", "schema"],
    csr: bool,
    output: Path | None,
) -> None:
    """Show the contract of a stack.

    It is read and checked as every other command does it; docs/contract.md describes it. A CA that ends within 90 days
    is warned of on standard error.
    """
    from datetime import UTC, datetime

    from toolkit import contract

    chosen = click.get_current_context().get_parameter_source("form") is not ParameterSource.DEFAULT
    if csr and chosen:
        raise click.UsageError("--csr has a form of its own, PEM; leave --format out")
    if form == "schema":
        from toolkit.contract.json_schema import build_json_schema

        emit(json.dumps(build_json_schema(), indent=2) + "\n", output)
        return
    loaded = contract.load_stack(outputs, stack, cwd)
    now = datetime.now(UTC)
    if csr:
        emit(_request(loaded), output)
    elif form == "json":
        emit(loaded.to_json(), output)
    else:
        emit(_table(loaded, now, output, _where(outputs, stack, cwd)), output)
    if isinstance(loaded, contract.StackOutputs):
        for warning in _warnings(loaded, now):
            warn(warning)


def _request(loaded: StackOutputs | PendingStack) -> str:
    from toolkit.contract import StackOutputs

    if isinstance(loaded, StackOutputs):
        raise InvalidInputError(
            "the stack's CA has its certificate, so there is no request to be signed",
            hint="toolkit outputs shows the CA and its chain.",
        )
    return loaded.pending_certificate_authority.certificate_signing_request.strip() + "\n"


def _table(loaded: StackOutputs | PendingStack, now: datetime, output: Path | None, where: tuple[str, str]) -> str:
    from toolkit.cli import outputs_table
    from toolkit.contract import StackOutputs

    if isinstance(loaded, StackOutputs):
        return outputs_table.show_active(loaded, now, choose_look(output))
    return outputs_table.show_pending(loaded, where, choose_look(output))


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
