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

    It completes the name with which this command was called, so an alias has a script of its own. Names of zones and
    meshes come from the contract of --contract or TOOLKIT_CONTRACT; neither Pulumi nor AWS is asked.
    """
    from click.shell_completion import get_completion_class

    name = Path(sys.argv[0]).name
    if name == "__main__.py":
        raise click.UsageError("a shell completes a command: call toolkit, not python -m toolkit")
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"no script for {shell}")
    # As click.Command.main looks for it.
    variable = f"_{name.replace('-', '_').replace('.', '_')}_COMPLETE".upper()
    click.echo(made(ctx.find_root().command, {}, name, variable).source())
