"""Options of every command, before or after its name: ``-v``, ``-q``, ``--no-color``, ``--help-all``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from toolkit.cli.parameters import GROUPS, SHOWS_ALL, Option
from toolkit.redaction import blot
from toolkit.text import escape
from toolkit.values import Value

if TYPE_CHECKING:
    import logging


# Keys of click's metadata, which all commands of one call share.
_QUIET = "toolkit.quiet"
_NO_COLOR = "toolkit.no_color"
_LOG_VARIABLE = "TOOLKIT_LOG"
_LOG_LEVELS = ("debug", "info", "warning", "error")


def add_common_options(command: click.Command, *, at: int | None = None) -> None:
    """Add the options to a command, unless it already has them.

    Args:
        command: the command to change.
        at: position of the first option among the command's options; None for the end.
    """
    if any(parameter.name == "verbose" for parameter in command.params):
        return
    verbose = f"Log AWS and HTTP calls on standard error; -vv logs more, as does {_LOG_VARIABLE}=debug."
    options = [
        _build_option("-v", "--verbose", count=True, show_default=False, callback=_start_logging, help=verbose),
        _build_option("-q", "--quiet", callback=_keep_quiet, help="Print only errors on standard error."),
        _build_option("--no-color", callback=_take_colors, help="Use no colors, as with NO_COLOR=1."),
    ]
    if not isinstance(command, click.Group):
        for each in options:
            each.is_rare = True
        options.append(_build_option("--help-all", is_eager=True, callback=_show_all_help, help="Show every option."))
    position = len(command.params) if at is None else at
    command.params[position:position] = options


def is_quiet() -> bool:
    """Return whether only errors are printed, because of ``-q``."""
    return bool(_look_up(_QUIET))


def wants_color() -> bool:
    """Return whether colors are allowed: not with ``--no-color`` or ``NO_COLOR`` (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and not _look_up(_NO_COLOR)


def _build_option(*names: str, **attributes: Value) -> Option:
    is_flag = not attributes.get("count")
    return Option(names, is_flag=is_flag, expose_value=False, group=GROUPS[-1], **attributes)


def _keep_quiet(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - as click calls it
    ctx.meta[_QUIET] = wanted or ctx.meta.get(_QUIET, False)


def _take_colors(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - as click calls it
    if not wanted and not os.environ.get("NO_COLOR"):
        return
    ctx.meta[_NO_COLOR] = True
    # The outermost command prints errors after this one has ended.
    ctx.color = ctx.find_root().color = False


def _show_all_help(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - as click calls it
    if wanted and not ctx.resilient_parsing:
        ctx.meta[SHOWS_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def _look_up(key: str) -> object:
    ctx = click.get_current_context(silent=True)
    return ctx is not None and ctx.meta.get(key)


def _start_logging(ctx: click.Context, _: click.Parameter, count: int) -> None:
    """Start logging until the command ends: calls with ``-v``, everything with ``-vv`` or ``TOOLKIT_LOG=debug``.

    Raises:
        UsageError: ``TOOLKIT_LOG`` is not a level.
    """
    level = ("debug" if count > 1 else "info") if count else os.environ.get(_LOG_VARIABLE, "").lower()
    if not level:
        return
    if level not in _LOG_LEVELS:
        raise click.UsageError(f"{_LOG_VARIABLE}={level} is not a level; choose {', '.join(_LOG_LEVELS)}")
    import logging

    class Handler(logging.Handler):
        """Writes to the current ``sys.stderr``, because a progress display replaces it for a while."""

        def emit(self, record: logging.LogRecord) -> None:
            """Write one line without secrets and with control characters escaped."""
            if sys.stderr is not None:
                sys.stderr.write(f"{escape(blot(self.format(record)))}\n")

    logger, handler = logging.getLogger("toolkit"), Handler()
    handler.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(name)s %(message)s", "%H:%M:%S"))
    before = logger.handlers, logger.propagate, logger.level

    def restore() -> None:
        logger.handlers, logger.propagate = before[:2]
        logger.setLevel(before[2])

    # Only the outermost command ends logging.
    ctx.find_root().call_on_close(restore)
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level.upper())
