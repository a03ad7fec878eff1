"""`make test-aws`: the smoke path on a real AWS account, with one private CA in short-lived mode."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click

from toolkit.cli import LazyGroup
from toolkit.cli.signals import Signals
from toolkit.errors import EXIT_CHECK_FAILED, EXIT_INVALID_INPUT, ExternalError

_RECORD = Path("build/aws/answers.json")
_region = click.option(
    "--region",
    # boto3 reads the second one only; the aws CLI reads both, in this order.
    envvar=("AWS_REGION", "AWS_DEFAULT_REGION"),
    metavar="NAME",
    help="Region of the CA; that of the environment or of the profile unless given.",
)
_profile = click.option("--profile", metavar="NAME", help="Profile of the AWS configuration.")


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
    AWS's answers to a set of probes, and deletes the CA. docs/test-aws.md has the details.
    """
    if ctx.invoked_subcommand is None:
        _run(ctx, **chosen)


def _run(
    ctx: click.Context, *, region: str | None, profile: str | None, yes: bool, record: Path, keep: bool, debug: bool
) -> None:
    del debug  # LazyGroup reads it.
    from tests.aws import account, plan  # noqa: PLC0415 - --help must not load boto3
    from tests.aws.answers import Record  # noqa: PLC0415 - same
    from tests.aws.running import Run  # noqa: PLC0415 - same

    found = account.connect(region, profile)
    click.echo("\n".join(plan.lines(found, record, keep=keep)))
    if earlier := account.earlier_authorities(found):
        _refuse_second(found, earlier)
    if not yes:
        click.echo("Nothing was created. Add --yes to do this.", err=True)
        ctx.exit(EXIT_INVALID_INPUT)
    run = Run(found, Record(found, record), record.parent, keep=keep)
    with Signals() as signals:
        _heed_hangup()
        run.run(signals)
    run.conclude()


def _refuse_second(found: Any, earlier: list[Any]) -> None:
    from tests.aws import authority  # noqa: PLC0415 - same

    known = ", ".join(f"{each.arn} ({each.status}, run {each.run})" for each in earlier)
    raise ExternalError(
        f"a CA of an earlier run is still there: {known}",
        f"Nothing was created. Delete it first: {authority.cleanup_command(found)}",
    )


def _heed_hangup() -> None:
    """Let a terminal that goes away end the run as SIGTERM does."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))


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
@click.option("--yes", is_flag=True, help="Delete them. Without it, they are only listed.")
def cleanup(*, region: str | None, profile: str | None, yes: bool) -> None:
    """Find the CAs of earlier runs by their tag, and delete them."""
    from tests.aws import account, running  # noqa: PLC0415 - --help must not load boto3

    found = account.connect(region, profile)
    click.echo(f"Account {found.number}, region {found.region}, as {found.caller_arn}")
    earlier = account.earlier_authorities(found)
    _list("CAs of earlier runs", [f"{each.arn} ({each.status}, run {each.run})" for each in earlier])
    if not earlier:
        click.echo("No CA of an earlier run is there.")
    elif yes:
        running.clean_up(found, [each.arn for each in earlier])
    else:
        click.echo("Nothing was deleted. Add --yes to delete them.", err=True)
        click.get_current_context().exit(EXIT_INVALID_INPUT)


if __name__ == "__main__":
    main(prog_name="python -m tests.aws")
