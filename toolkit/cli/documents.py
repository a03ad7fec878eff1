"""Documents as a command writes them: YAML or JSON, to standard output or a file, or what would change."""

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
    """How a document is written, and where: ``outputs`` and ``output_file``."""
    return output_option("yaml", "json")(output_file_option(function))


def diff_option(explanation: str) -> Callable[[_Command], _Command]:
    """Whether only what would change is shown: ``diff``."""
    return option("--diff", is_flag=True, group=GROUPS[5], help=explanation)


def lay_out(stream: str, form: str) -> str:
    """Return a YAML stream in a form: ``yaml`` or ``json``.

    Raises:
        InvalidInputError: it can't stand in JSON.
    """
    if form == "yaml":
        return stream
    from toolkit.mesh.render.json_form import convert_to_json

    text = convert_to_json(stream)
    if text.startswith('{\n  "items": ['):
        note("several documents are one list, which kumactl apply does not accept; toolkit apply does")
    return text


def show_diff(before: str, after: str, names: tuple[str, str]) -> None:
    """Print how two texts differ, as ``diff -u`` does; nothing where they do not.

    Args:
        before: the text as it is.
        after: the text as it would be.
        names: what the two are called.
    """
    import difflib

    look = choose_look(None)
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), fromfile=names[0], tofile=names[1], lineterm=""
    )
    write_stdout("".join(f"{click.style(line, fg=_STYLES.get(line[:1])) if look.color else line}\n" for line in lines))
