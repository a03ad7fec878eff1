"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from toolkit.errors import SurroundingsError
from toolkit.files import PUBLIC, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable

_Command = TypeVar("_Command", bound="Callable[..., Any]")


def stack_outputs(function: _Command) -> _Command:
    """Where the contract comes from: ``outputs``, ``stack`` and ``cwd``."""
    options = [
        click.option(
            "--outputs",
            metavar="FILE|-",
            help="The stack's outputs as JSON, - for standard input; without it, the Pulumi stack is asked.",
        ),
        click.option("--stack", metavar="NAME", help="The Pulumi stack; the selected one unless given."),
        click.option("--cwd", metavar="DIR", help="The directory of the Pulumi project."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def output_file(function: _Command) -> _Command:
    """Where the document goes: ``output``."""
    option = click.option(
        "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write here, not to standard output."
    )
    return option(function)


def sandbox_missing(error: ModuleNotFoundError) -> SurroundingsError:
    """What to say where the `sandbox` extra is not installed."""
    return SurroundingsError(
        f"the sandbox needs {error.name}, which is not installed",
        "Install it with: pip install 'kong-mesh-pca-toolkit[sandbox]'",
    )


def emit(text: str, output: Path | None, mode: int = PUBLIC) -> None:
    """Write a document to standard output, or to a file that appears whole or not at all."""
    if output is None:
        click.echo(text, nl=False)
    else:
        write_whole(output, text, mode)
