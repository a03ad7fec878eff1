"""Options of every command, before or after its name: ``-v``, ``-q``, ``--no-color``, ``--help-all``."""

from __future__ import annotations

import os

import click

from toolkit.cli.logs import verbose_option
from toolkit.cli.parameters import GROUPS, Option, all_help_option

# Keys of click's metadata, which all commands of one call share.
_QUIET = "toolkit.quiet"
_NO_COLOR = "toolkit.no_color"


def add_common_options(command: click.Command, *, at: int | None = None) -> None:
    """Add the options to a command, unless it already has them.

    Args:
        command: the command to change.
        at: position of the first option among the command's options; None for the end.
    """
    if any(parameter.name == "verbose" for parameter in command.params):
        return
    position = len(command.params) if at is None else at
    options = [verbose_option(), *_build_options()]
    if not isinstance(command, click.Group):
        for each in options:
            each.is_rare = True
        options.append(all_help_option())
    command.params[position:position] = options


def is_quiet() -> bool:
    """Return whether only errors are printed, because of ``-q``."""
    return bool(_look_up(_QUIET))


def wants_color() -> bool:
    """Return whether colors are allowed: not with ``--no-color`` or ``NO_COLOR`` (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and not _look_up(_NO_COLOR)


def _build_options() -> list[Option]:
    return [
        Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_keep_quiet,
            group=GROUPS[-1],
            help="Print only errors on standard error.",
        ),
        Option(
            ["--no-color"],
            is_flag=True,
            expose_value=False,
            callback=_take_colors,
            group=GROUPS[-1],
            help="Use no colors, as with NO_COLOR=1.",
        ),
    ]


def _keep_quiet(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - as click calls it
    ctx.meta[_QUIET] = wanted or ctx.meta.get(_QUIET, False)


def _take_colors(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - as click calls it
    if not wanted and not os.environ.get("NO_COLOR"):
        return
    ctx.meta[_NO_COLOR] = True
    # The outermost command prints errors after this one has ended.
    ctx.color = ctx.find_root().color = False


def _look_up(key: str) -> object:
    ctx = click.get_current_context(silent=True)
    return ctx is not None and ctx.meta.get(key)
