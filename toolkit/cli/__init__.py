"""The command line. Commands are loaded when they are called, so that ``toolkit --help`` starts quickly."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from toolkit import __version__, redaction
from toolkit.cli.common_options import add_common_options, wants_color
from toolkit.cli.exits import (
    OutputError,
    ReaderEndedError,
    explain_output_errors,
    format_traceback,
    guard_stderr,
    guard_stdout,
)
from toolkit.errors import EXIT_ENVIRONMENT, EXIT_INTERRUPTED, ToolkitError, flatten
from toolkit.text import escape_lines, suggest
from toolkit.values import Value

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


# A key of click's metadata, which all commands of one call share.
_DEBUG = "toolkit.debug"


class Entry(NamedTuple):
    """A command that is not loaded yet.

    Attributes:
        module: the module that defines the command.
        summary: the first sentence of the command's help.
        name: the command's name in the module.
    """

    module: str
    summary: str
    name: str = "command"


# The summaries are repeated here, so that listing the commands imports none of them. A test compares them with the
# commands' help.
COMMANDS = {
    "demo": Entry("toolkit.cli.demo", "Run the whole chain against an AWS on loopback."),
    "sandbox": Entry("toolkit.cli.sandbox", "Run an AWS on loopback until it is stopped, or for one command."),
    "contract": Entry("toolkit.cli.contract", "Create or show a contract, which all other commands read."),
    "render-mesh": Entry("toolkit.cli.render_mesh", "Turn the contract into a Mesh with an acmpca backend."),
    "render-identity": Entry(
        "toolkit.cli.render_identity",
        "Turn the contract into a MeshIdentity that takes certificates from AWS Private CA.",
    ),
    "render-zone": Entry(
        "toolkit.cli.render_zone", "Render what each zone's control plane needs: Helm values or environment."
    ),
    "render-job": Entry("toolkit.cli.render_job", "Render a Job that verifies a zone from inside its cluster."),
    "apply": Entry("toolkit.cli.apply", "Apply a Mesh to a Universal control plane."),
    "rotate": Entry("toolkit.cli.rotate", "Move a mesh from one CA to another without breaking traffic."),
    "lint": Entry("toolkit.cli.lint", "Find problems in a Mesh and its resources before a control plane does."),
    "verify": Entry("toolkit.cli.verify", "Prove that every zone gets certificates."),
    "version": Entry("toolkit.cli.version", "Show the version and the installed libraries."),
    "completion": Entry("toolkit.cli.completion", "Print the script that completes commands in a shell."),
}


class LazySubcommands(click.Group):
    """Loads a command when it is called.

    Attributes:
        entries: the commands by their names.
    """

    entries: Mapping[str, Entry] = {}

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all commands, without loading them."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(entry.module), entry.name)
        add_common_options(command)
        root = ctx.find_root().command
        # A group still has to load a module of one of its commands.
        if isinstance(root, LazyGroup) and root.when_loaded and not isinstance(command, click.Group):
            root.when_loaded()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names.

        Raises:
            UsageError: the command does not exist. The error suggests similar names.
        """
        name = args[0]
        known = self.list_commands(ctx)
        if name not in known and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(f"No such command {name!r}. {suggest(name, known, most=3)}".rstrip(), ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, without loading commands, or an option."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=entry.summary)
            for name, entry in self.entries.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands of ``--help``."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.entries.items()])


class LazyGroup(LazySubcommands):
    """The command line. It converts errors to messages and exit codes.

    Attributes:
        when_loaded: is called after the command's modules are loaded and before the command runs.
    """

    entries = COMMANDS
    when_loaded: Callable[[], object] | None = None

    def main(self, *args: Value, **kwargs: Value) -> Value:
        """Run the command line. Secrets of the environment and of URLs are replaced in everything on stderr."""
        redaction.know_environment(os.environ)
        given = kwargs.get("args", args[0] if args else None)
        for argument in sys.argv[1:] if given is None else given:
            redaction.know_urls(str(argument))
        with guard_stderr(), guard_stdout():
            try:
                # Shell completion. For commands, click's own handler would come first.
                with explain_output_errors():
                    return super().main(*args, **kwargs)
            except OutputError as error:
                if not isinstance(error, ReaderEndedError):
                    _say(error.lines())
                sys.exit(error.exit_code)

    def make_context(self, *args: Value, **kwargs: Value) -> click.Context:
        """Read the options before the command's name."""
        with _printable_usage_errors(), explain_output_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; see ``toolkit/errors.py`` for the exit codes."""
        try:
            with _printable_usage_errors(), explain_output_errors():
                return super().invoke(ctx)
        except ReaderEndedError:
            raise
        except ToolkitError as error:
            _say_traceback(ctx, error)
            _say(error.lines())
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 - whatever nobody expected is reported as a defect
            _say_traceback(ctx, error)
            _say(
                [
                    f"this is a defect in the toolkit: {type(error).__name__}: {flatten(error)}",
                    "Hint: run again as toolkit --debug ... and report what it prints.",
                ]
            )
            ctx.exit(EXIT_ENVIRONMENT)


@contextmanager
def _printable_usage_errors() -> Iterator[None]:
    """Escape control characters and replace secrets in click's errors, which quote arguments and the environment."""
    try:
        yield
    except click.ClickException as error:
        # The attribute is final for type checkers, but click has no other way to change the message.
        vars(error)["message"] = escape_lines(redaction.blot(error.message))
        raise


def _say_traceback(ctx: click.Context, error: Exception) -> None:
    if ctx.meta.get(_DEBUG):
        click.echo(format_traceback(error), err=True)


def _say(lines: list[str]) -> None:
    # Replace secrets first, because an escaped secret would not be recognized.
    first, *rest = [escape_lines(redaction.blot(line)) for line in lines]
    click.echo(click.style("Error:", fg="red") + f" {first}", err=True)
    for line in rest:
        click.echo(line, err=True)


_EPILOG = """\b
Exit codes: 0 good, 1 a check failed, 2 invalid input, 3 environment error,
130 interrupted, 141 the reader of stdout ended first.
Options can come from TOOLKIT_<COMMAND>_<OPTION>.
"""


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110, "auto_envvar_prefix": "TOOLKIT"},
    epilog=_EPILOG,
)
@click.option("--debug", is_flag=True, allow_from_autoenv=False, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="toolkit")
@click.pass_context
def main(ctx: click.Context, *, debug: bool) -> None:
    """Kong Mesh on AWS Private CA.

    pulumi up makes the CA and the identities, render-mesh turns the contract into a Mesh, verify proves that
    every zone gets certificates. demo does all of it on this machine, without an AWS account.
    """
    ctx.meta[_DEBUG] = debug
    if not wants_color():
        ctx.color = False


add_common_options(main, at=1)
