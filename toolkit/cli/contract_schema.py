"""``toolkit contract schema``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from toolkit.cli.options import emit
from toolkit.cli.output_options import output_file_option
from toolkit.cli.parameters import Command

if TYPE_CHECKING:
    from pathlib import Path

_EXAMPLES = """\b
Examples:
  toolkit contract schema --output-file contract.schema.json
"""


@click.command(name="schema", cls=Command, epilog=_EXAMPLES)
@output_file_option
def command(*, output_file: Path | None) -> None:
    """Print the JSON Schema of any contract.

    The schema (draft 2020-12) describes contracts of active CAs and of CAs that wait for their certificate. The command
    needs no stack.
    """
    from toolkit.contract.json_schema import build_json_schema

    emit(json.dumps(build_json_schema(), indent=2) + "\n", output_file)
