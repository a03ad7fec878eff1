"""Options that several commands share."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import click

from toolkit.cli.exits import wants_color
from toolkit.errors import ExternalError
from toolkit.files import PUBLIC, write_whole
from toolkit.redaction import blot
from toolkit.text import escape_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rich.console import Console

    from toolkit.contract import StackOutputs
    from toolkit.values import Value

_Command = TypeVar("_Command", bound="Callable[..., object]")
# The default of an option for a lifetime, as --help shows it.
STACKS_LIFETIME = "the stack's, which is 24h unless it says otherwise"
_PLAIN_WIDTH = 100
_COMMANDLINE, _ENVIRONMENT = click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT


class Look(NamedTuple):
    """How text for people is laid out: colours and the terminal's width only where a terminal shows it."""

    color: bool
    width: int


class Explained(click.Argument):
    """An argument with a help text; click knows that of options only, before 8.5."""

    def __init__(self, *declarations: Value, explanation: str, **attributes: Value) -> None:
        super().__init__(*declarations, **attributes)
        self.help = explanation


def choose_look(output: Path | None) -> Look:
    """The look of what goes to `output`, None being standard output."""
    # There is no standard output where it was closed before we began (>&-).
    if output is None and sys.stdout is not None and sys.stdout.isatty():
        return Look(color=wants_color(), width=shutil.get_terminal_size().columns)
    return Look(color=False, width=_PLAIN_WIDTH)


def open_stderr_console() -> Console:
    """Return a console for progress on standard error; a file gets no cursor codes, whatever ``FORCE_COLOR`` says."""
    from rich.console import Console

    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return Console(stderr=True, force_terminal=is_terminal, no_color=not wants_color())


def with_options(function: _Command, *options: Callable[[_Command], _Command]) -> _Command:
    """The command with options, in the order in which its help shows them."""
    for option in reversed(options):
        function = option(function)
    return function


def _unless_a_stack_is_named(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    """Return the contract's file; None if it is the environment's and the command line names a Pulumi stack.

    click reads the environment after the command line, so that the other options are known here.
    """
    named = ctx.params.get("stack") or ctx.params.get("cwd")
    return None if named and ctx.get_parameter_source("outputs") is _ENVIRONMENT else value


def stack_outputs(function: _Command) -> _Command:
    """Where the contract comes from: ``outputs``, ``stack`` and ``cwd``."""
    return with_options(
        function,
        click.option(
            "--outputs",
            metavar="FILE|-",
            envvar="TOOLKIT_CONTRACT",
            show_envvar=True,
            callback=_unless_a_stack_is_named,
            help="The stack's outputs as JSON, - for standard input; without it, the Pulumi stack is asked.",
        ),
        click.option("--stack", metavar="NAME", help="The Pulumi stack; the selected one unless given."),
        click.option("--cwd", metavar="DIR", help="The directory of the Pulumi project."),
    )


def applied_mesh(function: _Command) -> _Command:
    """Which mesh is verified: ``mesh_files``, ``mesh_name`` and ``backend_name``."""
    return with_options(
        function,
        click.option(
            "--mesh",
            "mesh_files",
            multiple=True,
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The Mesh as it was applied, and its Secret if that stands in another file; repeatable. Its caCert is "
            "the trust bundle and its commonName is asked for; without it, the stack's chain is the bundle.",
        ),
        click.option("--mesh-name", metavar="NAME", help="Which mesh; the stack's or the file's first unless given."),
        click.option(
            "--backend-name",
            metavar="NAME",
            help="A backend of the Mesh that does not sign yet; the enabled one unless given.",
        ),
    )


def list_given_besides(ctx: click.Context, names: Collection[str]) -> list[str]:
    """Return the options on the command line, such as ``--zone``, except those of the parameters `names`."""
    return [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.expose_value
        and parameter.name not in names
        and ctx.get_parameter_source(str(parameter.name)) is _COMMANDLINE
    ]


def output_file(function: _Command) -> _Command:
    """Where the document goes: ``output``."""
    option = click.option(
        "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write here, not to standard output."
    )
    return option(function)


def explain_missing_extra(extra: Literal["envoy", "sandbox"], error: ModuleNotFoundError) -> ExternalError:
    """Return the error of a command whose extra is not installed, with the command that installs it."""
    return ExternalError(
        f"{error.name} is not installed; it comes with the extra {extra}",
        f"Install it with: pip install 'kong-mesh-pca-toolkit[{extra}]'",
    )


def load_contract(outputs: str | None, stack: str | None, cwd: str | None) -> StackOutputs:
    """Read the contract from where the options say, and warn of what it does not have.

    Raises:
        InvalidInputError: the file can't be read or is no contract, or the CA still waits for its certificate.
        ExternalError: the Pulumi CLI is missing or refuses.
    """
    from toolkit import contract

    loaded = contract.load(outputs, stack, cwd)
    warn_of_unknown_mode(loaded)
    return loaded


def warn_of_unknown_mode(outputs: StackOutputs) -> None:
    """Warn of a contract that does not say in which mode its CA is."""
    if outputs.certificate_authority.usage_mode is None:
        warn(
            "certificateAuthority.usageMode is missing: prices are those of GENERAL_PURPOSE, the dearer mode, and "
            "lifetimes of more than 7 days are not refused; aws acm-pca describe-certificate-authority shows it"
        )


def emit(text: str, output: Path | None, mode: int = PUBLIC) -> None:
    """Write a document to standard output, or to a file that appears whole or not at all."""
    if output is None:
        click.echo(text, nl=False)
    else:
        write_whole(output, text, mode)


def warn(text: str) -> None:
    """Say something that people should know, on standard error."""
    click.echo(click.style("Warning:", fg="yellow") + f" {_shown(text)}", err=True)


def note(text: str) -> None:
    """Say something that people may want to know, on standard error."""
    click.echo(click.style("Note:", fg="cyan") + f" {_shown(text)}", err=True)


def _shown(text: str) -> str:
    """Return a text, which may quote what others wrote, without secrets and as a terminal may show it."""
    return escape_lines(blot(text))
