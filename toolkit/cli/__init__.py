"""The command line. Commands are loaded when they are called, so that ``toolkit --help`` starts at once."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import click

from toolkit import __version__
from toolkit.errors import EXIT_INTERRUPTED, EXIT_SURROUNDINGS, ToolkitError


class _Entry(NamedTuple):
    module: str
    summary: str


# The summaries stand here too, so that listing the commands imports none of them; a test compares them with
# the commands' own.
COMMANDS = {
    "demo": _Entry("toolkit.cli.demo", "Run the whole chain against an AWS on loopback."),
    "sandbox": _Entry("toolkit.cli.sandbox", "Run an AWS on loopback until it is stopped."),
    "outputs": _Entry("toolkit.cli.outputs", "Show the contract of a stack."),
    "render-mesh": _Entry("toolkit.cli.render_mesh", "Turn the stack's outputs into a Mesh with an acmpca backend."),
    "render-zone": _Entry(
        "toolkit.cli.render_zone", "Render what each zone's control plane needs: Helm values or environment."
    ),
    "render-job": _Entry("toolkit.cli.render_job", "Render a Job that verifies a zone from inside its cluster."),
    "apply": _Entry("toolkit.cli.apply", "Apply a Mesh to a Universal control plane."),
    "rotate": _Entry("toolkit.cli.rotate", "Move a mesh from one CA to another without breaking traffic."),
    "lint": _Entry("toolkit.cli.lint", "Find what is wrong with a Mesh before a control plane does."),
    "verify": _Entry("toolkit.cli.verify", "Prove that every zone gets certificates."),
}


class LazyGroup(click.Group):
    """Loads a command when it is called, and turns errors into two lines and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """All commands, without loading them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - same
        """Load one command; its module calls it ``command``."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = importlib.import_module(entry.module).command
        assert isinstance(command, click.Command)  # noqa: S101 - a rule of this package, kept by its tests
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - same
        """The list of commands in ``--help``."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; see ``toolkit/errors.py`` for the exit codes."""
        try:
            return super().invoke(ctx)
        except ToolkitError as error:
            if ctx.params.get("debug"):
                raise
            _say(error.lines())
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            _say(
                [
                    f"this is a defect in the toolkit: {type(error).__name__}: {' '.join(str(error).split())}",
                    "Hint: run again as toolkit --debug ... and report what it prints.",
                ]
            )
            ctx.exit(EXIT_SURROUNDINGS)


def _say(lines: list[str]) -> None:
    first, *rest = lines
    click.echo(click.style("Error:", fg="red") + f" {first}", err=True)
    for line in rest:
        click.echo(line, err=True)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 good, 1 a check failed, 2 invalid input, 3 the surroundings, 130 interrupted.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="toolkit")
def main(debug: bool) -> None:  # noqa: FBT001 - read by LazyGroup.invoke
    """Kong Mesh on AWS Private CA.

    pulumi up makes the CA and the identities, render-mesh turns the stack's outputs into a Mesh, verify proves that
    every zone gets certificates. demo does all of it on this machine, without an AWS account.
    """
