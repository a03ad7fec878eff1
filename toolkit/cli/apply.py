"""``toolkit apply``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from toolkit.cli.control_plane_options import Access, control_plane_options, wait_options
from toolkit.cli.documents import DIFF_STYLES
from toolkit.cli.options import (
    can_ask,
    filename_option,
    open_stderr_console,
    read_texts,
    require_agreement,
    say,
    warn,
    yes_option,
)
from toolkit.cli.parameters import Command, option
from toolkit.errors import InterruptedByUserError, InvalidInputError
from toolkit.text import escape

if TYPE_CHECKING:
    from toolkit.control_plane.applying import Plan
    from toolkit.control_plane.client import ControlPlane, Written
    from toolkit.control_plane.resource_keys import Key
    from toolkit.control_plane.waiting import Clock, State, Zone
    from toolkit.control_plane.write_order import Write

_WORDS = {"created": "green", "changed": "yellow", "unchanged": "bright_black"}

# The time that --wait has; None for the real one.
CLOCK: Clock | None = None
_OF_A_TRUST = "Proxies no longer trust what these CAs issued"
_MERGE = "toolkit render-mesh --base control-plane --format universal"

_EXAMPLES = """\b
Examples:
  toolkit apply -f mesh.yaml --control-plane https://mesh.example.com:5682 --token-file token
  toolkit apply -f mesh.yaml --context production
  toolkit apply -f identity.yaml --context production --wait --zone-control-plane z1=https://z1.example.com:5682
  toolkit render-mesh --format universal | toolkit apply -f - --yes --control-plane http://127.0.0.1:5681
"""


@click.command(name="apply", cls=Command, epilog=_EXAMPLES)
@filename_option("Documents in the Universal form, as a YAML stream.", required=True)
@control_plane_options
@wait_options
@yes_option
@option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
def command(
    *,
    filenames: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    wait: bool,
    wait_timeout: float,
    zone_control_planes: tuple[str, ...],
    access: Access,
) -> None:
    """Apply a Mesh to a Universal control plane.

    It takes Meshes, Secrets, MeshIdentities, MeshTrusts, MeshTLSes and MeshTrafficPermissions, and writes them in an
    order that works. Differences are shown first. At the end everything is read back and compared. After an error, run
    the same command again: it writes only what still differs. On Kubernetes, use kubectl apply.
    """
    from toolkit.control_plane import applying
    from toolkit.control_plane.resources import read_resources
    from toolkit.mesh.documents.reader import read

    _check_waiting(wait=wait, dry_run=dry_run)
    ctx = click.get_current_context()
    try:
        zones = access.open_zones(zone_control_planes) if wait else []
        for zone in zones:
            ctx.with_resource(zone.control_plane)
        wanted = read_resources(read(read_texts(dict.fromkeys(filenames))))
        client = ctx.with_resource(access.open())
        plan = applying.plan(client, wanted)
        _show(plan, client)
        if plan.writes and not (yes or dry_run):
            _ask(sum(step.change.value != "unchanged" for step in plan.steps))
    except KeyboardInterrupt:
        raise InterruptedByUserError("interrupted; nothing was written") from None
    if plan.writes and not dry_run:
        applying.execute(plan, client, _tell)
    begin = "Nothing to do" if not plan.writes else "Dry run, nothing was written" if dry_run else "Done and read back"
    say(f"{begin}: {_count(plan)}.")
    if wait:
        _wait(plan, client, zones, wait_timeout)


def _check_waiting(*, wait: bool, dry_run: bool) -> None:
    ctx = click.get_current_context()
    if wait and dry_run:
        raise click.UsageError("--wait and --dry-run exclude each other: a dry run writes nothing to wait for")
    given = ctx.get_parameter_source("zone_control_planes") is click.core.ParameterSource.COMMANDLINE
    if given and not wait:
        raise click.UsageError("--zone-control-plane needs --wait")


def _wait(plan: Plan, client: ControlPlane, zones: Sequence[Zone], timeout: float) -> None:
    """Wait until every zone reports that the MeshIdentities are ready.

    Raises:
        NotReadyError: they are not in time, or no zone can be asked.
        InterruptedByUserError: the user stopped it.
    """
    from rich.markup import escape as escape_markup

    from toolkit.control_plane import waiting

    identities = [step.resource for step in plan.steps if step.resource.key.kind == "MeshIdentity"]
    if not identities:
        say("There is no MeshIdentity among the documents, so there is nothing to wait for.")
        return
    own = None if zones else waiting.find_own_zone(client)
    zones = zones or ([own] if own else [])
    if not zones:
        waiting.refuse_without_zones(identities, client.url)
    settling = waiting.SETTLING if plan.writes and waiting.needs_settling(plan.steps) else 0.0
    ready: set[tuple[str, Key]] = set()

    def show(states: Sequence[State]) -> None:
        for state in states:
            if state.is_ready and (state.zone, state.key) not in ready:
                ready.add((state.zone, state.key))
                say(f"{escape(state.zone)}: {escape(str(state.key))} is ready")
        if missing := dict.fromkeys(state.zone for state in states if not state.is_ready):
            status.update(escape_markup(f"Waiting for {escape(', '.join(missing))} ..."))

    try:
        with open_stderr_console().status("Waiting for the zones ...") as status:
            missing = waiting.wait(zones, identities, timeout, show, CLOCK, settling)
    except KeyboardInterrupt:
        raise InterruptedByUserError("interrupted while waiting; everything was written") from None
    waiting.require_ready(missing, f"{timeout:g} s")


def _ask(changes: int) -> None:
    if not can_ask():
        raise InvalidInputError(
            "there is no terminal on which to confirm the changes",
            hint="Look at it with --dry-run, then give --yes.",
        )
    question = f"Apply these {changes} changes?" if changes > 1 else "Apply this change?"
    require_agreement(question, "not applied; nothing was written")


def _show(plan: Plan, client: ControlPlane) -> None:
    say(f"{plan.index} at {client.url}")
    for step in plan.steps:
        say(f"{escape(str(step.resource.key))}: " + click.style(step.change.value, fg=_WORDS[step.change.value]))
        for line in step.diff():
            say("  " + click.style(line, fg=DIFF_STYLES.get(line[:1])))
        if losses := step.list_lost():
            is_mesh = step.resource.key.kind == "Mesh"
            fix = f"If that is not intended, merge first: {_MERGE}" if is_mesh else _OF_A_TRUST
            warn(
                f"{step.resource.key} has on the control plane what the document has not, and loses it: "
                f"{', '.join(losses)}. {fix}"
            )
        if dropped := step.list_dropped():
            warn(f"{step.resource.key}: {plan.index} does not know {', '.join(dropped)} and drops it without an error")
    for remark in plan.remarks:
        warn(remark)


def _tell(write: Write, written: Written) -> None:
    say(f"{'created' if written.created else 'changed'} {write}")
    for warning in written.warnings:
        warn(f"{write.resource.key}: {warning}")


def _count(plan: Plan) -> str:
    counts = Counter(step.change.value for step in plan.steps)
    return ", ".join(f"{counts[word]} {word}" for word in _WORDS if word in counts)
