"""Writes every option of every command into ``docs/reference/commands.md``; a test compares it with this."""

from __future__ import annotations

from collections.abc import Iterator

import click

from tests.documentation import Part, cell
from toolkit.cli import LazySubcommands, main
from toolkit.cli.parameters import GROUPS, Option

COMMON = GROUPS[-1]


def commands(ctx: click.Context) -> Iterator[click.Context]:
    """Every command below one, each in the context in which a user calls it."""
    group = ctx.command
    assert isinstance(group, LazySubcommands)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=ctx)
        if isinstance(command, click.Group):
            yield from commands(inner)
        else:
            yield inner


def root() -> click.Context:
    return click.Context(main, info_name="toolkit", auto_envvar_prefix="TOOLKIT", max_content_width=1000)


def row(option: Option, ctx: click.Context) -> str:
    record = option.get_help_record(ctx)
    assert record is not None, option
    names, text = record
    variable = option.find_variable(ctx)
    return f"| `{cell(names)}` | {f'`{variable}`' if variable else ''} | {cell(text)} |"


def section(ctx: click.Context) -> Iterator[str]:
    command = ctx.command
    yield from (f"### {ctx.command_path}", "", f"{command.get_short_help_str(200)}", "")
    for argument in command.params:
        if isinstance(argument, click.Argument):
            yield from (f"`{argument.make_metavar(ctx)}`: {argument.help}", "")
    yield from ("| option | variable | meaning |", "| --- | --- | --- |")
    options = [each for each in command.params if isinstance(each, Option) and not each.hidden]
    yield from (row(each, ctx) for group in GROUPS[:-1] for each in options if each.group == group)
    yield ""


def reference() -> str:
    """What every command has, then each command."""
    above = root()
    lines = ["### Every command", "", "| option | variable | meaning |", "| --- | --- | --- |"]
    lines += [row(each, above) for each in main.params if isinstance(each, Option) and each.group == COMMON]
    lines += ["", *(line for ctx in commands(above) for line in section(ctx))]
    return "\n".join(lines)


PART = Part(
    "reference/commands.md", "<!-- reference: made by `make docs` -->", "<!-- end of the reference -->", reference
)

if __name__ == "__main__":
    PART.write()
