"""Options and helpers that several commands share."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from toolkit.cli.common_options import is_quiet, wants_color
from toolkit.cli.exits import write_stdout
from toolkit.cli.overwriting import STDIN
from toolkit.cli.parameters import Decorator, gather, option, parse_with
from toolkit.errors import ExternalError, InterruptedByUserError, ToolkitError
from toolkit.files import PUBLIC, write_whole
from toolkit.redaction import blot
from toolkit.text import escape_lines

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from toolkit.contract import StackOutputs
    from toolkit.mesh.schema.versions import MeshVersion

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


def _unless_the_command_line_decides(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return the value; None if it comes from the environment and the command line names another contract.

    click reads the environment after the command line, so the other options are known here.

    Raises:
        UsageError: the command line names both a contract and a stack, or the directory of ``--cwd`` does not exist.
    """
    is_file = parameter.name == "contract_file"
    others = {"stack": "--stack", "cwd": "--cwd"} if is_file else {"contract_file": "--contract"}
    given = [name for other, name in others.items() if ctx.get_parameter_source(other) is _COMMANDLINE]
    source = ctx.get_parameter_source(str(parameter.name))
    if given and source is _COMMANDLINE:
        names = sorted([given[0], max(parameter.opts, key=len)])
        raise click.UsageError(f"{' and '.join(names)} exclude each other: a contract in a file needs no Pulumi stack")
    if given and source is _ENVIRONMENT:
        return None
    if value and parameter.name == "cwd":
        _directory.convert(value, parameter, ctx)
    return value


class ContractSource(NamedTuple):
    """Where the contract comes from, by :data:`contract_options`.

    Attributes:
        contract_file: a file; ``-`` is stdin.
        stack: the Pulumi stack; None for the selected one.
        cwd: the directory of the Pulumi project.
    """

    contract_file: str | None
    stack: str | None
    cwd: str | None

    def load(self) -> StackOutputs:
        """Read the contract, and warn if it lacks the usage mode.

        Raises:
            InvalidInputError: the file can't be read or is not a contract, or the CA has no certificate yet.
            ExternalError: the Pulumi CLI is missing or failed.
        """
        from toolkit import contract

        loaded = contract.load(*self)
        warn_of_unknown_mode(loaded)
        return loaded

    def name_stack(self) -> list[str]:
        """Return the options that name the same stack in another command."""
        return [
            word for name, value in (("--stack", self.stack), ("--cwd", self.cwd)) if value for word in (name, value)
        ]

    def name_options(self) -> list[str]:
        """Return the options that name the contract in another command; ``outputs.json`` for stdin."""
        if self.contract_file is None:
            return self.name_stack()
        return ["--contract", name_stdin("contract_file") if self.contract_file == STDIN else self.contract_file]


_directory = click.Path(exists=True, file_okay=False)
_contract_option = functools.partial(option, callback=_unless_the_command_line_decides, group="Contract")
contract_options = gather(
    "source",
    ContractSource,
    _contract_option(
        "--contract",
        "contract_file",
        metavar="FILE|-",
        reads=True,
        envvar="TOOLKIT_CONTRACT",
        help="The contract as JSON; a stack's outputs, or what toolkit contract create made; - for standard "
        "input. [env: TOOLKIT_CONTRACT]",
    ),
    _contract_option(
        "-s",
        "--stack",
        metavar="NAME",
        envvar="TOOLKIT_STACK",
        help="The Pulumi stack to read without --contract; the selected one by default. [env: TOOLKIT_STACK]",
    ),
    _contract_option("-C", "--cwd", metavar="DIR", help="The directory of the Pulumi project."),
)


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


# Take help; mesh_option also takes the parameter's name.
mesh_option = functools.partial(option, "--mesh", metavar="NAME", shell_complete=_complete_from_contract("meshes"))
meshes_option = functools.partial(mesh_option, "meshes", multiple=True)
zone_option = functools.partial(
    option, "--zone", "zone_names", multiple=True, metavar="NAME", shell_complete=_complete_from_contract("zones")
)
format_option = functools.partial(
    option, "--format", "form", type=click.Choice(["kubernetes", "universal"]), default="kubernetes"
)
namespace_option = functools.partial(
    option,
    "-n",
    "--namespace",
    metavar="NAME",
    help="System namespace; that of the control plane, and of the meshes' Secrets on Kubernetes.",
)
# It can't come from the environment.
yes_option = option("-y", "--yes", is_flag=True, allow_from_autoenv=False, help="Do not ask before going on.")


def _parse_version(text: str) -> MeshVersion:
    from toolkit.mesh.schema.versions import MeshVersion

    return MeshVersion.parse(text)


version_option = functools.partial(option, "--mesh-version", callback=parse_with(_parse_version), metavar="VERSION")


product_option = functools.partial(option, "--product", type=click.Choice(["kong-mesh", "kuma"]), default="kong-mesh")


def filename_option(explanation: str, *, required: bool = False) -> Decorator:
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


def repeat_options(names: Collection[str]) -> list[str]:
    """Return the options of the current command line for these parameters, with their values.

    Standard input can't be read again, so :func:`name_stdin` names a file instead of it.
    """
    ctx = click.get_current_context(silent=True)
    words: list[str] = []
    for parameter in ctx.command.params if ctx else []:
        name = str(parameter.name)
        if ctx and name in names and ctx.get_parameter_source(name) is _COMMANDLINE:
            values = ctx.params[name] if parameter.multiple else [ctx.params[name]]
            for value in values:
                again = name_stdin(name) if value == STDIN else str(value)
                words += [max(parameter.opts, key=len), *([] if value is True else [again])]
    return words


def name_stdin(parameter: str) -> str:
    """Return the file for another command that needs what a parameter of this one read from stdin."""
    return "outputs.json" if parameter == "contract_file" else "stdin.yaml"


def read_texts(filenames: Iterable[str]) -> list[tuple[str, str]]:
    """Return the name and the text of each file.

    Raises:
        InvalidInputError: a file can't be read.
    """
    from toolkit.files import name_source, read_text

    return [(name_source(file), read_text(file)) for file in filenames]


def require_agreement(question: str, refusal: str) -> None:
    """Ask a question on the terminal.

    Raises:
        InterruptedByUserError: the answer is not yes; with `refusal` as its text.
    """
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise InterruptedByUserError(refusal)


def can_ask() -> bool:
    """Return whether questions are possible: they are written to stderr, and answers are read from stdin."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


@contextmanager
def require_extra(extra: Literal["envoy", "sandbox"]) -> Iterator[None]:
    """Explain how to install an extra, if an import in the block fails.

    Raises:
        ExternalError: a module is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExternalError(
            f"{error.name} is not installed; it comes with the extra {extra}",
            f"Install it with: pip install 'kong-mesh-pca-toolkit[{extra}]'",
        ) from error


def warn_of_unknown_mode(outputs: StackOutputs) -> None:
    """Warn if a contract does not contain its CA's usage mode."""
    if outputs.certificate_authority.usage_mode is None:
        warn(
            "certificateAuthority.usageMode is missing: prices are those of GENERAL_PURPOSE, the more expensive mode, "
            "and lifetimes of more than 7 days are not rejected; aws acm-pca describe-certificate-authority shows it"
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
