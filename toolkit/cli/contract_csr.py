"""``toolkit contract csr``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli.options import emit, output_file, stack_outputs
from toolkit.errors import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

_EXAMPLES = """\b
Examples:
  toolkit contract csr > issuing-ca.csr
"""


@click.command(name="csr", epilog=_EXAMPLES)
@stack_outputs
@output_file
def command(*, outputs: str | None, stack: str | None, cwd: str | None, output: Path | None) -> None:
    """Print the signing request of a CA that waits for its certificate.

    It is PEM, for the owner of the root to sign.
    """
    from toolkit import contract

    loaded = contract.load_stack(outputs, stack, cwd)
    if isinstance(loaded, contract.StackOutputs):
        raise InvalidInputError(
            "the stack's CA has its certificate, so there is no request to be signed",
            hint="toolkit contract show shows the CA and its chain.",
        )
    emit(loaded.pending_certificate_authority.certificate_signing_request.strip() + "\n", output)
