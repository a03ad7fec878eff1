"""Log calls of AWS, control planes and Pulumi to standard error, with ``-v`` or ``TOOLKIT_LOG``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from toolkit.cli.parameters import GROUPS, Option
from toolkit.redaction import blot
from toolkit.text import escape

if TYPE_CHECKING:
    import logging
    from typing import TextIO

VARIABLE = "TOOLKIT_LOG"
LEVELS = ("debug", "info", "warning", "error")


def start_logging(ctx: click.Context, _: click.Parameter, count: int) -> None:
    """Start logging until the command ends: calls with ``-v``, everything with ``-vv`` or ``TOOLKIT_LOG=debug``.

    Raises:
        UsageError: ``TOOLKIT_LOG`` is not a level.
    """
    level = ("debug" if count > 1 else "info") if count else os.environ.get(VARIABLE, "").lower()
    if not level:
        return
    if level not in LEVELS:
        raise click.UsageError(f"{VARIABLE}={level} is not a level; choose {', '.join(LEVELS)}")
    _log_from(level, ctx.find_root())


def verbose_option() -> Option:
    """Return the option ``-v``, for the whole command line and for each command."""
    return Option(
        ["-v", "--verbose"],
        count=True,
        expose_value=False,
        callback=start_logging,
        group=GROUPS[-1],
        help=f"Log AWS and HTTP calls on standard error; -vv logs more, as does {VARIABLE}=debug.",
    )


def _log_from(level: str, ctx: click.Context) -> None:
    import logging

    class Handler(logging.StreamHandler["TextIO"]):
        """Writes to the current ``sys.stderr``, because a progress display replaces it for a while."""

        @property
        def stream(self) -> TextIO:
            return sys.stderr

        @stream.setter
        def stream(self, _: TextIO) -> None:
            """Ignore the stream that the base class would keep."""

    class Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            """Return one line without secrets and with control characters escaped."""
            return escape(blot(super().format(record)))

    handler = Handler()
    handler.setFormatter(Formatter("%(asctime)s.%(msecs)03d %(name)s %(message)s", "%H:%M:%S"))
    _use(logging.getLogger("toolkit"), handler, level.upper(), ctx)


def _use(logger: logging.Logger, handler: logging.Handler, level: str, ctx: click.Context) -> None:
    """Let a logger write only to one handler until the command line ends."""
    before = logger.handlers[:], logger.level, logger.propagate
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)

    def restore() -> None:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])

    ctx.call_on_close(restore)
