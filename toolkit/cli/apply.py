"""``toolkit apply``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from toolkit.cli.control_plane_options import control_plane_options, open_control_plane
from toolkit.cli.options import can_ask, filename_option, say, warn, yes_option
from toolkit.cli.output_options import refuse_one_stdin
from toolkit.cli.parameters import Command, option
from toolkit.errors import InterruptedByUserError, InvalidInputError
from toolkit.text import escape

if TYPE_CHECKING:
    from toolkit.control_plane.applying import Outcome, Plan
    from toolkit.control_plane.client import ControlPlane
    from toolkit.control_plane.resources import Resource
    from toolkit.control_plane.write_order import Step
    from toolkit.values import Value

_COLORS = {"+": "green", "-": "red", "@": "cyan"}
_WORDS = {"created": "green", "changed": "yellow", "unchanged": "bright_black"}

_MERGE = "toolkit render-mesh --base control-plane --format universal"

_EXAMPLES = """\b
Examples:
  toolkit apply -f mesh.yaml --control-plane https://mesh.example.com:5682 --token-file token
  toolkit apply -f mesh.yaml --context production
  toolkit render-mesh --format universal | toolkit apply -f - --yes --control-plane http://127.0.0.1:5681
"""


@click.command(name="apply", cls=Command, epilog=_EXAMPLES)
@filename_option("Meshes and Secrets of the Universal form, as one YAML stream.", required=True)
@control_plane_options
@yes_option
@option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
def command(
    *,
    filenames: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    **access: Value,
) -> None:
    """Apply a Mesh to a Universal control plane.

    Differences are shown first. A new mesh is written without mTLS, then its Secrets are written, then the whole mesh.
    At the end everything is read back and compared. After an error, run the same command again: it writes only what
    still differs. On Kubernetes, use kubectl apply.
    """
    from toolkit.control_plane import applying

    with contextlib.ExitStack() as stack:
        try:
            wanted = _wanted(filenames, may_write=yes or dry_run or can_ask())
            client = stack.enter_context(open_control_plane(**access))
            plan = applying.plan(client, wanted)
            _show(plan, client)
            if plan.writes and not (yes or dry_run):
                _ask(plan)
        except KeyboardInterrupt:
            raise InterruptedByUserError("interrupted; nothing was written") from None
        if plan.writes and not dry_run:
            applying.execute(plan, client, _tell)
    begin = "Nothing to do" if not plan.writes else "Dry run, nothing was written" if dry_run else "Done and read back"
    say(f"{begin}: {_count(plan)}.")


def _wanted(filenames: tuple[str, ...], *, may_write: bool) -> tuple[Resource, ...]:
    from toolkit.control_plane.resources import read_resources
    from toolkit.mesh.documents.reader import read

    wanted = read_resources(read(_texts(filenames)))
    if not may_write:
        raise InvalidInputError(
            "there is no terminal to ask on before something is written",
            hint="Look at it with --dry-run, then give --yes.",
        )
    return wanted


def _texts(filenames: tuple[str, ...]) -> list[tuple[str, str]]:
    from toolkit.files import name_source, read_text

    refuse_one_stdin({"-f": filenames})
    return [(name_source(file), read_text(file)) for file in dict.fromkeys(filenames)]


def _ask(plan: Plan) -> None:
    changes = sum(step.change.value != "unchanged" for step in plan.steps)
    question = f"Apply these {changes} changes?" if changes > 1 else "Apply this change?"
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise InterruptedByUserError("not applied; nothing was written")


def _show(plan: Plan, client: ControlPlane) -> None:
    say(f"{plan.index} at {client.url}")
    for step in plan.steps:
        say(f"{escape(str(step.resource.key))}: " + click.style(step.change.value, fg=_WORDS[step.change.value]))
        for line in step.diff():
            say("  " + click.style(line, fg=_COLORS.get(line[:1])))
        _warn_of_losses(step)
        if dropped := step.list_dropped():
            warn(f"{step.resource.key}: {plan.index} does not know {', '.join(dropped)} and drops it without an error")
    for remark in plan.remarks:
        warn(remark)


def _warn_of_losses(step: Step) -> None:
    if losses := step.list_lost():
        warn(
            f"{step.resource.key} has on the control plane what the document has not, and loses it: "
            f"{', '.join(losses)}. To keep it, merge first: {_MERGE}"
        )


def _tell(outcome: Outcome) -> None:
    say(str(outcome))
    for warning in outcome.warnings:
        warn(f"{outcome.write.resource.key}: {warning}")


def _count(plan: Plan) -> str:
    from toolkit.control_plane.write_order import Change

    counts = {change.value: plan.count(change) for change in Change}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)
