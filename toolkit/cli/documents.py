"""Write a command's documents as YAML or JSON, or show a diff."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from toolkit.cli.exits import write_stdout
from toolkit.cli.options import choose_look, note
from toolkit.cli.output_options import output_file_option, output_option
from toolkit.cli.parameters import GROUPS, option

if TYPE_CHECKING:
    from collections.abc import Callable

_Command = TypeVar("_Command", bound="Callable[..., object]")
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def document_options(function: _Command) -> _Command:
    """Add the options for a document's format and file: ``outputs`` and ``output_file``."""
    return output_option("yaml", "json")(output_file_option(function))


def diff_option(explanation: str) -> Callable[[_Command], _Command]:
    """Return the option to show only what would change: ``diff``."""
    return option("--diff", is_flag=True, group=GROUPS[5], help=explanation)


def lay_out(stream: str, form: str) -> str:
    """Return a YAML stream as ``yaml`` or ``json``.

    Raises:
        InvalidInputError: JSON can't represent the stream.
    """
    if form == "yaml":
        return stream
    from toolkit.mesh.render.json_form import convert_to_json

    text = convert_to_json(stream)
    if text.startswith('{\n  "items": ['):
        note("several documents are one list, which kumactl apply does not accept; toolkit apply does")
    return text


def show_diff(before: str, after: str, names: tuple[str, str]) -> None:
    """Print the differences of two texts as ``diff -u`` does; nothing if they are the same.

    Args:
        before: the current text.
        after: the new text.
        names: names of the two texts in the diff.
    """
    import difflib

    look = choose_look(None)
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), fromfile=names[0], tofile=names[1], lineterm=""
    )
    write_stdout("".join(f"{click.style(line, fg=_STYLES.get(line[:1])) if look.color else line}\n" for line in lines))
