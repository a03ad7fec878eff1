"""Make the handshakes of ``toolkit verify``, after the zones got their certificates."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from toolkit.cli.options import open_stderr_console, require_extra
from toolkit.cli.parameters import combine, option

if TYPE_CHECKING:
    from toolkit.cli.signals import Signals
    from toolkit.verify.handshakes.openssl import PeerTrust
    from toolkit.verify.plan import Plan
    from toolkit.verify.results import Handshake
    from toolkit.verify.runner import Run
    from toolkit.verify.zone import Proxy

    Engine = Callable[[Sequence[Proxy], PeerTrust], Generator[Handshake]]


# For :func:`load_engine`: ``handshakes`` and ``dataplane``.
handshake_options = combine(
    option(
        "--handshakes/--no-handshakes",
        default=True,
        show_default="handshakes",
        help="Make TLS handshakes between the proxies of all zones, if two or more zones have a certificate.",
    ),
    option(
        "--dataplane",
        type=click.Choice(["openssl", "envoy"]),
        default="openssl",
        help="What makes the handshakes; OpenSSL in memory, or a real Envoy, configured as Kuma configures it.",
    ),
)


def load_engine(*, handshakes: bool, dataplane: str) -> Engine | None:
    """Return the function that makes the handshakes. Call it before anything is issued, to find missing software early.

    Returns:
        None with ``--no-handshakes``.

    Raises:
        ExternalError: Envoy is chosen and not installed.
    """
    if not handshakes:
        return None
    if dataplane == "envoy":
        with require_extra("envoy"):
            from toolkit.verify.handshakes import envoy
        envoy.find_envoy()
        return envoy.make_handshakes
    from toolkit.verify.handshakes.openssl import make_handshakes

    return make_handshakes


def meet(run: Run, plan: Plan, make: Engine | None, signals: Signals) -> Run:
    """Make the handshakes of a run, with progress on stderr if that is a terminal.

    Args:
        run: the result of the zones.
        plan: the plan of the run.
        make: from :func:`load_engine`.
        signals: end the handshakes.

    Returns:
        The run with the handshakes in its report; without handshakes if fewer than two zones got a certificate. After
        Ctrl-C, with the handshakes so far. If they ended with an error, the report is marked as interrupted.
    """
    report, proxies, trouble = run.report, run.proxies, run.trouble
    if make is None or not proxies[1:] or report.interrupted:
        return run
    from datetime import UTC, datetime

    trust = _choose_trust(plan)
    handshakes: list[Handshake] = []
    interrupted = True
    try:
        # Signals raise only within the handshakes. closing() then ends what they started, such as Envoy.
        with closing(make(proxies, trust)) as running, signals.raising():
            _collect(running, handshakes, len(proxies) * (len(proxies) - 1))
            interrupted = False
    except KeyboardInterrupt:
        pass
    except Exception as error:  # noqa: BLE001 - what was issued must not be forgotten, whatever went wrong
        trouble = error
    done = replace(report, handshakes=tuple(handshakes), interrupted=interrupted, finished_at=datetime.now(UTC))
    return run._replace(report=done, trouble=trouble)


def _choose_trust(plan: Plan) -> PeerTrust:
    """Return what the proxies require of each other: MeshTrusts with a MeshIdentity, else the Mesh's caCert."""
    from toolkit.verify.handshakes.openssl import Trust
    from toolkit.verify.handshakes.trust_domains import SpiffeTrust

    if plan.mesh_identity:
        return SpiffeTrust(plan.mesh_identity.known_bundles, plan.mesh_identity.spiffe_ids)
    return Trust(plan.trust_bundle, plan.mesh, plan.service)


def _collect(running: Generator[Handshake], handshakes: list[Handshake], total: int) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    console = open_stderr_console()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Shaking hands", total=total)
        for met in running:
            handshakes.append(met)
            progress.advance(task)
