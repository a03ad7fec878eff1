"""Base classes of commands and options: options have groups, may come from the environment, and declare their files."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, cast

import click

from toolkit.cli.overwriting import (
    STDIN,
    Place,
    list_implicit_inputs,
    refuse_one_place,
    refuse_one_stdin,
    refuse_overwriting,
)
from toolkit.text import suggest
from toolkit.values import Value

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


_Command = TypeVar("_Command", bound="Callable[..., object]")
# A key of click's metadata, which all commands of one call share: whether ``--help-all`` is given.
SHOWS_ALL = "toolkit.help_all"
# The groups of --help, in order. An option without a group is in the first one.
GROUPS = ("Options", "Contract", "Mesh", "AWS", "Control plane", "Output", "Common")

# The end of the first part of a help text, which --help shows.
_END_OF_THOUGHT = r"; |\.(?: |$)"
_SHORT = 16
# What click says of an argument that the command does not take.
_UNEXPECTED = "Got unexpected extra argument"
# Options that take the file which users most likely mean by a lone argument; the first one of a command counts.
_FOR_FILES = ("-f", "--base", "--contract")
_REQUIRED = "  [required]"
# Variables that Kubernetes sets for each Service (kubernetes/kubernetes:pkg/kubelet/envvars/envvars.go).
_OF_A_SERVICE = r"_(SERVICE_|PORT(_|$))"


class Option(click.Option):
    """An option of a command, which may come from the variable ``TOOLKIT_<COMMAND>_<OPTION>``.

    In the variable, a repeatable option has one value per line. click itself would split values at blanks.

    An option whose value is the path of a file or a directory declares whether the command reads or writes it. No
    command overwrites a file that it reads (see :meth:`Command.invoke`).

    Attributes:
        group: the heading under which ``--help`` shows it, one of :data:`GROUPS`.
        is_rare: whether only ``--help-all`` and the reference show it.
        reads: whether the command reads the file.
        writes: whether the command writes the file, or files in the directory.
        replaces: parameters whose file it may overwrite, such as the base of a document.
    """

    reads = writes = False
    replaces: Sequence[str] = ()

    def __init__(self, *declarations: Value, group: str = GROUPS[0], rare: bool = False, **attributes: Value) -> None:
        for role in ("reads", "writes", "replaces"):
            setattr(self, role, attributes.pop(role, getattr(self, role)))
        super().__init__(*declarations, **{"show_default": True, **attributes})
        self.group = group
        self.is_rare = rare

    def list_places(self, value: Value) -> list[Place]:
        """Return the files that a value names."""
        return [Place(self.opts[0], file, str(self.name), self.replaces) for file in _list_files(self, value)]

    def find_variable(self, ctx: click.Context) -> str | None:
        """Return the name of the option's own variable; None if it has none."""
        name = max(self.opts, key=len)
        if not (self.allow_from_autoenv and ctx.auto_envvar_prefix and self.expose_value and name.startswith("--")):
            return None
        return f"{ctx.auto_envvar_prefix}_{name.removeprefix('--').replace('-', '_').upper()}"

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the value from the environment. The command's own variable takes precedence over a shared variable."""
        own = self.find_variable(ctx)
        if own and os.environ.get(own):
            return os.environ[own]
        # click.Option's method would derive the variable from the parameter's name.
        return click.Parameter.resolve_envvar_value(self, ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names of files and directories if the option takes them."""
        found = super().shell_complete(ctx, incomplete)
        metavar = str(self.metavar or "")
        if found or not ("FILE" in metavar or "DIR" in metavar):
            return found
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file" if "FILE" in metavar else "dir")]

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return the option's name in errors, with its variable if the value comes from there."""
        hint = super().get_error_hint(ctx)
        if ctx is None or ctx.get_parameter_source(str(self.name)) is not click.core.ParameterSource.ENVIRONMENT:
            return hint
        own = self.find_variable(ctx)
        return f"{hint} from {own if own and os.environ.get(own) else self.envvar}"

    def type_cast_value(self, ctx: click.Context, value: Value) -> Value:
        """Return the value in the option's type. An empty file name is an error."""
        _refuse_empty_file(self, ctx, value)
        return super().type_cast_value(ctx, value)

    def value_from_envvar(self, ctx: click.Context) -> Value:
        """Return the value from the environment; for a repeatable option, a list."""
        text = self.resolve_envvar_value(ctx)
        if text is None or not self.multiple:
            return super().value_from_envvar(ctx)
        return [line for line in text.splitlines() if line.strip()]


class Argument(click.Argument):
    """An argument of a command.

    Attributes:
        reads: whether its values are files that the command reads.
        continues: the option whose values it continues, which errors about stdin name.
    """

    writes = False

    def __init__(self, *declarations: Value, reads: bool = False, continues: str = "FILE", **attributes: Value) -> None:
        super().__init__(*declarations, **attributes)
        self.reads, self.continues = reads, continues

    def type_cast_value(self, ctx: click.Context, value: Value) -> Value:
        """Return the value in the argument's type. An empty file name is an error."""
        _refuse_empty_file(self, ctx, value)
        return super().type_cast_value(ctx, value)

    def list_places(self, value: Value) -> list[Place]:
        """Return the files that a value names."""
        return [
            Place(self.continues if file == STDIN else "FILE", file, str(self.name))
            for file in _list_files(self, value)
        ]


def _refuse_empty_file(parameter: click.Parameter, ctx: click.Context, value: Value) -> None:
    """Raise an error for an empty name of a file or directory, which would be the current directory."""
    words = str(parameter.metavar)
    kinds = [kind for word, kind in (("FILE", "file"), ("DIR", "directory")) if word in words and "FORMAT" not in words]
    if kinds and "" in (value if isinstance(value, tuple | list) else (value,)):
        raise click.BadParameter(f"it is empty; name a {' or a '.join(kinds)}", ctx, parameter)


def _list_files(parameter: Option | Argument, value: Value) -> list[Value]:
    """Return the values that are files; ``control-plane`` in ``FILE|-|control-plane`` is a word."""
    values = value if parameter.multiple or parameter.nargs != 1 else [value]
    words = {word for word in str(parameter.metavar).split("|") if word != STDIN}
    return [each for each in values if each is not None and str(each) not in words]


class Command(click.Command):
    """A command whose ``--help`` shows the common options in groups, and whose ``--help-all`` shows every option."""

    def invoke(self, ctx: click.Context) -> Value:
        """Run the command, unless it would overwrite a file that it reads.

        Raises:
            UsageError: it would, or a variable has the command's prefix but names none of its options.
        """
        written, inputs = _list_places(ctx, "writes"), list_inputs(ctx)
        refuse_one_stdin(inputs)
        refuse_overwriting(written, inputs)
        refuse_one_place(written)
        known = {each.find_variable(ctx) for each in self.params if isinstance(each, Option)}
        for name in sorted(os.environ):
            is_like_one = name.startswith(f"{ctx.auto_envvar_prefix}_") and not re.search(_OF_A_SERVICE, name)
            if is_like_one and name not in known and os.environ[name]:
                near = suggest(name, filter(None, known), most=3)
                raise click.UsageError(
                    f"{name} is not the variable of an option of {ctx.command_path}. {near}".rstrip()
                )
        return super().invoke(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line.

        Raises:
            UsageError: it is wrong. If a file name is not an argument, the error names the option that takes it.
        """
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if error.message.startswith(_UNEXPECTED) and (hint := self.name_file_option()):
                raise click.UsageError(f"{error.message}; {hint}", error.ctx) from None
            raise

    def name_file_option(self) -> str:
        """Return which option takes files; empty if none does."""
        known = {each.opts[0] for each in self.params}
        option = next((each for each in _FOR_FILES if each in known), None)
        return f"a file needs {option}" if option else ""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each under its heading."""
        shows_all = bool(ctx.meta.get(SHOWS_ALL))
        hidden = 0
        for group in GROUPS:
            options = [each for each in self.get_params(ctx) if _is_in(group, each)]
            shown = [each for each in options if shows_all or not getattr(each, "is_rare", False)]
            hidden += len(options) - len(shown)
            records = [record for each in shown if (record := each.get_help_record(ctx))]
            if records:
                with formatter.section(group):
                    formatter.write_dl(records if shows_all else [(names, _shorten(text)) for names, text in records])
        if not shows_all:
            formatter.write_paragraph()
            formatter.write_text(f"{ctx.command_path} --help-all says more, and shows {hidden} more options.")


def list_inputs(ctx: click.Context) -> list[Place]:
    """Return every input file of a command: those that its options and arguments name, and implicit ones."""
    return [*_list_places(ctx, "reads"), *list_implicit_inputs()]


def _list_places(ctx: click.Context, role: Literal["reads", "writes"]) -> list[Place]:
    return [
        place
        for parameter in ctx.command.params
        if isinstance(parameter, Option | Argument) and getattr(parameter, role)
        for place in parameter.list_places(ctx.params[str(parameter.name)])
    ]


def _is_in(group: str, parameter: click.Parameter) -> bool:
    if isinstance(parameter, click.Argument):
        return False
    # click itself adds --help, which has no group.
    return getattr(parameter, "group", GROUPS[-1]) == group


def _shorten(text: str) -> str:
    """Return the first part of an option's help, and its default if it is short."""
    if text.endswith(_REQUIRED):
        return f"{_shorten(text.removesuffix(_REQUIRED))} [required]"
    explanation, *default = text.split("  [default: ")
    beginning = re.split(_END_OF_THOUGHT, explanation.strip(), maxsplit=1)[0].rstrip(".")
    value = default[0].split(";")[0].rstrip("]") if default else ""
    return f"{beginning} [{value}]" if value and value[0] != "(" and len(value) <= _SHORT else beginning


option = functools.partial(click.option, cls=Option)
argument = functools.partial(click.argument, cls=Argument)
# An option whose value is a path, never standard input or output.
path_option = functools.partial(option, type=click.Path(path_type=Path), metavar="FILE")


def parse_with(parse: Callable[[Value], Value]) -> Callable[[click.Context, click.Parameter, Value], Value]:
    """Return a callback of an option that converts its value. A ValueError becomes an error of the option."""

    def convert(ctx: click.Context, parameter: click.Parameter, value: Value) -> Value:
        try:
            return None if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, parameter) from error

    return convert


class Decorator(Protocol):
    """Adds options to a command."""

    def __call__(self, function: _Command, /) -> _Command:
        """Return the command with the options."""


def combine(*options: Decorator) -> Decorator:
    """Return one decorator for several options, in the order of the command's help."""

    def add(function: _Command) -> _Command:
        for each in reversed(options):
            function = each(function)
        return function

    return add


def gather(name: str, make: Callable[..., object], *options: Decorator) -> Decorator:
    """Return a decorator for options whose values a command gets as one value.

    Args:
        name: the command's parameter.
        make: makes the value; its parameters are those of the options.
        options: in the order of the command's help.
    """
    names = inspect.signature(make).parameters

    def add(function: _Command) -> _Command:
        @functools.wraps(function)
        def run(**values: object) -> object:
            own = {each: values.pop(each) for each in names}
            return function(**values, **{name: make(**own)})

        return combine(*options)(cast("_Command", run))

    return add
