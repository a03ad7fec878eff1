"""Options and helpers that several commands share."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import click

from toolkit.cli.common_options import is_quiet, wants_color
from toolkit.cli.exits import write_stdout
from toolkit.cli.parameters import option
from toolkit.errors import ExternalError, ToolkitError
from toolkit.files import PUBLIC, write_whole
from toolkit.redaction import blot
from toolkit.text import escape_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from rich.console import Console

    from toolkit.contract import StackOutputs

_Command = TypeVar("_Command", bound="Callable[..., object]")
# The default of the lifetime options, as shown by --help.
STACKS_LIFETIME = "the contract's, which is 24h by default"
_PLAIN_WIDTH = 100
_COMMANDLINE, _ENVIRONMENT = click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT


class Look(NamedTuple):
    """Layout of a text for people. Only a terminal gets colors and its own width.

    Attributes:
        color: whether to use colors.
        width: in characters.
    """

    color: bool
    width: int


def choose_look(output: Path | None) -> Look:
    """Return the look of a text for a file, or for standard output if `output` is None."""
    # sys.stdout is None if standard output was closed before the process began (>&-).
    if output is None and sys.stdout is not None and sys.stdout.isatty():
        return Look(color=wants_color(), width=shutil.get_terminal_size().columns)
    return Look(color=False, width=_PLAIN_WIDTH)


def open_stderr_console() -> Console:
    """Return a console for progress on standard error.

    Only a terminal gets cursor codes, even with ``FORCE_COLOR``. With ``-q``, no progress is shown.
    """
    from rich.console import Console

    is_terminal = sys.stderr is not None and sys.stderr.isatty() and not is_quiet()
    return Console(stderr=True, force_terminal=is_terminal, no_color=not wants_color())


def with_options(function: _Command, *options: Callable[[_Command], _Command]) -> _Command:
    """Add options to a command, in the order of its help."""
    for add in reversed(options):
        function = add(function)
    return function


def _unless_the_command_line_decides(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return the value; None if it comes from the environment and the command line names another contract.

    click reads the environment after the command line, so the other options are known here.

    Raises:
        UsageError: the command line names both a contract and a stack.
    """
    is_file = parameter.name == "contract_file"
    others = {"stack": "--stack", "cwd": "--cwd"} if is_file else {"contract_file": "--contract"}
    given = [name for other, name in others.items() if ctx.get_parameter_source(other) is _COMMANDLINE]
    source = ctx.get_parameter_source(str(parameter.name))
    if given and source is _COMMANDLINE:
        names = sorted([given[0], max(parameter.opts, key=len)])
        raise click.UsageError(f"{' and '.join(names)} exclude each other: a contract in a file needs no Pulumi stack")
    return None if given and source is _ENVIRONMENT else value


def contract_options(function: _Command) -> _Command:
    """Add the options for the contract's source: ``contract_file``, ``stack`` and ``cwd``."""
    return with_options(
        function,
        option(
            "--contract",
            "contract_file",
            metavar="FILE|-",
            reads=True,
            envvar="TOOLKIT_CONTRACT",
            callback=_unless_the_command_line_decides,
            group="Contract",
            help="The contract as JSON; a stack's outputs, or what toolkit contract create made; - for standard "
            "input. [env: TOOLKIT_CONTRACT]",
        ),
        option(
            "-s",
            "--stack",
            metavar="NAME",
            envvar="TOOLKIT_STACK",
            callback=_unless_the_command_line_decides,
            group="Contract",
            help="The Pulumi stack to read without --contract; the selected one by default. [env: TOOLKIT_STACK]",
        ),
        option(
            "-C",
            "--cwd",
            metavar="DIR",
            callback=_unless_the_command_line_decides,
            group="Contract",
            help="The directory of the Pulumi project.",
        ),
    )


def mesh_option(explanation: str, *, multiple: bool = False) -> Callable[[_Command], _Command]:
    """Return the option for a mesh: ``mesh``, or ``meshes`` if it is repeatable."""
    return option(
        "--mesh",
        "meshes" if multiple else "mesh",
        multiple=multiple,
        metavar="NAME",
        shell_complete=_complete_from_contract("meshes"),
        help=explanation,
    )


def format_option(explanation: str) -> Callable[[_Command], _Command]:
    """Return the option for the form of Mesh documents: ``form``."""
    return option(
        "--format",
        "form",
        type=click.Choice(["kubernetes", "universal"]),
        default="kubernetes",
        show_default=True,
        help=explanation,
    )


def zone_option(explanation: str) -> Callable[[_Command], _Command]:
    """Return the option for zones: ``zone_names``."""
    return option(
        "--zone",
        "zone_names",
        multiple=True,
        metavar="NAME",
        shell_complete=_complete_from_contract("zones"),
        help=explanation,
    )


def namespace_option(
    *, default: str | None = None, show_default: str | bool = True, callback: Callable[..., str | None] | None = None
) -> Callable[[_Command], _Command]:
    """Return the option for the system namespace: ``namespace``."""
    return option(
        "-n",
        "--namespace",
        default=default,
        show_default=show_default,
        callback=callback,
        metavar="NAME",
        help="System namespace; that of the control plane, and of the meshes' Secrets on Kubernetes.",
    )


def filename_option(explanation: str, *, required: bool = False) -> Callable[[_Command], _Command]:
    """Return the option for documents: ``filenames``."""
    return option(
        "-f",
        "--filename",
        "filenames",
        multiple=True,
        required=required,
        metavar="FILE|-",
        reads=True,
        help=f"{explanation} Repeatable; - for standard input.",
    )


def yes_option(function: _Command) -> _Command:
    """Add the option to skip questions: ``yes``. It can't come from the environment."""
    add = option("-y", "--yes", is_flag=True, allow_from_autoenv=False, help="Do not ask before going on.")
    return add(function)


def applied_mesh(explanation: str) -> Callable[[_Command], _Command]:
    """Return the options for what is verified: ``filenames``, ``mesh`` and ``backend_name``.

    Args:
        explanation: which documents ``-f`` takes.
    """

    def add(function: _Command) -> _Command:
        return with_options(
            function,
            filename_option(f"{explanation} Without -f, the contract's chain is the trust bundle."),
            mesh_option("The mesh; by default the first one of the contract or the file."),
            option(
                "--backend-name",
                metavar="NAME",
                rare=True,
                help="The mTLS backend of the Mesh; the enabled one unless given.",
            ),
        )

    return add


def _complete_from_contract(field: Literal["meshes", "zones"]) -> Callable[..., list[str]]:
    """Return a function that completes names from the contract's file. It never calls Pulumi or AWS."""

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        from toolkit import contract

        file = ctx.params.get("contract_file")
        if not file or file == "-":
            return []
        try:
            loaded = contract.load(file)
        except ToolkitError:
            return []
        names = loaded.meshes if field == "meshes" else [zone.name for zone in loaded.zones]
        return [name for name in names if name.startswith(incomplete)]

    return complete


def list_given_besides(ctx: click.Context, names: Collection[str]) -> list[str]:
    """Return the options on the command line, such as ``--zone``, except those of the parameters `names`."""
    return [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.expose_value
        and parameter.name not in names
        and ctx.get_parameter_source(str(parameter.name)) is _COMMANDLINE
    ]


def can_ask() -> bool:
    """Return whether questions are possible: they are written to stderr, and answers are read from stdin."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def explain_missing_extra(extra: Literal["envoy", "sandbox"], error: ModuleNotFoundError) -> ExternalError:
    """Return the error for an extra that is not installed, with the command to install it."""
    return ExternalError(
        f"{error.name} is not installed; it comes with the extra {extra}",
        f"Install it with: pip install 'kong-mesh-pca-toolkit[{extra}]'",
    )


def load_contract(contract_file: str | None, stack: str | None, cwd: str | None) -> StackOutputs:
    """Read the contract from the source in the options, and warn if it lacks the usage mode.

    Raises:
        InvalidInputError: the file can't be read or is not a contract, or the CA has no certificate yet.
        ExternalError: the Pulumi CLI is missing or failed.
    """
    from toolkit import contract

    loaded = contract.load(contract_file, stack, cwd)
    warn_of_unknown_mode(loaded)
    return loaded


def warn_of_unknown_mode(outputs: StackOutputs) -> None:
    """Warn if a contract does not contain its CA's usage mode."""
    if outputs.certificate_authority.usage_mode is None:
        warn(
            "certificateAuthority.usageMode is missing: prices are those of GENERAL_PURPOSE, the dearer mode, and "
            "lifetimes of more than 7 days are not refused; aws acm-pca describe-certificate-authority shows it"
        )


def emit(text: str, output: Path | None, mode: int = PUBLIC) -> None:
    """Write a document to standard output, or atomically to a file."""
    if output is None:
        write_stdout(text)
    else:
        write_whole(output, text, mode)


def warn(text: str) -> None:
    """Print a warning on standard error."""
    say(click.style("Warning:", fg="yellow") + f" {_shown(text)}")


def note(text: str) -> None:
    """Print a note on standard error."""
    say(click.style("Note:", fg="cyan") + f" {_shown(text)}")


def say(text: str) -> None:
    """Print a line on standard error, except with ``-q``."""
    if not is_quiet():
        click.echo(text, err=True)


def _shown(text: str) -> str:
    """Return a text without secrets and with control characters escaped, because it may quote untrusted input."""
    return escape_lines(blot(text))
