"""Write a command's documents as YAML or JSON, or show a diff."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from toolkit.cli.exits import write_stdout
from toolkit.cli.options import choose_look, note
from toolkit.cli.output_options import output_file_option, output_option
from toolkit.cli.parameters import GROUPS, option

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

_Command = TypeVar("_Command", bound="Callable[..., object]")
# A value of one line: base64, and PEM with escaped line ends. PEM in a block has a line for each line.
_LONG_VALUE = r"(?P<base64>[A-Za-z0-9+/]{200,}={0,2})|-----BEGIN .{200,}?-----END [A-Z ]+-----(?:\\n)*"
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

    Long values, such as a chain of CAs, are shown as in the differences of ``toolkit apply``.

    Args:
        before: the current text.
        after: the new text.
        names: names of the two texts in the diff.
    """
    import difflib

    look = choose_look(None)
    changed = difflib.unified_diff(
        before.splitlines(), after.splitlines(), fromfile=names[0], tofile=names[1], lineterm=""
    )
    lines = map(shorten_values, changed)
    write_stdout("".join(f"{click.style(line, fg=_STYLES.get(line[:1])) if look.color else line}\n" for line in lines))


def shorten_values(line: str) -> str:
    """Return a line with the size and a digest instead of each long value in base64 or PEM.

    Different values never get the same digest: only the one canonical form of base64 is decoded first.
    """
    import re

    return re.sub(_LONG_VALUE, _show_size, line)


def _show_size(match: re.Match[str]) -> str:
    from base64 import b64decode, b64encode

    from toolkit.mesh.documents.differences import show_digest

    text = match[0].encode()
    decoded = b64decode(text, validate=True) if match["base64"] and len(text) % 4 == 0 else b""
    return f"({show_digest(decoded if b64encode(decoded) == text else text)})"
