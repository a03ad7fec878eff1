"""``toolkit completion``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from toolkit.cli.parameters import Command

_EXAMPLES = """\b
Examples:
  source <(toolkit completion bash)
  toolkit completion zsh > "${fpath[1]}/_toolkit"
  toolkit completion fish > ~/.config/fish/completions/toolkit.fish
"""


@click.command(name="completion", cls=Command, epilog=_EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), help="The shell that is to complete.")
@click.pass_context
def command(ctx: click.Context, *, shell: str) -> None:
    """Print the script that completes commands in a shell.

    The script is for the name by which toolkit was called, so an alias needs its own script. Names of zones and meshes
    come from the contract of --contract or TOOLKIT_CONTRACT. Pulumi and AWS are not called.
    """
    from click.shell_completion import get_completion_class

    name = Path(sys.argv[0]).name
    if name == "__main__.py":
        raise click.UsageError("a shell completes a command: call toolkit, not python -m toolkit")
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"no script for {shell}")
    # The name of the variable as click.Command.main expects it.
    variable = f"_{name.replace('-', '_').replace('.', '_')}_COMPLETE".upper()
    click.echo(made(ctx.find_root().command, {}, name, variable).source())
