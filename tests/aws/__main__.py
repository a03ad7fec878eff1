"""`make test-aws`: the smoke path on a real AWS account, with one private CA in short-lived mode."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from toolkit.cli import LazyGroup
from toolkit.cli.signals import Signals
from toolkit.errors import (
    EXIT_CHECK_FAILED,
    EXIT_INVALID_INPUT,
    ExternalError,
    InterruptedByUserError,
    InvalidInputError,
)

if TYPE_CHECKING:
    from tests.aws.account import Account, Earlier

_RECORD = Path("build/aws/answers.json")
_region = click.option(
    "--region",
    # boto3 reads the second one only; the aws CLI reads both, in this order.
    envvar=("AWS_REGION", "AWS_DEFAULT_REGION"),
    metavar="NAME",
    help="Region of the CA; that of the environment or of the profile unless given.",
)
_profile = click.option("--profile", metavar="NAME", help="Profile of the AWS configuration.")
_account = click.option(
    "--account",
    "number",
    metavar="ID",
    callback=lambda _, __, value: _require_account_id(value),
    help="Account ID, 12 digits; required with --yes. The command stops if the credentials are for another account.",
)


class _Group(LazyGroup):
    """Shows errors as `toolkit` does. Its commands are in this module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return click.Group.list_commands(self, ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command."""
        return click.Group.get_command(self, ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands in ``--help``."""
        click.Group.format_commands(self, ctx, formatter)


@click.group(
    cls=_Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 good, 1 a check failed, 2 nothing was created, 3 environment error, 130 interrupted.",
)
@_region
@_profile
@_account
@click.option("--yes", is_flag=True, help="Create the CA. Without it, only the plan and its price are printed.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    default=_RECORD,
    show_default=True,
    metavar="FILE",
    help="Write AWS's answers here, and the other results beside it.",
)
@click.option("--keep", is_flag=True, help="Leave the CA there. AWS charges for it until you delete it.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def main(ctx: click.Context, /, **chosen: Any) -> None:
    """Take the smoke path on a real AWS account.

    Creates one private CA in short-lived mode, activates it, renders a Mesh, runs the toolkit's verification, records
    AWS's answers to a set of probes, and deletes the CA. docs/how-to/test-aws.md has the details.
    """
    if ctx.invoked_subcommand is None:
        # LazyGroup reads it.
        del chosen["debug"]
        _run(ctx, **chosen)
    else:
        _reject_options_before(ctx, ctx.invoked_subcommand)


def _reject_options_before(ctx: click.Context, command: str) -> None:
    given = [
        parameter.opts[0]
        for parameter in ctx.command.params
        if ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE and parameter.name != "debug"
    ]
    if given:
        raise click.UsageError(f"{', '.join(given)}: give the options of {command} after its name.")


def _require_account_id(value: str | None) -> str | None:
    if value is not None and not re.fullmatch("[0-9]{12}", value):
        raise click.BadParameter(f"{value!r} is not an account ID: 12 digits.")
    return value


def _require_account(found: Account, number: str | None) -> None:
    """Stop before anything is changed in an account that the user has not named."""
    if number not in (None, found.number):
        raise InvalidInputError(
            f"the credentials are for account {found.number}, not for account {number}",
            hint="Nothing was changed. Check --account, --profile and the AWS_ variables.",
        )


def _require_named(number: str | None, *, yes: bool) -> None:
    if yes and number is None:
        raise click.UsageError("--yes needs --account. Without --yes, the command prints the account.")


def _run(
    ctx: click.Context,
    *,
    region: str | None,
    profile: str | None,
    number: str | None,
    yes: bool,
    record: Path,
    keep: bool,
) -> None:
    _require_named(number, yes=yes)
    from tests.aws import account, plan  # noqa: PLC0415 - --help must not load boto3
    from tests.aws.answers import Record  # noqa: PLC0415 - same
    from tests.aws.running import Run  # noqa: PLC0415 - same

    found = account.connect(region, profile)
    _require_account(found, number)
    click.echo("\n".join(plan.lines(found, record, keep=keep)))
    if earlier := account.earlier_authorities(found):
        _refuse_second(found, earlier)
    if not yes:
        click.echo(f"Nothing was created. To do this, run again with --account {found.number} --yes.", err=True)
        ctx.exit(EXIT_INVALID_INPUT)
    run = Run(found, Record(found, record), record.parent, keep=keep)
    with Signals() as signals:
        _end_as_sigterm()
        run.run(signals)
    run.conclude()


def _refuse_second(found: Account, earlier: list[Earlier]) -> None:
    from tests.aws import authority  # noqa: PLC0415 - same

    known = ", ".join(f"{each.arn} ({each.status}, run {each.run})" for each in earlier)
    raise ExternalError(
        f"a CA of an earlier run is still there: {known}",
        f"Nothing was created. Delete it first: {authority.cleanup_command(found)}",
    )


def _end_as_sigterm() -> None:
    """Let a closed terminal and Ctrl-\\ end the run as SIGTERM does."""
    for number in (signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGTERM))


@main.command()
@click.argument("file")
def compare(file: str) -> None:
    """Compare recorded answers with the sandbox's answers to the same probes.

    Exit code 1: they differ in something that a conformance rule fixes.
    """
    from tests.aws import answers  # noqa: PLC0415 - --help must not load boto3
    from tests.aws import compare as comparing  # noqa: PLC0415 - same

    recorded = answers.read(file)
    found = comparing.compare(recorded["answers"], comparing.sandbox_answers(recorded["region"]))
    said, when = recorded["answeredBy"], recorded["recorded"]
    click.echo(f"{len(found.compared)} answers of {said}, recorded {when}, about {len(found.rules)} conformance rules")
    if not recorded["answeredBy"].endswith((".amazonaws.com", ".amazonaws.com.cn")):
        click.echo("These are not answers of AWS.")
    _list("Not recorded", found.missing)
    _list("Different, and no conformance rule fixes it", found.open)
    _list("Different from what a conformance rule fixes", found.broken)
    if found.broken:
        click.get_current_context().exit(EXIT_CHECK_FAILED)
    click.echo("The sandbox answers as recorded in everything that a conformance rule fixes.")


def _list(title: str, items: Any) -> None:
    if items:
        click.echo(f"\n{title}: {len(items)}")
        for item in items:
            click.echo(f"  {item}")


@main.command()
@_region
@_profile
@_account
@click.option("--yes", is_flag=True, help="Delete them. Without it, they are only listed.")
def cleanup(*, region: str | None, profile: str | None, number: str | None, yes: bool) -> None:
    """Find the CAs of earlier runs by their tag, and delete them."""
    _require_named(number, yes=yes)
    from tests.aws import account  # noqa: PLC0415 - --help must not load boto3

    found = account.connect(region, profile)
    _require_account(found, number)
    click.echo(f"Account {found.number}, region {found.region}, as {found.caller_arn}")
    earlier = account.earlier_authorities(found)
    _list("CAs of earlier runs", [f"{each.arn} ({each.status}, run {each.run})" for each in earlier])
    if not earlier:
        click.echo("No CA of an earlier run is there.")
    elif yes:
        _delete(found, [each.arn for each in earlier])
    else:
        click.echo(f"Nothing was deleted. To delete them, run again with --account {found.number} --yes.", err=True)
        click.get_current_context().exit(EXIT_INVALID_INPUT)


def _delete(found: Account, arns: list[str]) -> None:
    """Delete CAs. A signal ends this between two CAs, not between disabling a CA and deleting it."""
    from tests.aws import running  # noqa: PLC0415 - --help must not load boto3

    with Signals() as signals:
        _end_as_sigterm()
        signals.hold()
        deleted = running.clean_up(found, (arn for arn in arns if not signals.count))
    if len(deleted) < len(arns):
        raise InterruptedByUserError("interrupted", f"{len(arns) - len(deleted)} CAs are not deleted.")


if __name__ == "__main__":
    main(prog_name="python -m tests.aws")
